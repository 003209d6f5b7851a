/* AV1: OBUs flow from payload to payload; one that is alone in its payload has no length. */
#include "base/check.h"
#include "rtp/av1_format.h"
#include "rtp/pack_internal.h"

/* Where the next payload goes on. */
struct position {
    unsigned unit;
    size_t   at;
};

static size_t left_of(const struct pack_call *call, const struct position *position)
{
    return call->au->units[position->unit].len - position->at;
}

static void put_obu(struct pack_call *call, struct position *position, size_t len)
{
    pack_put_unit(call, position->unit, position->at, len);
    position->at += len;
    if (left_of(call, position) > 0) {
        call->out[0] |= AV1_Y;
        return;
    }
    position->unit++;
    position->at = 0;
}

/* Whole OBUs with their lengths; one that does not fit begins the next payload. */
static void put_small_obus(struct pack_call *call, struct position *position)
{
    uint8_t length[AV1_MAX_LENGTH];
    while (position->unit < call->au->unit_count) {
        size_t len = left_of(call, position);
        if (len + AV1_MAX_LENGTH > pack_room(call))
            return;
        pack_put(call, length, av1_write_length(len, length));
        put_obu(call, position, len);
    }
}

int pack_av1(struct pack_call *call)
{
    struct position position = { 0 };
    uint8_t         flags = call->au->is_keyframe ? AV1_N : 0;
    while (position.unit < call->au->unit_count) {
        pack_open(call);
        flags |= position.at > 0 ? AV1_Z : 0;
        pack_put(call, &flags, 1);
        size_t len = left_of(call, &position), room = pack_room(call);
        if (len + AV1_MAX_LENGTH > room) {
            call->out[0] |= AV1_W_ONE;
            put_obu(call, &position, MIN(len, room));
        } else {
            put_small_obus(call, &position);
        }
        pack_give(call, position.unit == call->au->unit_count);
        flags = 0;
    }
    return 0;
}
