#include "sdp/sdp_fragment.h"

#include <errno.h>

#include "base/auto.h"
#include "base/test.h"
#include "sdp/testdata.h"

static struct sdp_fragment fragment;
static struct errmsg       why;

static int parse_file(const char *name, struct buf *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "corpus/sdp_fragment/%s", name);
    testdata_read(path, text);
    return sdp_fragment_parse(buf_span(text), &fragment, &why);
}

static void a_trickled_candidate_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    assert_int_equal(parse_file("trickle", &text), 0);
    assert_true(span_is(fragment.ufrag, "0c7F"));
    assert_true(span_is(fragment.pwd, "wJ137ffhekLvbOGTh3emNI"));
    assert_int_equal(fragment.media_count, 1);
    assert_true(span_is(fragment.mids[0], "0"));
    assert_int_equal(fragment.candidate_count, 1);
    assert_true(span_is(fragment.candidates[0].address, "127.0.0.1"));
    assert_int_equal(fragment.candidates[0].port, 50000);
    assert_int_equal(fragment.candidates[0].media, 0);
}

static void a_restart_is_read(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    assert_int_equal(parse_file("ice_restart", &text), 0);
    assert_true(span_is(fragment.ufrag, "abcd"));
    assert_int_equal(fragment.candidate_count, 1);
}

static void credentials_may_stand_in_the_media(void **state)
{
    AUTO(buf_fini) struct buf text = { 0 };
    assert_int_equal(parse_file("media_credentials", &text), 0);
    assert_true(span_is(fragment.ufrag, "EsAw"));
    assert_true(span_is(fragment.pwd, "P2uYro0UCOQ4zxjKXaWCBui1"));
    assert_int_equal(fragment.media_count, 2);
    assert_true(span_is(fragment.mids[1], "1"));
    assert_int_equal(fragment.candidate_count, 3);
    assert_true(span_is(fragment.candidates[0].ufrag, "EsAw"));
    assert_true(span_is(fragment.candidates[1].tcptype, "active"));
    assert_int_equal(fragment.candidates[1].media, 0);
    assert_int_equal(fragment.candidates[2].media, 1);
}

static void errors_are_told_in_known_words(void **state)
{
    static const struct {
        const char *name;
        struct span text;
        const char *want; /* NULL: it is fine */
    } cases[] = {
        { "no SDP", BYTES("hello"), "sdp: syntax error at pos 42: \"e\"" },
        { "no SDP further on", BYTES("a=ice-ufrag:x\r\nhello"),
          "sdp: syntax error at pos 57: \"e\"" },
        { "empty", BYTES(""), "EOF" },
        { "a line without its end", BYTES("a=ice-ufrag:x"), "EOF" },
        { "with it", BYTES("a=ice-ufrag:x\n"), NULL },
        { "no ufrag", BYTES("a=ice-pwd:x\r\n"), "ice-ufrag attribute is missing" },
        { "line ends only", BYTES("\r\n"), "ice-ufrag attribute is missing" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int err = sdp_fragment_parse(cases[i].text, &fragment, &why);
        CHECK(err == (cases[i].want ? -EINVAL : 0), cases[i].name);
        CHECK(err == 0 || strcmp(why.text, cases[i].want) == 0, cases[i].name);
    }
}

static void there_are_limits(void **state)
{
    AUTO(buf_fini) struct buf media = { 0 }, candidates = { 0 }, credentials = { 0 };
    assert_int_equal(parse_file("too_many_media", &media), -EINVAL);
    assert_string_equal(why.text, "the fragment has more than 32 media");
    assert_int_equal(parse_file("too_many_candidates", &candidates), 0);
    assert_int_equal(fragment.candidate_count, SDP_MAX_CANDIDATES);
    assert_int_equal(parse_file("long_credentials", &credentials), 0);
    assert_int_equal(fragment.ufrag.len, SDP_MAX_ICE_TEXT);
    assert_int_equal(fragment.ufrag.p[0], 'v');
}

static void what_belongs_to_no_medium_is_passed_over(void **state)
{
    AUTO(buf_fini) struct buf before = { 0 }, without = { 0 };
    assert_int_equal(parse_file("candidate_before_media", &before), 0);
    assert_int_equal(fragment.candidate_count, 0);
    assert_int_equal(parse_file("without_mid", &without), 0);
    assert_int_equal(fragment.media_count, 2);
    assert_int_equal(fragment.mids[0].len, 0);
    assert_int_equal(fragment.candidate_count, 2);
}

TESTS(a_trickled_candidate_is_read, a_restart_is_read, credentials_may_stand_in_the_media,
      errors_are_told_in_known_words, there_are_limits, what_belongs_to_no_medium_is_passed_over)
