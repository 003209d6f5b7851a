#include "demo/demo_source.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/h26x.h"
#include "demo/demo_clip.h"
#include "rtp/h264_packetizer.h"
#include "rtp/interleaved.h"
#include "stream/ingest.h"
#include "stream/stream.h"

enum { VIDEO, AUDIO, TRACKS };

enum { PAYLOAD_TYPE = 96, MAX_PAYLOAD = 1400 };

struct demo_server {
    struct path_source source;
    struct list       *sessions; /* of each worker, by its index: struct demo */
};

struct demo_track {
    uint64_t next; /* frames sent since the beginning; the clip is looped */
    int64_t  frame_ns;
    uint32_t frame_ticks;
    uint32_t first_ticks;
    uint16_t seq;
};

struct demo {
    struct demo_server   *server;
    struct path_registry *registry;
    struct loop          *loop;
    struct slot_id        id;
    struct list_node      in_worker;
    char                 *path;
    struct description   *description;
    struct slot_id        grant;
    struct counters      *counters;
    struct stream        *stream; /* NULL: main has not answered yet */
    struct ingest         ingest;
    struct timer          timer;
    int64_t               start_ns;
    struct demo_track     tracks[TRACKS];
};

static void append_sprop(struct buf *sdp)
{
    buf_printf(sdp, "sprop-parameter-sets=");
    base64_encode(sdp, demo_clip_sps());
    buf_printf(sdp, ",");
    base64_encode(sdp, demo_clip_pps());
}

static struct description *describe(void)
{
    struct span               sps = demo_clip_sps();
    AUTO(buf_fini) struct buf sdp = { 0 };
    buf_printf(&sdp, "v=0\r\nm=video 0 RTP/AVP %d\r\na=rtpmap:%d H264/%d\r\n", PAYLOAD_TYPE,
               PAYLOAD_TYPE, DEMO_CLIP_VIDEO_CLOCK_HZ);
    buf_printf(&sdp, "a=fmtp:%d packetization-mode=1; profile-level-id=%02X%02X%02X; ",
               PAYLOAD_TYPE, sps.p[1], sps.p[2], sps.p[3]);
    append_sprop(&sdp);
    buf_printf(&sdp, "\r\nm=audio 0 RTP/AVP %d\r\na=rtpmap:%d opus/48000/2\r\n", PAYLOAD_TYPE,
               PAYLOAD_TYPE);
    buf_printf(&sdp, "a=fmtp:%d sprop-stereo=1\r\n", PAYLOAD_TYPE);
    struct description *description = NULL;
    int                 err = description_parse(buf_span(&sdp), &description, NULL);
    ASSERT(err == 0);
    return description;
}

/* Goes the way of received bytes: a packet with its interleaved header in front. */
static void send_packet(struct demo *demo, unsigned index, struct span payload, bool is_marked)
{
    struct demo_track *track = &demo->tracks[index];
    struct room        room = ingest_room(&demo->ingest);
    size_t             len = RTP_HEADER + payload.len;
    struct rtp_header  header = { .payload_type = PAYLOAD_TYPE,
                                  .marker = is_marked,
                                  .seq = track->seq++,
                                  .ticks = track->first_ticks +
                                           (uint32_t)track->next * track->frame_ticks };
    ASSERT(INTERLEAVED_HEADER + len <= room.len);
    interleaved_write_header(room.p, (uint8_t)(2 * index), (uint16_t)len);
    rtp_write(&header, room.p + INTERLEAVED_HEADER);
    memcpy(room.p + INTERLEAVED_HEADER + RTP_HEADER, payload.p, payload.len);
    ingest_received(&demo->ingest, INTERLEAVED_HEADER + len);
    (void)ingest_take_packet(&demo->ingest, index, INTERLEAVED_HEADER + len);
}

static void send_nal(struct demo *demo, struct span nal, bool is_last)
{
    uint8_t                payload[MAX_PAYLOAD];
    size_t                 len;
    struct h264_packetizer parts = h264_packetize(nal, sizeof(payload));
    while (h264_packetizer_next(&parts, payload, &len))
        send_packet(demo, VIDEO, (struct span){ payload, len }, is_last && parts.nal.len == 0);
}

static void send_video(struct demo *demo)
{
    uint64_t    frame = demo->tracks[VIDEO].next % demo_clip_video_count();
    struct span rest = demo_clip_video((unsigned)frame);
    struct span nal, following;
    bool        more = h26x_next_annexb(&rest, &nal);
    while (more) {
        more = h26x_next_annexb(&rest, &following);
        send_nal(demo, nal, !more);
        nal = following;
    }
}

static void send_audio(struct demo *demo)
{
    uint64_t frame = demo->tracks[AUDIO].next % demo_clip_audio_count();
    send_packet(demo, AUDIO, demo_clip_audio((unsigned)frame), true);
}

static int64_t due_ns(const struct demo *demo, unsigned index)
{
    const struct demo_track *track = &demo->tracks[index];
    return demo->start_ns + (int64_t)track->next * track->frame_ns;
}

static void on_frame_time(void *arg)
{
    static void (*const send[TRACKS])(struct demo *) = { send_video, send_audio };
    struct demo *demo = arg;
    int64_t      now_ns = loop_now(demo->loop);
    int64_t      next_ns = INT64_MAX;
    for (unsigned i = 0; i < TRACKS; i++) {
        for (; due_ns(demo, i) <= now_ns; demo->tracks[i].next++)
            send[i](demo);
        next_ns = MIN(next_ns, due_ns(demo, i));
    }
    ingest_end_turn(&demo->ingest);
    timer_start(demo->loop, &demo->timer, next_ns - now_ns, on_frame_time, demo);
}

static void demo_destroy(struct demo *demo)
{
    timer_stop(demo->loop, &demo->timer);
    list_remove(&demo->in_worker);
    slots_remove(demo->loop->slots, demo->id);
    atomic_fetch_sub_explicit(&demo->loop->sessions, 1, memory_order_relaxed);
    if (demo->stream) {
        ingest_fini(&demo->ingest);
        stream_end(demo->stream);
        path_release(demo->registry, demo->grant);
    }
    description_unref(demo->description);
    counters_unref(demo->counters);
    mem_free(demo->path);
    mem_free(demo);
}

static void begin(struct demo *demo, struct path_request *request)
{
    uint32_t ssrcs[TRACKS] = { random_u32(), random_u32() };
    demo->grant = request->grant;
    demo->stream = stream_create(demo->loop->hub, request->stream,
                                 description_ref(demo->description), request->counters);
    ingest_init(&demo->ingest, demo->loop->hub, demo->stream, demo->counters, ssrcs);
    demo->start_ns = loop_now(demo->loop);
    on_frame_time(demo);
}

static void on_answer(struct loop *loop, struct path_request *request)
{
    struct demo *demo = slots_find(loop->slots, request->session);
    if (!demo && request->answer == PATH_OK)
        path_release(request->asker, request->grant);
    else if (demo && request->answer == PATH_OK)
        begin(demo, request);
    else if (demo)
        demo_destroy(demo);
    path_request_free(request);
}

static void on_kick(struct loop *loop, struct slot_id session, const char *reason)
{
    struct demo *demo = slots_find(loop->slots, session);
    if (demo)
        demo_destroy(demo);
}

static void ask_to_publish(struct demo *demo)
{
    struct path_request *request = path_request_new(PATH_PUBLISH);
    request->from = demo->loop;
    request->session = demo->id;
    request->asker = demo->registry;
    request->is_source = true;
    request->on_answer = on_answer;
    request->on_kick = on_kick;
    (void)snprintf(request->name, sizeof(request->name), "%s", demo->path);
    description_summary(demo->description, UINT32_MAX, request->tracks, sizeof(request->tracks));
    path_ask(demo->registry, request);
}

struct start {
    struct mail           mail;
    struct demo_server   *server;
    struct path_registry *registry;
    char                 *path;
};

static void on_start(struct loop *loop, struct mail *mail)
{
    struct start *start = CONTAINER_OF(mail, struct start, mail);
    struct demo  *demo = mem_new(struct demo);
    *demo = (struct demo){ .server = start->server,
                           .registry = start->registry,
                           .loop = loop,
                           .path = start->path,
                           .description = describe(),
                           .counters = counters_create() };
    mem_free(start);
    for (unsigned i = 0; i < TRACKS; i++) {
        demo->tracks[i].seq = (uint16_t)random_u32();
        demo->tracks[i].first_ticks = random_u32();
    }
    demo->tracks[VIDEO].frame_ticks = DEMO_CLIP_PICTURE_TICKS;
    demo->tracks[VIDEO].frame_ns =
        muldiv(DEMO_CLIP_PICTURE_TICKS, NS_PER_S, DEMO_CLIP_VIDEO_CLOCK_HZ);
    demo->tracks[AUDIO].frame_ticks = DEMO_CLIP_PACKET_TICKS;
    demo->tracks[AUDIO].frame_ns =
        muldiv(DEMO_CLIP_PACKET_TICKS, NS_PER_S, DEMO_CLIP_AUDIO_CLOCK_HZ);
    demo->id = slots_add(loop->slots, demo);
    list_append(&demo->server->sessions[loop->index], &demo->in_worker);
    ask_to_publish(demo);
}

static void start_on(struct path_source *source, struct path_registry *registry, struct loop *loop,
                     const char *path)
{
    struct start *start = mem_new(struct start);
    *start = (struct start){ { NULL, on_start },
                             CONTAINER_OF(source, struct demo_server, source),
                             registry,
                             mem_string(path) };
    atomic_fetch_add_explicit(&loop->sessions, 1, memory_order_relaxed);
    loop_post(loop, &start->mail);
}

struct demo_server *demo_server_create(void)
{
    struct demo_server *server = mem_new(struct demo_server);
    server->source = (struct path_source){ "demo", start_on };
    server->sessions = mem_new_array(struct list, PLACEMENT_MAX_WORKERS + 1);
    for (unsigned i = 0; i <= PLACEMENT_MAX_WORKERS; i++)
        list_init(&server->sessions[i]);
    return server;
}

struct path_source *demo_server_source(struct demo_server *server)
{
    return &server->source;
}

void demo_server_close_sessions(struct demo_server *server, struct loop *loop)
{
    LIST_FOREACH_SAFE (struct demo, demo, &server->sessions[loop->index], in_worker)
        demo_destroy(demo);
}

struct demo_server *demo_server_free(struct demo_server *server)
{
    if (server)
        mem_free(server->sessions);
    return mem_free(server);
}
