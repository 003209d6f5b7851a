/* M-JPEG (RFC 2435), whose fragments say where they belong; MPEG-4 Visual (RFC 6416), whose have no
 * header at all; MPEG-4 Audio (RFC 3640). */
#include "base/bytes.h"
#include "base/check.h"
#include "rtp/au_header.h"
#include "rtp/jpeg_format.h"
#include "rtp/refit_internal.h"

/* False: it belongs to a picture whose beginning is lost. */
static bool begin_or_continue(struct refit_call *call, bool starts)
{
    struct refit *refit = call->refit;
    if (starts)
        refit->unit = REFIT_PASSES_UNIT;
    refit->orphans += refit->unit == REFIT_NO_UNIT;
    return refit->unit != REFIT_NO_UNIT;
}

/* False: it must be cut, or what was cut flows on. */
static bool pass(struct refit_call *call)
{
    struct refit *refit = call->refit;
    if (refit->unit != REFIT_PASSES_UNIT || call->payload.len > refit->max_payload)
        return false;
    refit_give_view(call, call->payload, call->marker);
    refit->unit = call->marker ? REFIT_NO_UNIT : REFIT_PASSES_UNIT;
    return true;
}

void refit_take_mpeg4_video(struct refit_call *call)
{
    struct refit *refit = call->refit;
    if (!begin_or_continue(call, !refit->in_frame))
        return;
    refit_look_for_keyframe(call);
    if (pass(call))
        return;
    if (refit->unit == REFIT_PASSES_UNIT)
        refit_begin_cut(refit, &(struct refit_heads){ 0 });
    if (call->marker)
        refit_end_cut(call, call->payload, true);
    else
        refit_cut(call, call->payload);
}

static void open_jpeg_part(struct refit *refit, struct span head)
{
    memcpy(refit->open, head.p, head.len);
    refit->open_len = (uint16_t)head.len;
}

/* Without the tables: they go with the first fragment. */
static void open_next_jpeg_part(struct refit_call *call, uint32_t offset, bool has_restarts)
{
    struct refit *refit = call->refit;
    size_t        len = JPEG_HEADER + (has_restarts ? JPEG_RESTART_HEADER : 0);
    open_jpeg_part(refit, span_first(call->payload, len));
    write_be32(refit->open, (uint32_t)refit->open[0] << 24 | offset);
}

static void cut_jpeg(struct refit_call *call, const struct jpeg_fragment *fragment)
{
    struct refit *refit = call->refit;
    struct span   scan = fragment->scan;
    uint32_t      offset = fragment->offset;
    for (size_t room; scan.len > (room = (size_t)refit->max_payload - refit->open_len);) {
        refit_give_copy(call, (struct span){ refit->open, refit->open_len }, span_first(scan, room),
                        false);
        scan = span_skip(scan, room);
        offset += (uint32_t)room;
        open_next_jpeg_part(call, offset, fragment->image.restart_interval != 0);
    }
    if (scan.len)
        memcpy(refit->open + refit->open_len, scan.p, scan.len);
    refit->open_len = (uint16_t)(refit->open_len + scan.len);
}

void refit_take_mjpeg(struct refit_call *call)
{
    struct refit        *refit = call->refit;
    struct jpeg_fragment fragment;
    int                  err = jpeg_parse_fragment(call->payload, &fragment);
    size_t               head_len = call->payload.len - (err < 0 ? 0 : fragment.scan.len);
    if (err < 0 || head_len >= refit->max_payload) {
        refit_take_whole(call);
        return;
    }
    if (!begin_or_continue(call, fragment.offset == 0 && !refit->in_frame))
        return;
    refit_mark_keyframe(refit);
    if (pass(call))
        return;
    if (refit->unit == REFIT_PASSES_UNIT) {
        refit_begin_cut(refit, &(struct refit_heads){ 0 });
        open_jpeg_part(refit, span_first(call->payload, head_len));
    }
    cut_jpeg(call, &fragment);
    if (call->marker)
        refit_end_cut(call, (struct span){ 0 }, true);
}

enum { MAX_FRAMES = 64 };

static void give_frames(struct refit_call *call, const uint32_t *sizes, unsigned count,
                        struct span bytes)
{
    struct refit *refit = call->refit;
    uint8_t       head[REFIT_MAX_UDP_PAYLOAD];
    struct span   section = { head, au_headers_len(refit->au_header, count) };
    au_headers_write(refit->au_header, sizes, count, head);
    refit_begin_audio(refit);
    refit_give_copy(call, section, bytes, true);
    refit->ticks += refit->frame_ticks * count;
}

/* Each fragment says how large the whole frame is; `bytes` may be less than that already. */
static void cut_frame(struct refit_call *call, uint32_t size, struct span bytes, bool marker)
{
    struct refit *refit = call->refit;
    uint8_t       head[REFIT_MIN_PAYLOAD];
    struct span   section = { head, au_headers_len(refit->au_header, 1) };
    au_headers_write(refit->au_header, &size, 1, head);
    while (bytes.len > 0) {
        struct span part = span_first(bytes, refit->max_payload - section.len);
        bytes = span_skip(bytes, part.len);
        refit_begin_audio(refit);
        refit_give_copy(call, section, part, marker && bytes.len == 0);
    }
}

/* How many bytes `count` frames of these sizes have in a packet. */
static size_t packet_len(const struct refit *refit, unsigned count, size_t bytes)
{
    return au_headers_len(refit->au_header, count) + bytes;
}

static void spread_frames(struct refit_call *call, struct au_headers *headers)
{
    struct refit *refit = call->refit;
    struct span   rest = headers->data;
    uint32_t      sizes[MAX_FRAMES];
    unsigned      count = 0;
    size_t        bytes = 0, size;
    while (au_headers_next(headers, &size) && size <= rest.len - bytes) {
        if (count == MAX_FRAMES ||
            (count > 0 && packet_len(refit, count + 1, bytes + size) > refit->max_payload)) {
            give_frames(call, sizes, count, span_first(rest, bytes));
            rest = span_skip(rest, bytes);
            bytes = count = 0;
        }
        if (packet_len(refit, 1, size) > refit->max_payload) {
            cut_frame(call, (uint32_t)size, span_first(rest, size), true);
            refit->ticks += refit->frame_ticks;
            rest = span_skip(rest, size);
            continue;
        }
        sizes[count++] = (uint32_t)size;
        bytes += size;
    }
    if (count > 0)
        give_frames(call, sizes, count, span_first(rest, bytes));
}

void refit_take_mpeg4_audio(struct refit_call *call)
{
    struct refit     *refit = call->refit;
    struct au_headers headers;
    size_t            size;
    if (call->payload.len <= refit->max_payload ||
        au_headers_len(refit->au_header, 1) >= REFIT_MIN_PAYLOAD ||
        au_headers_parse(call->payload, refit->au_header, &headers) < 0) {
        refit_take_whole(call);
        return;
    }
    struct au_headers first = headers;
    if (!au_headers_next(&first, &size))
        refit_take_whole(call);
    else if (size > headers.data.len)
        cut_frame(call, (uint32_t)size, headers.data, call->marker);
    else
        spread_frames(call, &headers);
}
