#include "load/whep_media.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/test.h"
#include "load/whep_offer.h"
#include "srtp/srtp_sealer.h"

enum { SSRC = 0x31323334, OTHER_SSRC = 0x41424344, PAYLOAD = 100, MAX_PACKET = 256 };

static const enum srtp_profile profiles[] = {
    SRTP_PROFILE_AES128_CM_SHA1_80,
    SRTP_PROFILE_AEAD_AES_128_GCM,
    SRTP_PROFILE_AEAD_AES_256_GCM,
};

/* A server that seals and the viewer under test, who has its keys. */
struct fixture {
    struct srtp_sealer *sealer;
    struct srtp_keys   *server; /* what the server sends with */
    struct whep_media   media;
};

static struct srtp_keys *new_keys(const struct srtp_sealer *sealer, enum srtp_profile profile,
                                  uint8_t seed)
{
    const struct srtp_profile_info *info = srtp_profile_find(profile);
    struct srtp_keys               *keys;
    uint8_t                         bytes[SRTP_MAX_KEY];
    memset(bytes, seed, sizeof(bytes));
    assert_int_equal(srtp_keys_create(sealer, profile, (struct span){ bytes, info->key_len },
                                      (struct span){ bytes, info->salt_len }, &keys),
                     0);
    return keys;
}

static void setup(struct fixture *f, enum srtp_profile profile, uint32_t decrypt_every)
{
    f->sealer = srtp_sealer_create(0);
    f->server = new_keys(f->sealer, profile, 1);
    whep_media_init(&f->media, f->sealer, decrypt_every);
    f->media.in = new_keys(f->sealer, profile, 1);
    f->media.out = new_keys(f->sealer, profile, 2);
}

static void teardown(struct fixture *f)
{
    whep_media_fini(&f->media);
    srtp_keys_destroy(f->server);
    srtp_sealer_destroy(f->sealer);
}

struct sent {
    uint64_t index; /* rollover counter << 16 | sequence number */
    uint32_t ticks;
    uint32_t ssrc;         /* 0: SSRC */
    uint8_t  payload_type; /* 0: video's */
};

/* The payload is PAYLOAD times the low byte of the index. */
static size_t seal(struct fixture *f, const struct sent *sent, uint8_t out[MAX_PACKET])
{
    uint8_t           payload[PAYLOAD];
    struct rtp_header header = { .payload_type =
                                     sent->payload_type ? sent->payload_type : WHEP_VIDEO_TYPE,
                                 .seq = (uint16_t)sent->index,
                                 .ticks = sent->ticks,
                                 .ssrc = sent->ssrc ? sent->ssrc : SSRC };
    memset(payload, (uint8_t)sent->index, sizeof(payload));
    rtp_write(&header, out);
    srtp_seal(f->sealer,
              &(struct srtp_job){ .keys = f->server,
                                  .out = out,
                                  .header_len = RTP_HEADER,
                                  .ssrc = header.ssrc,
                                  .payload = { payload, sizeof(payload) },
                                  .index = sent->index },
              1);
    return srtp_sealed_len(f->server, RTP_HEADER, sizeof(payload));
}

static int receive(struct fixture *f, const struct sent *sent, struct whep_packet *out,
                   uint8_t bytes[MAX_PACKET])
{
    size_t len = seal(f, sent, bytes);
    return whep_media_receive(&f->media, bytes, len, NS_PER_S, out);
}

static bool is_plain(const struct whep_packet *packet, uint8_t value)
{
    struct span payload = packet->header.payload;
    return payload.len == PAYLOAD && payload.p[0] == value && payload.p[PAYLOAD - 1] == value;
}

static void packets_are_decrypted(void **state)
{
    for (size_t i = 0; i < COUNT(profiles); i++) {
        const char        *name = srtp_profile_find(profiles[i])->openssl_name;
        struct fixture     f;
        struct whep_packet seen;
        uint8_t            bytes[MAX_PACKET];
        setup(&f, profiles[i], 1);
        /* Over the wrap of the sequence number, with one that is late. */
        static const uint64_t order[] = { 0xfffd, 0xffff, 0xfffe, 0x10000, 0x10001 };
        for (size_t j = 0; j < COUNT(order); j++) {
            CHECK(receive(&f, &(struct sent){ .index = order[j] }, &seen, bytes) == 0, name);
            CHECK(seen.track == WHEP_VIDEO && seen.header.seq == (uint16_t)order[j], name);
            CHECK(is_plain(&seen, (uint8_t)order[j]), name);
        }
        CHECK(f.media.decrypted == COUNT(order) && f.media.forged == 0, name);
        teardown(&f);
    }
}

static void forgeries_are_counted_and_change_nothing(void **state)
{
    for (size_t i = 0; i < COUNT(profiles); i++) {
        const char        *name = srtp_profile_find(profiles[i])->openssl_name;
        struct fixture     f;
        struct whep_packet seen;
        uint8_t            bytes[MAX_PACKET];
        setup(&f, profiles[i], 1);
        CHECK(receive(&f, &(struct sent){ .index = 7 }, &seen, bytes) == 0, name);
        for (size_t at = 0; at < RTP_HEADER + PAYLOAD + 10; at += 8) {
            size_t len = seal(&f, &(struct sent){ .index = 8 }, bytes);
            bytes[at] ^= at == 0 ? 0x10 : 0x02; /* still version 2 */
            int err = whep_media_receive(&f.media, bytes, len, 0, &seen);
            CHECK(err == -EACCES || err == -EBADMSG, name);
        }
        CHECK(f.media.forged >= 10, name);
        CHECK(f.media.tracks[WHEP_VIDEO].ssrc == SSRC, "a forged SSRC is not believed");
        CHECK(receive(&f, &(struct sent){ .index = 8 }, &seen, bytes) == 0, name);
        CHECK(is_plain(&seen, 8), name);
        teardown(&f);
    }
}

static void a_packet_that_comes_twice_has_no_payload(void **state)
{
    struct fixture     f;
    struct whep_packet seen;
    uint8_t            bytes[MAX_PACKET];
    setup(&f, SRTP_PROFILE_AEAD_AES_128_GCM, 1);
    CHECK(receive(&f, &(struct sent){ .index = 7 }, &seen, bytes) == 0, "once");
    CHECK(receive(&f, &(struct sent){ .index = 7 }, &seen, bytes) == 0, "twice");
    CHECK(seen.header.seq == 7 && seen.header.payload.len == 0, "to be counted only");
    CHECK(f.media.decrypted == 1 && f.media.forged == 0, "no forgery");
    teardown(&f);
}

static void what_is_no_rtp_of_ours_is_refused(void **state)
{
    struct fixture     f;
    struct whep_packet seen;
    uint8_t            bytes[MAX_PACKET];
    setup(&f, SRTP_PROFILE_AEAD_AES_128_GCM, 1);
    CHECK(receive(&f, &(struct sent){ .payload_type = 96 }, &seen, bytes) == -EBADMSG,
          "a payload type that was not offered");
    size_t len = seal(&f, &(struct sent){ .index = 1 }, bytes);
    CHECK(whep_media_receive(&f.media, bytes, 11, 0, &seen) == -EBADMSG, "half a header");
    CHECK(whep_media_receive(&f.media, bytes, 20, 0, &seen) == -EACCES, "no room for a tag");
    bytes[0] = 0x40;
    CHECK(whep_media_receive(&f.media, bytes, len, 0, &seen) == -EBADMSG, "version 1");
    whep_media_fini(&f.media);
    len = seal(&f, &(struct sent){ .index = 1 }, bytes);
    CHECK(whep_media_receive(&f.media, bytes, len, 0, &seen) == -EAGAIN, "no keys yet");
    teardown(&f);
}

static void another_source_begins_anew(void **state)
{
    struct fixture     f;
    struct whep_packet seen;
    uint8_t            bytes[MAX_PACKET];
    setup(&f, SRTP_PROFILE_AES128_CM_SHA1_80, 1);
    CHECK(receive(&f, &(struct sent){ .index = 0xffff }, &seen, bytes) == 0, "the first");
    CHECK(receive(&f, &(struct sent){ .index = 0x10000 }, &seen, bytes) == 0, "has wrapped");
    CHECK(receive(&f, &(struct sent){ .index = 5, .ssrc = OTHER_SSRC }, &seen, bytes) == 0,
          "another, without rollovers");
    CHECK(is_plain(&seen, 5), "and is understood");
    struct sent audio = { .index = 9, .payload_type = WHEP_AUDIO_TYPE };
    CHECK(receive(&f, &audio, &seen, bytes) == 0 && seen.track == WHEP_AUDIO, "audio");
    teardown(&f);
}

static void some_frames_are_decrypted_whole_and_others_not_at_all(void **state)
{
    enum { FRAMES = 800, PACKETS = 3, EVERY = 8 };
    struct fixture     f;
    struct whep_packet seen;
    uint8_t            bytes[MAX_PACKET];
    unsigned           whole = 0;
    setup(&f, SRTP_PROFILE_AEAD_AES_128_GCM, EVERY);
    CHECK(receive(&f, &(struct sent){ .index = 0, .ticks = 1 }, &seen, bytes) == 0, "before");
    CHECK(is_plain(&seen, 0), "all that comes before the picture is there");
    f.media.is_sampling = true;
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        unsigned read = 0;
        for (unsigned i = 0; i < PACKETS; i++) {
            struct sent sent = { .index = 1 + frame * PACKETS + i, .ticks = frame * 3600 };
            CHECK(receive(&f, &sent, &seen, bytes) == 0, "taken");
            CHECK(seen.header.seq == (uint16_t)sent.index && seen.header.ticks == sent.ticks,
                  "headers are always there");
            read += seen.header.payload.len > 0;
        }
        CHECK(read == 0 || read == PACKETS, "of a frame all or nothing");
        whole += read == PACKETS;
    }
    CHECK(whole > FRAMES / EVERY / 2 && whole < FRAMES / EVERY * 2, "one in eight, or about");
    CHECK(f.media.decrypted == 1 + whole * PACKETS, "counted");
    CHECK(receive(&f, &(struct sent){ .index = 1, .ssrc = OTHER_SSRC }, &seen, bytes) == 0 &&
              seen.header.payload.len > 0,
          "a source that nobody knows has to prove itself");
    teardown(&f);
}

/* What the server makes of a report of ours. */
static void open_report(struct fixture *f, uint8_t *bytes, size_t len,
                        struct rtcp_report_block blocks[WHEP_TRACKS])
{
    struct srtp_replay replay = { 0 };
    ssize_t            opened = srtcp_open(f->sealer, f->media.out, &replay, bytes, len);
    struct span        rest = { bytes, (size_t)opened };
    struct rtcp_packet part;
    CHECK(opened > 0, "authentic");
    for (unsigned i = 0; i < WHEP_TRACKS; i++) {
        rest = span_skip(rest, (size_t)rtcp_next(rest, &part));
        CHECK(part.type == RTCP_RR && rtcp_parse_report_block(&part, 0, &blocks[i]) == 0, "block");
    }
    CHECK(rtcp_next(rest, &part) == (ssize_t)rest.len && part.type == RTCP_SDES, "and a name");
}

static void reports_answer_the_senders(void **state)
{
    for (size_t i = 0; i < COUNT(profiles); i++) {
        const char              *name = srtp_profile_find(profiles[i])->openssl_name;
        struct fixture           f;
        struct whep_packet       seen;
        struct rtcp_report_block blocks[WHEP_TRACKS];
        uint8_t                  bytes[MAX_PACKET];
        setup(&f, profiles[i], 1);
        CHECK(whep_media_report(&f.media, 0, bytes) == 0, "nothing to report yet");
        struct sent audio = { .index = 1, .ssrc = OTHER_SSRC, .payload_type = WHEP_AUDIO_TYPE };
        CHECK(receive(&f, &(struct sent){ .index = 10 }, &seen, bytes) == 0, name);
        CHECK(receive(&f, &(struct sent){ .index = 13 }, &seen, bytes) == 0, name);
        CHECK(receive(&f, &audio, &seen, bytes) == 0, name);

        struct rtcp_sender_info info = { .ssrc = SSRC, .ntp = UINT64_C(0x1122334455667788) };
        rtcp_write_sr(&info, bytes);
        size_t len = srtcp_seal(f.sealer, f.server, 0, bytes, RTCP_SR_SIZE);
        whep_media_receive_rtcp(&f.media, bytes, len, 5 * NS_PER_S);
        CHECK(f.media.reports == 1, name);

        len = whep_media_report(&f.media, 6 * NS_PER_S, bytes);
        CHECK(len > 0 && len <= WHEP_MAX_REPORT, name);
        open_report(&f, bytes, len, blocks);
        CHECK(blocks[0].ssrc == SSRC && blocks[0].lost == 2, name);
        CHECK(blocks[0].highest_seq == 13 && blocks[0].last_sr == 0x33445566, name);
        CHECK(blocks[0].delay_since_sr == 65536, "a second");
        CHECK(blocks[1].ssrc == OTHER_SSRC && blocks[1].last_sr == 0, name);
        teardown(&f);
    }
}

static void forged_reports_are_counted(void **state)
{
    struct fixture f;
    uint8_t        bytes[MAX_PACKET];
    setup(&f, SRTP_PROFILE_AEAD_AES_128_GCM, 1);
    rtcp_write_sr(&(struct rtcp_sender_info){ .ssrc = SSRC }, bytes);
    size_t len = srtcp_seal(f.sealer, f.server, 0, bytes, RTCP_SR_SIZE);
    bytes[12] ^= 1;
    whep_media_receive_rtcp(&f.media, bytes, len, 0);
    whep_media_receive_rtcp(&f.media, bytes, 3, 0);
    CHECK(f.media.forged == 2 && f.media.reports == 0, "both");
    teardown(&f);
}

TESTS(packets_are_decrypted, forgeries_are_counted_and_change_nothing,
      a_packet_that_comes_twice_has_no_payload, what_is_no_rtp_of_ours_is_refused,
      another_source_begins_anew, some_frames_are_decrypted_whole_and_others_not_at_all,
      reports_answer_the_senders, forged_reports_are_counted)
