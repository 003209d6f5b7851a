#include "rtp/interleaved.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"

ssize_t interleaved_parse(struct span in, struct interleaved_frame *out)
{
    if (in.len > 0 && in.p[0] != '$')
        return -EBADMSG;
    if (in.len < INTERLEAVED_HEADER)
        return -EAGAIN;
    size_t len = read_be16(in.p + 2);
    if (in.len - INTERLEAVED_HEADER < len)
        return -EAGAIN;
    *out = (struct interleaved_frame){
        .channel = in.p[1],
        .payload = { in.p + INTERLEAVED_HEADER, len },
    };
    return (ssize_t)(INTERLEAVED_HEADER + len);
}

bool interleaved_may_start(struct span in, unsigned channels)
{
    /* Whole words: single capitals occur in rubbish much too often. */
    static const char *const words[] = {
        "RTSP/",  "OPTIONS ", "DESCRIBE ", "ANNOUNCE ",      "SETUP ",         "PLAY ",
        "PAUSE ", "RECORD ",  "TEARDOWN ", "GET_PARAMETER ", "SET_PARAMETER ", "REDIRECT ",
    };
    if (in.p[0] == '$')
        return in.len == 1 || in.p[1] < channels;
    if (in.p[0] < 'A' || in.p[0] > 'Z')
        return false;
    for (size_t i = 0; i < COUNT(words); i++) {
        if (memcmp(in.p, words[i], MIN(in.len, strlen(words[i]))) == 0)
            return true;
    }
    return false;
}

size_t interleaved_resync(struct span in, unsigned channels)
{
    for (size_t at = 1; at < in.len; at++) {
        if (interleaved_may_start(span_skip(in, at), channels))
            return at;
    }
    return in.len;
}

void interleaved_write_header(uint8_t out[INTERLEAVED_HEADER], uint8_t channel, uint16_t len)
{
    out[0] = '$';
    out[1] = channel;
    write_be16(out + 2, len);
}
