#include "load/h264_writer.h"

#include <errno.h>

#include "base/auto.h"
#include "base/check.h"

enum {
    HEADER_SPS = 0x67,
    HEADER_PPS = 0x68,
    HEADER_IDR = 0x65,
    HEADER_REPEAT = 0x41,
    HEADER_FILLER = 0x0c,

    SLICE_P = 5, /* all slices of the picture are of this type (table 7-6) */
    SLICE_I = 7,

    PROFILE_BASELINE = 66,
    CONSTRAINED = 0xc0,  /* constraint_set0_flag and constraint_set1_flag */
    LOG2_FRAME_NUM = 4,  /* the least; one reference needs no more */
    FRAME_NUM_BIT = 15,  /* of frame_num in a P slice's NAL unit: behind header and 7 bits */
    SKIP_DEBLOCKING = 1, /* disable_deblocking_filter_idc */
};

/* Table A-1: what a level allows. */
static const struct level {
    uint32_t level_idc;
    uint32_t blocks_per_s;
    uint32_t blocks_per_frame;
    uint32_t kbps;
} levels[] = {
    { 10, 1485, 99, 64 },
    { 11, 3000, 396, 192 },
    { 12, 6000, 396, 384 },
    { 13, 11880, 396, 768 },
    { 20, 11880, 396, 2000 },
    { 21, 19800, 792, 4000 },
    { 22, 20250, 1620, 4000 },
    { 30, 40500, 1620, 10000 },
    { 31, 108000, 3600, 14000 },
    { 32, 216000, 5120, 20000 },
    { 40, 245760, 8192, 20000 },
    { 41, 245760, 8192, 50000 },
    { 42, 522240, 8704, 50000 },
    { 50, 589824, 22080, 135000 },
    { 51, 983040, 36864, 240000 },
    { 52, 2073600, 36864, 240000 },
    { 60, 4177920, 139264, 240000 },
    { 61, 8355840, 139264, 480000 },
    { 62, 16711680, 139264, 800000 },
};

/* Bits of a NAL unit's payload, most significant first, before emulation prevention. */
struct bits {
    struct buf bytes;
    uint32_t   pending; /* fewer than 8 bits */
    unsigned   pending_count;
};

static void put_u(struct bits *bits, unsigned count, uint32_t value)
{
    while (count > 0) {
        count--;
        bits->pending = bits->pending << 1 | (value >> count & 1);
        if (++bits->pending_count < 8)
            continue;
        uint8_t byte = (uint8_t)bits->pending;
        buf_append(&bits->bytes, (struct span){ &byte, 1 });
        bits->pending = bits->pending_count = 0;
    }
}

/* Exp-Golomb, unsigned (9.1). */
static void put_ue(struct bits *bits, uint32_t value)
{
    unsigned length = 0;
    while ((value + 1) >> length > 1)
        length++;
    put_u(bits, length, 0);
    put_u(bits, length + 1, value + 1);
}

/* Ends the payload and appends it as a NAL unit, with emulation prevention (7.4.1). */
static void finish_nal(struct bits *bits, uint8_t header, struct buf *out)
{
    put_u(bits, 1, 1);
    while (bits->pending_count > 0)
        put_u(bits, 1, 0);
    static const uint8_t prevention = 3;
    buf_append(out, (struct span){ &header, 1 });
    unsigned zeros = 0;
    for (size_t i = 0; i < bits->bytes.len; i++) {
        const uint8_t *byte = bits->bytes.p + i;
        if (zeros >= 2 && *byte <= 3) {
            buf_append(out, (struct span){ &prevention, 1 });
            zeros = 0;
        }
        buf_append(out, (struct span){ byte, 1 });
        zeros = *byte == 0 ? zeros + 1 : 0;
    }
    buf_fini(&bits->bytes);
}

static uint32_t blocks_wide(const struct h264_video *video)
{
    return (video->width + 15) / 16;
}

static uint32_t blocks_high(const struct h264_video *video)
{
    return (video->height + 15) / 16;
}

static uint32_t choose_level(const struct h264_video *video)
{
    uint64_t blocks = (uint64_t)blocks_wide(video) * blocks_high(video);
    uint64_t longest = MAX(blocks_wide(video), blocks_high(video));
    for (size_t i = 0; i < COUNT(levels); i++) {
        const struct level *level = &levels[i];
        if (blocks <= level->blocks_per_frame &&
            longest * longest <= UINT64_C(8) * level->blocks_per_frame &&
            blocks * video->fps_milli <= UINT64_C(1000) * level->blocks_per_s &&
            video->bitrate_bps <= UINT64_C(1000) * level->kbps)
            return level->level_idc;
    }
    return levels[COUNT(levels) - 1].level_idc;
}

int h264_video_check(const struct h264_video *video, struct errmsg *why)
{
    if (video->width % 2 || video->height % 2)
        return errmsg_set(why, -EINVAL, "%ux%u: width and height must be even", video->width,
                          video->height);
    if (video->width < H264_WRITER_MIN_SIZE || video->height < H264_WRITER_MIN_SIZE ||
        video->width > H264_WRITER_MAX_WIDTH || video->height > H264_WRITER_MAX_HEIGHT)
        return errmsg_set(why, -EINVAL, "%ux%u: allowed is %dx%d to %dx%d", video->width,
                          video->height, H264_WRITER_MIN_SIZE, H264_WRITER_MIN_SIZE,
                          H264_WRITER_MAX_WIDTH, H264_WRITER_MAX_HEIGHT);
    return 0;
}

/* Frame rate, and that pictures never wait for others: without it decoders hold some back. */
static void put_vui(struct bits *bits, const struct h264_video *video)
{
    put_u(bits, 4, 0);                     /* aspect ratio, overscan, signal type, chroma place */
    put_u(bits, 1, 1);                     /* timing_info_present_flag */
    put_u(bits, 32, 1000);                 /* num_units_in_tick */
    put_u(bits, 32, video->fps_milli * 2); /* time_scale: two fields a frame */
    put_u(bits, 1, 1);                     /* fixed_frame_rate_flag */
    put_u(bits, 3, 0);                     /* no HRD parameters, no pic_struct */
    put_u(bits, 1, 1);                     /* bitstream_restriction_flag */
    put_u(bits, 1, 1);                     /* motion_vectors_over_pic_boundaries_flag */
    put_ue(bits, 0);                       /* max_bytes_per_pic_denom: any */
    put_ue(bits, 0);                       /* max_bits_per_mb_denom: any */
    put_ue(bits, 10);                      /* log2_max_mv_length_horizontal */
    put_ue(bits, 10);                      /* log2_max_mv_length_vertical */
    put_ue(bits, 0);                       /* max_num_reorder_frames */
    put_ue(bits, 1);                       /* max_dec_frame_buffering */
}

void h264_write_sps(struct buf *out, const struct h264_video *video)
{
    struct bits bits = { 0 };
    put_u(&bits, 8, PROFILE_BASELINE);
    put_u(&bits, 8, CONSTRAINED);
    put_u(&bits, 8, choose_level(video));
    put_ue(&bits, 0);                  /* seq_parameter_set_id */
    put_ue(&bits, LOG2_FRAME_NUM - 4); /* log2_max_frame_num_minus4 */
    put_ue(&bits, 2);                  /* pic_order_cnt_type: shown in the order of decoding */
    put_ue(&bits, 1);                  /* max_num_ref_frames */
    put_u(&bits, 1, 0);                /* gaps_in_frame_num_value_allowed_flag */
    put_ue(&bits, blocks_wide(video) - 1);
    put_ue(&bits, blocks_high(video) - 1);
    put_u(&bits, 1, 1); /* frame_mbs_only_flag */
    put_u(&bits, 1, 1); /* direct_8x8_inference_flag */

    /* Cropping is counted in chroma samples, two pixels each. */
    uint32_t right = (blocks_wide(video) * 16 - video->width) / 2;
    uint32_t bottom = (blocks_high(video) * 16 - video->height) / 2;
    put_u(&bits, 1, right || bottom);
    if (right || bottom) {
        put_ue(&bits, 0);
        put_ue(&bits, right);
        put_ue(&bits, 0);
        put_ue(&bits, bottom);
    }
    put_u(&bits, 1, 1); /* vui_parameters_present_flag */
    put_vui(&bits, video);
    finish_nal(&bits, HEADER_SPS, out);
}

void h264_write_pps(struct buf *out)
{
    struct bits bits = { 0 };
    put_ue(&bits, 0);   /* pic_parameter_set_id */
    put_ue(&bits, 0);   /* seq_parameter_set_id */
    put_u(&bits, 2, 0); /* CAVLC; no field order */
    put_ue(&bits, 0);   /* one slice group */
    put_ue(&bits, 0);   /* one reference in list 0 */
    put_ue(&bits, 0);   /* and one in list 1 */
    put_u(&bits, 3, 0); /* no weighted prediction */
    put_ue(&bits, 0);   /* pic_init_qp_minus26 */
    put_ue(&bits, 0);   /* pic_init_qs_minus26 */
    put_ue(&bits, 0);   /* chroma_qp_index_offset */
    put_u(&bits, 1, 1); /* deblocking_filter_control_present_flag */
    put_u(&bits, 2, 0); /* inter pixels may predict intra ones; no redundant pictures */
    finish_nal(&bits, HEADER_PPS, out);
}

void h264_write_idr(struct buf *out, const struct h264_video *video)
{
    struct bits bits = { 0 };
    put_ue(&bits, 0); /* first_mb_in_slice */
    put_ue(&bits, SLICE_I);
    put_ue(&bits, 0);                /* pic_parameter_set_id */
    put_u(&bits, LOG2_FRAME_NUM, 0); /* frame_num */
    put_ue(&bits, 0);                /* idr_pic_id */
    put_u(&bits, 2, 0);              /* no_output_of_prior_pics_flag, long_term_reference_flag */
    put_ue(&bits, 0);                /* slice_qp_delta */
    put_ue(&bits, SKIP_DEBLOCKING);
    uint32_t blocks = blocks_wide(video) * blocks_high(video);
    for (uint32_t i = 0; i < blocks; i++) {
        put_ue(&bits, 3);   /* I_16x16_2_0_0: predicted from the average, no coefficients */
        put_ue(&bits, 0);   /* intra_chroma_pred_mode: average */
        put_ue(&bits, 0);   /* mb_qp_delta */
        put_u(&bits, 1, 1); /* coeff_token of the DC level: none */
    }
    finish_nal(&bits, HEADER_IDR, out);
}

void h264_write_repeat(struct buf *out, const struct h264_video *video, unsigned number)
{
    struct bits bits = { 0 };
    put_ue(&bits, 0); /* first_mb_in_slice */
    put_ue(&bits, SLICE_P);
    put_ue(&bits, 0); /* pic_parameter_set_id */
    put_u(&bits, LOG2_FRAME_NUM, number);
    put_u(&bits, 3, 0); /* default list size and order, sliding window */
    put_ue(&bits, 0);   /* slice_qp_delta */
    put_ue(&bits, SKIP_DEBLOCKING);
    put_ue(&bits, blocks_wide(video) * blocks_high(video)); /* mb_skip_run */
    finish_nal(&bits, HEADER_REPEAT, out);
}

/* No emulation prevention comes or goes: the bits around frame_num are never a byte of zeros. */
void h264_renumber_repeat(uint8_t *nal, unsigned number)
{
    for (unsigned i = 0; i < LOG2_FRAME_NUM; i++) {
        unsigned at = FRAME_NUM_BIT + i;
        uint8_t  mask = (uint8_t)(0x80 >> at % 8);
        bool     is_set = number >> (LOG2_FRAME_NUM - 1 - i) & 1;
        nal[at / 8] = (uint8_t)(is_set ? nal[at / 8] | mask : nal[at / 8] & ~mask);
    }
}

void h264_write_filler(struct buf *out, size_t size)
{
    ASSERT(size >= H264_WRITER_MIN_FILLER);
    static const uint8_t header = HEADER_FILLER, ff = 0xff, stop = 0x80;
    buf_append(out, (struct span){ &header, 1 });
    for (size_t i = 0; i < size - H264_WRITER_MIN_FILLER; i++)
        buf_append(out, (struct span){ &ff, 1 });
    buf_append(out, (struct span){ &stop, 1 });
}
