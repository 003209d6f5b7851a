#include "stun/stun.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/test.h"
#include "stun/candidate.h"

/* The test vectors of RFC 5769. */
#define RFC_TRANSACTION "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"

static const struct span rfc_request =
    BYTES("\x00\x01\x00\x58\x21\x12\xa4\x42" RFC_TRANSACTION "\x80\x22\x00\x10STUN test client"
          "\x00\x24\x00\x04\x6e\x00\x01\xff"
          "\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
          "\x00\x06\x00\x09"
          "evtj:h6vY   "
          "\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5"
          "\x71\xa2"
          "\x80\x28\x00\x04\xe5\x7a\x3b\xcf");

static const struct span rfc_ipv4_response =
    BYTES("\x01\x01\x00\x3c\x21\x12\xa4\x42" RFC_TRANSACTION "\x80\x22\x00\x0btest vector "
          "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
          "\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b"
          "\xe7\xd7"
          "\x80\x28\x00\x04\xc0\x7d\x4c\x96");

static const struct span rfc_ipv6_response =
    BYTES("\x01\x01\x00\x48\x21\x12\xa4\x42" RFC_TRANSACTION "\x80\x22\x00\x0btest vector "
          "\x00\x20\x00\x14\x00\x02\xa1\x47"
          "\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
          "\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3"
          "\xed\x41"
          "\x80\x28\x00\x04\xc8\xfb\x0b\x4c");

static const struct span rfc_long_term_request =
    BYTES("\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e"
          "\x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
          "\x00\x00"
          "\x00\x15\x00\x1c"
          "f//499k954d6OL34oL9FSTvy64sA"
          "\x00\x14\x00\x0b"
          "example.org\x00"
          "\x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8"
          "\x96\x66");

static const struct span rfc_password = BYTES("VOkJxbRl1RmTxUk/WvJxBt");
/* MD5 of the vector's user, realm and password. */
static const struct span rfc_long_term_key =
    BYTES("\xe8\xca\x7a\xd5\x9d\x5e\xb0\x51\x8e\x31\x29\x11\xd2\xda\xb2\xa9");

static const struct span password = BYTES("a password of ours");

enum { IPV4_BYTES = 4, IPV6_BYTES = 16 };

/* A message is built attribute by attribute, with a right length unless a test spoils it. */
struct built {
    uint8_t bytes[4096];
    size_t  len;
};

static struct span built_span(const struct built *built)
{
    return (struct span){ built->bytes, built->len };
}

static void begin(struct built *built, uint16_t type)
{
    memset(built, 0, sizeof(*built));
    write_be16(built->bytes, type);
    write_be32(built->bytes + 4, 0x2112a442);
    memcpy(built->bytes + 8, RFC_TRANSACTION, STUN_TRANSACTION_SIZE);
    built->len = STUN_HEADER_SIZE;
}

static void add(struct built *built, uint16_t type, struct span value)
{
    write_be16(built->bytes + built->len, type);
    write_be16(built->bytes + built->len + 2, (uint16_t)value.len);
    if (value.len)
        memcpy(built->bytes + built->len + 4, value.p, value.len);
    built->len += 4 + ((value.len + 3) & ~(size_t)3);
    write_be16(built->bytes + 2, (uint16_t)(built->len - STUN_HEADER_SIZE));
}

static void the_rfc_request_is_read(void **state)
{
    struct stun_message message;
    assert_int_equal(stun_parse(rfc_request, &message), 0);
    assert_int_equal(message.type, STUN_BINDING_REQUEST);
    assert_memory_equal(message.transaction, RFC_TRANSACTION, STUN_TRANSACTION_SIZE);
    assert_true(span_is(message.username, "evtj:h6vY"));
    assert_int_equal(message.priority, 0x6e0001ff);
    assert_int_equal(message.role, STUN_ROLE_CONTROLLED);
    assert_true(message.tie_breaker == UINT64_C(0x932ff9b151263b36));
    assert_false(message.use_candidate);
    assert_true(message.has_fingerprint);
    assert_int_equal(message.unknown_count, 0);
    assert_true(stun_is_authentic(&message, rfc_password));
}

static void the_rfc_responses_are_read(void **state)
{
    const struct {
        const char *name;
        struct span datagram;
        uint8_t     family;
        struct span address;
    } cases[] = {
        { "IPv4", rfc_ipv4_response, 4, BYTES("\xc0\x00\x02\x01") },
        { "IPv6", rfc_ipv6_response, 6,
          BYTES("\x20\x01\x0d\xb8\x12\x34\x56\x78\x00\x11\x22\x33\x44\x55\x66\x77") },
    };
    struct stun_message message;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(stun_parse(cases[i].datagram, &message) == 0, cases[i].name);
        CHECK(message.type == STUN_BINDING_SUCCESS, cases[i].name);
        CHECK(message.mapped.family == cases[i].family, cases[i].name);
        CHECK(message.mapped.port == 32853, cases[i].name);
        CHECK(memcmp(message.mapped.bytes, cases[i].address.p, cases[i].address.len) == 0,
              cases[i].name);
        CHECK(stun_is_authentic(&message, rfc_password), cases[i].name);
    }
}

static void the_rfc_long_term_request_is_authentic(void **state)
{
    struct stun_message message;
    assert_int_equal(stun_parse(rfc_long_term_request, &message), 0);
    assert_int_equal(message.username.len, 18);
    assert_false(message.has_fingerprint);
    assert_int_equal(message.unknown_count, 0);
    assert_true(stun_is_authentic(&message, rfc_long_term_key));
}

static void no_flipped_bit_passes(void **state)
{
    uint8_t             copy[128];
    struct stun_message message;
    struct span         spoilt = { copy, rfc_request.len };
    for (size_t bit = 0; bit < rfc_request.len * 8; bit++) {
        memcpy(copy, rfc_request.p, rfc_request.len);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        /* Where the bit makes another attribute of FINGERPRINT, there is none. */
        assert_true(stun_parse(spoilt, &message) == -EBADMSG || !message.has_fingerprint);
    }
    /* Without FINGERPRINT the integrity finds what is in front of it, and in itself. */
    size_t end = rfc_request.len - 8;
    spoilt.len = end;
    for (size_t bit = 0; bit < end * 8; bit++) {
        memcpy(copy, rfc_request.p, end);
        write_be16(copy + 2, (uint16_t)(end - STUN_HEADER_SIZE));
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (stun_parse(spoilt, &message) == 0)
            assert_false(stun_is_authentic(&message, rfc_password));
    }
}

static void only_the_right_password_is_authentic(void **state)
{
    static char long_one[300], longer_one[301];
    memset(long_one, 'p', sizeof(long_one));
    memset(longer_one, 'p', sizeof(longer_one));
    const struct {
        const char *name;
        struct span written, checked;
        bool        want;
    } cases[] = {
        { "the same", BYTES("abc"), BYTES("abc"), true },
        { "one character more", BYTES("abc"), BYTES("abcd"), false },
        { "one character less", BYTES("abc"), BYTES("ab"), false },
        { "none for the check", BYTES("abc"), BYTES(""), false },
        { "none at all", BYTES(""), BYTES(""), false },
        { "longer than a block of SHA-1",
          { (uint8_t *)long_one, sizeof(long_one) },
          { (uint8_t *)long_one, sizeof(long_one) },
          true },
        { "its last character counts too",
          { (uint8_t *)long_one, sizeof(long_one) },
          { (uint8_t *)longer_one, sizeof(longer_one) },
          false },
        { "just a block", { (uint8_t *)long_one, 64 }, { (uint8_t *)long_one, 64 }, true },
        { "a block and one", { (uint8_t *)long_one, 65 }, { (uint8_t *)long_one, 64 }, false },
    };
    uint8_t                 out[STUN_MAX_OUT];
    struct stun_message     message;
    const struct stun_draft draft = { .type = STUN_BINDING_REQUEST, .priority = 1 };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = stun_write(&draft, cases[i].written, out);
        CHECK(stun_parse((struct span){ out, len }, &message) == 0, cases[i].name);
        CHECK((message.integrity_at > 0) == (cases[i].written.len > 0), cases[i].name);
        CHECK(stun_is_authentic(&message, cases[i].checked) == cases[i].want, cases[i].name);
    }
}

static void what_is_no_stun_is_seen_at_once(void **state)
{
    static const struct {
        const char *name;
        struct span datagram;
        bool        want;
    } cases[] = {
        { "nothing", BYTES(""), false },
        { "a header alone", BYTES("\x00\x01\x00\x00\x21\x12\xa4\x42" RFC_TRANSACTION), true },
        { "a byte less",
          BYTES("\x00\x01\x00\x00\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6"
                "\x86\xfa\x87\xdf"),
          false },
        { "DTLS", BYTES("\x16\xfe\xfd\x00\x21\x12\xa4\x42" RFC_TRANSACTION), false },
        { "RTP", BYTES("\x80\x60\x00\x00\x21\x12\xa4\x42" RFC_TRANSACTION), false },
        { "TURN channel data", BYTES("\x40\x01\x00\x00\x21\x12\xa4\x42" RFC_TRANSACTION), false },
        { "another cookie", BYTES("\x00\x01\x00\x00\x21\x12\xa4\x43" RFC_TRANSACTION), false },
        { "a length too large", BYTES("\x00\x01\x00\x04\x21\x12\xa4\x42" RFC_TRANSACTION), false },
        { "a length too small",
          BYTES("\x00\x01\x00\x00\x21\x12\xa4\x42" RFC_TRANSACTION "\x00\x25\x00\x00"), false },
        { "no multiple of four",
          BYTES("\x00\x01\x00\x02\x21\x12\xa4\x42" RFC_TRANSACTION "\x00\x25"), false },
    };
    struct stun_message message;
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(stun_is_message(cases[i].datagram) == cases[i].want, cases[i].name);
        CHECK((stun_parse(cases[i].datagram, &message) == 0) == cases[i].want, cases[i].name);
    }
}

static void broken_attributes_are_refused(void **state)
{
    static uint8_t long_name[STUN_MAX_USERNAME + 1];
    static const struct {
        const char *name;
        uint16_t    type;
        struct span value;
        int         want;
    } cases[] = {
        { "priority of 3 bytes", 0x0024, BYTES("\x01\x02\x03"), -EBADMSG },
        { "priority of 5 bytes", 0x0024, BYTES("\x01\x02\x03\x04\x05"), -EBADMSG },
        { "tie-breaker of 4 bytes", 0x8029, BYTES("\x01\x02\x03\x04"), -EBADMSG },
        { "use-candidate with a value", 0x0025, BYTES("\x01"), -EBADMSG },
        { "username at its limit", 0x0006, { long_name, STUN_MAX_USERNAME }, 0 },
        { "username beyond it", 0x0006, { long_name, STUN_MAX_USERNAME + 1 }, -EBADMSG },
        { "integrity of 19 bytes", 0x0008, { long_name, 19 }, -EBADMSG },
        { "integrity of SHA-256's size", 0x0008, { long_name, 32 }, -EBADMSG },
        { "fingerprint of 5 bytes", 0x8028, BYTES("\x01\x02\x03\x04\x05"), -EBADMSG },
        { "IPv4 with IPv6's size", 0x0020,
          BYTES("\x00\x01\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                "\x10"),
          -EBADMSG },
        { "IPv6 with IPv4's size", 0x0020, BYTES("\x00\x02\x00\x00\x01\x02\x03\x04"), -EBADMSG },
        { "an address of a family unknown", 0x0020, BYTES("\x00\x03\x00\x00\x01\x02\x03\x04"),
          -EBADMSG },
        { "half an address", 0x0001, BYTES("\x00\x01\x00\x00"), -EBADMSG },
        { "an error without a code", 0x0009, BYTES("\x00\x00"), -EBADMSG },
        { "error 299", 0x0009, BYTES("\x00\x00\x02\x63"), -EBADMSG },
        { "error 700", 0x0009, BYTES("\x00\x00\x07\x00"), -EBADMSG },
        { "error 4 hundred and 100", 0x0009, BYTES("\x00\x00\x04\x64"), -EBADMSG },
        { "error 699", 0x0009, BYTES("\x00\x00\x06\x63"), 0 },
    };
    struct built        built;
    struct stun_message message;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(&built, STUN_BINDING_SUCCESS);
        add(&built, cases[i].type, cases[i].value);
        CHECK(stun_parse(built_span(&built), &message) == cases[i].want, cases[i].name);
    }
}

static void an_attribute_longer_than_the_message_is_refused(void **state)
{
    static const uint16_t lengths[] = { 9, 12, 0xfffc, 0xfffd, 0xffff };
    struct built          built;
    struct stun_message   message;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        begin(&built, STUN_BINDING_REQUEST);
        add(&built, 0x0006, BYTES("12345678"));
        write_be16(built.bytes + STUN_HEADER_SIZE + 2, lengths[i]);
        assert_int_equal(stun_parse(built_span(&built), &message), -EBADMSG);
    }
}

static void attributes_have_a_limit(void **state)
{
    struct built        built;
    struct stun_message message;
    begin(&built, STUN_BINDING_REQUEST);
    for (int i = 0; i < STUN_MAX_ATTRIBUTES; i++)
        add(&built, 0xc057, BYTES("abcd"));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    add(&built, 0xc057, BYTES("abcd"));
    assert_int_equal(stun_parse(built_span(&built), &message), -EBADMSG);
}

static void unknown_attributes_are_counted(void **state)
{
    struct built        built;
    struct stun_message message;
    begin(&built, STUN_BINDING_REQUEST);
    add(&built, 0x7fff, BYTES("required"));
    add(&built, 0x8000, BYTES("optional"));
    add(&built, 0xc001, BYTES("optional"));
    for (uint16_t i = 1; i <= STUN_MAX_UNKNOWN; i++)
        add(&built, (uint16_t)(0x7f00 + i), BYTES(""));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_int_equal(message.unknown_count, STUN_MAX_UNKNOWN + 1);
    assert_int_equal(message.unknown[0], 0x7fff);
    assert_int_equal(message.unknown[STUN_MAX_UNKNOWN - 1], 0x7f00 + STUN_MAX_UNKNOWN - 1);
}

static void the_first_of_two_counts(void **state)
{
    struct built        built;
    struct stun_message message;
    begin(&built, STUN_BINDING_REQUEST);
    add(&built, 0x0006, BYTES("first"));
    add(&built, 0x0006, BYTES("second"));
    add(&built, 0x0024, BYTES("\x00\x00\x00\x01"));
    add(&built, 0x0024, BYTES("\x00\x00\x00\x02"));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_true(span_is(message.username, "first"));
    assert_int_equal(message.priority, 1);
}

static void what_is_behind_the_integrity_is_not_looked_at(void **state)
{
    struct built        built;
    struct stun_message message;
    begin(&built, STUN_BINDING_REQUEST);
    add(&built, 0x0024, BYTES("\x00\x00\x00\x01"));
    add(&built, 0x0008, BYTES("twenty bytes of rubb"));
    add(&built, 0x0006, BYTES("a forger"));
    add(&built, 0x0025, BYTES(""));
    add(&built, 0x001c, BYTES("thirty-two bytes of SHA-256, no?"));
    add(&built, 0x0020, BYTES("\x00\x09"));
    add(&built, 0x7fff, BYTES(""));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_int_equal(message.integrity_at, STUN_HEADER_SIZE + 8);
    assert_int_equal(message.priority, 1);
    assert_int_equal(message.username.len, 0);
    assert_false(message.use_candidate);
    assert_int_equal(message.unknown_count, 0);
    assert_false(stun_is_authentic(&message, password));
}

static void a_fingerprint_ends_the_message(void **state)
{
    uint8_t                 out[STUN_MAX_OUT + 4];
    struct stun_message     message;
    const struct stun_draft draft = { .type = STUN_BINDING_INDICATION };
    size_t                  len = stun_write(&draft, (struct span){ 0 }, out);
    assert_int_equal(len, STUN_HEADER_SIZE + 8);
    assert_int_equal(stun_parse((struct span){ out, len }, &message), 0);
    assert_true(message.has_fingerprint);

    /* The CRC covers the length, so this one is right but for its place. */
    struct built built;
    begin(&built, STUN_BINDING_REQUEST);
    memcpy(built.bytes, out, len);
    built.len = len;
    add(&built, 0xc057, BYTES(""));
    assert_int_equal(stun_parse(built_span(&built), &message), -EBADMSG);
}

static void a_plain_address_is_second_choice(void **state)
{
    struct built        built;
    struct stun_message message;
    begin(&built, STUN_BINDING_SUCCESS);
    add(&built, 0x0001, BYTES("\x00\x01\x1f\x90\x0a\x00\x00\x01"));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_int_equal(message.mapped.port, 8080);
    assert_memory_equal(message.mapped.bytes, "\x0a\x00\x00\x01", IPV4_BYTES);

    add(&built, 0x0020, BYTES("\x00\x01\xa1\x47\xe1\x12\xa6\x43"));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_int_equal(message.mapped.port, 32853);

    begin(&built, STUN_BINDING_SUCCESS);
    add(&built, 0x0020, BYTES("\x00\x01\xa1\x47\xe1\x12\xa6\x43"));
    add(&built, 0x0001, BYTES("\x00\x01\x1f\x90\x0a\x00\x00\x01"));
    assert_int_equal(stun_parse(built_span(&built), &message), 0);
    assert_int_equal(message.mapped.port, 32853);
}

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        const char       *name;
        struct stun_draft draft;
        size_t            want_len;
    } cases[] = {
        { "a request of the controlled side",
          { .type = STUN_BINDING_REQUEST,
            .username = BYTES("theirs:ours"),
            .priority = 0x6effffff,
            .role = STUN_ROLE_CONTROLLED,
            .tie_breaker = UINT64_C(0xfedcba9876543210) },
          20 + 16 + 8 + 12 + 24 + 8 },
        { "a nomination",
          { .type = STUN_BINDING_REQUEST,
            .username = BYTES("a:b"),
            .priority = 1,
            .role = STUN_ROLE_CONTROLLING,
            .tie_breaker = 1,
            .use_candidate = true },
          20 + 8 + 8 + 12 + 4 + 24 + 8 },
        { "success, IPv4",
          { .type = STUN_BINDING_SUCCESS,
            .mapped = { .family = 4, .port = 65535, .bytes = { 127, 0, 0, 1 } } },
          20 + 12 + 24 + 8 },
        { "success, IPv6",
          { .type = STUN_BINDING_SUCCESS,
            .mapped = { .family = 6, .port = 1, .bytes = { 0xfe, 0x80, [15] = 1 } } },
          20 + 24 + 24 + 8 },
        { "role conflict",
          { .type = STUN_BINDING_ERROR,
            .error_code = STUN_ERROR_ROLE_CONFLICT,
            .reason = BYTES("Role Conflict") },
          20 + 24 + 24 + 8 },
        { "unknown attributes",
          { .type = STUN_BINDING_ERROR,
            .error_code = STUN_ERROR_UNKNOWN_ATTRIBUTE,
            .unknown_count = 3,
            .unknown = { 1, 2, 0x7fff } },
          20 + 8 + 12 + 24 + 8 },
    };
    uint8_t             out[STUN_MAX_OUT];
    struct stun_message message;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct stun_draft *draft = &cases[i].draft;
        size_t                   len = stun_write(draft, password, out);
        CHECK(len == cases[i].want_len, cases[i].name);
        CHECK(stun_parse((struct span){ out, len }, &message) == 0, cases[i].name);
        CHECK(message.type == draft->type, cases[i].name);
        CHECK(span_equal(message.username, draft->username), cases[i].name);
        CHECK(message.priority == draft->priority, cases[i].name);
        CHECK(message.role == draft->role, cases[i].name);
        CHECK(message.tie_breaker == draft->tie_breaker, cases[i].name);
        CHECK(message.use_candidate == draft->use_candidate, cases[i].name);
        CHECK(message.mapped.family == draft->mapped.family, cases[i].name);
        CHECK(message.mapped.port == draft->mapped.port, cases[i].name);
        CHECK(memcmp(message.mapped.bytes, draft->mapped.bytes, IPV6_BYTES) == 0, cases[i].name);
        CHECK(message.error_code == draft->error_code, cases[i].name);
        CHECK(span_equal(message.reason, draft->reason), cases[i].name);
        CHECK(message.has_fingerprint && message.unknown_count == 0, cases[i].name);
        CHECK(stun_is_authentic(&message, password), cases[i].name);
    }
}

static void an_answer_is_written_as_in_the_rfc(void **state)
{
    uint8_t           out[STUN_MAX_OUT];
    struct stun_draft draft = {
        .type = STUN_BINDING_SUCCESS,
        .mapped = { .family = 4, .port = 32853, .bytes = { 192, 0, 2, 1 } },
    };
    memcpy(draft.transaction, RFC_TRANSACTION, STUN_TRANSACTION_SIZE);
    size_t len = stun_write(&draft, rfc_password, out);
    assert_int_equal(len, 64);
    /* Behind the vector's SOFTWARE, which we do not write. */
    assert_memory_equal(out + 20, rfc_ipv4_response.p + 36, 12);
}

static void the_types_of_error_420_are_written(void **state)
{
    uint8_t           out[STUN_MAX_OUT];
    struct stun_draft draft = { .type = STUN_BINDING_ERROR,
                                .error_code = STUN_ERROR_UNKNOWN_ATTRIBUTE,
                                .unknown_count = 1,
                                .unknown = { 0x7ffe } };
    (void)stun_write(&draft, (struct span){ 0 }, out);
    assert_memory_equal(out + 20, "\x00\x09\x00\x04\x00\x00\x04\x14", 8);
    assert_memory_equal(out + 28, "\x00\x0a\x00\x02\x7f\xfe\x00\x00", 8);

    /* More were counted than kept. */
    draft.unknown_count = 200;
    (void)stun_write(&draft, (struct span){ 0 }, out);
    assert_int_equal(read_be16(out + 30), STUN_MAX_UNKNOWN * 2);
}

static void the_largest_message_fits(void **state)
{
    static uint8_t      text[STUN_MAX_USERNAME];
    uint8_t             out[STUN_MAX_OUT];
    struct stun_message message;
    struct stun_draft   draft = {
          .type = STUN_BINDING_REQUEST,
          .username = { text, sizeof(text) },
          .priority = 1,
          .role = STUN_ROLE_CONTROLLING,
          .use_candidate = true,
          .mapped = { .family = 6 },
    };
    memset(text, 'u', sizeof(text));
    size_t len = stun_write(&draft, password, out);
    assert_int_equal(stun_parse((struct span){ out, len }, &message), 0);
    assert_int_equal(message.username.len, STUN_MAX_USERNAME);

    draft = (struct stun_draft){ .type = STUN_BINDING_ERROR,
                                 .error_code = 400,
                                 .reason = { text, sizeof(text) },
                                 .unknown_count = STUN_MAX_UNKNOWN };
    len = stun_write(&draft, password, out);
    assert_int_equal(stun_parse((struct span){ out, len }, &message), 0);
    assert_int_equal(message.reason.len, STUN_MAX_REASON);
}

static void candidates_are_worth_what_the_rfc_says(void **state)
{
    assert_int_equal(candidate_priority(CANDIDATE_HOST, 65535, 1), 2130706431);
    assert_int_equal(candidate_priority(CANDIDATE_HOST, 65535, 2), 2130706430);
    assert_int_equal(candidate_priority(CANDIDATE_PRFLX, 65535, 1), 1862270975);
    assert_int_equal(candidate_priority(CANDIDATE_SRFLX, 65535, 1), 1694498815);
    assert_int_equal(candidate_priority(CANDIDATE_RELAY, 0, 256), 0);
}

TESTS(the_rfc_request_is_read, the_rfc_responses_are_read, the_rfc_long_term_request_is_authentic,
      no_flipped_bit_passes, only_the_right_password_is_authentic, what_is_no_stun_is_seen_at_once,
      broken_attributes_are_refused, an_attribute_longer_than_the_message_is_refused,
      attributes_have_a_limit, unknown_attributes_are_counted, the_first_of_two_counts,
      what_is_behind_the_integrity_is_not_looked_at, a_fingerprint_ends_the_message,
      a_plain_address_is_second_choice, what_is_written_is_read_again,
      an_answer_is_written_as_in_the_rfc, the_types_of_error_420_are_written,
      the_largest_message_fits, candidates_are_worth_what_the_rfc_says)
