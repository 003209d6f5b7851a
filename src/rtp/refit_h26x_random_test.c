#include "base/bytes.h"
#include "base/test.h"
#include "codec/h26x.h"
#include "rtp/test_refit.h"

/*
 * Random pictures, cut into packets as cameras do. What a receiver puts together from the parts
 * is what went in; where packets are lost, it is nothing that did not go in.
 */
enum {
    FRAMES = 40,
    MAX_UNITS = FRAMES * 12,
    ID_AT = 2, /* behind the longest header */
    ID_BASE = 250,
    MIN_UNIT = ID_AT + 2,
    NOISE = 16384,
    FU_START = 0x80,
    FU_END = 0x40,
};

struct unit {
    enum { DELIMITER, PARAM, OTHER } kind;
    unsigned frame;
    uint8_t  type;
    size_t   len;
    uint8_t *p;
};

struct run {
    uint64_t          seed;
    bool              is_h265;
    size_t            header;
    unsigned          loss; /* in 1000 */
    struct test_refit test;
    unsigned          sent_count, frame;
    struct unit       sent[MAX_UNITS];
    unsigned          got_count;
    struct unit       got[2 * MAX_UNITS];
    bool              is_key[FRAMES];
    size_t            packet_len;
    uint8_t           packet[65535];
};

static uint32_t draw(struct run *run, uint32_t below)
{
    return test_draw(&run->seed, below);
}

static uint8_t type_of(const struct run *run, const uint8_t *p)
{
    return run->is_h265 ? p[0] >> 1 & 0x3f : p[0] & 0x1f;
}

static void write_header(const struct run *run, uint8_t type, uint8_t *p)
{
    p[0] = run->is_h265 ? (uint8_t)(type << 1) : (uint8_t)(0x60 | type);
    if (run->is_h265)
        p[1] = 1;
}

/* At an edge more often than not. */
static size_t draw_len(struct run *run)
{
    size_t limit = run->test.refit.max_payload, piece = limit - run->header - 1;
    switch (draw(run, 4)) {
    case 0:
        return limit - 1 + draw(run, 3);
    case 1:
        return run->header + piece * (1 + draw(run, 4)) - 1 + draw(run, 3);
    case 2:
        return MIN_UNIT + draw(run, 30);
    default:
        return MIN_UNIT + draw(run, (uint32_t)(6 * limit));
    }
}

/* No zeros, so that nothing looks like a start code. */
static void add_unit(struct run *run, int kind, uint8_t type, size_t len)
{
    ASSERT(run->sent_count < MAX_UNITS && len >= MIN_UNIT);
    struct unit *unit = &run->sent[run->sent_count];
    *unit = (struct unit){ .frame = run->frame, .type = type, .len = len, .p = malloc(len) };
    unit->kind = (typeof(unit->kind))kind;
    for (size_t i = 0; i < len; i++)
        unit->p[i] = (uint8_t)(1 + draw(run, 255));
    write_header(run, type, unit->p);
    unit->p[ID_AT] = (uint8_t)(1 + run->sent_count / ID_BASE);
    unit->p[ID_AT + 1] = (uint8_t)(1 + run->sent_count % ID_BASE);
    run->sent_count++;
}

static void add_params(struct run *run)
{
    if (run->is_h265)
        add_unit(run, PARAM, H265_NAL_VPS, MIN_UNIT + draw(run, 20));
    add_unit(run, PARAM, run->is_h265 ? H265_NAL_SPS : H264_NAL_SPS, MIN_UNIT + draw(run, 40));
    for (unsigned count = 1 + draw(run, 2); count > 0; count--)
        add_unit(run, PARAM, run->is_h265 ? H265_NAL_PPS : H264_NAL_PPS, MIN_UNIT + draw(run, 9));
}

static void add_frame(struct run *run)
{
    bool    is_key = run->frame == 0 || draw(run, 4) == 0;
    uint8_t slice = run->is_h265 ? 1 : H264_NAL_SLICE, idr = run->is_h265 ? 19 : H264_NAL_IDR;
    run->is_key[run->frame] = is_key;
    if (draw(run, 3) == 0)
        add_unit(run, DELIMITER, run->is_h265 ? H265_NAL_AUD : H264_NAL_AUD, MIN_UNIT);
    if (run->frame == 0 || (is_key && draw(run, 2)))
        add_params(run);
    for (unsigned count = draw(run, 3); count > 1; count--)
        add_unit(run, OTHER, run->is_h265 ? H265_NAL_SEI_PREFIX : H264_NAL_SEI, draw_len(run));
    for (unsigned count = 1 + draw(run, 3); count > 0; count--)
        add_unit(run, OTHER, is_key ? idr : slice, draw_len(run));
    if (!run->is_h265 && draw(run, 4) == 0)
        add_unit(run, OTHER, H264_NAL_FILLER, draw_len(run));
}

static void append(struct run *run, const void *p, size_t len)
{
    ASSERT(run->packet_len + len <= sizeof(run->packet));
    memcpy(run->packet + run->packet_len, p, len);
    run->packet_len += len;
}

static void send_packet(struct run *run, bool marker)
{
    if (draw(run, 1000) < run->loss)
        run->test.seq++;
    else
        test_refit_packet(&run->test, (struct span){ run->packet, run->packet_len }, marker);
    run->packet_len = 0;
}

static void send_fragments(struct run *run, const struct unit *unit, bool marker)
{
    size_t limit = run->test.refit.max_payload;
    size_t piece = draw(run, 2) ? limit - run->header - 2 + draw(run, 3)
                                : 1 + draw(run, (uint32_t)(3 * limit));
    for (size_t at = run->header; at < unit->len;) {
        size_t  len = MIN(piece, unit->len - at);
        uint8_t head[3] = { unit->p[0], unit->p[1], unit->p[1] };
        write_header(run, run->is_h265 ? H265_NAL_FU : H264_NAL_FU_A, head);
        head[run->header] = unit->type;
        head[run->header] |= at == run->header ? FU_START : 0;
        head[run->header] |= at + len == unit->len ? FU_END : 0;
        append(run, head, run->header + 1);
        append(run, unit->p + at, len);
        at += len;
        send_packet(run, marker && at == unit->len);
        if (draw(run, 20) == 0)
            piece = 1 + draw(run, (uint32_t)(2 * limit));
    }
}

static void send_group(struct run *run, const struct unit *units, unsigned count, bool marker)
{
    bool    is_annexb = draw(run, 2);
    uint8_t head[2];
    write_header(run, run->is_h265 ? H265_NAL_AP : H264_NAL_STAP_A, head);
    if (!is_annexb)
        append(run, head, run->header);
    for (unsigned i = 0; i < count; i++) {
        write_be16(head, (uint16_t)units[i].len);
        append(run, is_annexb ? "\0\0\1" : (const void *)head, is_annexb ? 3 : 2);
        append(run, units[i].p, units[i].len);
    }
    send_packet(run, marker);
}

/* Parameter sets do not come in fragments: those can't be kept, as another test shows. */
static void send_frame(struct run *run, unsigned first)
{
    for (unsigned i = first, count; i < run->sent_count; i += count) {
        const struct unit *unit = &run->sent[i];
        count = draw(run, 3) ? 1 : 1 + draw(run, run->sent_count - i);
        bool marker = i + count == run->sent_count;
        if (count > 1) {
            send_group(run, unit, count, marker);
        } else if (unit->kind == OTHER && draw(run, 4)) {
            send_fragments(run, unit, marker);
        } else {
            append(run, unit->p, unit->len);
            send_packet(run, marker);
        }
    }
    run->test.ticks += 3600;
    run->frame++;
}

/* What a receiver has: bytes of a unit are added to the last one. */
static void receive(struct run *run, unsigned frame, bool is_new, const uint8_t *p, size_t len)
{
    ASSERT(run->got_count < COUNT(run->got));
    if (is_new)
        run->got[run->got_count] = (struct unit){ .frame = frame, .p = malloc(NOISE) };
    struct unit *unit = &run->got[run->got_count];
    ASSERT(unit->len + len <= NOISE);
    memcpy(unit->p + unit->len, p, len);
    unit->len += len;
}

static void finish(struct run *run)
{
    struct unit *unit = &run->got[run->got_count++];
    ASSERT(unit->len >= MIN_UNIT);
    unit->type = type_of(run, unit->p);
}

/* A unit that is not finished is thrown away by the next. */
static void receive_fragment(struct run *run, unsigned frame, struct span payload, bool *is_open)
{
    uint8_t flags = payload.p[run->header], header[2] = { payload.p[0], payload.p[1] };
    if (flags & FU_START) {
        if (*is_open)
            free(run->got[run->got_count].p);
        uint8_t type = flags & (run->is_h265 ? 0x3f : 0x1f);
        header[0] = run->is_h265 ? (uint8_t)((header[0] & 0x81) | type << 1)
                                 : (uint8_t)((header[0] & 0xe0) | type);
        receive(run, frame, true, header, run->header);
        *is_open = true;
    }
    assert_true(*is_open);
    receive(run, frame, false, payload.p + run->header + 1, payload.len - run->header - 1);
    if (flags & FU_END) {
        finish(run);
        *is_open = false;
    }
}

static void receive_parts(struct run *run)
{
    bool     is_open = false;
    unsigned frame = 0;
    for (unsigned i = 0; i < run->test.count; i++) {
        const struct refit_part *part = &run->test.parts[i].part;
        struct span              payload = test_refit_payload(&run->test, i);
        uint8_t                  type = type_of(run, payload.p);
        frame = run->frame - (run->test.ticks - part->ticks) / 3600;
        if (type == (run->is_h265 ? H265_NAL_FU : H264_NAL_FU_A)) {
            bool is_last = payload.p[run->header] & FU_END;
            assert_true(is_last || !part->is_own || payload.len == run->test.refit.max_payload);
            receive_fragment(run, frame, payload, &is_open);
            continue;
        }
        assert_true(!is_open || run->loss);
        if (is_open)
            free(run->got[run->got_count].p);
        is_open = false;
        if (type != (run->is_h265 ? H265_NAL_AP : H264_NAL_STAP_A)) {
            receive(run, frame, true, payload.p, payload.len);
            finish(run);
            continue;
        }
        for (size_t at = run->header; at < payload.len; at += 2 + read_be16(payload.p + at)) {
            receive(run, frame, true, payload.p + at + 2, read_be16(payload.p + at));
            finish(run);
        }
    }
    if (is_open)
        free(run->got[run->got_count].p);
    assert_true(!is_open || run->loss);
}

/* Which one it is of those that were sent: equal to the last byte. */
static const struct unit *identify(const struct run *run, const struct unit *got)
{
    unsigned id = (got->p[ID_AT] - 1u) * ID_BASE + got->p[ID_AT + 1] - 1u;
    assert_true(id < run->sent_count);
    assert_int_equal(got->len, run->sent[id].len);
    assert_memory_equal(got->p, run->sent[id].p, got->len);
    return &run->sent[id];
}

/* All units but sets and delimiters, in their order and in their frames. */
static void check_units(const struct run *run)
{
    unsigned at = 0;
    for (unsigned i = 0; i < run->got_count; i++) {
        const struct unit *unit = identify(run, &run->got[i]);
        if (unit->kind != OTHER)
            continue;
        assert_int_equal(unit->frame, run->got[i].frame);
        while (run->sent[at].kind != OTHER)
            at++;
        assert_ptr_equal(unit, &run->sent[at]);
        at++;
    }
    while (at < run->sent_count && run->sent[at].kind != OTHER)
        at++;
    assert_int_equal(at, run->sent_count);
}

/* In front of a keyframe's first slice: the sets that were sent last, each once. */
static void check_params(const struct run *run, unsigned frame)
{
    unsigned last = 0, count = 0, seen = 0;
    for (unsigned i = 0; i < run->sent_count && run->sent[i].frame <= frame; i++) {
        if (run->sent[i].kind == PARAM)
            last = run->sent[i].frame;
    }
    for (unsigned i = 0; i < run->sent_count; i++)
        count += run->sent[i].kind == PARAM && run->sent[i].frame == last;
    for (unsigned i = 0; i < run->got_count; i++) {
        const struct unit *unit = identify(run, &run->got[i]);
        if (run->got[i].frame != frame || unit->kind == DELIMITER)
            continue;
        bool is_sei =
            unit->type == (run->is_h265 ? (uint8_t)H265_NAL_SEI_PREFIX : (uint8_t)H264_NAL_SEI);
        if (unit->kind == PARAM)
            assert_int_equal(unit->frame, last);
        else if (!is_sei)
            assert_int_equal(seen, count);
        seen += unit->kind == PARAM;
    }
    assert_int_equal(seen, count);
}

static void check_marks(const struct run *run)
{
    unsigned starts = 0, keys = 0;
    for (unsigned i = 0; i < run->test.count; i++) {
        const struct refit_part *part = &run->test.parts[i].part;
        bool is_last = i + 1 == run->test.count || run->test.parts[i + 1].part.starts_frame;
        assert_int_equal(part->marker, is_last);
        assert_false(part->is_after_gap);
        starts += part->starts_frame;
        keys += part->starts_keyframe;
        if (part->starts_keyframe)
            assert_true(run->is_key[starts - 1]);
    }
    assert_int_equal(starts, FRAMES);
    for (unsigned i = 0; i < FRAMES; i++)
        keys -= run->is_key[i];
    assert_int_equal(keys, 0);
}

static void make(struct run *run)
{
    run->header = run->is_h265 ? 2 : 1;
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned first = run->sent_count;
        add_frame(run);
        send_frame(run, first);
    }
    receive_parts(run);
}

static void discard(struct run *run)
{
    for (unsigned i = 0; i < run->sent_count; i++)
        free(run->sent[i].p);
    for (unsigned i = 0; i < run->got_count; i++)
        free(run->got[i].p);
    test_refit_fini(&run->test);
}

static const size_t limits[] = { 64, 65, 200, REFIT_MAX_PAYLOAD, REFIT_MAX_UDP_PAYLOAD };
enum { SEEDS = 60 };

static struct run *begin(unsigned seed, unsigned loss)
{
    static struct run run;
    memset(&run, 0, sizeof(run));
    run.seed = seed;
    run.is_h265 = seed & 1;
    run.loss = loss;
    test_refit_init(&run.test, run.is_h265 ? CODEC_H265 : CODEC_H264, limits[seed / 2 % 4]);
    return &run;
}

static void what_went_in_comes_out(void **state)
{
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        struct run *run = begin(seed, 0);
        make(run);
        check_units(run);
        check_marks(run);
        for (unsigned frame = 0; frame < FRAMES; frame++) {
            if (run->is_key[frame])
                check_params(run, frame);
        }
        assert_int_equal(run->test.refit.dropped + run->test.refit.orphans, 0);
        discard(run);
    }
}

static void nothing_else_comes_out_when_packets_are_lost(void **state)
{
    unsigned orphans = 0, whole = 0;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        struct run *run = begin(seed, seed % 3 ? 20 : 200);
        make(run);
        for (unsigned i = 0; i < run->got_count; i++)
            (void)identify(run, &run->got[i]);
        orphans += run->test.refit.orphans;
        whole += run->got_count;
        discard(run);
    }
    assert_true(orphans > SEEDS && whole > SEEDS * FRAMES);
}

TESTS(what_went_in_comes_out, nothing_else_comes_out_when_packets_are_lost)
