#include "rtp/depack.h"

#include "base/check.h"
#include "base/mem.h"
#include "rtp/depack_internal.h"

enum { FIRST_SPANS = 64, FIRST_UNITS = 8, BLOCK_BYTES = 1024 };

static const struct depack_rule *const rules[CODEC_COUNT] = {
    [CODEC_GENERIC] = &depack_whole,
    [CODEC_AV1] = &depack_av1,
    [CODEC_VP9] = &depack_vp9,
    [CODEC_VP8] = &depack_vp8,
    [CODEC_H265] = &depack_h265,
    [CODEC_H264] = &depack_h264,
    [CODEC_MPEG4_VIDEO] = &depack_mpeg4_video,
    [CODEC_MPEG1_VIDEO] = &depack_mpeg1_video,
    [CODEC_MJPEG] = &depack_mjpeg,
    [CODEC_OPUS] = &depack_opus,
    [CODEC_VORBIS] = &depack_vorbis,
    [CODEC_MPEG4_AUDIO] = &depack_mpeg4_audio,
    [CODEC_MPEG4_AUDIO_LATM] = &depack_latm,
    [CODEC_MPEG1_AUDIO] = &depack_mpeg1_audio,
    [CODEC_AC3] = &depack_ac3,
    [CODEC_SPEEX] = &depack_whole,
    [CODEC_G726] = &depack_samples,
    [CODEC_G722] = &depack_samples,
    [CODEC_G711] = &depack_samples,
    [CODEC_LPCM] = &depack_samples,
    [CODEC_FLAC] = &depack_whole,
    [CODEC_KLV] = &depack_klv,
    [CODEC_MPEGTS] = &depack_whole,
};

struct depack *depack_create(enum codec_id codec, const struct payload_params *params)
{
    struct depack *depack = mem_new(struct depack);
    depack->codec = codec_get(codec);
    depack->rule = rules[codec];
    depack->params = *params;
    depack->is_head_unknown = true;
    ASSERT(depack->rule);
    return depack;
}

static void free_blocks(struct depack *depack, struct depack_block *last)
{
    while (depack->blocks != last) {
        struct depack_block *block = depack->blocks;
        depack->blocks = block->next;
        mem_free(block);
    }
}

struct depack *depack_destroy(struct depack *depack)
{
    if (!depack)
        return NULL;
    free_blocks(depack, NULL);
    mem_free(depack->spans);
    mem_free(depack->units);
    return mem_free(depack);
}

/* The oldest block stays for the next access unit, unless something large was put there. */
static void clear_blocks(struct depack *depack)
{
    struct depack_block *oldest = depack->blocks;
    while (oldest && oldest->next)
        oldest = oldest->next;
    free_blocks(depack, oldest && oldest->capacity == BLOCK_BYTES ? oldest : NULL);
    if (depack->blocks)
        depack->blocks->len = 0;
}

static void clear(struct depack *depack)
{
    clear_blocks(depack);
    depack->span_count = depack->unit_count = 0;
    depack->bytes = depack->own_bytes = 0;
    depack->held = 0;
    depack->has_open_unit = false;
    depack->is_keyframe = depack->starts_keyframe = false;
    depack->has_picture = depack->has_whole_picture = false;
}

/* All of the access unit is lost; more of it may follow. */
static void break_all(struct depack *depack)
{
    clear(depack);
    depack->is_broken = depack->is_after_gap = true;
}

/* Returns false when there is no memory; what was there stays. */
static bool grow(void **array, unsigned count, unsigned *capacity, unsigned first, size_t size)
{
    if (count < *capacity)
        return true;
    unsigned wanted = MAX(2 * *capacity, first);
    void    *larger = mem_try(wanted * size);
    if (!larger)
        return false;
    if (count)
        memcpy(larger, *array, count * size);
    mem_free(*array);
    *array = larger;
    *capacity = wanted;
    return true;
}

static void refuse_too_large(struct depack *depack)
{
    depack->counts.dropped++;
    break_all(depack);
}

void depack_begin_unit(struct depack *depack)
{
    if (depack->is_broken)
        return;
    ASSERT(!depack->has_open_unit);
    if (depack->unit_count == DEPACK_MAX_UNITS ||
        !grow((void **)&depack->units, depack->unit_count, &depack->unit_capacity, FIRST_UNITS,
              sizeof(*depack->units))) {
        refuse_too_large(depack);
        return;
    }
    depack->units[depack->unit_count] = (struct au_unit){ .first = depack->span_count };
    depack->has_open_unit = true;
}

void depack_add(struct depack *depack, struct span bytes)
{
    if (depack->is_broken || bytes.len == 0)
        return;
    ASSERT(depack->has_open_unit);
    if (bytes.len > DEPACK_MAX_BYTES - depack->bytes || depack->span_count == DEPACK_MAX_SPANS ||
        !grow((void **)&depack->spans, depack->span_count, &depack->span_capacity, FIRST_SPANS,
              sizeof(*depack->spans))) {
        refuse_too_large(depack);
        return;
    }
    struct au_unit *unit = &depack->units[depack->unit_count];
    depack->spans[depack->span_count++] = bytes;
    depack->bytes += bytes.len;
    unit->count++;
    unit->len += (uint32_t)bytes.len;
}

static struct depack_block *room_for(struct depack *depack, size_t len)
{
    struct depack_block *block = depack->blocks;
    if (block && block->capacity - block->len >= len)
        return block;
    size_t capacity = MAX(len, (size_t)BLOCK_BYTES);
    block = mem_try(sizeof(*block) + capacity);
    if (!block)
        return NULL;
    *block = (struct depack_block){ .next = depack->blocks, .capacity = capacity };
    return depack->blocks = block;
}

uint8_t *depack_reserve(struct depack *depack, size_t len)
{
    struct depack_block *block = NULL;
    if (depack->is_broken)
        return NULL;
    if (len <= DEPACK_MAX_BYTES - depack->own_bytes)
        block = room_for(depack, len);
    if (!block) {
        refuse_too_large(depack);
        return NULL;
    }
    block->len += len;
    depack->own_bytes += len;
    return block->bytes + block->len - len;
}

bool depack_end_unit(struct depack *depack)
{
    bool has_bytes = depack->has_open_unit && depack->units[depack->unit_count].len > 0;
    depack->unit_count += has_bytes;
    depack->has_open_unit = false;
    return has_bytes;
}

void depack_drop_unit(struct depack *depack)
{
    if (!depack->has_open_unit)
        return;
    depack->span_count = depack->units[depack->unit_count].first;
    depack->bytes -= depack->units[depack->unit_count].len;
    depack->has_open_unit = false;
}

bool depack_add_unit(struct depack *depack, struct span bytes)
{
    depack_begin_unit(depack);
    depack_add(depack, bytes);
    return depack_end_unit(depack);
}

size_t depack_open_len(const struct depack *depack)
{
    return depack->has_open_unit ? depack->units[depack->unit_count].len : 0;
}

size_t depack_peek_open(const struct depack *depack, size_t at, size_t len, uint8_t *out)
{
    struct access_unit au = { .spans = depack->spans,
                              .units = depack->units,
                              .unit_count = depack->unit_count + 1 };
    return depack->has_open_unit ? au_unit_copy(&au, depack->unit_count, at, len, out) : 0;
}

static void give(struct depack *depack, const struct depack_sink *sink, bool has_marker)
{
    struct access_unit au = {
        .spans = depack->spans,
        .units = depack->units,
        .unit_count = depack->unit_count,
        .ticks = depack->ticks,
        .unit_ticks = depack->unit_ticks,
        .is_keyframe = depack->codec->kind != CODEC_VIDEO || depack->is_keyframe,
        .is_after_gap = depack->is_after_gap,
        .is_damaged = depack->is_damaged,
        .has_marker = has_marker,
    };
    bool is_given = depack->unit_count > 0;
    if (is_given) {
        depack->counts.units++;
        sink->on_access_unit(sink->arg, &au);
    }
    depack->is_after_gap = !is_given && (depack->is_after_gap || depack->is_damaged);
    clear(depack);
    depack->is_damaged = depack->is_broken = depack->has_ticks = false;
}

void depack_give(struct depack_call *call)
{
    give(call->depack, call->sink, call->marker);
}

/* What is given out by itself was whole; only what follows is to know. */
static void note_damage(struct depack *depack)
{
    if (depack->rule->is_picture)
        depack->is_damaged = true;
    else
        depack->is_after_gap = true;
}

void depack_refuse(struct depack *depack)
{
    depack->counts.dropped++;
    if (depack->rule->is_one_unit)
        break_all(depack);
    else
        depack_drop_unit(depack);
    note_damage(depack);
}

void depack_refuse_orphan(struct depack *depack)
{
    depack->counts.orphans++;
    note_damage(depack);
}

static bool is_late(const struct depack *depack, uint16_t seq)
{
    int16_t ahead = (int16_t)(seq - depack->seq);
    return depack->has_packets && ahead <= 0 && ahead > -RTP_MAX_MISORDER;
}

/* What was begun has a hole now. */
static void on_gap(struct depack *depack)
{
    bool is_begun = depack->span_count > 0 || depack->has_open_unit;
    depack_drop_unit(depack);
    if (is_begun)
        note_damage(depack);
    depack->has_gap = true;
    if (is_begun && depack->rule->is_one_unit)
        break_all(depack);
}

/* What begins behind a gap may have lost its beginning. */
static void note_gap(struct depack *depack)
{
    if (depack->has_gap && depack->span_count == 0 && !depack->is_broken)
        depack->is_after_gap = depack->is_head_unknown = true;
    depack->has_gap = false;
}

static void end_open_unit(struct depack *depack)
{
    if (depack->rule->end_open && depack->has_open_unit)
        depack->rule->end_open(depack);
    else
        (void)depack_end_unit(depack);
}

static void end_picture(struct depack *depack, const struct depack_sink *sink, bool has_marker)
{
    bool (*is_complete)(const struct depack *) = depack->rule->is_complete;
    if (is_complete && !depack->is_broken && !is_complete(depack))
        return;
    end_open_unit(depack);
    give(depack, sink, has_marker);
}

/* False: this packet does not belong to any picture that can be whole. */
static bool begin_picture(const struct depack_call *call)
{
    struct depack            *depack = call->depack;
    const struct depack_rule *rule = depack->rule;
    bool                      is_headless =
        depack->is_head_unknown && !depack->has_ticks && rule->starts && !rule->starts(call);
    depack->is_head_unknown = false;
    depack->has_ticks = true;
    if (is_headless)
        break_all(depack);
    depack->counts.orphans += depack->is_broken;
    return !depack->is_broken;
}

static void take_picture(struct depack_call *call)
{
    struct depack *depack = call->depack;
    if (depack->has_ticks && call->ticks != depack->ticks)
        end_picture(depack, call->sink, false);
    depack->ticks = call->ticks;
    note_gap(depack);
    if (call->payload.len > 0 && begin_picture(call))
        depack->rule->take(call);
    if (call->marker)
        end_picture(depack, call->sink, true);
}

static void take(struct depack_call *call)
{
    struct depack *depack = call->depack;
    if (depack->rule->is_picture) {
        take_picture(call);
    } else if (call->payload.len > 0) {
        depack->is_broken = false;
        note_gap(depack);
        depack->rule->take(call);
    }
}

void depack_packet(struct depack *depack, const struct rtp_header *packet,
                   const struct depack_sink *sink)
{
    struct depack_call call = { depack, sink, packet->payload, packet->ticks, packet->marker };
    if (is_late(depack, packet->seq)) {
        depack->counts.orphans++;
    } else {
        if (depack->has_packets && packet->seq != (uint16_t)(depack->seq + 1))
            on_gap(depack);
        depack->has_packets = true;
        depack->seq = packet->seq;
        take(&call);
    }
    depack->held = depack->span_count > 0 ? depack->held + 1 : 0;
    if (depack->held > DEPACK_MAX_PACKETS)
        refuse_too_large(depack);
}

void depack_flush(struct depack *depack, const struct depack_sink *sink)
{
    if (depack->has_open_unit)
        depack_refuse(depack);
    give(depack, sink, false);
}

unsigned depack_held(const struct depack *depack)
{
    return depack->held;
}

struct depack_counts depack_counts(const struct depack *depack)
{
    return depack->counts;
}
