/**
 * srtp_sealer: encrypts and authenticates RTP packets of many viewers in one sweep.
 *
 * Payloads are read where they lie, shared by all viewers, and written encrypted behind each
 * viewer's own header. By intel-ipsec-mb where it is compiled in and the CPU is fit for it: it
 * hashes up to 16 packets at once, whosever they are, so that 64 in one sweep cost a third of 64
 * sweeps. Else by OpenSSL, one after another. Neither allocates once it has been created.
 *
 * Owner:   one for each worker. The first of a process takes 2 to 10 ms and 7 MB, most of it the
 *          library's own pages (it tests itself); each further one 0.5 ms and 0.4 MB.
 * Threads: the owner's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/span.h"

struct srtp_keys;
struct srtp_sealer;

enum srtp_sealer_flags {
    SRTP_SEALER_OPENSSL = 1, /* never ipsec-mb */
};

/** `flags`: of enum srtp_sealer_flags, or 0. */
struct srtp_sealer *srtp_sealer_create(unsigned flags);

/** Accepts NULL. Returns NULL. */
struct srtp_sealer *srtp_sealer_destroy(struct srtp_sealer *sealer);

DEFINE_AUTO(struct srtp_sealer *, srtp_sealer_destroy)

/** For the log: "ipsec-mb 1.3.0 (AVX2, SSE with SHA-NI)" or "OpenSSL 3.0.17". Lives as long. */
const char *srtp_sealer_name(const struct srtp_sealer *sealer);

/** One packet of one viewer. */
struct srtp_job {
    const struct srtp_keys *keys;
    uint8_t                *out;        /* header, written by the caller; room for the rest */
    uint32_t                header_len; /* with CSRCs and extension */
    uint32_t                ssrc;       /* as in the header */
    struct span             payload;    /* borrowed, and apart from `out` */
    uint64_t                index;      /* rollover counter << 16 | sequence number */
};

/**
 * Writes each payload encrypted behind its header, and the tag behind that: srtp_sealed_len()
 * bytes from `out`, and none beyond. Packets may lie back to back, jobs may differ in keys and
 * profiles. Never two different packets with the same index, SSRC and keys: under GCM that gives
 * the authentication key away.
 */
void srtp_seal(struct srtp_sealer *sealer, const struct srtp_job *jobs, unsigned count);
