#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "rtsp/rtsp_udp.h"

struct rtsp_session *rtsp_session_create(struct rtsp_conn *conn)
{
    struct rtsp_session *session = mem_new_aligned(struct rtsp_session);
    *session = (struct rtsp_session){ .conn = conn, .counters = counters_create() };
    random_hex128(session->id);
    log_context_init(&session->log, "[session %.8s]", session->id);
    session->log.parent = &conn->server->log;
    rtsp_read_init(session);
    conn->past.had_session = true;
    LOG(&session->log, LOG_INFO, "created by %s", conn->peer);
    return session;
}

static void free_controls(struct rtsp_session *session)
{
    for (unsigned i = 0; session->controls && i < STREAM_MAX_TRACKS; i++)
        mem_free(session->controls[i]);
    session->controls = mem_free(session->controls);
}

struct rtsp_session *rtsp_session_destroy(struct rtsp_session *session, const char *reason)
{
    if (!session)
        return NULL;
    rtsp_publish_stop(session);
    rtsp_read_fini(session);
    rtsp_udp_session_destroy(session);
    rtsp_session_release_grant(session);
    LOG(&session->log, LOG_INFO, "destroyed: %s", reason);
    free_controls(session);
    description_unref(session->description);
    counters_unref(session->counters);
    mem_free(session->path);
    return mem_free(session);
}

void rtsp_session_take_grant(struct rtsp_session *session, struct path_request *answer)
{
    ASSERT(!session->has_grant);
    session->has_grant = true;
    session->grant = answer->grant;
    session->path_counters = counters_ref(answer->counters);
    answer->grant = (struct slot_id){ 0 };
}

void rtsp_session_release_grant(struct rtsp_session *session)
{
    if (!session->has_grant)
        return;
    session->has_grant = false;
    path_release(session->conn->server->registry, session->grant);
    session->path_counters = counters_unref(session->path_counters);
}

int rtsp_session_find_channel(const struct rtsp_session *session, uint8_t channel, bool *is_rtcp)
{
    for (unsigned i = 0; i < STREAM_MAX_TRACKS; i++) {
        const struct rtsp_track *track = &session->tracks[i];
        if (!track->is_set_up || (track->rtp_channel != channel && track->rtcp_channel != channel))
            continue;
        *is_rtcp = track->rtcp_channel == channel;
        return (int)i;
    }
    return -1;
}
