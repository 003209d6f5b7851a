#include "srtp/srtp_mb.h"

#include "base/check.h"

struct srtp_mb *srtp_mb_create(unsigned skip)
{
    return NULL;
}

struct srtp_mb *srtp_mb_destroy(struct srtp_mb *mb)
{
    return NULL;
}

bool srtp_mb_takes(const struct srtp_job *job)
{
    return false;
}

/* As none was created, nobody has one to call the others with. */

void srtp_mb_describe(const struct srtp_mb *mb, char *out, size_t size)
{
    ASSERT(!mb);
}

size_t srtp_mb_keys_size(const struct srtp_profile_info *info)
{
    return 0;
}

void srtp_mb_keys_init(const struct srtp_mb *mb, struct srtp_keys *keys)
{
    ASSERT(!mb);
}

void srtp_mb_seal(struct srtp_mb *mb, const struct srtp_job *jobs, unsigned count)
{
    ASSERT(!mb);
}

int srtp_mb_open(const struct srtp_mb *mb, const struct srtp_pass *pass)
{
    ASSERT(!mb);
    return -1;
}
