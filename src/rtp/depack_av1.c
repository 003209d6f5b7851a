/* AV1: OBUs as they come, without temporal delimiters. */
#include "rtp/av1_format.h"
#include "rtp/depack_internal.h"

static void end_obu(struct depack *depack)
{
    uint8_t first;
    if (depack_peek_open(depack, 0, 1, &first) == 0 ||
        av1_obu_type(first) == AV1_OBU_TEMPORAL_DELIMITER) {
        depack_drop_unit(depack);
        return;
    }
    depack->is_keyframe |= av1_obu_type(first) == AV1_OBU_SEQUENCE_HEADER;
    (void)depack_end_unit(depack);
}

/* An OBU that was to go on, and did not. */
static void break_open(struct depack *depack)
{
    if (depack->has_open_unit)
        depack_refuse(depack);
}

static void take_obus(struct depack *depack, struct av1_obus *obus, uint8_t flags)
{
    struct span obu, next;
    bool        goes_on = flags & AV1_Z, has_next = av1_next_obu(obus, &next);
    while (has_next) {
        obu = next;
        has_next = av1_next_obu(obus, &next);
        if (!goes_on)
            depack_begin_unit(depack);
        if (depack->has_open_unit)
            depack_add(depack, obu);
        if (depack->has_open_unit && (has_next || !(flags & AV1_Y)))
            end_obu(depack);
        goes_on = false;
    }
}

static void take(struct depack_call *call)
{
    struct depack  *depack = call->depack;
    uint8_t         flags = call->payload.p[0];
    struct av1_obus obus = av1_obus(call->payload);
    if (!(flags & AV1_Z))
        break_open(depack);
    else if (!depack->has_open_unit)
        depack_refuse_orphan(depack);
    depack->is_keyframe |= (depack->codec->inspect(call->payload) & CODEC_STARTS_KEYFRAME) != 0;
    take_obus(depack, &obus, flags);
    if (obus.rest.len > 0)
        depack_refuse(depack);
}

const struct depack_rule depack_av1 = { .take = take, .is_picture = true, .end_open = break_open };
