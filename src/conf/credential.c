#include "conf/credential.h"

#include <errno.h>

#include "base/base64.h"
#include "base/check.h"

static const char sha256_prefix[] = "sha256:", argon2_prefix[] = "argon2:";

static bool is_plain_byte(uint8_t c)
{
    uint8_t letter = c | 0x20;
    if ((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!$()*+.;<=>[]^_-{}@#&", c);
}

static int parse_plain(struct span text, struct credential *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_plain_byte(text.p[i]))
            return -EINVAL;
    }
    *out = (struct credential){ .kind = text.len ? CREDENTIAL_PLAIN : CREDENTIAL_EMPTY,
                                .plain = text };
    return 0;
}

static int parse_sha256(struct span text, struct credential *out)
{
    struct credential read = { .kind = CREDENTIAL_SHA256 };
    if (base64_decode(text, read.sha256, sizeof(read.sha256)) != sizeof(read.sha256))
        return -EINVAL;
    *out = read;
    return 0;
}

/* `m=4096` */
static int parse_number(struct span *rest, char separator, const char *key, unsigned max,
                        unsigned *out)
{
    struct span item;
    uint64_t    value;
    if (!span_next(rest, separator, &item) || !span_starts_with(item, key))
        return -EINVAL;
    if (span_to_uint(span_skip(item, strlen(key)), max, &value) < 0)
        return -EINVAL;
    *out = (unsigned)value;
    return 0;
}

/* `m=4096,t=3,p=1`, in this order and nothing else. */
static int parse_costs(struct span text, struct credential_argon2 *out)
{
    if (parse_number(&text, ',', "m=", CREDENTIAL_MAX_MEMORY_KB, &out->memory_kb) < 0 ||
        parse_number(&text, ',', "t=", CREDENTIAL_MAX_PASSES, &out->passes) < 0 ||
        parse_number(&text, ',', "p=", CREDENTIAL_MAX_LANES, &out->lanes) < 0 || text.len > 0)
        return -EINVAL;
    return out->passes > 0 && out->lanes > 0 && out->memory_kb >= 8 * out->lanes ? 0 : -EINVAL;
}

static int parse_bytes(struct span text, unsigned min, unsigned max, uint8_t *out, unsigned *len)
{
    ssize_t got = base64_decode(text, out, max);
    if (got < (ssize_t)min)
        return -EINVAL;
    *len = (unsigned)got;
    return 0;
}

/* Without a version it is the first one's, 0x10. */
static int parse_version(struct span *rest, struct credential_argon2 *out)
{
    out->version = 0x10;
    if (!span_starts_with(*rest, "v="))
        return 0;
    if (parse_number(rest, '$', "v=", 0x13, &out->version) < 0)
        return -EINVAL;
    return out->version == 0x10 || out->version == 0x13 ? 0 : -EINVAL;
}

/* `$argon2id$v=19$m=4096,t=3,p=1$SALT$TAG` */
static int parse_phc(struct span text, struct credential_argon2 *out)
{
    struct span empty, kind, costs, salt;
    if (!span_next(&text, '$', &empty) || empty.len > 0 || !span_next(&text, '$', &kind))
        return -EINVAL;
    out->is_hybrid = span_is(kind, "argon2id");
    if ((!out->is_hybrid && !span_is(kind, "argon2i")) || parse_version(&text, out) < 0)
        return -EINVAL;
    if (!span_next(&text, '$', &costs) || !span_next(&text, '$', &salt))
        return -EINVAL;
    if (parse_costs(costs, out) < 0 ||
        parse_bytes(salt, CREDENTIAL_MIN_SALT, CREDENTIAL_MAX_SALT, out->salt, &out->salt_len) < 0)
        return -EINVAL;
    return parse_bytes(text, CREDENTIAL_MIN_TAG, CREDENTIAL_MAX_TAG, out->tag, &out->tag_len);
}

int credential_parse(struct span text, struct credential *out)
{
    if (span_starts_with(text, sha256_prefix))
        return parse_sha256(span_skip(text, strlen(sha256_prefix)), out);
    if (!span_starts_with(text, argon2_prefix))
        return parse_plain(text, out);
    struct credential read = { .kind = CREDENTIAL_ARGON2 };
    if (parse_phc(span_skip(text, strlen(argon2_prefix)), &read.argon2) < 0)
        return -EINVAL;
    *out = read;
    return 0;
}
