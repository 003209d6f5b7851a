/* RTP Payload Format for AV1, version 1.0, section 4: a header, then OBUs or fragments of them. */
#include "base/check.h"
#include "rtp/av1_format.h"
#include "rtp/refit_internal.h"

static void open_part(struct refit *refit, uint8_t flags)
{
    refit->unit = REFIT_CUTS_UNIT;
    refit->open[0] = flags | AV1_W_ONE;
    refit->open_len = refit->obu_at = 1;
}

static void give_open_part(struct refit_call *call, struct span end)
{
    struct refit *refit = call->refit;
    refit_give_copy(call, (struct span){ refit->open, refit->open_len }, end, false);
}

/*
 * Puts a length in front of the last OBU, so that another one can follow. False: there is no room,
 * or the header can't count it.
 */
static bool close_obu(struct refit *refit)
{
    size_t len = (size_t)refit->open_len - refit->obu_at;
    size_t size = len < 128 ? 1 : 2;
    if ((refit->open[0] & AV1_W_MASK) == AV1_W_MASK ||
        refit->open_len + size + 1 > refit->max_payload)
        return false;
    uint8_t *at = refit->open + refit->obu_at;
    memmove(at + size, at, len);
    at[0] = (uint8_t)((len & 0x7f) | (size == 2 ? 0x80 : 0));
    if (size == 2)
        at[1] = (uint8_t)(len >> 7);
    refit->open[0] = (uint8_t)(refit->open[0] + AV1_W_ONE);
    refit->open_len = (uint16_t)(refit->open_len + size);
    refit->obu_at = refit->open_len;
    return true;
}

/* `flags`: Z and N as the packet has them for this OBU. */
static void add_obu(struct refit_call *call, struct span bytes, uint8_t flags)
{
    struct refit *refit = call->refit;
    if (refit->open_len == 0) {
        open_part(refit, flags);
    } else if (!(flags & AV1_Z) && !close_obu(refit)) {
        give_open_part(call, (struct span){ 0 });
        open_part(refit, 0);
    }
    for (size_t room; bytes.len > (room = (size_t)refit->max_payload - refit->open_len);) {
        refit->open[0] |= AV1_Y;
        give_open_part(call, span_first(bytes, room));
        open_part(refit, AV1_Z);
        bytes = span_skip(bytes, room);
    }
    memcpy(refit->open + refit->open_len, bytes.p, bytes.len);
    refit->open_len = (uint16_t)(refit->open_len + bytes.len);
}

static void add_obus(struct refit_call *call)
{
    uint8_t         flags = call->payload.p[0];
    struct av1_obus obus = av1_obus(call->payload);
    struct span     obu;
    while (av1_next_obu(&obus, &obu)) {
        if (obu.len)
            add_obu(call, obu, flags & (AV1_Z | AV1_N));
        flags = 0;
    }
    call->refit->dropped += obus.rest.len > 0;
}

/* What is too large makes the bytes flow up to the end of the temporal unit. */
void refit_take_av1(struct refit_call *call)
{
    struct refit *refit = call->refit;
    bool          starts_inside = call->payload.p[0] & AV1_Z;
    if (refit->unit == REFIT_NO_UNIT && starts_inside) {
        refit->orphans++;
        return;
    }
    refit_look_for_keyframe(call);
    if (refit->unit != REFIT_CUTS_UNIT && call->payload.len <= refit->max_payload) {
        refit_give_view(call, call->payload, call->marker);
        refit->unit = call->marker ? REFIT_NO_UNIT : REFIT_PASSES_UNIT;
        return;
    }
    add_obus(call);
    if (refit->unit == REFIT_CUTS_UNIT && call->marker)
        refit_end_cut(call, (struct span){ 0 }, true);
}
