/* M-JPEG (RFC 2435): a picture is one unit, a whole JPEG with the headers that RTP leaves out. */
#include "rtp/depack_internal.h"
#include "rtp/jpeg_format.h"

static const uint8_t end_of_image[] = { 0xff, 0xd9 };

static bool starts(const struct depack_call *call)
{
    struct jpeg_fragment fragment;
    return jpeg_parse_fragment(call->payload, &fragment) == 0 && fragment.offset == 0;
}

/* False: nobody knows them. Tables that were sent once count until others come. */
static bool find_tables(struct depack *depack, struct jpeg_fragment *fragment)
{
    struct jpeg_image *image = &fragment->image;
    if (image->q > 0 && image->q < JPEG_Q_STATIC) {
        jpeg_make_tables(image->q, image->tables);
        return true;
    }
    if (fragment->has_tables) {
        memcpy(depack->jpeg_tables, image->tables, sizeof(depack->jpeg_tables));
        depack->has_jpeg_tables = true;
    }
    memcpy(image->tables, depack->jpeg_tables, sizeof(image->tables));
    return image->q >= JPEG_Q_TABLES && depack->has_jpeg_tables;
}

static void begin(struct depack *depack, const struct jpeg_image *image)
{
    uint8_t  headers[JPEG_MAX_HEADERS];
    size_t   len = jpeg_write_headers(image, headers);
    uint8_t *kept = depack_reserve(depack, len);
    if (!kept)
        return;
    memcpy(kept, headers, len);
    depack_begin_unit(depack);
    depack_add(depack, (struct span){ kept, len });
    depack->is_keyframe = true;
    depack->image_bytes = 0;
}

static void take(struct depack_call *call)
{
    struct depack       *depack = call->depack;
    struct jpeg_fragment fragment;
    if (jpeg_parse_fragment(call->payload, &fragment) < 0) {
        depack_refuse(depack);
        return;
    }
    if (!depack->has_open_unit) {
        if (fragment.offset > 0 || !find_tables(depack, &fragment)) {
            depack_refuse(depack);
            return;
        }
        begin(depack, &fragment.image);
    }
    if (fragment.offset != depack->image_bytes) {
        depack_refuse(depack);
        return;
    }
    depack->image_bytes += (uint32_t)fragment.scan.len;
    depack_add(depack, fragment.scan);
}

static void end(struct depack *depack)
{
    uint8_t last[sizeof(end_of_image)];
    size_t  len = depack_open_len(depack);
    (void)depack_peek_open(depack, len - sizeof(last), sizeof(last), last);
    if (memcmp(last, end_of_image, sizeof(last)) != 0)
        depack_add(depack, (struct span){ end_of_image, sizeof(end_of_image) });
    (void)depack_end_unit(depack);
}

const struct depack_rule depack_mjpeg = {
    .take = take, .is_picture = true, .is_one_unit = true, .starts = starts, .end_open = end
};
