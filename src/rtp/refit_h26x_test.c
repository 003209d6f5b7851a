#include <ctype.h>

#include "base/bytes.h"
#include "base/test.h"
#include "codec/h26x.h"
#include "rtp/test_refit.h"

/*
 * Packets and parts, written down: a letter for a NAL unit's type and its size (10 when none is
 * said), S10. "[S P e]": an aggregate. "{S P I}": Annex B with start codes. "I<80", "I=80",
 * "I>80": the first, middle and last fragment, with 80 bytes of the unit; "I?80": first and last.
 * Behind it "!": marker.
 * Going in: "|": the next time; "~": a packet is lost.
 * Coming out: "~": after a gap; "+": a frame starts; "*": a keyframe starts; "c": copied.
 */
enum { LIMIT = 64, DEFAULT_SIZE = 10, FU_START = 0x80, FU_END = 0x40 };

static const struct letter {
    char    letter;
    uint8_t h264, h265;
} letters[] = {
    { 'V', 0, H265_NAL_VPS },
    { 'S', H264_NAL_SPS, H265_NAL_SPS },
    { 'P', H264_NAL_PPS, H265_NAL_PPS },
    { 'e', H264_NAL_SEI, H265_NAL_SEI_PREFIX },
    { 'd', H264_NAL_AUD, H265_NAL_AUD },
    { 'f', H264_NAL_FILLER, 38 },
    { 'I', H264_NAL_IDR, 19 },
    { 'C', 0, 21 }, /* CRA */
    { '-', H264_NAL_SLICE, 1 },
    { 'x', 29, 50 }, /* FU-B, PACI: what nobody takes apart */
    { '[', H264_NAL_STAP_A, H265_NAL_AP },
    { '<', H264_NAL_FU_A, H265_NAL_FU },
};

struct bytes {
    size_t  len;
    uint8_t p[8192];
};

static bool   is_h265;
static size_t header; /* of a NAL unit */

static uint8_t type_of_letter(char letter)
{
    for (size_t i = 0; i < COUNT(letters); i++) {
        if (letters[i].letter == letter)
            return is_h265 ? letters[i].h265 : letters[i].h264;
    }
    fail_msg("no such letter: %c", letter);
    return 0;
}

static char letter_of_type(uint8_t type)
{
    for (size_t i = 0; i < COUNT(letters); i++) {
        if ((is_h265 ? letters[i].h265 : letters[i].h264) == type)
            return letters[i].letter;
    }
    return 'X';
}

static void put(struct bytes *out, uint8_t byte)
{
    ASSERT(out->len < sizeof(out->p));
    out->p[out->len++] = byte;
}

static void put_header(struct bytes *out, uint8_t type)
{
    put(out, is_h265 ? (uint8_t)(type << 1) : (uint8_t)(0x60 | type));
    if (is_h265)
        put(out, 1);
}

static size_t read_size(const char **at)
{
    return isdigit((unsigned char)**at) ? strtoul(*at, (char **)at, 10) : DEFAULT_SIZE;
}

/* No zeros in it: nothing looks like a start code. Units of different sizes differ. */
static void put_filling(struct bytes *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put(out, (uint8_t)(1 + (i + size) % 255));
}

static void put_unit(struct bytes *out, const char **at)
{
    uint8_t type = type_of_letter(*(*at)++);
    size_t  size = read_size(at);
    put_header(out, type);
    put_filling(out, size - header);
}

static void put_fragment(struct bytes *out, const char **at)
{
    uint8_t type = type_of_letter(**at);
    uint8_t flags = 0;
    flags |= (*at)[1] == '<' || (*at)[1] == '?' ? FU_START : 0;
    flags |= (*at)[1] == '>' || (*at)[1] == '?' ? FU_END : 0;
    *at += 2;
    put_header(out, type_of_letter('<'));
    put(out, flags | type);
    put_filling(out, read_size(at));
}

static void put_group(struct bytes *out, const char **at)
{
    bool is_aggregate = *(*at)++ == '[';
    if (is_aggregate)
        put_header(out, type_of_letter('['));
    while (**at != ']' && **at != '}') {
        struct bytes unit = { 0 };
        put_unit(&unit, at);
        *at += **at == ' ';
        put(out, is_aggregate ? (uint8_t)(unit.len >> 8) : 0);
        put(out, is_aggregate ? (uint8_t)unit.len : 0);
        if (!is_aggregate)
            put(out, 1);
        for (size_t i = 0; i < unit.len; i++)
            put(out, unit.p[i]);
    }
    (*at)++;
}

static void feed(struct test_refit *test, const char *at)
{
    for (; *at; at += *at == ' ') {
        struct bytes packet = { 0 };
        if (*at == '|' || *at == '~') {
            test->ticks += *at == '|' ? 3600 : 0;
            test->seq += *at == '~';
            at++;
            continue;
        }
        if (*at == '[' || *at == '{')
            put_group(&packet, &at);
        else if (strchr("<=>?", at[1]) && at[1])
            put_fragment(&packet, &at);
        else
            put_unit(&packet, &at);
        bool marker = *at == '!';
        at += marker;
        test_refit_packet(test, (struct span){ packet.p, packet.len }, marker);
    }
}

static uint8_t type_of(const uint8_t *p)
{
    return is_h265 ? p[0] >> 1 & 0x3f : p[0] & 0x1f;
}

__attribute__((format(printf, 2, 3))) static void note(char *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t len = strlen(out);
    (void)vsnprintf(out + len, 1024 - len, format, args);
    va_end(args);
}

static void note_aggregate(char *out, struct span payload)
{
    note(out, "[");
    for (size_t at = header; at < payload.len;) {
        size_t size = read_be16(payload.p + at);
        at += 2;
        ASSERT(size > 0 && at + size <= payload.len);
        note(out, "%c%zu", letter_of_type(type_of(payload.p + at)), size);
        at += size;
        note(out, at < payload.len ? " " : "]");
    }
}

static void note_fragment(char *out, struct span payload)
{
    static const char marks[] = "=><?";
    uint8_t           flags = payload.p[header];
    char              letter = letter_of_type(flags & (is_h265 ? 0x3f : 0x1f));
    note(out, "%c%c%zu", letter, marks[flags >> 6], payload.len - header - 1);
}

static void note_part(char *out, const struct test_part *kept)
{
    struct span payload = { kept->bytes, kept->part.payload.len };
    uint8_t     type = type_of(payload.p);
    note(out, "%s%s%s%s", *out ? " " : "", kept->part.is_after_gap ? "~" : "",
         kept->part.starts_frame ? "+" : "", kept->part.starts_keyframe ? "*" : "");
    if (type == type_of_letter('['))
        note_aggregate(out, payload);
    else if (type == type_of_letter('<'))
        note_fragment(out, payload);
    else
        note(out, "%c%zu", letter_of_type(type), payload.len);
    note(out, "%s%s", kept->part.is_own ? "c" : "", kept->part.marker ? "!" : "");
}

struct test_case {
    const char *name, *in, *want;
};

/* `known`: units of the description. */
static void run(const struct test_case *test_case, const char *known)
{
    struct test_refit test;
    struct bytes      units[4] = { { 0 } };
    struct span       spans[4];
    unsigned          count = 0;
    char              got[1024] = "";
    header = is_h265 ? 2 : 1;
    test_refit_init(&test, is_h265 ? CODEC_H265 : CODEC_H264, LIMIT);
    for (; *known; known += *known == ' ', count++) {
        put_unit(&units[count], &known);
        spans[count] = (struct span){ units[count].p, units[count].len };
    }
    refit_set_params(&test.refit, spans, count);
    feed(&test, test_case->in);
    for (unsigned i = 0; i < test.count; i++)
        note_part(got, &test.parts[i]);
    if (strcmp(got, test_case->want) != 0)
        print_error("in   %s\nwant %s\ngot  %s\n", test_case->in, test_case->want, got);
    CHECK(strcmp(got, test_case->want) == 0, test_case->name);
    test_refit_fini(&test);
}

static void run_all(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run(&cases[i], "");
}

static void what_fits_passes(void **state)
{
    static const struct test_case cases[] = {
        { "a slice", "-!", "+-10!" },
        { "of one byte", "-1!", "+-1!" },
        { "one byte less than the limit", "-63!", "+-63!" },
        { "exactly the limit", "-64!", "+-64!" },
        { "several slices", "-20 -30 -5!", "+-20 -30 -5!" },
        { "frames by marker", "-20! -30! -5!", "+-20! +-30! +-5!" },
        { "frames by time", "-20 | -30 -1 | -5", "+-20 +-30 -1 +-5" },
        { "a keyframe", "I60!", "+*I60!" },
        { "a keyframe of slices", "I60 I61!", "+*I60 I61!" },
        { "fragments", "-<62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 ->1!",
          "+-<62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 -=62 ->1!" },
        { "fragments of a keyframe", "I<62 I=62 I>1!", "+*I<62 I=62 I>1!" },
        { "fragments that grow", "-<20 -=30 ->40!", "+-<20 -=30 ->40!" },
        { "an empty last fragment", "-<20 ->0!", "+-<20 ->0!" },
        { "first and last at once", "-?20!", "+-?20!" },
        { "two slices in fragments", "-<20 ->3 -<20 ->9!", "+-<20 ->3 -<20 ->9!" },
        { "a last one without its mark", "-<20 -=3! -<20 ->9!", "+-<20 -=3! +-<20 ->9!" },
        { "filler behind a slice", "-20 f30!", "+-20 f30!" },
        { "an aggregate of slices", "[-20 -30]!", "+[-20 -30]!" },
        { "an aggregate with SEI", "[e20 -30]!", "+[e20 -30]!" },
        { "an aggregate of the limit", "[-19 -40]!", "+[-19 -40]!" },
        { "what nobody takes apart", "x64!", "+x64!" },
    };
    is_h265 = false;
    run_all(cases, COUNT(cases));
}

static void what_is_too_large_is_cut_anew(void **state)
{
    static const struct test_case cases[] = {
        { "one byte over", "-65!", "+-<62c ->2c!" },
        { "exactly two parts", "-125!", "+-<62c ->62c!" },
        { "one byte more", "-126!", "+-<62c -=62c ->1c!" },
        { "exactly three parts", "-187!", "+-<62c -=62c ->62c!" },
        { "a keyframe", "I200!", "+*I<62c I=62c I=62c I>13c!" },
        { "behind a slice that fits", "-64 -65!", "+-64 -<62c ->2c!" },
        { "a filler", "-10 f65!", "+-10 f<62c f>2c!" },
        { "fragments", "-<80 -=80 ->80!", "+-<62c -=62c -=62c ->54c!" },
        { "fragments one byte over", "-<63 -=63 ->63!", "+-<62c -=62c -=62c ->3c!" },
        { "that end with a part", "-<93 ->93!", "+-<62c -=62c ->62c!" },
        { "one byte behind a part", "-<93 ->94!", "+-<62c -=62c -=62c ->1c!" },
        { "small ones behind a large one", "-<70 -=10 -=10 ->10!", "+-<62c ->38c!" },
        { "smaller than a part, then a large one", "-<70 -=10 -=100 ->1!", "+-<62c -=62c ->57c!" },
        { "the first fits, the second not", "-<62 -=63 ->5!", "+-<62 -=62c ->6c!" },
        { "the last does not fit", "-<62 -=62 ->63!", "+-<62 -=62 -=62c ->1c!" },
        { "an empty last fragment", "-<70 ->0!", "+-<62c ->8c!" },
        { "an empty one behind a full part", "-<124 ->0!", "+-<62c ->62c!" },
        { "first and last at once", "-?63!", "+-<62c ->1c!" },
        { "no last fragment, another unit", "-<70 -20!", "+-<62c ->8c -20!" },
        { "no last fragment, another first one", "-<70 -<20 ->1!", "+-<62c ->8c -<20 ->1!" },
        { "no last fragment, another time", "-<70 | -20!", "+-<62c ->8c! +-20!" },
        { "no last fragment, but a marker", "-<70! -20!", "+-<62c ->8c! +-20!" },
        { "an aggregate", "[-20 -40]!", "+-20 -40!" },
        { "an aggregate with a large unit", "[-20 -65 -3]!", "+-20 -<62c ->2c -3!" },
        { "what nobody takes apart", "x65! -10!", "+-10!" },
    };
    is_h265 = false;
    run_all(cases, COUNT(cases));
}

static void a_part_does_not_wait_longer_than_it_must(void **state)
{
    static const struct test_case cases[] = {
        { "what is full", "-<63", "+-<62c" },
        { "not before it is known whether more follows", "-<70 -=54", "+-<62c" },
        { "it is", "-<70 -=55", "+-<62c -=62c" },
        { "SEI waits for its picture", "-! e", "+-10!" },
        { "a frame without a marker", "-<70 ->10", "+-<62c ->18c" },
        { "a unit without an end, but a marker", "-<70!", "+-<62c ->8c!" },
    };
    is_h265 = false;
    run_all(cases, COUNT(cases));
}

static void sets_and_sei_go_in_front_of_the_picture(void **state)
{
    static const struct test_case cases[] = {
        { "one by one", "S P I!", "+*[S10 P10]c I10!" },
        { "with SEI and delimiter", "d2 S P e I!", "+*[S10 P10 e10]c I10!" },
        { "in another order", "e P S I!", "+*[S10 P10 e10]c I10!" },
        { "as an aggregate", "[S P] I!", "+*[S10 P10]c I10!" },
        { "an aggregate and SEI", "[d2 S P] e I!", "+*[S10 P10 e10]c I10!" },
        { "all in one", "[S P e I20]!", "+*[S10 P10 e10]c I20!" },
        { "Annex B", "{S P e I20}!", "+*[S10 P10 e10]c I20!" },
        { "Annex B, too large", "{S P I100}!", "+*[S10 P10]c I<62c I>37c!" },
        { "fragments follow", "S P I<80 I>1!", "+*[S10 P10]c I<62c I>19c!" },
        { "only a SPS", "S I!", "+*S10c I10!" },
        { "SEI of a slice", "e -!", "+e10c -10!" },
        { "two of them", "e e20 -<62 ->1!", "+[e10 e20]c -<62 ->1!" },
        { "a slice between", "e -10 e -20!", "+e10c -10 e10c -20!" },
        { "a delimiter of a slice", "d2 -!", "+-10!" },
        { "sets in front of a slice", "S P -!", "+*[S10 P10]c -10!" },
        { "a PPS in front of a slice", "P -!", "+P10c -10!" },
        { "several PPS", "S P P11 P12 I!", "+*[S10 P10 P11 P12]c I10!" },
        { "twice the same", "S P S P I!", "+*[S10 P10]c I10!" },
        { "in front of each slice", "S P I S P I11!", "+*[S10 P10]c I10 [S10 P10]c I11!" },
        { "with a marker each", "S! P! I!", "+*[S10 P10]c I10!" },
        { "with a time of their own", "S P | I!", "+*[S10 P10]c I10!" },
        { "too large for one", "S30 P20 e10 I!", "+*[S30 P20]c e10c I10!" },
        { "filling one", "S30 P29 I!", "+*[S30 P29]c I10!" },
        { "one byte too many", "S30 P30 I!", "+*S30c P30c I10!" },
        { "SEI that fills one", "e61 -!", "+e61c -10!" },
        { "SEI too large to wait", "S P e62 I!", "+*[S10 P10]c e62 I10!" },
        { "SEI too large for a part", "S P e70 I!", "+*[S10 P10]c e<62c e>7c I10!" },
        { "a SPS too large to wait", "S62 P I!", "+*S62 P10c I10!" },
        { "SEI that ends a frame", "-20 e!", "+-20 e10c!" },
        { "a delimiter that ends a frame", "-20 d2!", "+-20 d2!" },
        { "a large one", "-20 d65!", "+-20 d<62c d>2c!" },
        { "sets again that end a frame", "S P I20 [S P]!", "+*[S10 P10]c I20 [S10 P10]c!" },
        { "SEI between fragments", "-<80 e ->9! -!", "+-<62c ->18c +e10c -10!" },
    };
    is_h265 = false;
    run_all(cases, COUNT(cases));
}

static void only_so_much_sei_waits(void **state)
{
    enum { SEI = 61, WAITING = REFIT_MAX_UDP_PAYLOAD / (2 + SEI) };
    struct test_refit test;
    is_h265 = false;
    header = 1;
    test_refit_init(&test, CODEC_H264, LIMIT);
    feed(&test, "S");
    for (unsigned i = 1; i <= WAITING; i++) {
        feed(&test, "e61");
        assert_int_equal(test.count, 0);
    }
    feed(&test, "e61");
    assert_int_equal(test.count, 1 + WAITING);
    assert_true(test.parts[0].part.starts_keyframe);
    feed(&test, "-!");
    assert_int_equal(test.count, 1 + WAITING + 2);
    assert_false(test.parts[1 + WAITING].part.starts_keyframe);
    test_refit_fini(&test);
}

static void a_keyframe_without_sets_gets_those_that_are_known(void **state)
{
    static const struct test_case of_the_description[] = {
        { "none in band", "I!", "+*[S10 P11]c I10!" },
        { "not in front of a slice", "-!", "+-10!" },
        { "once a frame", "I I11 I12!", "+*[S10 P11]c I10 I11 I12!" },
        { "each time", "I! -! I!", "+*[S10 P11]c I10! +-10! +*[S10 P11]c I10!" },
        { "in front of SEI", "d2 e I!", "+*[S10 P11 e10]c I10!" },
        { "fragments", "I<80 I>1!", "+*[S10 P11]c I<62c I>19c!" },
        { "in an aggregate", "[e I]!", "+*[S10 P11]c [e10 I10]!" },
        { "others come in band", "S12 P13 I! I!", "+*[S12 P13]c I10! +*[S12 P13]c I10!" },
        { "one comes in band", "S12 I!", "+*[S12 P11]c I10!" },
        { "a PPS for later", "P13 -! I!", "+P13c -10! +*[S10 P13]c I10!" },
        { "SEI that could not wait", "e64 I!", "+e64 *[S10 P11]c I10!" },
        { "a SPS that can't be kept", "S64 P I! I!", "+*S64 P10c I10! +*P10c I10!" },
        { "a SPS in fragments", "S<20 S>20 P I! I!", "+*S<20 S>20 P10c I10! +*P10c I10!" },
    };
    is_h265 = false;
    for (size_t i = 0; i < COUNT(of_the_description); i++)
        run(&of_the_description[i], "S10 P11");

    static const struct test_case cases[] = {
        { "none known", "I!", "+*I10!" },
        { "those of the last keyframe", "S P I! -! I!",
          "+*[S10 P10]c I10! +-10! +*[S10 P10]c I10!" },
        { "all PPS", "S P P11 I! I!", "+*[S10 P10 P11]c I10! +*[S10 P10 P11]c I10!" },
        { "fewer PPS now", "S P P11 I! S P I! I!",
          "+*[S10 P10 P11]c I10! +*[S10 P10]c I10! +*[S10 P10]c I10!" },
    };
    run_all(cases, COUNT(cases));
    run(
        &(struct test_case){
            "more than can be kept", "P61 P60 P59 P58 P57 P56 P55 P54 P53 S I! I!",
            "+P61c P60c P59c P58c P57c P56c P55c P54c P53 *S10c I10! +*S10c I10!" },
        "");
    run(&(struct test_case){ "an empty description", "I!", "+*I10!" }, "e10 d2");
    run(&(struct test_case){ "a set too large", "I!", "+*P11c I10!" }, "S70 P11");
}

static void fragments_are_never_joined_across_a_gap(void **state)
{
    static const struct test_case cases[] = {
        { "between frames", "-! ~ -!", "+-10! ~+-10!" },
        { "between slices", "-20 ~ -!", "+-20 ~-10!" },
        { "a first fragment", "-! ~ -=20 -=20 ->20! -!", "+-10! ~+-10!" },
        { "of the track", "-=20 ->20! -!", "+-10!" },
        { "a fragment that passes", "-<20 ~ -=20 ->20! -!", "+-<20 ~+-10!" },
        { "a fragment that is cut", "-<80 ~ -=80 ->80! -!", "+-<62c ~+-10!" },
        { "a last fragment", "-<80 -=80 ~ | -!", "+-<62c -=62c ~+-10!" },
        { "the next unit begins", "-<80 ~ -<70 ->10!", "+-<62c ~-<62c ->18c!" },
        { "sets stay known", "S P ~ I!", "~+*[S10 P10]c I10!" },
        { "what a gap hides is not added to", "S P ~ S11 P11 I!", "~+*[S11 P11]c I10!" },
        { "SEI stays too", "e ~ -!", "~+e10c -10!" },
    };
    is_h265 = false;
    run_all(cases, COUNT(cases));
}

static void h265_is_the_same_with_larger_headers(void **state)
{
    static const struct test_case cases[] = {
        { "a slice", "-64!", "+-64!" },
        { "one byte over", "-65!", "+-<61c ->2c!" },
        { "exactly two parts", "-124!", "+-<61c ->61c!" },
        { "fragments that fit", "-<61 ->61!", "+-<61 ->61!" },
        { "fragments", "-<62 -=62 ->3!", "+-<61c -=61c ->5c!" },
        { "sets", "V S P I!", "+*[V10 S10 P10]c I10!" },
        { "sets of another order", "e P S V I!", "+*[V10 S10 P10 e10]c I10!" },
        { "an aggregate", "[V10 S10 P10] e I!", "+*[V10 S10 P10 e10]c I10!" },
        { "an aggregate that passes", "[e -30]!", "+[e10 -30]!" },
        { "CRA", "V S P C<80 C>1!", "+*[V10 S10 P10]c C<61c C>20c!" },
        { "a delimiter", "d3 -!", "+-10!" },
        { "known sets", "V S P I! I!", "+*[V10 S10 P10]c I10! +*[V10 S10 P10]c I10!" },
        { "what nobody takes apart", "x64 x65!", "+x64" },
        { "loss", "-<80 ~ ->80! -!", "+-<61c ~+-10!" },
    };
    is_h265 = true;
    run_all(cases, COUNT(cases));
    run(&(struct test_case){ "of the description", "I!", "+*[V12 S12 P12]c I10!" }, "V12 S12 P12");
}

/* Of bytes: what the two headers of an aggregate or a fragment say. */
static void headers_are_joined_and_kept(void **state)
{
    static const struct {
        const char   *name;
        enum codec_id codec;
        struct span   in[3], want;
    } cases[] = {
        { "as important as the most important",
          CODEC_H264,
          { BYTES("\x27S"), BYTES("\x68P"), BYTES("\x65I") },
          BYTES("\x78\0\2\x27S\0\2\x68P") },
        { "forbidden when one is",
          CODEC_H264,
          { BYTES("\x67S"), BYTES("\x88P"), BYTES("\x65I") },
          BYTES("\xf8\0\2\x67S\0\2\x88P") },
        { "the lowest layer and temporal id",
          CODEC_H265,
          { BYTES("\x42\x0aS"), BYTES("\x44\x13P"), BYTES("\x26\1I") },
          BYTES("\x60\x0a\0\3\x42\x0aS\0\3\x44\x13P") },
        { "forbidden and an upper layer",
          CODEC_H265,
          { BYTES("\x43\x0bS"), BYTES("\xc4\2P"), BYTES("\x26\1I") },
          BYTES("\xe0\2\0\3\x43\x0bS\0\3\xc4\2P") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, cases[i].codec, LIMIT);
        for (size_t k = 0; k < COUNT(cases[i].in); k++)
            test_refit_packet(&test, cases[i].in[k], k == 2);
        CHECK(test.count == 2, cases[i].name);
        CHECK(span_equal(test_refit_payload(&test, 0), cases[i].want), cases[i].name);
        CHECK(span_equal(test_refit_payload(&test, 1), cases[i].in[2]), cases[i].name);
        test_refit_fini(&test);
    }
}

static void the_header_of_a_cut_unit_is_kept(void **state)
{
    static const struct {
        const char   *name;
        enum codec_id codec;
        struct span   unit, first, last;
    } cases[] = {
        { "H264", CODEC_H264, BYTES("\xe5"), BYTES("\xfc\x85"), BYTES("\xfc\x45") },
        { "H265", CODEC_H265, BYTES("\xa7\x0b"), BYTES("\xe3\x0b\x93"), BYTES("\xe3\x0b\x53") },
        { "a fragment of H264", CODEC_H264, BYTES("\x5c\xc1"), BYTES("\x5c\x81"),
          BYTES("\x5c\x41") },
        { "a fragment of H265", CODEC_H265, BYTES("\x62\x0b\xd3"), BYTES("\x62\x0b\x93"),
          BYTES("\x62\x0b\x53") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        uint8_t           packet[100] = { 0 };
        memcpy(packet, cases[i].unit.p, cases[i].unit.len);
        test_refit_init(&test, cases[i].codec, LIMIT);
        test_refit_packet(&test, (struct span){ packet, sizeof(packet) }, true);
        CHECK(test.count == 2, cases[i].name);
        CHECK(memcmp(test.parts[0].bytes, cases[i].first.p, cases[i].first.len) == 0,
              cases[i].name);
        CHECK(memcmp(test.parts[1].bytes, cases[i].last.p, cases[i].last.len) == 0, cases[i].name);
        test_refit_fini(&test);
    }
}

static void rubbish_is_dropped_and_counted(void **state)
{
    static const struct {
        const char   *name;
        enum codec_id codec;
        struct span   in;
        unsigned      dropped, orphans, parts;
    } cases[] = {
        { "no payload", CODEC_H264, BYTES(""), 0, 0, 0 },
        { "half a header", CODEC_H265, BYTES("\x02"), 1, 0, 0 },
        { "a fragment without its header", CODEC_H264, BYTES("\x7c"), 1, 0, 0 },
        { "of H265", CODEC_H265, BYTES("\x62\1"), 1, 0, 0 },
        { "no first fragment", CODEC_H264, BYTES("\x7c\5abc"), 0, 1, 0 },
        { "an empty aggregate", CODEC_H264, BYTES("\x78"), 0, 0, 1 },
        { "an aggregate with half a unit", CODEC_H264, BYTES("\x78\0\2\x67S\0\5\x68"), 0, 0, 0 },
        { "half a unit header", CODEC_H265, BYTES("\x60\1\0\1\x42\0\2\x44\1"), 1, 0, 0 },
        { "an aggregate within one", CODEC_H264, BYTES("\x78\0\3\x78\0\1\0\2\x67S"), 1, 0, 0 },
        { "a start code alone", CODEC_H264, BYTES("\0\0\1\0"), 1, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, cases[i].codec, LIMIT);
        test_refit_packet(&test, cases[i].in, true);
        CHECK(test.refit.dropped == cases[i].dropped, cases[i].name);
        CHECK(test.refit.orphans == cases[i].orphans, cases[i].name);
        CHECK(test.count == cases[i].parts, cases[i].name);
        test_refit_fini(&test);
    }
}

TESTS(what_fits_passes, what_is_too_large_is_cut_anew, a_part_does_not_wait_longer_than_it_must,
      sets_and_sei_go_in_front_of_the_picture, only_so_much_sei_waits,
      a_keyframe_without_sets_gets_those_that_are_known, fragments_are_never_joined_across_a_gap,
      h265_is_the_same_with_larger_headers, headers_are_joined_and_kept,
      the_header_of_a_cut_unit_is_kept, rubbish_is_dropped_and_counted)
