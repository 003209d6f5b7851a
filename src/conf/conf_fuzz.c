#include "base/check.h"
#include "base/mem.h"
#include "conf/conf.h"

/* libfyaml 0.7.12 loses up to 4 KB when it refuses a document inside a long quoted text. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

/* What was accepted is written in a form that is accepted, and means the same. */
static void write_and_read_back(const struct conf *conf)
{
    AUTO(conf_unref) struct conf *again = NULL;
    AUTO(buf_fini) struct buf     first = { 0 }, second = { 0 };
    conf_print(conf, &first);
    int err = conf_load_text("printed", buf_span(&first), NULL, &again, NULL);
    ASSERT(err == 0);
    conf_print(again, &second);
    ASSERT(span_equal(buf_span(&first), buf_span(&second)));
}

static void look_up(const struct conf *conf, struct span name)
{
    struct conf_match match;
    if (conf_check_path_name(name, NULL) < 0 || !conf_find_path(conf, name, &match))
        return;
    ASSERT(match.group_count <= CONF_MAX_GROUPS);
    for (unsigned i = 0; i < match.group_count; i++)
        ASSERT(span_contains(name, match.groups[i]));
}

/* A document of YAML. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(conf_unref) struct conf *conf = NULL;
    struct errmsg                 why = { "" };
    int err = conf_load_text("f.yml", (struct span){ data, size }, NULL, &conf, &why);
    ASSERT(err == 0 || why.text[0]);
    if (err < 0)
        return 0;
    write_and_read_back(conf);
    for (size_t i = 0; i < conf->path_count; i++)
        look_up(conf, span_from_string(conf->paths[i].name));
    look_up(conf, BYTES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    look_up(conf, BYTES("site/cam12.low"));
    return 0;
}
