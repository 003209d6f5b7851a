/*
 * SHA-1 by OpenSSL's plain functions, deprecated since 3.0: HMAC() and EVP_MAC look their algorithm
 * up and allocate at each call, and cost 1900 to 2400 ns where these cost 420.
 */
#define OPENSSL_API_COMPAT 10100
#include "stun/stun.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/check.h"

enum {
    MAGIC_COOKIE = 0x2112a442,
    FINGERPRINT_XOR = 0x5354554e,
    ATTRIBUTE_HEADER = 4,
    INTEGRITY_SIZE = SHA_DIGEST_LENGTH,
    FINGERPRINT_SIZE = 4,
    HMAC_BLOCK = SHA_CBLOCK,
    FAMILY_IPV4 = 1,
    FAMILY_IPV6 = 2,
    ADDRESS_HEADER = 4,
    ERROR_HEADER = 4,
};

enum {
    ATTRIBUTE_MAPPED_ADDRESS = 0x0001,
    ATTRIBUTE_USERNAME = 0x0006,
    ATTRIBUTE_MESSAGE_INTEGRITY = 0x0008,
    ATTRIBUTE_ERROR_CODE = 0x0009,
    ATTRIBUTE_UNKNOWN_ATTRIBUTES = 0x000a,
    ATTRIBUTE_REALM = 0x0014,
    ATTRIBUTE_NONCE = 0x0015,
    ATTRIBUTE_XOR_MAPPED_ADDRESS = 0x0020,
    ATTRIBUTE_PRIORITY = 0x0024,
    ATTRIBUTE_USE_CANDIDATE = 0x0025,
    ATTRIBUTE_OPTIONAL = 0x8000, /* and above: whoever does not know them passes them over */
    ATTRIBUTE_FINGERPRINT = 0x8028,
    ATTRIBUTE_ICE_CONTROLLED = 0x8029,
    ATTRIBUTE_ICE_CONTROLLING = 0x802a,
};

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

/* HMAC (RFC 2104) of two pieces, one behind the other. */
static void hmac_sha1(struct span key, struct span first, struct span second,
                      uint8_t out[INTEGRITY_SIZE])
{
    uint8_t block[HMAC_BLOCK] = { 0 };
    SHA_CTX sha;
    if (key.len > sizeof(block))
        SHA1(key.p, key.len, block);
    else if (key.len)
        memcpy(block, key.p, key.len);

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    SHA1_Init(&sha);
    SHA1_Update(&sha, block, sizeof(block));
    SHA1_Update(&sha, first.p, first.len);
    SHA1_Update(&sha, second.p, second.len);
    SHA1_Final(out, &sha);

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&sha);
    SHA1_Update(&sha, block, sizeof(block));
    SHA1_Update(&sha, out, INTEGRITY_SIZE);
    SHA1_Final(out, &sha);
}

/* Of the message up to `at`, its length as if MESSAGE-INTEGRITY ended it (RFC 8489, 14.5). */
static void compute_integrity(struct span message, size_t at, struct span password,
                              uint8_t out[INTEGRITY_SIZE])
{
    uint8_t header[STUN_HEADER_SIZE];
    memcpy(header, message.p, sizeof(header));
    write_be16(header + 2, (uint16_t)(at + ATTRIBUTE_HEADER + INTEGRITY_SIZE - STUN_HEADER_SIZE));
    hmac_sha1(password, (struct span){ header, sizeof(header) },
              span_skip(span_first(message, at), sizeof(header)), out);
}

static uint32_t compute_fingerprint(struct span message, size_t at)
{
    return (uint32_t)crc32(0, message.p, (uInt)at) ^ FINGERPRINT_XOR;
}

/* An address is XORed with the cookie and the transaction id, as they stand in the header. */
static void xor_address(struct stun_address *address, const uint8_t transaction[])
{
    uint8_t mask[16];
    write_be32(mask, MAGIC_COOKIE);
    memcpy(mask + 4, transaction, STUN_TRANSACTION_SIZE);
    address->port ^= MAGIC_COOKIE >> 16;
    for (size_t i = 0; i < (address->family == 4 ? 4 : 16); i++)
        address->bytes[i] ^= mask[i];
}

static bool parse_address(struct span value, struct stun_address *out)
{
    *out = (struct stun_address){ .port = read_be16(value.p + 2) };
    if (value.p[1] == FAMILY_IPV4 && value.len == ADDRESS_HEADER + 4)
        out->family = 4;
    else if (value.p[1] == FAMILY_IPV6 && value.len == ADDRESS_HEADER + 16)
        out->family = 6;
    else
        return false;
    memcpy(out->bytes, value.p + ADDRESS_HEADER, value.len - ADDRESS_HEADER);
    return true;
}

static bool read_mapped_address(struct stun_message *out, struct span value)
{
    struct stun_address address;
    if (!parse_address(value, &address))
        return false;
    if (out->mapped.family == 0)
        out->mapped = address;
    return true;
}

static bool read_xor_mapped_address(struct stun_message *out, struct span value)
{
    if (!parse_address(value, &out->mapped))
        return false;
    xor_address(&out->mapped, out->transaction);
    return true;
}

static bool read_username(struct stun_message *out, struct span value)
{
    out->username = value;
    return true;
}

static bool read_error_code(struct stun_message *out, struct span value)
{
    unsigned hundreds = value.p[2] & 7, rest = value.p[3];
    if (hundreds < 3 || hundreds > 6 || rest > 99)
        return false;
    out->error_code = (uint16_t)(hundreds * 100 + rest);
    out->reason = span_skip(value, ERROR_HEADER);
    return true;
}

static bool read_priority(struct stun_message *out, struct span value)
{
    out->priority = read_be32(value.p);
    return true;
}

static bool read_use_candidate(struct stun_message *out, struct span value)
{
    out->use_candidate = true;
    return true;
}

static bool read_controlled(struct stun_message *out, struct span value)
{
    out->role = STUN_ROLE_CONTROLLED;
    out->tie_breaker = read_be64(value.p);
    return true;
}

static bool read_controlling(struct stun_message *out, struct span value)
{
    out->role = STUN_ROLE_CONTROLLING;
    out->tie_breaker = read_be64(value.p);
    return true;
}

static bool read_integrity(struct stun_message *out, struct span value)
{
    out->integrity_at = (size_t)(value.p - out->datagram.p) - ATTRIBUTE_HEADER;
    return true;
}

/* It ends the message (RFC 8489, section 14.7). */
static bool read_fingerprint(struct stun_message *out, struct span value)
{
    size_t at = (size_t)(value.p - out->datagram.p) - ATTRIBUTE_HEADER;
    out->has_fingerprint = true;
    return at + ATTRIBUTE_HEADER + FINGERPRINT_SIZE == out->datagram.len &&
           read_be32(value.p) == compute_fingerprint(out->datagram, at);
}

/* For long-term credentials and for people; ICE needs none of it. */
static bool pass_over(struct stun_message *out, struct span value)
{
    return true;
}

static const struct attribute_rule {
    uint16_t type;
    uint16_t min_size, max_size;
    bool (*read)(struct stun_message *out, struct span value); /* false: a broken message */
} attribute_rules[] = {
    { ATTRIBUTE_USERNAME, 0, STUN_MAX_USERNAME, read_username },
    { ATTRIBUTE_PRIORITY, 4, 4, read_priority },
    { ATTRIBUTE_USE_CANDIDATE, 0, 0, read_use_candidate },
    { ATTRIBUTE_ICE_CONTROLLED, 8, 8, read_controlled },
    { ATTRIBUTE_ICE_CONTROLLING, 8, 8, read_controlling },
    { ATTRIBUTE_MESSAGE_INTEGRITY, INTEGRITY_SIZE, INTEGRITY_SIZE, read_integrity },
    { ATTRIBUTE_FINGERPRINT, FINGERPRINT_SIZE, FINGERPRINT_SIZE, read_fingerprint },
    { ATTRIBUTE_XOR_MAPPED_ADDRESS, ADDRESS_HEADER + 4, ADDRESS_HEADER + 16,
      read_xor_mapped_address },
    { ATTRIBUTE_MAPPED_ADDRESS, ADDRESS_HEADER + 4, ADDRESS_HEADER + 16, read_mapped_address },
    { ATTRIBUTE_ERROR_CODE, ERROR_HEADER, UINT16_MAX, read_error_code },
    { ATTRIBUTE_UNKNOWN_ATTRIBUTES, 0, UINT16_MAX, pass_over },
    { ATTRIBUTE_REALM, 0, UINT16_MAX, pass_over },
    { ATTRIBUTE_NONCE, 0, UINT16_MAX, pass_over },
};

/* Its index, or COUNT(attribute_rules). */
static size_t find_rule(uint16_t type)
{
    size_t i = 0;
    while (i < COUNT(attribute_rules) && attribute_rules[i].type != type)
        i++;
    return i;
}

static void note_unknown(struct stun_message *out, uint16_t type)
{
    if (type >= ATTRIBUTE_OPTIONAL)
        return;
    if (out->unknown_count < STUN_MAX_UNKNOWN)
        out->unknown[out->unknown_count] = type;
    out->unknown_count++;
}

/* `*seen` has a bit for each rule whose attribute has come. */
static int read_attribute(struct stun_message *out, uint16_t type, struct span value,
                          unsigned *seen)
{
    if (out->integrity_at && type != ATTRIBUTE_FINGERPRINT)
        return 0;
    size_t i = find_rule(type);
    if (i == COUNT(attribute_rules)) {
        note_unknown(out, type);
        return 0;
    }
    if (*seen & 1U << i)
        return 0;
    *seen |= 1U << i;
    const struct attribute_rule *rule = &attribute_rules[i];
    if (value.len < rule->min_size || value.len > rule->max_size || !rule->read(out, value))
        return -EBADMSG;
    return 0;
}

bool stun_is_message(struct span datagram)
{
    return datagram.len >= STUN_HEADER_SIZE && datagram.p[0] < 0x40 &&
           read_be32(datagram.p + 4) == MAGIC_COOKIE && datagram.len % 4 == 0 &&
           read_be16(datagram.p + 2) == datagram.len - STUN_HEADER_SIZE;
}

int stun_parse(struct span datagram, struct stun_message *out)
{
    if (!stun_is_message(datagram))
        return -EBADMSG;
    struct stun_message message = { .datagram = datagram, .type = read_be16(datagram.p) };
    memcpy(message.transaction, datagram.p + 8, STUN_TRANSACTION_SIZE);

    unsigned    seen = 0, count = 0;
    struct span rest = span_skip(datagram, STUN_HEADER_SIZE);
    while (rest.len) {
        uint16_t type = read_be16(rest.p), len = read_be16(rest.p + 2);
        rest = span_skip(rest, ATTRIBUTE_HEADER);
        if (padded(len) > rest.len || ++count > STUN_MAX_ATTRIBUTES)
            return -EBADMSG;
        int err = read_attribute(&message, type, span_first(rest, len), &seen);
        if (err < 0)
            return err;
        rest = span_skip(rest, padded(len));
    }
    *out = message;
    return 0;
}

bool stun_is_authentic(const struct stun_message *message, struct span password)
{
    uint8_t right[INTEGRITY_SIZE];
    size_t  at = message->integrity_at;
    if (at == 0)
        return false;
    compute_integrity(message->datagram, at, password, right);
    /* In constant time: else a stranger could find the right bytes one after the other. */
    return CRYPTO_memcmp(right, message->datagram.p + at + ATTRIBUTE_HEADER, sizeof(right)) == 0;
}

/* A message that is being written; its length is always that of what is there. */
struct writer {
    uint8_t *p;
    size_t   len;
};

static struct span written(const struct writer *writer)
{
    return (struct span){ writer->p, writer->len };
}

/* Returns the place for the value; the padding behind it is zero. */
static uint8_t *add_attribute(struct writer *writer, uint16_t type, size_t size)
{
    uint8_t *at = writer->p + writer->len;
    ASSERT(writer->len + ATTRIBUTE_HEADER + padded(size) <= STUN_MAX_OUT);
    memset(at, 0, ATTRIBUTE_HEADER + padded(size));
    write_be16(at, type);
    write_be16(at + 2, (uint16_t)size);
    writer->len += ATTRIBUTE_HEADER + padded(size);
    write_be16(writer->p + 2, (uint16_t)(writer->len - STUN_HEADER_SIZE));
    return at + ATTRIBUTE_HEADER;
}

static void add_username(struct writer *writer, struct span username)
{
    ASSERT(username.len <= STUN_MAX_USERNAME);
    if (username.len)
        memcpy(add_attribute(writer, ATTRIBUTE_USERNAME, username.len), username.p, username.len);
}

static void add_role(struct writer *writer, enum stun_role role, uint64_t tie_breaker)
{
    if (role == STUN_ROLE_CONTROLLING)
        write_be64(add_attribute(writer, ATTRIBUTE_ICE_CONTROLLING, 8), tie_breaker);
    else if (role == STUN_ROLE_CONTROLLED)
        write_be64(add_attribute(writer, ATTRIBUTE_ICE_CONTROLLED, 8), tie_breaker);
}

static void add_mapped_address(struct writer *writer, struct stun_address address,
                               const uint8_t transaction[])
{
    if (address.family == 0)
        return;
    size_t   size = address.family == 4 ? 4 : 16;
    uint8_t *at = add_attribute(writer, ATTRIBUTE_XOR_MAPPED_ADDRESS, ADDRESS_HEADER + size);
    xor_address(&address, transaction);
    at[1] = address.family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
    write_be16(at + 2, address.port);
    memcpy(at + ADDRESS_HEADER, address.bytes, size);
}

static void add_error(struct writer *writer, const struct stun_draft *draft)
{
    if (draft->error_code == 0)
        return;
    struct span reason = span_first(draft->reason, STUN_MAX_REASON);
    uint8_t    *at = add_attribute(writer, ATTRIBUTE_ERROR_CODE, ERROR_HEADER + reason.len);
    at[2] = (uint8_t)(draft->error_code / 100);
    at[3] = (uint8_t)(draft->error_code % 100);
    if (reason.len)
        memcpy(at + ERROR_HEADER, reason.p, reason.len);

    size_t count = MIN(draft->unknown_count, (unsigned)STUN_MAX_UNKNOWN);
    if (count == 0)
        return;
    at = add_attribute(writer, ATTRIBUTE_UNKNOWN_ATTRIBUTES, count * 2);
    for (size_t i = 0; i < count; i++)
        write_be16(at + i * 2, draft->unknown[i]);
}

/* Both proofs cover what stands in front of them, with a length that includes them. */
static void add_integrity(struct writer *writer, struct span password)
{
    size_t at = writer->len;
    if (password.len) {
        uint8_t *value = add_attribute(writer, ATTRIBUTE_MESSAGE_INTEGRITY, INTEGRITY_SIZE);
        compute_integrity(written(writer), at, password, value);
    }
}

static void add_fingerprint(struct writer *writer)
{
    size_t   at = writer->len;
    uint8_t *value = add_attribute(writer, ATTRIBUTE_FINGERPRINT, FINGERPRINT_SIZE);
    write_be32(value, compute_fingerprint(written(writer), at));
}

size_t stun_write(const struct stun_draft *draft, struct span password, uint8_t out[STUN_MAX_OUT])
{
    struct writer writer = { out, STUN_HEADER_SIZE };
    write_be16(out, draft->type);
    write_be16(out + 2, 0);
    write_be32(out + 4, MAGIC_COOKIE);
    memcpy(out + 8, draft->transaction, STUN_TRANSACTION_SIZE);

    add_username(&writer, draft->username);
    if (draft->priority)
        write_be32(add_attribute(&writer, ATTRIBUTE_PRIORITY, 4), draft->priority);
    add_role(&writer, draft->role, draft->tie_breaker);
    if (draft->use_candidate)
        (void)add_attribute(&writer, ATTRIBUTE_USE_CANDIDATE, 0);
    add_mapped_address(&writer, draft->mapped, draft->transaction);
    add_error(&writer, draft);
    add_integrity(&writer, password);
    add_fingerprint(&writer);
    return writer.len;
}
