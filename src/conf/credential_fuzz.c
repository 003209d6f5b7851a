#include "base/check.h"
#include "conf/credential.h"

/* The text of a credential. What is accepted keeps within what libargon2 is safe with. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span       text = { data, size };
    struct credential got;
    if (credential_parse(text, &got) < 0)
        return 0;
    ASSERT(got.kind != CREDENTIAL_PLAIN || span_equal(got.plain, text));
    ASSERT((got.kind == CREDENTIAL_EMPTY) == (size == 0));
    if (got.kind != CREDENTIAL_ARGON2)
        return 0;
    ASSERT(got.argon2.lanes >= 1 && got.argon2.lanes <= CREDENTIAL_MAX_LANES);
    ASSERT(got.argon2.passes >= 1 && got.argon2.passes <= CREDENTIAL_MAX_PASSES);
    ASSERT(got.argon2.memory_kb >= 8 * got.argon2.lanes);
    ASSERT(got.argon2.memory_kb <= CREDENTIAL_MAX_MEMORY_KB);
    ASSERT(got.argon2.salt_len >= CREDENTIAL_MIN_SALT);
    ASSERT(got.argon2.salt_len <= CREDENTIAL_MAX_SALT);
    ASSERT(got.argon2.tag_len >= CREDENTIAL_MIN_TAG && got.argon2.tag_len <= CREDENTIAL_MAX_TAG);
    return 0;
}
