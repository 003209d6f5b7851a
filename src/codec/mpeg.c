#include "codec/mpeg.h"

#include <errno.h>

#include "base/bytes.h"

enum { INTRA = 1 };

size_t mpeg_find_start_code(struct span bytes, size_t at)
{
    static const uint8_t prefix[] = { 0, 0, 1 };
    if (at >= bytes.len)
        return bytes.len;
    const uint8_t *found = memmem(bytes.p + at, bytes.len - at, prefix, sizeof(prefix));
    return found && bytes.len - (size_t)(found - bytes.p) >= MPEG_START_CODE
               ? (size_t)(found - bytes.p)
               : bytes.len;
}

/* The bytes behind the first start code of this kind; empty: none. */
static struct span find_header(struct span head, uint8_t code)
{
    for (size_t at = 0; (at = mpeg_find_start_code(head, at)) < head.len; at += MPEG_START_CODE)
        if (head.p[at + 3] == code)
            return span_skip(head, at + MPEG_START_CODE);
    return (struct span){ 0 };
}

/* Ten bits of time, three of kind. */
bool mpeg1_is_keyframe(struct span head)
{
    struct span picture = find_header(head, MPEG_PICTURE);
    return picture.len >= 2 && (picture.p[1] >> 3 & 7) == INTRA;
}

/* Two bits of kind, 0 being an I-VOP. */
bool mpeg4_is_keyframe(struct span head)
{
    struct span vop = find_header(head, MPEG4_VOP);
    return vop.len >= 1 && vop.p[0] >> 6 == 0;
}

bool mpeg4_is_configuration(struct span head)
{
    enum { LAST_LAYER = 0x2f, SEQUENCE = 0xb0, VISUAL_OBJECT = 0xb5 };
    return head.len >= MPEG_START_CODE &&
           (head.p[3] <= LAST_LAYER || head.p[3] == SEQUENCE || head.p[3] == VISUAL_OBJECT);
}

/* By index, in kbit/s: layers I, II, III of version 1; I, then II and III, of version 2. */
static const uint16_t bitrates[5][15] = {
    { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448 },
    { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 },
    { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 },
    { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256 },
    { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 },
};

int mpeg_parse_audio(struct span head, struct mpeg_audio_frame *out)
{
    static const uint32_t sample_rates[] = { 44100, 48000, 32000 };
    if (head.len < MPEG_AUDIO_HEADER || read_be16(head.p) >> 5 != 0x7ff)
        return -EBADMSG;
    /* Bits as on the wire: version 3 is 1, 2 is 2, 0 is 2.5; layer 3 is I, 2 is II, 1 is III. */
    unsigned version = head.p[1] >> 3 & 3, layer = head.p[1] >> 1 & 3;
    unsigned bitrate = head.p[2] >> 4, rate = head.p[2] >> 2 & 3, padding = head.p[2] >> 1 & 1;
    if (version == 1 || layer == 0 || bitrate == 0 || bitrate == 15 || rate == 3)
        return -EBADMSG;
    bool     is_first = version == 3, is_layer1 = layer == 3;
    unsigned row = is_first ? 3 - layer : is_layer1 ? 3 : 4;
    uint32_t hz = sample_rates[rate] >> (is_first ? 0 : version == 2 ? 1 : 2);
    uint32_t samples = is_layer1 ? 384 : layer == 1 && !is_first ? 576 : 1152;
    uint32_t slot = is_layer1 ? 4 : 1;
    uint32_t slots = samples / 8 * bitrates[row][bitrate] * 1000 / hz / slot + padding;
    *out =
        (struct mpeg_audio_frame){ .bytes = slots * slot, .samples = samples, .sample_rate = hz };
    return 0;
}

int ac3_parse(struct span head, uint32_t *bytes)
{
    enum { SYNC = 0x0b77, RATES = 19 };
    static const uint16_t kbits[RATES] = { 32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                           192, 224, 256, 320, 384, 448, 512, 576, 640 };
    if (head.len < AC3_HEADER || read_be16(head.p) != SYNC)
        return -EBADMSG;
    unsigned rate = head.p[4] >> 6, size = head.p[4] & 0x3f;
    if (rate == 3 || size / 2 >= RATES)
        return -EBADMSG;
    unsigned kbit = kbits[size / 2];
    switch (rate) {
    case 0: /* 48 kHz */
        *bytes = kbit * 4;
        break;
    case 1: /* 44.1 kHz: words of 16 bits, and one more where the size is odd */
        *bytes = 2 * (320 * kbit / 147 + (size & 1));
        break;
    default: /* 32 kHz */
        *bytes = kbit * 6;
    }
    return 0;
}
