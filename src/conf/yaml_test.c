#include "conf/yaml.h"

#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

/* A tree in one line, so that a table can hold it: N null, T and F, #5, 'x', [..], {k=..}. */
static void draw(const struct yaml_node *node, struct buf *out)
{
    const char *comma = "";
    switch (node->kind) {
    case YAML_NULL:
        buf_append_string(out, "N");
        break;
    case YAML_BOOL:
        buf_append_string(out, node->is_true ? "T" : "F");
        break;
    case YAML_NUMBER:
        buf_printf(out, "#%.*s", SPAN_ARGS(node->text));
        break;
    case YAML_STRING:
        buf_printf(out, "'%.*s'", SPAN_ARGS(node->text));
        break;
    case YAML_LIST:
    case YAML_MAP:
        buf_append_string(out, node->kind == YAML_LIST ? "[" : "{");
        for (const struct yaml_node *child = node->first; child; child = child->next) {
            buf_append_string(out, comma);
            if (node->kind == YAML_MAP)
                buf_printf(out, "%.*s=", SPAN_ARGS(child->key));
            draw(child, out);
            comma = ",";
        }
        buf_append_string(out, node->kind == YAML_LIST ? "]" : "}");
    }
}

/* The text lies at the very end of its memory, so that ASan sees a read past it. */
static int parse(struct span text, struct yaml_tree **out, struct errmsg *why)
{
    uint8_t *copy = mem_alloc(text.len);
    if (text.len)
        memcpy(copy, text.p, text.len);
    int err = yaml_parse("f.yml", (struct span){ copy, text.len }, out, why);
    mem_free(copy);
    return err;
}

static void documents_become_trees(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        const char *want;
    } cases[] = {
        { "nothing at all", BYTES(""), "N" },
        { "a comment alone", BYTES("# x\n"), "N" },
        { "markers alone", BYTES("---\n...\n"), "N" },
        { "a scalar", BYTES("x"), "'x'" },
        { "members keep their order", BYTES("b: 1\na: x y\nc:\n"), "{b=#1,a='x y',c=N}" },
        { "flow", BYTES("{a: [1, x, ~], b: {c: yes}}"), "{a=[#1,'x',N],b={c=T}}" },
        { "JSON", BYTES("{\"a\":[true,false,null,\"t\"]}"), "{a=[T,F,N,'t']}" },
        { "quotes make strings", BYTES("[\"5\", 'no', \"\", '~']"), "['5','no','','~']" },
        { "UTF-8", BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "'\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'" },
        { "so do blocks", BYTES("a: |\n  5\n"), "{a='5\n'}" },
        { "an address", BYTES("a: :9997"), "{a=':9997'}" },
        { "an expression as a key", BYTES("~^cam[0-9]+$:\n"), "{~^cam[0-9]+$=N}" },
        { "an empty key", BYTES("\"\": x"), "{='x'}" },
        { "a number as a key", BYTES("5: x"), "{5='x'}" },
        { "BOM and carriage returns",
          BYTES("\xef\xbb\xbf"
                "a: 1\r\nb: x\r\n"),
          "{a=#1,b='x'}" },
        { "a tagged string", BYTES("[!!str 5, ! no, !!str ]"), "['5','no','']" },
        { "alias of a scalar", BYTES("[&x 5, *x, *x]"), "[#5,#5,#5]" },
        { "alias of a map", BYTES("a: &x {b: 1}\nc: *x"), "{a={b=#1},c={b=#1}}" },
        { "the last anchor of a name", BYTES("[&x 1, &x 2, *x]"), "[#1,#2,#2]" },
        { "merge", BYTES("a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n"),
          "{a={b=#1,c=#2},d={c=#3,b=#1}}" },
        { "merge of a list, first wins", BYTES("<<: [{b: 1}, {b: 2, c: 3}]"), "{b=#1,c=#3}" },
        { "merge of merges", BYTES("a: &x {k: 1}\nb: &y {<<: *x, l: 2}\nc: {<<: *y}"),
          "{a={k=#1},b={l=#2,k=#1},c={l=#2,k=#1}}" },
        { "merge of nothing", BYTES("<<: {}"), "{}" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
        AUTO(buf_fini) struct buf                 drawn = { 0 };
        struct errmsg                             why = { "" };
        CHECK(parse(cases[i].text, &tree, &why) == 0, why.text[0] ? why.text : cases[i].name);
        draw(yaml_tree_root(tree), &drawn);
        CHECK(strcmp(buf_string(&drawn), cases[i].want) == 0, cases[i].name);
    }
}

static void mistakes_are_told_with_their_place(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        const char *want;
    } cases[] = {
        { "syntax", BYTES("a: b: c"), "f.yml:1:5: invalid nested block mapping on the same line" },
        { "no end", BYTES("a: [b\n"), "f.yml:2:1: flow sequence without a closing bracket" },
        { "no UTF-8", BYTES("a: \"\xff\""), "f.yml:1:5: this is not UTF-8" },
        { "no UTF-8 in a directive", BYTES("%A\xe9 1\n---\na: 1"), "f.yml:1:3: this is not UTF-8" },
        { "half a character", BYTES("a\n\xc3\xa4 \xe2\x82"), "f.yml:2:3: this is not UTF-8" },
        { "a long form", BYTES("\xc0\xaf"), "f.yml:1:1: this is not UTF-8" },
        { "a longer form", BYTES("\xe0\x80\xaf"), "f.yml:1:1: this is not UTF-8" },
        { "a surrogate", BYTES("\xed\xa0\x80"), "f.yml:1:1: this is not UTF-8" },
        { "beyond Unicode", BYTES("\xf4\x90\x80\x80"), "f.yml:1:1: this is not UTF-8" },
        { "four bytes cut", BYTES("\xf0\x9f\x98"), "f.yml:1:1: this is not UTF-8" },
        { "a bare NUL", BYTES("a\0"), "f.yml:1:2: a control character" },
        { "an escape", BYTES("a: \x1b[1m"), "f.yml:1:4: a control character" },
        { "a tab", BYTES("\ta: 1"), "f.yml:1:1: invalid tab as indendation in a mapping" },
        { "a version that nobody wrote", BYTES("%YAML 9.9\n---\na: 1"),
          "f.yml:1:1: this is not YAML" },
        { "a key twice", BYTES("b: 1\na: 2\nb: 3\n"),
          "f.yml:3:1: 'b' is given twice, first in line 1" },
        { "a key twice, deeper", BYTES("a:\n  {b: 1, c: 2, b: 1}\n"),
          "f.yml:2:16: 'b' is given twice, first in line 2" },
        { "two merges", BYTES("<<: {a: 1}\n<<: {b: 1}\n"),
          "f.yml:2:1: '<<' is given twice, first in line 1" },
        { "merge of a scalar", BYTES("a: 1\n<<: x\n"),
          "f.yml:2:5: '<<' takes a map, or a list of maps" },
        { "merge of scalars", BYTES("<<: [x]"), "f.yml:1:5: '<<' takes a map, or a list of maps" },
        { "unknown alias", BYTES("a: *x"), "f.yml:1:4: nothing is called 'x' above" },
        { "an alias of what it is in", BYTES("a: &x [1, *x]"),
          "f.yml:1:11: nothing is called 'x' above" },
        { "an alias as key", BYTES("- &x y\n- *x : 1"), "f.yml:2:3: an alias can't be a key" },
        { "a list as key", BYTES("? [a]\n: b"), "f.yml:1:3: a list or a map can't be a key" },
        { "a second document", BYTES("a: 1\n---\nb: 2"),
          "f.yml:2:1: a second document begins here; a file holds one" },
        { "an unknown tag", BYTES("a: !secret x"),
          "f.yml:1:12: the tag '!secret' is not known here" },
        { "a list that says it is text", BYTES("a: !!str [1]"),
          "f.yml:1:10: a list or a map is no text" },
        { "a NUL", BYTES("a: \"x\\0y\""), "f.yml:1:4: a text can't hold a NUL" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
        struct errmsg                             why = { "" };
        CHECK(parse(cases[i].text, &tree, &why) == -EINVAL, cases[i].name);
        CHECK(strcmp(why.text, cases[i].want) == 0, why.text);
        CHECK(!tree, cases[i].name);
    }
}

static void repeat(struct buf *out, const char *text, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        buf_append_string(out, text);
}

static void write_deep_flow(struct buf *out)
{
    repeat(out, "[", YAML_MAX_DEPTH + 1);
}

static void write_deep_block(struct buf *out)
{
    repeat(out, "- ", YAML_MAX_DEPTH + 1);
}

static void write_long_list(struct buf *out)
{
    repeat(out, "- x\n", YAML_MAX_LIST + 1);
}

static void write_long_text(struct buf *out)
{
    repeat(out, "x", YAML_MAX_SCALAR + 1);
}

static void write_long_key(struct buf *out)
{
    write_long_text(out);
    buf_append_string(out, ": x");
}

static void write_many_anchors(struct buf *out)
{
    for (unsigned i = 0; i <= YAML_MAX_ANCHORS; i++)
        buf_printf(out, "- &a%u x\n", i);
}

/* 2000 members, copied into each of 1100 maps. */
static void write_many_merges(struct buf *out)
{
    buf_append_string(out, "a: &a\n");
    for (unsigned i = 0; i < 2000; i++)
        buf_printf(out, "  k%u: x\n", i);
    for (unsigned i = 0; i < 1100; i++)
        buf_printf(out, "m%u: { <<: *a }\n", i);
}

static void what_is_too_large_is_refused(void **state)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *out);
        const char *want;
    } cases[] = {
        { "lists in lists, flow", write_deep_flow, "more than 16 lists and maps in each other" },
        { "lists in lists, block", write_deep_block, "more than 16 lists and maps in each other" },
        { "a list", write_long_list, "a list of more than 4096 items" },
        { "a text", write_long_text, "a text of more than 65536 bytes" },
        { "a key", write_long_key, "a text of more than 65536 bytes" },
        { "anchors", write_many_anchors, "more than 1000 anchors" },
        { "merges that multiply", write_many_merges, "there is too much in this file" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
        AUTO(buf_fini) struct buf                 text = { 0 };
        struct errmsg                             why = { "" };
        cases[i].write(&text);
        CHECK(parse(buf_span(&text), &tree, &why) == -E2BIG, cases[i].name);
        CHECK(strstr(why.text, cases[i].want), why.text);
    }
    struct yaml_tree *tree = NULL;
    struct span       huge = { (const uint8_t *)"", (size_t)YAML_MAX_BYTES + 1 };
    assert_int_equal(yaml_parse("f.yml", huge, &tree, NULL), -E2BIG);
}

static void what_is_just_not_too_large_is_read(void **state)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    AUTO(buf_fini) struct buf                 text = { 0 };
    repeat(&text, "[", YAML_MAX_DEPTH);
    repeat(&text, "]", YAML_MAX_DEPTH);
    assert_int_equal(parse(buf_span(&text), &tree, NULL), 0);
    tree = yaml_tree_destroy(tree);
    buf_consume(&text, text.len);
    repeat(&text, "- x\n", YAML_MAX_LIST);
    assert_int_equal(parse(buf_span(&text), &tree, NULL), 0);
    assert_int_equal(yaml_tree_root(tree)->count, YAML_MAX_LIST);
    tree = yaml_tree_destroy(tree);
    buf_consume(&text, text.len);
    repeat(&text, "x", YAML_MAX_SCALAR);
    assert_int_equal(parse(buf_span(&text), &tree, NULL), 0);
    assert_int_equal(yaml_tree_root(tree)->text.len, YAML_MAX_SCALAR);
}

/* Ten to the ninth texts, were each alias a copy. */
static void alias_bombs_stay_small(void **state)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    AUTO(buf_fini) struct buf                 text = { 0 };
    buf_append_string(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (unsigned i = 1; i < 9; i++) {
        buf_printf(&text, "a%u: &a%u [*a%u", i, i, i - 1);
        for (unsigned k = 1; k < 10; k++)
            buf_printf(&text, ",*a%u", i - 1);
        buf_append_string(&text, "]\n");
    }
    uint64_t before = mem_allocations();
    assert_int_equal(parse(buf_span(&text), &tree, NULL), 0);
    assert_true(mem_allocations() - before < 10);
    assert_int_equal(yaml_get(yaml_tree_root(tree), BYTES("a8"))->count, 10);
}

static void plain_scalars_have_kinds(void **state)
{
    static const struct {
        struct span    text;
        enum yaml_kind want;
    } cases[] = {
        { BYTES(""), YAML_NULL },
        { BYTES("~"), YAML_NULL },
        { BYTES("null"), YAML_NULL },
        { BYTES("Null"), YAML_NULL },
        { BYTES("nULL"), YAML_STRING },
        { BYTES("yes"), YAML_BOOL },
        { BYTES("No"), YAML_BOOL },
        { BYTES("OFF"), YAML_BOOL },
        { BYTES("on"), YAML_BOOL },
        { BYTES("true"), YAML_BOOL },
        { BYTES("False"), YAML_BOOL },
        { BYTES("yES"), YAML_STRING },
        { BYTES("y"), YAML_STRING },
        { BYTES("n"), YAML_STRING },
        { BYTES("0"), YAML_NUMBER },
        { BYTES("-12"), YAML_NUMBER },
        { BYTES("+5"), YAML_NUMBER },
        { BYTES("1.5"), YAML_NUMBER },
        { BYTES("5."), YAML_NUMBER },
        { BYTES(".5"), YAML_NUMBER },
        { BYTES("1e3"), YAML_NUMBER },
        { BYTES("1.5E-3"), YAML_NUMBER },
        { BYTES("0x1F"), YAML_NUMBER },
        { BYTES("0o17"), YAML_NUMBER },
        { BYTES("-.inf"), YAML_NUMBER },
        { BYTES(".NaN"), YAML_NUMBER },
        { BYTES("-"), YAML_STRING },
        { BYTES("."), YAML_STRING },
        { BYTES("e3"), YAML_STRING },
        { BYTES("1e"), YAML_STRING },
        { BYTES("1e+"), YAML_STRING },
        { BYTES("0x"), YAML_STRING },
        { BYTES("0xg"), YAML_STRING },
        { BYTES("0o8"), YAML_STRING },
        { BYTES("1.2.3"), YAML_STRING },
        { BYTES("10s"), YAML_STRING },
        { BYTES("50M"), YAML_STRING },
        { BYTES(":8554"), YAML_STRING },
        { BYTES("127.0.0.1"), YAML_STRING },
        { BYTES("1_000"), YAML_STRING },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(yaml_plain_kind(cases[i].text) == cases[i].want, (const char *)cases[i].text.p);
}

static void members_are_found_by_name(void **state)
{
    AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
    assert_int_equal(parse(BYTES("a: 1\nb:\n  c: x\n"), &tree, NULL), 0);
    const struct yaml_node *root = yaml_tree_root(tree);
    const struct yaml_node *c = yaml_get(yaml_get(root, BYTES("b")), BYTES("c"));
    assert_non_null(c);
    assert_int_equal(c->key_line, 3);
    assert_int_equal(c->key_column, 3);
    assert_int_equal(c->column, 6);
    assert_null(yaml_get(root, BYTES("c")));
    assert_null(yaml_get(c, BYTES("c")));
    assert_null(yaml_get(NULL, BYTES("c")));
}

static void items_know_their_place(void **state)
{
    static const struct {
        struct span text;
        unsigned    line, column, key_column; /* of the second item, and of its first key */
    } cases[] = {
        { BYTES("- a\n- b\n"), 2, 3, 0 },
        { BYTES("[a, 'b']"), 1, 5, 0 },
        { BYTES("- {a: 1}\n- {b: 2}\n"), 2, 3, 4 },
        { BYTES("- a: 1\n-  b: 2\n   c: 3\n"), 2, 4, 4 },
        { BYTES("- a: 1\n-\n  b: 2\n"), 3, 3, 3 },
        { BYTES("[&a {a: 1}, *a]"), 1, 13, 6 },
        { BYTES("- &a {a: 1}\n- {<<: *a}\n"), 2, 3, 7 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char                               *name = (const char *)cases[i].text.p;
        AUTO(yaml_tree_destroy) struct yaml_tree *tree = NULL;
        CHECK(parse(cases[i].text, &tree, NULL) == 0, name);
        const struct yaml_node *item = yaml_tree_root(tree)->first->next;
        CHECK(item->line == cases[i].line, name);
        CHECK(item->column == cases[i].column, name);
        CHECK((item->first ? item->first->key_column : 0) == cases[i].key_column, name);
    }
}

TESTS(documents_become_trees, mistakes_are_told_with_their_place, what_is_too_large_is_refused,
      what_is_just_not_too_large_is_read, alias_bombs_stay_small, plain_scalars_have_kinds,
      members_are_found_by_name, items_know_their_place)
