/**
 * test_feed: a publisher's bytes, the way they go into an ingest, and a reader that writes down
 * what came out: by test_batch's letters, each batch in brackets, and byte by byte.
 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "rtp/interleaved.h"
#include "rtp/rtp.h"
#include "stream/ingest.h"
#include "stream/stream.h"

#define TEST_SDP                                                                                   \
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"                                           \
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n"

enum { TEST_VIDEO, TEST_AUDIO };

static inline struct description *test_description(const char *sdp)
{
    struct description *description = NULL;
    int                 err = description_parse(span_from_string(sdp), &description, NULL);
    ASSERT(err == 0);
    return description;
}

/* A publisher's side: what it has written. */
struct test_wire {
    struct buf bytes;
    uint16_t   seq[STREAM_MAX_TRACKS];
};

struct test_sent {
    uint8_t     track;
    bool        marker;
    uint32_t    ticks;
    struct span payload;
};

/* On channel 4 x track + 2, which no reader ever sees. */
static inline void test_wire_add(struct test_wire *wire, const struct test_sent *sent)
{
    uint8_t           head[INTERLEAVED_HEADER + RTP_HEADER];
    struct rtp_header header = { .payload_type = (uint8_t)(96 + sent->track),
                                 .marker = sent->marker,
                                 .seq = wire->seq[sent->track]++,
                                 .ticks = sent->ticks,
                                 .ssrc = 0xdeadbeef };
    interleaved_write_header(head, (uint8_t)(4 * sent->track + 2),
                             (uint16_t)(RTP_HEADER + sent->payload.len));
    rtp_write(&header, head + INTERLEAVED_HEADER);
    buf_append(&wire->bytes, (struct span){ head, sizeof(head) });
    buf_append(&wire->bytes, sent->payload);
}

/* Handles what is whole, as a connection does. Rubbish and foreign channels are passed over. */
static inline void test_feed_parse(struct ingest *ingest)
{
    for (struct span in; (in = ingest_unparsed(ingest)).len > 0;) {
        struct interleaved_frame frame;
        ssize_t                  used = interleaved_parse(in, &frame);
        if (used == -EAGAIN) {
            if (in.len >= INTERLEAVED_HEADER)
                ASSERT(ingest_expect(ingest, INTERLEAVED_HEADER + (size_t)read_be16(in.p + 2)) ==
                       0);
            return;
        }
        unsigned track = used > 0 ? frame.channel / 4u : UINT32_MAX;
        if (used > 0 && frame.channel % 4 == 2 && track < ingest->track_count)
            (void)ingest_take_packet(ingest, track, (size_t)used);
        else
            ingest_skip(ingest,
                        used > 0 ? (size_t)used : interleaved_resync(in, STREAM_MAX_TRACKS));
    }
}

/* At most `cut` bytes are received at once; the turn does not end. */
static inline void test_feed(struct ingest *ingest, struct span bytes, size_t cut)
{
    while (bytes.len) {
        struct room room = ingest_room(ingest);
        size_t      len = MIN(MIN(room.len, cut), bytes.len);
        ASSERT(room.len > 0);
        memcpy(room.p, bytes.p, len);
        ingest_received(ingest, len);
        bytes = span_skip(bytes, len);
        test_feed_parse(ingest);
    }
}

/* A reader that keeps nothing but notes. */
struct test_reader {
    struct reader   reader;
    char            text[4096];
    struct buf      bytes; /* of all packets, headers and all; only if `keeps_bytes` */
    bool            keeps_bytes;
    unsigned        attached; /* calls */
    unsigned        ended;
    enum stream_end reason;
};

static inline struct span test_slab_span(const struct slab *slab)
{
    return (struct span){ slab->bytes, slab->size };
}

static inline bool test_lies_in_slabs(const struct batch *batch, struct span bytes)
{
    for (unsigned i = 0; i < batch->slab_count; i++)
        if (span_contains(test_slab_span(batch->slabs[i]), bytes))
            return true;
    return false;
}

/* One packet lies in a slab, behind its header. */
static inline void test_check_packet(const struct batch *batch, unsigned index)
{
    const struct packet     *packet = &batch->packets[index];
    struct span              bytes = { packet->p - INTERLEAVED_HEADER,
                                       INTERLEAVED_HEADER + (size_t)packet->len };
    struct interleaved_frame frame;
    bool                     is_report = batch->reports >> index & 1;
    ASSERT(test_lies_in_slabs(batch, bytes));
    ASSERT(interleaved_parse(bytes, &frame) == (ssize_t)bytes.len);
    ASSERT(frame.channel == 2 * packet->track + is_report);
}

/* What must be true of any batch. */
static inline void test_check_batch(const struct batch *batch)
{
    uint32_t all = batch_all(batch), bytes = 0, run_bytes = 0;
    ASSERT(batch->is_frozen && batch->packet_count > 0 && batch->slab_count > 0);
    for (unsigned i = 0; i < batch->packet_count; i++) {
        test_check_packet(batch, i);
        bytes += INTERLEAVED_HEADER + (uint32_t)batch->packets[i].len;
    }
    for (unsigned i = 0; i < batch->run_count; i++) {
        run_bytes += batch->runs[i].len;
        ASSERT(test_lies_in_slabs(batch, (struct span){ batch->runs[i].p, batch->runs[i].len }));
    }
    ASSERT(batch->bytes == bytes && (batch->run_count == 0 || run_bytes == bytes));
    ASSERT(((batch->frame_starts | batch->video | batch->reports) & ~all) == 0);
    ASSERT((batch->frame_starts & batch->reports) == 0);
    ASSERT((batch->keyframes & ~(batch->frame_starts & batch->video)) == 0);
}

static inline char test_letter(const struct batch *batch, unsigned index)
{
    uint32_t bit = UINT32_C(1) << index;
    if (batch->reports & bit)
        return 'r';
    if (!(batch->video & bit))
        return 'a';
    if (!(batch->frame_starts & bit))
        return '-';
    return batch->keyframes & bit ? 'K' : 'P';
}

static inline void test_reader_on_attached(struct reader *reader)
{
    CONTAINER_OF(reader, struct test_reader, reader)->attached++;
}

static inline void test_reader_on_batch(struct reader *reader, const struct batch *batch,
                                        uint32_t mask)
{
    struct test_reader *test = CONTAINER_OF(reader, struct test_reader, reader);
    size_t              len = strlen(test->text);
    test_check_batch(batch);
    ASSERT(mask && (mask & ~batch_all(batch)) == 0);
    if (len + BATCH_MAX_PACKETS + 3 > sizeof(test->text))
        len = 0;
    test->text[len++] = '[';
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctz(left);
        test->text[len++] = test_letter(batch, index);
        if (test->keeps_bytes)
            buf_append(&test->bytes,
                       (struct span){ batch->packets[index].p - INTERLEAVED_HEADER,
                                      INTERLEAVED_HEADER + (size_t)batch->packets[index].len });
    }
    test->text[len++] = ']';
    test->text[len] = '\0';
}

static inline void test_reader_on_end(struct reader *reader, enum stream_end reason)
{
    struct test_reader *test = CONTAINER_OF(reader, struct test_reader, reader);
    ASSERT(!reader->stream);
    test->ended++;
    test->reason = reason;
}

static inline void test_reader_init(struct test_reader *test)
{
    static const struct reader_ops ops = { test_reader_on_attached, test_reader_on_batch,
                                           test_reader_on_end };
    *test = (struct test_reader){ .reader.ops = &ops };
}
