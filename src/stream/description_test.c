#include "stream/description.h"

#include <errno.h>
#include <pthread.h>

#include "base/test.h"

#define H264 "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define OPUS "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n"

static struct description *parse(const char *sdp)
{
    struct description *description = NULL;
    assert_int_equal(description_parse(span_from_string(sdp), &description, NULL), 0);
    return description;
}

static void a_publishers_sdp_is_read(void **state)
{
    static const struct {
        const char *name, *sdp;
        int         want;
    } cases[] = {
        { "two media", H264 OPUS, 0 },
        { "anything with a medium", "rubbish\nm=x\n", 0 },
        { "nothing", "", -EINVAL },
        { "no medium", "v=0\r\ns=x\r\n", -EINVAL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct description *description = NULL;
        struct errmsg       why = { "" };
        CHECK(description_parse(span_from_string(cases[i].sdp), &description, &why) ==
                  cases[i].want,
              cases[i].name);
        CHECK(!description == (cases[i].want < 0), cases[i].name);
        CHECK(!why.text[0] == (cases[i].want == 0), cases[i].name);
        description_unref(description);
    }
}

/* The publisher's bytes go away; what DESCRIBE answers stays. */
static void it_keeps_its_own_text(void **state)
{
    char sdp[] = "s=Camera\r\n" H264 "a=control:streamid=0\r\n";
    AUTO(description_unref) struct description *description = parse(sdp);
    memset(sdp, 'x', sizeof(sdp) - 1);
    const struct sdp_media *media = &description->sdp.media[0];
    assert_true(span_is(description->sdp.name, "Camera"));
    assert_true(span_is(media->control, "trackID=0"));
    assert_int_equal(media->codec->id, CODEC_H264);
    assert_true(span_contains(description->text, media->rtpmap));
    assert_true(span_contains(description->text, media->control));
}

static void parameters_are_changed_in_a_copy(void **state)
{
    static const struct {
        const char      *name, *fmtp;
        struct sdp_param params[2];
        unsigned         count;
        const char      *want;
    } cases[] = {
        { "a new one", "", { { BYTES("a"), BYTES("1") } }, 1, "a=fmtp:96 a=1\r\n" },
        { "beside others",
          "a=fmtp:96 b=2\r\n",
          { { BYTES("a"), BYTES("1") } },
          1,
          "a=fmtp:96 a=1; b=2\r\n" },
        { "another value",
          "a=fmtp:96 a=1; b=2\r\n",
          { { BYTES("a"), BYTES("9") }, { BYTES("b"), BYTES("8") } },
          2,
          "a=fmtp:96 a=9; b=8\r\n" },
        { "case does not matter",
          "a=fmtp:96 Key=1\r\n",
          { { BYTES("kEY"), BYTES("2") } },
          1,
          "a=fmtp:96 key=2\r\n" },
        { "none", "a=fmtp:96 a=1\r\n", { { { 0 }, { 0 } } }, 0, "a=fmtp:96 a=1\r\n" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sdp[512];
        (void)snprintf(sdp, sizeof(sdp), OPUS H264 "%s" OPUS, cases[i].fmtp);
        struct description       *old = parse(sdp);
        AUTO(buf_fini) struct buf before = { 0 };
        buf_append(&before, old->text);
        struct description *new = description_with_params(old, 1, cases[i].params, cases[i].count);
        CHECK(span_equal(old->text, buf_span(&before)), cases[i].name);
        description_unref(old);
        CHECK(memmem(new->text.p, new->text.len, cases[i].want, strlen(cases[i].want)),
              cases[i].name);
        CHECK(new->sdp.media_count == 3, cases[i].name);
        CHECK(new->sdp.media[0].fmtp_count == new->sdp.media[2].fmtp_count, cases[i].name);
        CHECK(!sdp_fmtp(&new->sdp.media[2], "a").p, cases[i].name);
        description_unref(new);
    }
}

static void a_full_list_takes_no_more(void **state)
{
    AUTO(buf_fini) struct buf sdp = { 0 };
    buf_append_string(&sdp, H264 "a=fmtp:96 ");
    for (unsigned i = 0; i < SDP_MAX_FMTP; i++)
        buf_printf(&sdp, "key%u=%u; ", i, i);
    struct description *old = parse(buf_string(&sdp));
    assert_int_equal(old->sdp.media[0].fmtp_count, SDP_MAX_FMTP);
    struct sdp_param params[] = { { BYTES("one-more"), BYTES("1") },
                                  { BYTES("key7"), BYTES("seven") } };
    struct description *new = description_with_params(old, 0, params, COUNT(params));
    assert_int_equal(new->sdp.media[0].fmtp_count, SDP_MAX_FMTP);
    assert_true(span_is(sdp_fmtp(&new->sdp.media[0], "key7"), "seven"));
    assert_null(sdp_fmtp(&new->sdp.media[0], "one-more").p);
    description_unref(old);
    description_unref(new);
}

static void tracks_are_summed_up(void **state)
{
    static const struct {
        unsigned    mask;
        size_t      size;
        const char *want;
    } cases[] = {
        { 1, 64, "1 track (H264)" },
        { 2, 64, "1 track (Opus)" },
        { 3, 64, "2 tracks (H264, Opus)" },
        { 7, 64, "3 tracks (H264, Opus, Generic)" },
        { 5, 64, "2 tracks (H264, Generic)" },
        { UINT32_MAX, 64, "3 tracks (H264, Opus, Generic)" },
        { 0, 64, "0 tracks ()" },
        { 3, 12, "2 tracks (H" },
    };
    AUTO(description_unref)
    struct description *description = parse(H264 OPUS "m=application 0 RTP/AVP 98\r\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        description_summary(description, cases[i].mask, text, cases[i].size);
        CHECK(strcmp(text, cases[i].want) == 0, cases[i].want);
    }
}

/* Parameter sets as x264 and x265 write them, without (NO_B) and with B-frames. */
#define NO_B            "Z2QAFayyAoY+TARAAAADAEAAAAyYCABJPAAST+TDAHixckA="
#define WITH_B          "Z2QADKzZQUGfnwEQAAADABAAAAMDIPFCmWA="
#define PPS             "aOvMsiw="
#define NO_B5           "QgEBAWAAAAMAkAAAAwAAAwA8oAoIDB8+W6SkwvAWgIAAAAMAgAAADIQ="
#define WITH_B5         "QgEBAWAAAAMAkAAAAwAAAwA8oAoIC595ZWaSTK8BaAgAAAMACAAAAwDIQA=="
#define H264_WITH(sets) H264 "a=fmtp:96 sprop-parameter-sets=" sets "\r\n"
#define H265_WITH(sets) "m=video 0 RTP/AVP 98\r\na=rtpmap:98 H265/90000\r\na=fmtp:98 " sets "\r\n"

static void parameter_sets_may_rule_b_frames_out(void **state)
{
    static const struct {
        const char *name, *sdp;
        uint32_t    ordered;
    } cases[] = {
        { "none", H264 OPUS, 0 },
        { "without B-frames", H264_WITH(NO_B "," PPS), 1 },
        { "with B-frames", H264_WITH(WITH_B "," PPS), 0 },
        { "PPS first", H264_WITH(PPS "," NO_B), 1 },
        { "a blank between", H264_WITH(NO_B ", " PPS), 1 },
        { "two SPS", H264_WITH(NO_B "," NO_B "," PPS), 1 },
        { "one of two SPS", H264_WITH(NO_B "," WITH_B "," PPS), 0 },
        { "only a PPS", H264_WITH(PPS), 0 },
        { "rubbish", H264_WITH("!!!," NO_B), 0 },
        { "empty", H264_WITH(""), 0 },
        { "the second track", OPUS H264_WITH(NO_B "," PPS), 2 },
        { "H265", H265_WITH("sprop-sps=" NO_B5), 1 },
        { "H265 with B-frames", H265_WITH("sprop-sps=" WITH_B5), 0 },
        { "H264's where H265's should be", H265_WITH("sprop-sps=" NO_B), 0 },
        { "H265 without an SPS", H265_WITH("sprop-vps=QAEM"), 0 },
        { "VP8", "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n", 1 },
        { "MPEG-4", "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n", 0 },
        { "all sorts", H264_WITH(NO_B) OPUS H265_WITH("sprop-sps=" NO_B5) H264_WITH(WITH_B), 5 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct description *description = parse(cases[i].sdp);
        CHECK(description->ordered == cases[i].ordered, cases[i].name);
        description_unref(description);
    }
    AUTO(buf_fini) struct buf sets = { 0 };
    for (unsigned i = 0; i < 400; i++)
        buf_append_string(&sets, "Z0LA");
    buf_append_string(&sets, "," NO_B);
    AUTO(description_unref) struct description *plain = parse(H264);
    struct sdp_param too_large = { BYTES("sprop-parameter-sets"), buf_span(&sets) };
    AUTO(description_unref)
    struct description *changed = description_with_params(plain, 0, &too_large, 1);
    assert_int_equal(changed->ordered, 0);
    too_large.value = BYTES(NO_B);
    description_unref(changed);
    changed = description_with_params(plain, 0, &too_large, 1);
    assert_int_equal(changed->ordered, 1);
}

enum { OWNERS = 4, TIMES = 20000 };

static void *share(void *arg)
{
    struct description *description = arg;
    for (unsigned i = 0; i < TIMES; i++) {
        struct description *mine = description_ref(description);
        if (!span_is(mine->sdp.media[0].format, "96"))
            return NULL;
        description_unref(mine);
    }
    description_unref(description);
    return arg;
}

static void it_lives_as_long_as_anyone_holds_it(void **state)
{
    pthread_t           threads[OWNERS];
    struct description *description = parse(H264);
    for (unsigned i = 0; i < OWNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, share, description_ref(description)), 0);
    assert_null(description_unref(description));
    for (unsigned i = 0; i < OWNERS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_null(description_unref(NULL));
}

TESTS(a_publishers_sdp_is_read, it_keeps_its_own_text, parameters_are_changed_in_a_copy,
      a_full_list_takes_no_more, tracks_are_summed_up, parameter_sets_may_rule_b_frames_out,
      it_lives_as_long_as_anyone_holds_it)
