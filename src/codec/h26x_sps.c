#include "codec/h26x.h"

#include <errno.h>

/*
 * The bits of a NAL unit without its emulation prevention bytes (H264 and H265, section 7.4.1).
 * Reading past the end gives zeros and is remembered, so that a parser checks once, at its end.
 */
struct bits {
    struct span rest;
    unsigned    zeros; /* bytes of 0 read just before `rest` */
    unsigned    left;  /* bits of `byte` not read yet */
    uint8_t     byte;
    bool        is_bad;
};

static void load_byte(struct bits *bits)
{
    if (bits->zeros >= 2 && bits->rest.len && bits->rest.p[0] == 3) {
        bits->rest = span_skip(bits->rest, 1);
        bits->zeros = 0;
    }
    if (bits->rest.len == 0) {
        bits->is_bad = true;
        bits->byte = 0;
    } else {
        bits->byte = bits->rest.p[0];
        bits->rest = span_skip(bits->rest, 1);
    }
    bits->zeros = bits->byte ? 0 : bits->zeros + 1;
    bits->left = 8;
}

static uint32_t read_bits(struct bits *bits, unsigned count)
{
    uint32_t value = 0;
    while (count--) {
        if (bits->left == 0)
            load_byte(bits);
        value = value << 1 | (bits->byte >> --bits->left & 1);
    }
    return value;
}

static void skip_bits(struct bits *bits, unsigned count)
{
    for (; count > 32; count -= 32)
        (void)read_bits(bits, 32);
    (void)read_bits(bits, count);
}

/* Exp-Golomb, unsigned; above `max` the NAL unit is bad, and 0 stands in. */
static uint32_t read_ue(struct bits *bits, uint32_t max)
{
    unsigned zeros = 0;
    while (zeros < 32 && !bits->is_bad && read_bits(bits, 1) == 0)
        zeros++;
    uint64_t value = (UINT64_C(1) << zeros) - 1 + read_bits(bits, zeros);
    if (bits->is_bad || value > max) {
        bits->is_bad = true;
        return 0;
    }
    return (uint32_t)value;
}

static int32_t read_se(struct bits *bits)
{
    uint32_t value = read_ue(bits, UINT32_MAX - 1);
    return value & 1 ? (int32_t)(value / 2 + 1) : -(int32_t)(value / 2);
}

static void skip_ue(struct bits *bits)
{
    (void)read_ue(bits, UINT32_MAX - 1);
}

struct crop {
    uint32_t left, right, top, bottom; /* in units */
    uint32_t unit_x, unit_y;           /* luma samples */
};

/* `width` and `height` are the coded picture's. */
static int finish(const struct bits *bits, uint64_t width, uint64_t height, const struct crop *crop,
                  struct h26x_size *out)
{
    uint64_t cut_x = ((uint64_t)crop->left + crop->right) * crop->unit_x;
    uint64_t cut_y = ((uint64_t)crop->top + crop->bottom) * crop->unit_y;
    if (bits->is_bad || cut_x >= width || cut_y >= height || width - cut_x > H26X_MAX_SIDE ||
        height - cut_y > H26X_MAX_SIDE)
        return -EBADMSG;
    *out = (struct h26x_size){ (uint32_t)(width - cut_x), (uint32_t)(height - cut_y) };
    return 0;
}

static void read_crop(struct bits *bits, struct crop *crop)
{
    crop->left = read_ue(bits, H26X_MAX_SIDE);
    crop->right = read_ue(bits, H26X_MAX_SIDE);
    crop->top = read_ue(bits, H26X_MAX_SIDE);
    crop->bottom = read_ue(bits, H26X_MAX_SIDE);
}

/*
 * Samples of luma to one of chroma, by chroma_format_idc (both standards, table 6-1): the unit of
 * cropping. It is 1 for monochrome and for 4:4:4, so that separate planes make no difference.
 */
static const uint8_t sub_width[4] = { 1, 2, 2, 1 };
static const uint8_t sub_height[4] = { 1, 2, 1, 1 };

/* H264, section 7.3.2.1.1: these profiles have chroma_format_idc and scaling matrices. */
static bool h264_has_chroma_format(uint32_t profile)
{
    static const uint8_t profiles[] = {
        100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135
    };
    return memchr(profiles, (int)profile, sizeof(profiles)) != NULL;
}

/* H264, section 7.3.2.1.1.1: a delta that leads to scale 0 ends the list. */
static void h264_skip_scaling_list(struct bits *bits, unsigned size)
{
    uint8_t scale = 8;
    for (unsigned i = 0; i < size && scale != 0 && !bits->is_bad; i++)
        scale = (uint8_t)(scale + (uint32_t)read_se(bits));
}

static uint32_t h264_read_chroma(struct bits *bits)
{
    uint32_t format = read_ue(bits, 3);
    skip_bits(bits, format == 3); /* separate_colour_plane_flag */
    skip_ue(bits);                /* bit_depth_luma_minus8 */
    skip_ue(bits);                /* bit_depth_chroma_minus8 */
    skip_bits(bits, 1);
    if (read_bits(bits, 1)) /* seq_scaling_matrix_present_flag */
        for (unsigned i = 0; i < (format == 3 ? 12 : 8); i++)
            if (read_bits(bits, 1))
                h264_skip_scaling_list(bits, i < 6 ? 16 : 64);
    return format;
}

/* Returns pic_order_cnt_type. */
static uint32_t h264_skip_picture_order(struct bits *bits)
{
    uint32_t type = read_ue(bits, 2);
    if (type == 0) {
        skip_ue(bits); /* log2_max_pic_order_cnt_lsb_minus4 */
    } else if (type == 1) {
        skip_bits(bits, 1);
        (void)read_se(bits);
        (void)read_se(bits);
        uint32_t frames = read_ue(bits, 255);
        for (uint32_t i = 0; i < frames && !bits->is_bad; i++)
            (void)read_se(bits);
    }
    return type;
}

/* What is read of an SPS of H264; `bits` then stands before the VUI, if there is one. */
struct h264_sps {
    struct bits      bits;
    uint32_t         profile, order_type;
    bool             has_vui;
    struct h26x_size size;
};

static int h264_read_sps(struct span nal, struct h264_sps *out)
{
    if (nal.len < 4 || (nal.p[0] & 0x1f) != H264_NAL_SPS)
        return -EBADMSG;
    struct bits bits = { .rest = span_skip(nal, 1) };
    out->profile = read_bits(&bits, 8);
    skip_bits(&bits, 16);
    (void)read_ue(&bits, 31); /* seq_parameter_set_id */
    uint32_t chroma = h264_has_chroma_format(out->profile) ? h264_read_chroma(&bits) : 1;
    skip_ue(&bits); /* log2_max_frame_num_minus4 */
    out->order_type = h264_skip_picture_order(&bits);
    skip_ue(&bits); /* max_num_ref_frames */
    skip_bits(&bits, 1);
    uint64_t width = 16 * ((uint64_t)read_ue(&bits, H26X_MAX_SIDE / 16) + 1);
    uint64_t units = (uint64_t)read_ue(&bits, H26X_MAX_SIDE / 16) + 1;
    /* A map unit of a stream that may have fields is two macroblocks high. */
    uint32_t rows = read_bits(&bits, 1) ? 1 : 2;
    skip_bits(&bits, rows == 2 ? 2 : 1);
    struct crop crop = { .unit_x = sub_width[chroma], .unit_y = sub_height[chroma] * rows };
    if (read_bits(&bits, 1))
        read_crop(&bits, &crop);
    int err = finish(&bits, width, 16 * units * rows, &crop, &out->size);
    out->has_vui = read_bits(&bits, 1); /* the size counts, even when the set ends here */
    out->bits = bits;
    return err;
}

int h264_parse_sps(struct span nal, struct h26x_size *out)
{
    struct h264_sps sps;
    int             err = h264_read_sps(nal, &sps);
    if (err == 0)
        *out = sps.size;
    return err;
}

/* H264, section E.1.2. */
static void h264_skip_hrd(struct bits *bits)
{
    uint32_t count = read_ue(bits, 31) + 1;
    skip_bits(bits, 8);
    for (uint32_t i = 0; i < count && !bits->is_bad; i++) {
        skip_ue(bits); /* bit_rate_value_minus1 */
        skip_ue(bits); /* cpb_size_value_minus1 */
        skip_bits(bits, 1);
    }
    skip_bits(bits, 20);
}

/* H264, section E.1.1, up to the bitstream restriction. */
static void h264_skip_vui(struct bits *bits)
{
    enum { EXTENDED_SAR = 255 };
    if (read_bits(bits, 1)) /* aspect_ratio_info_present_flag */
        skip_bits(bits, read_bits(bits, 8) == EXTENDED_SAR ? 32 : 0);
    skip_bits(bits, read_bits(bits, 1)); /* overscan */
    if (read_bits(bits, 1)) {            /* video_signal_type */
        skip_bits(bits, 4);
        skip_bits(bits, read_bits(bits, 1) ? 24 : 0); /* colour_description */
    }
    if (read_bits(bits, 1)) { /* chroma_loc_info */
        skip_ue(bits);
        skip_ue(bits);
    }
    skip_bits(bits, read_bits(bits, 1) ? 65 : 0); /* timing_info */
    uint32_t has_nal_hrd = read_bits(bits, 1);
    if (has_nal_hrd)
        h264_skip_hrd(bits);
    uint32_t has_vcl_hrd = read_bits(bits, 1);
    if (has_vcl_hrd)
        h264_skip_hrd(bits);
    skip_bits(bits, has_nal_hrd | has_vcl_hrd); /* low_delay_hrd_flag */
    skip_bits(bits, 1);                         /* pic_struct_present_flag */
}

/* Section E.2.1: without a restriction, any order that the buffer allows. */
static bool h264_restricts_reordering(struct bits *bits)
{
    h264_skip_vui(bits);
    if (!read_bits(bits, 1))
        return false;
    skip_bits(bits, 1);
    for (unsigned i = 0; i < 4; i++)
        skip_ue(bits); /* sizes and lengths of motion vectors */
    uint32_t max_num_reorder_frames = read_ue(bits, 16);
    return max_num_reorder_frames == 0 && !bits->is_bad;
}

bool h264_keeps_order(struct span nal)
{
    enum { BASELINE = 66, AS_DECODED = 2 };
    struct h264_sps sps;
    if (h264_read_sps(nal, &sps) < 0)
        return false;
    if (sps.profile == BASELINE || sps.order_type == AS_DECODED)
        return true;
    return sps.has_vui && h264_restricts_reordering(&sps.bits);
}

/* H265, section 7.3.3, with the general profile present. */
static void h265_skip_profile_tier_level(struct bits *bits, unsigned sub_layers)
{
    enum { PROFILE = 88, LEVEL = 8, MAX_SUB_LAYERS = 8 };
    skip_bits(bits, PROFILE + LEVEL);
    if (sub_layers == 0)
        return;
    uint32_t present = read_bits(bits, 2 * MAX_SUB_LAYERS);
    for (unsigned i = 0; i < sub_layers; i++, present <<= 2) {
        skip_bits(bits, present & 0x8000 ? PROFILE : 0);
        skip_bits(bits, present & 0x4000 ? LEVEL : 0);
    }
}

/* What is read of an SPS of H265; `bits` then stands behind the cropping. */
struct h265_sps {
    struct bits      bits;
    uint32_t         sub_layers; /* above the first */
    struct h26x_size size;
};

static int h265_read_sps(struct span nal, struct h265_sps *out)
{
    /* Layers above the base have another syntax (annex F), and no reader of ours wants them. */
    if (nal.len < 4 || (nal.p[0] >> 1 & 0x3f) != H265_NAL_SPS || nal.p[0] & 1 || nal.p[1] >> 3)
        return -EBADMSG;
    struct bits bits = { .rest = span_skip(nal, 2) };
    skip_bits(&bits, 4);
    out->sub_layers = read_bits(&bits, 3);
    if (out->sub_layers > 6)
        return -EBADMSG;
    skip_bits(&bits, 1);
    h265_skip_profile_tier_level(&bits, out->sub_layers);
    (void)read_ue(&bits, 15); /* sps_seq_parameter_set_id */
    uint32_t chroma = read_ue(&bits, 3);
    skip_bits(&bits, chroma == 3); /* separate_colour_plane_flag */
    uint32_t    width = read_ue(&bits, H26X_MAX_SIDE);
    uint32_t    height = read_ue(&bits, H26X_MAX_SIDE);
    struct crop crop = { .unit_x = sub_width[chroma], .unit_y = sub_height[chroma] };
    if (read_bits(&bits, 1)) /* conformance_window_flag */
        read_crop(&bits, &crop);
    out->bits = bits;
    return finish(&bits, width, height, &crop, &out->size);
}

int h265_parse_sps(struct span nal, struct h26x_size *out)
{
    struct h265_sps sps;
    int             err = h265_read_sps(nal, &sps);
    if (err == 0)
        *out = sps.size;
    return err;
}

/* Section 7.4.3.2.1: what is said of the highest sub-layer, the last one, holds for all. */
bool h265_keeps_order(struct span nal)
{
    struct h265_sps sps;
    if (h265_read_sps(nal, &sps) < 0)
        return false;
    struct bits *bits = &sps.bits;
    skip_ue(bits); /* bit_depth_luma_minus8 */
    skip_ue(bits); /* bit_depth_chroma_minus8 */
    skip_ue(bits); /* log2_max_pic_order_cnt_lsb_minus4 */
    uint32_t reorder = 0;
    uint32_t count = read_bits(bits, 1) ? sps.sub_layers + 1 : 1;
    for (uint32_t i = 0; i < count; i++) {
        skip_ue(bits); /* sps_max_dec_pic_buffering_minus1 */
        reorder = read_ue(bits, 16);
        skip_ue(bits); /* sps_max_latency_increase_plus1 */
    }
    return reorder == 0 && !bits->is_bad;
}
