/**
 * load_stream: one stream that is sent: its frames and clocks, and who takes them.
 *
 * Shape:   beats come from outside, at the frame rate and, for audio, every 20 ms. A beat while
 *          nobody takes the stream sends and counts nothing, so frame numbers have no holes.
 * Owner:   release with load_stream_fini(), after the last sink has left.
 * Threads: the loop's.
 */
#pragma once
#include "base/list.h"
#include "load/load_audio.h"
#include "load/load_conn.h"
#include "load/load_frame.h"
#include "load/load_udp.h"

enum { LOAD_TRACK_VIDEO, LOAD_TRACK_AUDIO, LOAD_TRACKS };

/** What was sent, by all streams; all of them only grow, but for max_late_ns. */
struct load_sent {
    uint64_t frames;
    uint64_t packets; /* RTP, of all tracks */
    uint64_t bytes;   /* of these, with RTP headers */
    uint64_t skipped; /* frames that were not sent, for the peer does not read */
    uint64_t late;    /* frames written more than LOAD_LATE_NS after they were due */
    int64_t  max_late_ns;
};

#define LOAD_LATE_NS (5 * NS_PER_MS)

struct load_stream_format {
    struct load_frame_format frame; /* its ssrc is the stream's own */
    uint64_t                 keyframe_bytes, repeat_bytes;
    uint32_t                 gop; /* frames from one keyframe to the next, at least 2 */
    bool                     by_packet;
    bool                     has_audio;
};

/** Where a stream goes: an RTSP connection and the channels of its tracks. */
struct load_sink {
    struct list_node  in_stream;
    struct load_conn *conn;
    struct load_udp  *udp; /* NULL: by the connection */
    uint8_t           channels[LOAD_TRACKS];
    bool              has_track[LOAD_TRACKS];
    bool              has_begun; /* with a keyframe */
};

struct load_clock {
    uint32_t ssrc;
    uint32_t ticks;   /* at beat 0 */
    uint16_t seq;     /* of the next packet */
    uint32_t packets; /* and bytes of payload, for sender reports */
    uint32_t bytes;
    int64_t  report_ns; /* when the next sender report is due */
};

enum { LOAD_REMEMBERED = 256 }; /* frames, ten seconds at 25 a second */

struct load_stream {
    struct load_stream_format format;
    struct load_sent         *sent;
    uint32_t                  number;
    uint32_t                  gop_phase; /* frames that the first GOP is shorter */
    struct load_frame         keyframe, repeat;
    struct load_clock         clocks[LOAD_TRACKS];
    struct list               sinks;
    uint64_t                  frame;     /* the next */
    uint64_t                  first;     /* of these sinks */
    uint32_t                  since_key; /* frames */
    int64_t                   last_ns;   /* when the last frame was written */
    int64_t                   written_ns[LOAD_REMEMBERED];
};

struct load_stream_start {
    uint32_t number;
    uint32_t gop_phase; /* at most gop - 2: two keyframes never follow each other */
    uint64_t seed;      /* of SSRCs, first sequence numbers and timestamps */
};

void load_stream_init(struct load_stream *stream, const struct load_stream_format *format,
                      const struct load_stream_start *start, struct load_sent *sent);
void load_stream_fini(struct load_stream *stream);

/** The session description, as ANNOUNCE and DESCRIBE carry it. */
void load_stream_describe(const struct load_stream *stream, struct buf *out);

/** The first sink begins with a keyframe at once, later ones with the next. */
void load_stream_add_sink(struct load_stream *stream, struct load_sink *sink);

/** A sink that is in no stream is left alone. */
void load_stream_remove_sink(struct load_stream *stream, struct load_sink *sink);

/** Beats are numbered by the stream's own rate; the media clock follows them. */
void load_stream_beat_video(struct load_stream *stream, uint64_t beat, int64_t due_ns);
void load_stream_beat_audio(struct load_stream *stream, uint64_t beat, int64_t due_ns);

/** When the last packet of a frame was written; `stamped_ns` when that is forgotten. */
int64_t load_stream_written_ns(const struct load_stream *stream, uint64_t frame,
                               int64_t stamped_ns);
