/**
 * srtp_mb: SRTP by intel-ipsec-mb. Without it, srtp_mb_none.c is built, which never creates one.
 *
 * Threads: a struct srtp_mb belongs to its sealer's; keys are read by any.
 */
#pragma once
#include "srtp/srtp_internal.h"

/**
 * Uses the best instructions that the CPU has, after passing over the `skip` best: tests see the
 * others too. NULL: there are none left. Keys serve only the choice that they were made for.
 */
struct srtp_mb *srtp_mb_create(unsigned skip);

/** Accepts NULL. Returns NULL. */
struct srtp_mb *srtp_mb_destroy(struct srtp_mb *mb);

void srtp_mb_describe(const struct srtp_mb *mb, char *out, size_t size);

enum { SRTP_MB_KEYS_ALIGN = 64 };

size_t srtp_mb_keys_size(const struct srtp_profile_info *info);

/** Fills keys->mb, aligned and of that size, from RTP's session key. */
void srtp_mb_keys_init(const struct srtp_mb *mb, struct srtp_keys *keys);

/** Does srtp_mb_seal() serve this packet? A matter of its keys and its size. */
bool srtp_mb_takes(const struct srtp_job *job);

/** As srtp_seal(), but only what it takes. */
void srtp_mb_seal(struct srtp_mb *mb, const struct srtp_job *jobs, unsigned count);

/** RTP under GCM, not empty. -EBADMSG: wrong tag. */
int srtp_mb_open(const struct srtp_mb *mb, const struct srtp_pass *pass);
