/**
 * srtp: keys of one direction of a session, SRTCP, and the receiver's side of SRTP (RFC 3711,
 * RFC 5764; AES-GCM: RFC 7714). Sending RTP, the work that is done for each viewer, goes through
 * srtp_seal() (srtp/srtp_sealer.h), many packets at once.
 *
 * Units:   a packet's index is its rollover counter << 16 | sequence number, 48 bits; an SRTCP
 *          index has 31 bits and is sent with the packet.
 * Threads: keys are immutable and may be used by any number of threads; a sealer and a replay
 *          window belong to one.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/span.h"

struct srtp_sealer;

/* IANA's numbers. (OpenSSL has macros of the names without PROFILE.) */
enum srtp_profile {
    SRTP_PROFILE_AES128_CM_SHA1_80 = 0x0001,
    SRTP_PROFILE_AEAD_AES_128_GCM = 0x0007,
    SRTP_PROFILE_AEAD_AES_256_GCM = 0x0008,
};

enum {
    SRTP_MAX_KEY = 32,
    SRTP_MAX_SALT = 14,
    SRTP_MAX_TAG = 16,
    SRTCP_INDEX_SIZE = 4,
    SRTCP_MAX_TRAILER = SRTCP_INDEX_SIZE + SRTP_MAX_TAG,
    SRTCP_MAX_INDEX = 0x7fffffff,
    SRTP_REPLAY_WINDOW = 64, /* packets: RFC 3711, section 3.3.2, wants this many at least */
};

struct srtp_profile_info {
    enum srtp_profile profile;
    const char       *openssl_name; /* for SSL_CTX_set_tlsext_use_srtp() */
    uint8_t           key_len;      /* of the master key and of the session keys */
    uint8_t           salt_len;
    uint8_t           tag_len; /* SRTP's and SRTCP's alike */
    bool              is_aead; /* the cipher authenticates: no HMAC */
};

/** By its number, as in SRTP_PROTECTION_PROFILE.id. NULL: not one of ours. */
const struct srtp_profile_info *srtp_profile_find(unsigned long id);

/** All of ours, in our order, as SSL_CTX_set_tlsext_use_srtp() wants them: "NAME:NAME:NAME". */
void srtp_profile_names(struct buf *out);

/** The session keys of one direction: RTP's and RTCP's. Some 400 bytes; GCM: 1.3 KB. */
struct srtp_keys;

/**
 * Derives the session keys. They work with every sealer of the process, fastest with those that
 * were created with the same flags as this one.
 * -EINVAL: the profile is none of ours, or key or salt has not the profile's length.
 */
int srtp_keys_create(const struct srtp_sealer *sealer, enum srtp_profile profile,
                     struct span master_key, struct span master_salt, struct srtp_keys **out);

/** Wipes them. Accepts NULL. Returns NULL. */
struct srtp_keys *srtp_keys_destroy(struct srtp_keys *keys);

DEFINE_AUTO(struct srtp_keys *, srtp_keys_destroy)

/** srtp_seal() will use them soon. */
void srtp_keys_prefetch(const struct srtp_keys *keys);

/** What srtp_seal() appends. */
size_t srtp_tag_len(const struct srtp_keys *keys);

static inline size_t srtp_sealed_len(const struct srtp_keys *keys, size_t header_len,
                                     size_t payload_len)
{
    return header_len + payload_len + srtp_tag_len(keys);
}

/**
 * What has been received of one SSRC, as SRTP or as SRTCP. Zeros are a valid start; the rollover
 * counter then begins at 0, or where the caller sets `highest` to.
 */
struct srtp_replay {
    uint64_t highest; /* index, of all that were accepted */
    uint64_t last;    /* index of the packet accepted last */
    uint64_t window;  /* bit n: highest - n was accepted; 0: none has been yet */
};

/**
 * Opens an SRTP packet in place: guesses its rollover counter, verifies, decrypts what lies behind
 * CSRCs and extension. Returns its new length; its index is `replay->last`. After an error the
 * bytes are worth nothing and `replay` is unchanged.
 * -EBADMSG: no SRTP packet, or its tag is wrong. -EALREADY: it has been accepted before, or is
 * older than the window.
 */
ssize_t srtp_open(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                  struct srtp_replay *replay, uint8_t *packet, size_t len);

/**
 * Encrypts a compound RTCP packet (8 bytes at least) in place and appends index and tag, up to
 * SRTCP_MAX_TRAILER bytes, the caller's room. Never twice with the same index and keys. Returns
 * the new length.
 */
size_t srtcp_seal(struct srtp_sealer *sealer, const struct srtp_keys *keys, uint32_t index,
                  uint8_t *packet, size_t len);

/** The same as srtp_open() for an SRTCP packet, encrypted or only authenticated. */
ssize_t srtcp_open(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                   struct srtp_replay *replay, uint8_t *packet, size_t len);

enum { SRTCP_MAX_SOURCES = 8 };

/** What a peer has sent under each of its SSRCs, which count on their own. Zeros are a start. */
struct srtcp_sources {
    unsigned           count;
    uint32_t           ssrcs[SRTCP_MAX_SOURCES];
    struct srtp_replay replays[SRTCP_MAX_SOURCES];
};

/**
 * srtcp_open() for whoever it is from (RFC 3711, section 3.2.3). An SSRC is remembered once a
 * packet of it was authentic. -ENOSPC: it is one too many.
 */
ssize_t srtcp_open_any(struct srtp_sealer *sealer, const struct srtp_keys *keys,
                       struct srtcp_sources *sources, uint8_t *packet, size_t len);
