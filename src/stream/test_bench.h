/**
 * test_bench: a publisher of video and audio and a reader of it on one worker. A script says what
 * the publisher writes, letter by letter and turn by turn.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "stream/test_feed.h"
#include "stream/test_hub.h"

enum {
    TEST_STREAM = 7,
    TEST_FRAME_TICKS = 3600,
    TEST_VIDEO_SSRC = 0x11111111,
    TEST_AUDIO_SSRC = 0x22222222
};

/* A publisher of two tracks and a reader on one worker. */
struct test_bench {
    struct test_hubs   hubs;
    struct counters   *counters;
    struct stream     *stream;
    struct ingest      ingest;
    struct test_reader reader;
    struct test_wire   wire;
    uint32_t           ticks[2];
};

/* Letters that a publisher writes; '!' behind one is its marker. */
struct test_note {
    char        letter;
    uint8_t     track;
    bool        is_start; /* has a timestamp of its own */
    struct span payload;
};

static inline const struct test_note *test_note(char letter)
{
    static const struct test_note notes[] = {
        { 'K', TEST_VIDEO, true, BYTES("\x65\x88") },          /* a slice of a keyframe */
        { 'k', TEST_VIDEO, false, BYTES("\x65\x88") },         /* another slice of it */
        { 'P', TEST_VIDEO, true, BYTES("\x41\x9a") },          /* a slice of another frame */
        { '-', TEST_VIDEO, false, BYTES("\x7c\x01\x9a") },     /* the middle of a slice */
        { 'D', TEST_VIDEO, true, BYTES("\x09\xf0") },          /* an access unit delimiter */
        { 'S', TEST_VIDEO, false, BYTES("\x67\x42\xc0\x1e") }, /* a parameter set behind it */
        { 'a', TEST_AUDIO, true, BYTES("sound") },
    };
    for (size_t i = 0; i < COUNT(notes); i++)
        if (notes[i].letter == letter)
            return &notes[i];
    ASSERT(false);
}

static inline void test_bench_write(struct test_bench *bench, const char *letters)
{
    for (size_t i = 0; letters[i]; i++) {
        if (letters[i] == '!')
            continue;
        const struct test_note *note = test_note(letters[i]);
        bench->ticks[note->track] += note->is_start ? TEST_FRAME_TICKS : 0;
        test_wire_add(&bench->wire, &(struct test_sent){ .track = note->track,
                                                         .marker = letters[i + 1] == '!',
                                                         .ticks = bench->ticks[note->track],
                                                         .payload = note->payload });
    }
}

/* What was written arrives, `cut` bytes a read, in one turn. */
static inline void test_bench_receive(struct test_bench *bench, size_t cut)
{
    test_feed(&bench->ingest, buf_span(&bench->wire.bytes), cut);
    buf_consume(&bench->wire.bytes, bench->wire.bytes.len);
}

static inline void test_bench_end_turn(struct test_bench *bench)
{
    ingest_end_turn(&bench->ingest);
    test_hubs_settle(&bench->hubs);
}

/* Words: letters are a turn; "+5": so many ms pass. */
static inline void test_bench_run(struct test_bench *bench, const char *script)
{
    char  words[256];
    char *rest = words;
    (void)snprintf(words, sizeof(words), "%s", script);
    for (char *word; (word = strsep(&rest, " "));) {
        if (word[0] == '+') {
            test_hubs_wait(&bench->hubs, atoi(word + 1) * NS_PER_MS);
            continue;
        }
        test_bench_write(bench, word);
        test_bench_receive(bench, SIZE_MAX);
        test_bench_end_turn(bench);
    }
}

static inline void test_bench_open_sdp(struct test_bench *bench, const char *sdp)
{
    static const uint32_t ssrcs[STREAM_MAX_TRACKS] = { TEST_VIDEO_SSRC, TEST_AUDIO_SSRC };
    memset(bench, 0, sizeof(*bench));
    test_hubs_open(&bench->hubs, 1);
    struct hub *hub = &bench->hubs.hubs[1];
    bench->counters = counters_create();
    bench->stream = stream_create(hub, TEST_STREAM, test_description(sdp), bench->counters);
    ingest_init(&bench->ingest, hub, bench->stream, bench->counters, ssrcs);
    test_reader_init(&bench->reader);
    stream_attach(hub, TEST_STREAM, 1, &bench->reader.reader);
    stream_play(&bench->reader.reader);
}

/* The first packets of each track, which a report follows, have come already. */
static inline void test_bench_open(struct test_bench *bench)
{
    test_bench_open_sdp(bench, TEST_SDP);
    test_bench_run(bench, "K!a");
    ASSERT(strcmp(bench->reader.text, "[Ka][rr]") == 0);
    bench->reader.text[0] = '\0';
}

static inline void test_bench_close(struct test_bench *bench)
{
    ingest_fini(&bench->ingest);
    stream_end(bench->stream);
    counters_unref(bench->counters);
    buf_fini(&bench->wire.bytes);
    buf_fini(&bench->reader.bytes);
    test_hubs_close(&bench->hubs);
}
