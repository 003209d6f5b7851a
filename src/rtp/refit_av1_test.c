#include "base/test.h"
#include "rtp/test_refit.h"

enum { LIMIT = 64, Z = 0x80, Y = 0x40, N = 0x08 };

/*
 * Packets and parts, written down: sizes of OBUs or fragments of them. In front "z": the first goes
 * on from the packet before, "n": a coded video sequence begins; behind "y": the last one goes on
 * in the next. "!": marker. "3,4": all but the last have a length (W is their number);
 * "3,4,": all have one (W is 0).
 * Going in: "|": the next time; "~": a packet is lost.
 * Coming out: "~": after a gap; "+": a frame starts; "*": a keyframe starts; "c": copied.
 */
static size_t put_leb128(uint8_t *out, size_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        out[len++] = (uint8_t)(value | 0x80);
    out[len++] = (uint8_t)value;
    return len;
}

/* Bytes count on through all that goes in, so that it can be told what belongs where. */
static const char *feed_packet(struct test_refit *test, const char *at, uint8_t *next_byte)
{
    uint8_t  packet[1000] = { 0 };
    size_t   len = 1, sizes[8];
    unsigned count = 0;
    for (; *at == 'z' || *at == 'n'; at++)
        packet[0] |= *at == 'z' ? Z : N;
    bool has_last_len = true;
    for (char *end; *at >= '0' && *at <= '9'; at = end + (*end == ',')) {
        sizes[count++] = strtoul(at, &end, 10);
        has_last_len = *end == ',';
    }
    for (unsigned i = 0; i < count; i++) {
        if (has_last_len || i + 1 < count)
            len += put_leb128(packet + len, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            packet[len++] = (*next_byte)++;
    }
    packet[0] |= has_last_len ? 0 : (uint8_t)(count << 4);
    packet[0] |= *at == 'y' ? Y : 0;
    at += *at == 'y';
    test_refit_packet(test, (struct span){ packet, len }, *at == '!');
    return at + (*at == '!');
}

static void feed(struct test_refit *test, const char *at)
{
    uint8_t next_byte = 0;
    for (; *at; at += *at == ' ') {
        if (*at != '|' && *at != '~') {
            at = feed_packet(test, at, &next_byte);
            continue;
        }
        test->ticks += *at == '|' ? 3600 : 0;
        test->seq += *at == '~';
        at++;
    }
}

static size_t read_len(struct span payload, size_t *at)
{
    size_t value = 0;
    for (unsigned shift = 0; *at < payload.len; shift += 7) {
        uint8_t byte = payload.p[(*at)++];
        value |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

/* One OBU, or a fragment of one, of a payload. `left`: of those that W counts; 0: W is 0. */
static struct span take_obu(struct span payload, size_t *at, unsigned *left)
{
    size_t len = *left == 1 ? payload.len - *at : read_len(payload, at);
    ASSERT(len <= payload.len - *at);
    struct span obu = { payload.p + *at, len };
    *at += len;
    *left -= *left > 0;
    return obu;
}

static void note_part(char *out, struct span payload)
{
    size_t   at = 1;
    unsigned left = payload.p[0] >> 4 & 3;
    bool     is_counted = left > 0;
    out += sprintf(out, "%s%s", payload.p[0] & Z ? "z" : "", payload.p[0] & N ? "n" : "");
    while (at < payload.len) {
        struct span obu = take_obu(payload, &at, &left);
        out += sprintf(out, "%zu%s", obu.len, at < payload.len || !is_counted ? "," : "");
    }
    ASSERT(left == 0);
    (void)sprintf(out, "%s", payload.p[0] & Y ? "y" : "");
}

struct test_case {
    const char *name, *in, *want;
};

static void run(const struct test_case *test_case)
{
    struct test_refit test;
    char              got[1024] = "";
    test_refit_init(&test, CODEC_AV1, LIMIT);
    feed(&test, test_case->in);
    for (unsigned i = 0; i < test.count; i++) {
        const struct refit_part *part = &test.parts[i].part;
        char                    *end = got + strlen(got);
        end += sprintf(end, "%s%s%s%s", i ? " " : "", part->is_after_gap ? "~" : "",
                       part->starts_frame ? "+" : "", part->starts_keyframe ? "*" : "");
        note_part(end, test_refit_payload(&test, i));
        (void)sprintf(end + strlen(end), "%s%s", part->is_own ? "c" : "", part->marker ? "!" : "");
    }
    if (strcmp(got, test_case->want) != 0)
        print_error("in   %s\nwant %s\ngot  %s\n", test_case->in, test_case->want, got);
    CHECK(strcmp(got, test_case->want) == 0, test_case->name);
    test_refit_fini(&test);
}

static void what_fits_passes_and_the_rest_flows_on(void **state)
{
    static const struct test_case cases[] = {
        { "that fits", "63!", "+63!" },
        { "with lengths", "10,51,!", "+10,51,!" },
        { "a sequence begins", "n10,20!", "+*n10,20!" },
        { "fragments that fit", "63y z63y z1!", "+63y z63y z1!" },
        { "one byte over", "64!", "+63yc z1c!" },
        { "exactly two parts", "126!", "+63yc z63c!" },
        { "one byte more", "127!", "+63yc z63yc z1c!" },
        { "a keyframe", "n10,100!", "+*n10,52yc z48c!" },
        { "fragments", "100y z100y z10!", "+63yc z63yc z63yc z21c!" },
        { "small ones behind a large one", "70y z10y z5!", "+63yc z22c!" },
        { "a large one behind a small one", "30y z70!", "+30y z63yc z7c!" },
        { "the start fits, with an OBU's end", "30y z5,70!", "+30y z5,57yc z13c!" },
        { "another OBU in another packet", "70 20!", "+63yc z7,20c!" },
        { "and goes on", "70 20y z50!", "+63yc z7,55yc z15c!" },
        { "no room for another OBU", "125 20!", "+63yc z62c 20c!" },
        { "room for one byte of it", "124 20!", "+63yc z61,1yc z19c!" },
        { "three OBUs in a part", "70 1 2 3!", "+63yc z7,1,2c 3c!" },
        { "all have lengths", "5,100,5,!", "+5,57yc z43,5c!" },
        { "a length that is not needed", "63,!", "+63c!" },
        { "an empty OBU", "0,70!", "+63yc z7c!" },
        { "no marker, another time", "70 | 10!", "+63yc z7c! +10!" },
        { "no marker, a full part", "126 | 10!", "+63yc z63c! +10!" },
        { "the next frame passes again", "70! 60!", "+63yc z7c! +60!" },
        { "a fragment is lost", "70y ~ z70y z3! 10!", "+63yc ~+10!" },
        { "one that passes", "10y ~ z10y z3! 10!", "+10y ~+10!" },
        { "up to the next whole OBU", "10y ~ z10,5y z7 9!", "+10y ~9!" },
        { "not the first packet", "z10y z3! 10!", "+10!" },
        { "behind the end", "10! z3 5!", "+10! +5!" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        run(&cases[i]);
}

/* OBUs over 127 bytes have a length of two. */
static void lengths_are_as_long_as_they_must(void **state)
{
    static const struct {
        const char *name;
        size_t      max, first, second;
        struct span head; /* of the last part */
    } cases[] = {
        { "127 bytes", 256, 255 + 127, 10, BYTES("\xa0\x7f") },
        { "128 bytes", 256, 255 + 128, 10, BYTES("\xa0\x80\x01") },
        { "1000 bytes", 1156, 1155 + 1000, 10, BYTES("\xa0\xe8\x07") },
    };
    static uint8_t bytes[3000];
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        test_refit_init(&test, CODEC_AV1, cases[i].max);
        bytes[0] = 0x10;
        test_refit_packet(&test, (struct span){ bytes, 1 + cases[i].first }, false);
        test_refit_packet(&test, (struct span){ bytes, 1 + cases[i].second }, true);
        CHECK(test.count == 2, cases[i].name);
        CHECK(memcmp(test.parts[1].bytes, cases[i].head.p, cases[i].head.len) == 0, cases[i].name);
        test_refit_fini(&test);
    }
}

static void rubbish_is_dropped_and_counted(void **state)
{
    static const struct {
        const char *name;
        uint8_t     head[12];
        unsigned    parts, dropped;
    } cases[] = {
        { "an OBU longer than the packet", { 0x20, 0x7f }, 0, 1 },
        { "a length without end", { 0, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, 0, 1 },
        { "a good one before", { 0x30, 1, 0, 0x7f }, 1, 1 },
        { "the largest length", { 0, 255, 255, 255, 255, 255, 255, 255, 0x7f }, 0, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_refit test;
        uint8_t           packet[LIMIT + 1] = { 0 };
        memcpy(packet, cases[i].head, sizeof(cases[i].head));
        test_refit_init(&test, CODEC_AV1, LIMIT);
        test_refit_packet(&test, (struct span){ packet, sizeof(packet) }, true);
        CHECK(test.count == cases[i].parts && test.refit.dropped == cases[i].dropped,
              cases[i].name);
        test_refit_packet(&test, BYTES("\x10usual"), true);
        CHECK(test.count == cases[i].parts + 1, cases[i].name);
        test_refit_fini(&test);
    }
}

/* Random temporal units in random packets. */
enum { FRAMES = 40, SEEDS = 40, MAX_OBU = 500, MAX_OBUS = FRAMES * 4 };

struct obu {
    size_t  len;
    uint8_t p[MAX_OBU];
};

struct frames {
    uint64_t          seed;
    unsigned          loss; /* in 1000 */
    struct test_refit test;
    unsigned          count;
    struct obu        sent[MAX_OBUS];
};

static uint32_t draw(struct frames *frames, uint32_t below)
{
    return test_draw(&frames->seed, below);
}

static void make_obu(struct frames *frames)
{
    struct obu *obu = &frames->sent[frames->count];
    obu->len = 2 + draw(frames, draw(frames, 2) ? MAX_OBU - 2 : 20);
    for (size_t i = 0; i < obu->len; i++)
        obu->p[i] = (uint8_t)draw(frames, 256);
    obu->p[0] = (uint8_t)frames->count++;
}

/* Fills a packet with what is left of OBU `*index` and those behind it. */
static void send_packet(struct frames *frames, unsigned *index, size_t *offset)
{
    uint8_t  packet[2000] = { *offset ? Z : 0 };
    unsigned count = 0, counted = draw(frames, 4);
    size_t   len = 1, room = 3 + draw(frames, draw(frames, 2) ? 200 : 70);
    while (*index < frames->count && room > 0 && (!counted || count < counted)) {
        const struct obu *obu = &frames->sent[*index];
        size_t            part = MIN(room, obu->len - *offset);
        bool              ends = *offset + part == obu->len;
        bool              is_last = ++count == counted;
        /* What W counts must be there: the OBU ends the packet when it is cut or the last. */
        if (counted && (!ends || *index + 1 == frames->count || part == room)) {
            counted = count;
            is_last = true;
        }
        if (!is_last)
            len += put_leb128(packet + len, part);
        memcpy(packet + len, obu->p + *offset, part);
        len += part;
        room -= part;
        *offset = ends ? 0 : *offset + part;
        *index += ends;
        if (!ends) {
            packet[0] |= Y;
            break;
        }
    }
    packet[0] |= (uint8_t)(counted << 4);
    if (draw(frames, 1000) < frames->loss)
        frames->test.seq++;
    else
        test_refit_packet(&frames->test, (struct span){ packet, len }, *index == frames->count);
}

/* Returns how many OBUs are whole, each of them equal to one that was sent. */
static unsigned receive(const struct frames *frames)
{
    struct obu got = { 0 };
    unsigned   whole = 0, last = 0;
    for (unsigned i = 0; i < frames->test.count; i++) {
        struct span              payload = test_refit_payload(&frames->test, i);
        size_t                   at = 1;
        unsigned                 left = payload.p[0] >> 4 & 3;
        bool                     is_continued = payload.p[0] & Z;
        /* Short of the limit are only last parts, full ones, and those with no room for more. */
        const struct refit_part *part = &frames->test.parts[i].part;
        assert_true(!part->is_own || part->marker || left == 3 ||
                    payload.len + 3 > frames->test.refit.max_payload);
        while (at < payload.len) {
            struct span obu = take_obu(payload, &at, &left);
            got.len = is_continued ? got.len : 0;
            is_continued = false;
            ASSERT(got.len + obu.len <= MAX_OBU);
            memcpy(got.p + got.len, obu.p, obu.len);
            got.len += obu.len;
            if (at == payload.len && (payload.p[0] & Y))
                continue;
            assert_true(whole == 0 || got.p[0] > last);
            last = got.p[0];
            assert_int_equal(got.len, frames->sent[last].len);
            assert_memory_equal(got.p, frames->sent[last].p, got.len);
            whole++;
        }
    }
    return whole;
}

static unsigned send_and_receive(unsigned seed, unsigned loss, unsigned *sent)
{
    static struct frames frames;
    frames = (struct frames){ .seed = seed, .loss = loss };
    test_refit_init(&frames.test, CODEC_AV1, LIMIT + seed % 100);
    for (unsigned i = 0; i < FRAMES; i++) {
        size_t   offset = 0;
        unsigned index = frames.count;
        for (unsigned count = 1 + draw(&frames, 4); count > 0; count--)
            make_obu(&frames);
        while (index < frames.count)
            send_packet(&frames, &index, &offset);
        frames.test.ticks += 3600;
    }
    unsigned whole = receive(&frames);
    *sent = frames.count;
    test_refit_fini(&frames.test);
    return whole;
}

static void what_went_in_comes_out(void **state)
{
    for (unsigned seed = 0, sent; seed < SEEDS; seed++) {
        unsigned whole = send_and_receive(seed, 0, &sent);
        assert_int_equal(whole, sent);
    }
}

static void nothing_else_comes_out_when_packets_are_lost(void **state)
{
    unsigned whole = 0, all = 0;
    for (unsigned seed = 0, sent; seed < SEEDS; seed++, all += sent)
        whole += send_and_receive(seed, 20, &sent);
    assert_in_range(whole, all / 2, all - SEEDS);
}

TESTS(what_fits_passes_and_the_rest_flows_on, lengths_are_as_long_as_they_must,
      rubbish_is_dropped_and_counted, what_went_in_comes_out,
      nothing_else_comes_out_when_packets_are_lost)
