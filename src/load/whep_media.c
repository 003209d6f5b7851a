#include "load/whep_media.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "load/whep_offer.h"

#define CNAME "millrace-load"

enum { PADDING_BIT = 0x20, TYPE_MASK = 0x7f };
_Static_assert(RTCP_SDES_SIZE(sizeof(CNAME) - 1) == WHEP_SDES_SIZE, "as it is written");

static const struct offered {
    uint8_t  payload_type;
    uint32_t clock_rate;
} offered[WHEP_TRACKS] = {
    [WHEP_VIDEO] = { WHEP_VIDEO_TYPE, 90000 },
    [WHEP_AUDIO] = { WHEP_AUDIO_TYPE, 48000 },
};

void whep_media_init(struct whep_media *media, struct srtp_sealer *sealer, uint32_t decrypt_every)
{
    ASSERT(decrypt_every > 0);
    *media = (struct whep_media){ .sealer = sealer,
                                  .decrypt_every = decrypt_every,
                                  .ssrc = random_u32() };
}

void whep_media_fini(struct whep_media *media)
{
    media->in = srtp_keys_destroy(media->in);
    media->out = srtp_keys_destroy(media->out);
}

static int find_track(const uint8_t *packet)
{
    for (int i = 0; i < WHEP_TRACKS; i++)
        if ((packet[1] & TYPE_MASK) == offered[i].payload_type)
            return i;
    return -EBADMSG;
}

static bool is_known(const struct whep_track *track, uint32_t ssrc)
{
    return track->has_ssrc && track->ssrc == ssrc;
}

/* Fibonacci hashing: timestamps are multiples of a frame's time, which may have any factor. */
static bool is_chosen(const struct whep_media *media, uint32_t ticks)
{
    return !media->is_sampling || (ticks * UINT32_C(0x9e3779b1) >> 16) % media->decrypt_every == 0;
}

/* Only what has proved authentic moves the replay window or begins another source. */
static ssize_t decrypt(struct whep_media *media, struct whep_track *track, uint8_t *packet,
                       size_t len)
{
    uint32_t           ssrc = read_be32(packet + 8);
    struct srtp_replay replay = { 0 };
    if (is_known(track, ssrc))
        replay = track->replay;
    ssize_t opened = srtp_open(media->sealer, media->in, &replay, packet, len);
    if (opened < 0)
        return opened;
    track->has_ssrc = true;
    track->ssrc = ssrc;
    track->replay = replay;
    media->decrypted++;
    return opened;
}

/* The fixed header, which is never encrypted. */
static int read_header(struct span packet, struct rtp_header *out)
{
    uint8_t bytes[RTP_HEADER];
    if (packet.len < sizeof(bytes))
        return -EBADMSG;
    memcpy(bytes, packet.p, sizeof(bytes));
    bytes[0] &= 0xc0; /* extension, CSRCs and padding lie in what is not looked at */
    return rtp_parse((struct span){ bytes, sizeof(bytes) }, out);
}

int whep_media_receive(struct whep_media *media, uint8_t *packet, size_t len, int64_t now_ns,
                       struct whep_packet *out)
{
    struct rtp_header header;
    if (!media->in)
        return -EAGAIN;
    int err = read_header((struct span){ packet, len }, &header);
    int number = err < 0 ? err : find_track(packet);
    if (number < 0)
        return number;
    struct whep_track *track = &media->tracks[number];
    if (is_chosen(media, header.ticks) || !is_known(track, header.ssrc)) {
        ssize_t opened = decrypt(media, track, packet, len);
        media->forged += opened == -EBADMSG;
        if (opened == -EBADMSG)
            return -EACCES;
        if (opened >= 0 && (err = rtp_parse((struct span){ packet, (size_t)opened }, &header)) < 0)
            return err;
    }
    if (header.payload.len == 0)
        header.payload = (struct span){ 0 };
    rtp_receiver_packet(&track->receiver, &header, offered[number].clock_rate, now_ns);
    *out = (struct whep_packet){ (unsigned)number, header };
    return 0;
}

static void on_sender_report(struct whep_media *media, const struct rtcp_sender_info *info,
                             int64_t now_ns)
{
    for (unsigned i = 0; i < WHEP_TRACKS; i++) {
        struct rtp_receiver *receiver = &media->tracks[i].receiver;
        if (receiver->has_packets && receiver->ssrc == info->ssrc)
            rtp_receiver_sender_report(receiver, info->ntp, now_ns);
    }
    media->reports++;
}

void whep_media_receive_rtcp(struct whep_media *media, uint8_t *packet, size_t len, int64_t now_ns)
{
    if (!media->in)
        return;
    ssize_t opened = srtcp_open_any(media->sealer, media->in, &media->reporters, packet, len);
    media->forged += opened == -EBADMSG;
    struct span             rest = { packet, opened > 0 ? (size_t)opened : 0 };
    struct rtcp_packet      part;
    struct rtcp_sender_info info;
    for (ssize_t used; rest.len > 0 && (used = rtcp_next(rest, &part)) > 0;) {
        if (part.type == RTCP_SR && rtcp_parse_sender_info(&part, &info) == 0)
            on_sender_report(media, &info, now_ns);
        rest = span_skip(rest, (size_t)used);
    }
}

size_t whep_media_report(struct whep_media *media, int64_t now_ns, uint8_t out[WHEP_MAX_REPORT])
{
    size_t len = 0;
    for (unsigned i = 0; i < WHEP_TRACKS; i++) {
        struct rtp_receiver *receiver = &media->tracks[i].receiver;
        if (!receiver->has_packets)
            continue;
        struct rtcp_report_block block = rtp_receiver_report(receiver, now_ns);
        rtcp_write_rr(media->ssrc, &block, out + len);
        len += RTCP_RR_SIZE;
    }
    if (len == 0 || !media->out)
        return 0;
    len += rtcp_write_sdes(media->ssrc, BYTES(CNAME), out + len);
    return srtcp_seal(media->sealer, media->out, media->rtcp_index++ & SRTCP_MAX_INDEX, out, len);
}
