/* RTP Payload Format for AV1, version 1.0, section 4: a header, then OBUs or fragments of them. */
#include "base/check.h"
#include "rtp/refit_internal.h"

enum {
    Z = 0x80, /* the first OBU began in the packet before */
    Y = 0x40, /* the last one goes on in the next */
    N = 0x08, /* a coded video sequence begins */
    W_ONE = 0x10,
    W_MASK = 0x30, /* how many there are; the last one has no length in front. 0: all have */
};

/* Returns bytes used, 0: cut short or too large. */
static size_t read_leb128(struct span in, size_t *out)
{
    enum { MAX_BYTES = 8, MORE = 0x80 };
    uint64_t value = 0;
    for (size_t i = 0; i < in.len && i < MAX_BYTES; i++) {
        value |= (uint64_t)(in.p[i] & 0x7f) << (7 * i);
        if (in.p[i] & MORE)
            continue;
        *out = (size_t)value;
        return i + 1;
    }
    return 0;
}

/* The OBUs of one packet. */
struct obus {
    struct span rest;
    unsigned    count; /* still to come, the last one without length; 0: as many as fit */
};

static bool next_obu(struct obus *obus, struct span *obu)
{
    size_t len = obus->rest.len, used = 0;
    if (len == 0)
        return false;
    if (obus->count != 1) {
        used = read_leb128(obus->rest, &len);
        if (used == 0 || len > obus->rest.len - used)
            return false;
    }
    *obu = (struct span){ obus->rest.p + used, len };
    obus->rest = span_skip(obus->rest, used + len);
    obus->count -= obus->count > 0;
    return true;
}

static void open_part(struct refit *refit, uint8_t flags)
{
    refit->unit = REFIT_CUTS_UNIT;
    refit->open[0] = flags | W_ONE;
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
    if ((refit->open[0] & W_MASK) == W_MASK || refit->open_len + size + 1 > refit->max_payload)
        return false;
    uint8_t *at = refit->open + refit->obu_at;
    memmove(at + size, at, len);
    at[0] = (uint8_t)((len & 0x7f) | (size == 2 ? 0x80 : 0));
    if (size == 2)
        at[1] = (uint8_t)(len >> 7);
    refit->open[0] = (uint8_t)(refit->open[0] + W_ONE);
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
    } else if (!(flags & Z) && !close_obu(refit)) {
        give_open_part(call, (struct span){ 0 });
        open_part(refit, 0);
    }
    for (size_t room; bytes.len > (room = (size_t)refit->max_payload - refit->open_len);) {
        refit->open[0] |= Y;
        give_open_part(call, span_first(bytes, room));
        open_part(refit, Z);
        bytes = span_skip(bytes, room);
    }
    memcpy(refit->open + refit->open_len, bytes.p, bytes.len);
    refit->open_len = (uint16_t)(refit->open_len + bytes.len);
}

static void add_obus(struct refit_call *call)
{
    uint8_t     flags = call->payload.p[0];
    struct obus obus = { span_skip(call->payload, 1), (flags & W_MASK) / W_ONE };
    struct span obu;
    while (next_obu(&obus, &obu)) {
        if (obu.len)
            add_obu(call, obu, flags & (Z | N));
        flags = 0;
    }
    call->refit->dropped += obus.rest.len > 0;
}

/* What is too large makes the bytes flow up to the end of the temporal unit. */
void refit_take_av1(struct refit_call *call)
{
    struct refit *refit = call->refit;
    bool          starts_inside = call->payload.p[0] & Z;
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
