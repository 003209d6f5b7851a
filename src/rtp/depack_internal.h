/**
 * depack_internal: what the files of depack share: an access unit in the making.
 */
#pragma once
#include "rtp/depack.h"

enum { DEPACK_JPEG_TABLES = 128 }; /* two of 64 bytes */

/** One depack_packet(). */
struct depack_call {
    struct depack            *depack;
    const struct depack_sink *sink;
    struct span               payload; /* not empty */
    uint32_t                  ticks;
    bool                      marker;
};

/** In what families of codecs differ. */
struct depack_rule {
    void (*take)(struct depack_call *call);
    /** Several packets share a time and end with a marker. Else `take` gives out by itself. */
    bool is_picture;
    /** One unit a picture or message: a hole in it breaks all of it. */
    bool is_one_unit;
    /** Can a picture begin with this packet? NULL: that can't be told. */
    bool (*starts)(const struct depack_call *call);
    /** Has a picture all that it needs to end? NULL: always. */
    bool (*is_complete)(const struct depack *depack);
    /** The picture ends in the open unit. NULL: so that is whole. */
    void (*end_open)(struct depack *depack);
};

/** Bytes that are depack's own, for as long as the access unit lives. */
struct depack_block {
    struct depack_block *next;
    size_t               len, capacity;
    uint8_t              bytes[];
};

struct depack {
    const struct codec       *codec;
    const struct depack_rule *rule;
    struct payload_params     params;
    struct depack_counts      counts;

    bool     has_packets;
    uint16_t seq; /* of the last packet */

    /* the access unit */
    struct span         *spans;
    struct au_unit      *units;
    unsigned             span_count, span_capacity;
    unsigned             unit_count, unit_capacity;
    size_t               bytes;
    size_t               own_bytes; /* reserved, also by units that were dropped */
    unsigned             held;
    struct depack_block *blocks;
    uint32_t             ticks;
    uint32_t             unit_ticks;
    bool                 has_ticks;     /* a packet of it came */
    bool                 has_open_unit; /* units[unit_count] goes on */
    bool                 is_keyframe;
    bool                 is_after_gap;
    bool                 is_damaged;
    bool                 is_broken;       /* nothing more is wanted up to its end */
    bool                 is_head_unknown; /* what came before its first packet may be part of it */
    bool                 has_gap;         /* in front of the packet that comes */

    /* of families */
    bool     has_picture;       /* H26x: a slice was begun */
    bool     has_whole_picture; /* H26x: and ended */
    bool     starts_keyframe;   /* H26x: what a decoder may begin with came */
    uint32_t wanted;            /* bytes of the open unit, where its first packet says that */
    uint32_t image_bytes;       /* JPEG: of the scan, so far */
    uint8_t  jpeg_tables[DEPACK_JPEG_TABLES];
    bool     has_jpeg_tables;
};

extern const struct depack_rule depack_h264, depack_h265, depack_av1, depack_vp8, depack_vp9;
extern const struct depack_rule depack_mpeg4_video, depack_mpeg1_video, depack_mjpeg;
extern const struct depack_rule depack_mpeg4_audio, depack_latm, depack_mpeg1_audio, depack_ac3;
extern const struct depack_rule depack_opus, depack_vorbis, depack_samples;
extern const struct depack_rule depack_klv, depack_whole;

void depack_begin_unit(struct depack *depack);

/** More of the open unit; empty bytes are passed over. */
void depack_add(struct depack *depack, struct span bytes);

/** Memory that lives as long as the access unit. NULL beyond the limits: all of it is dropped. */
uint8_t *depack_reserve(struct depack *depack, size_t len);

/** A unit without bytes is none. True: there is one. */
bool depack_end_unit(struct depack *depack);

void depack_drop_unit(struct depack *depack);

/** Begins, adds and ends. */
bool depack_add_unit(struct depack *depack, struct span bytes);

/** Gives out what there is, and begins anew. */
void depack_give(struct depack_call *call);

/** The packet can't be understood. What it belongs to is damaged, or gone if it is one unit. */
void depack_refuse(struct depack *depack);

/** This is part of a unit whose beginning is lost. */
void depack_refuse_orphan(struct depack *depack);

/** Copies bytes of the open unit; returns how many there are. */
size_t depack_peek_open(const struct depack *depack, size_t at, size_t len, uint8_t *out);

/** How many bytes the open unit has. */
size_t depack_open_len(const struct depack *depack);
