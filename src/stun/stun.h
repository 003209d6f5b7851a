/**
 * stun: Binding messages (RFC 8489) as ICE exchanges them (RFC 8445): read from a datagram,
 * checked by the password of the one who was asked, written into a fixed buffer.
 *
 * Shape:   struct stun_message is plain; its spans are views into the datagram.
 * Cost:    rubbish is refused after a few bytes; a message with a wrong FINGERPRINT after one
 *          CRC; only what names a user that exists is worth its HMAC. Nothing is allocated.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum {
    STUN_HEADER_SIZE = 20,
    STUN_TRANSACTION_SIZE = 12,
    STUN_MAX_USERNAME = 512,  /* ICE needs two fragments of at most 256 and a colon */
    STUN_MAX_REASON = 128,    /* characters; a sentence */
    STUN_MAX_UNKNOWN = 8,     /* types kept for the answer 420 */
    STUN_MAX_ATTRIBUTES = 32, /* of a message; ICE sends up to ten */
    STUN_MAX_OUT = 640,       /* the largest message that stun_write() makes */
};

/** Message types; others pass through stun_parse() as numbers. */
enum stun_type {
    STUN_BINDING_REQUEST = 0x0001,
    STUN_BINDING_INDICATION = 0x0011,
    STUN_BINDING_SUCCESS = 0x0101,
    STUN_BINDING_ERROR = 0x0111,
};

/** Codes that ICE answers with (RFC 8489, section 14.8; RFC 8445, section 7.3.1.1). */
enum stun_error {
    STUN_ERROR_BAD_REQUEST = 400,
    STUN_ERROR_UNAUTHENTICATED = 401,
    STUN_ERROR_UNKNOWN_ATTRIBUTE = 420,
    STUN_ERROR_ROLE_CONFLICT = 487,
};

enum stun_role { STUN_ROLE_NONE, STUN_ROLE_CONTROLLING, STUN_ROLE_CONTROLLED };

struct stun_address {
    uint8_t  family; /* 4 or 6; 0: no address */
    uint16_t port;
    uint8_t  bytes[16]; /* as in the IP header; IPv4 has the first four, the others are zero */
};

struct stun_message {
    struct span         datagram;
    uint16_t            type; /* enum stun_type, or another */
    uint8_t             transaction[STUN_TRANSACTION_SIZE];
    struct span         username;    /* empty: none */
    uint32_t            priority;    /* 0: none */
    uint64_t            tie_breaker; /* belongs to `role` */
    enum stun_role      role;        /* of the sender */
    bool                use_candidate;
    bool                has_fingerprint; /* and it was right */
    uint16_t            error_code;      /* 300..699; 0: none */
    struct span         reason;
    struct stun_address mapped;        /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS */
    size_t              integrity_at;  /* where MESSAGE-INTEGRITY begins; 0: there is none */
    unsigned            unknown_count; /* all that must be understood and are not */
    uint16_t            unknown[STUN_MAX_UNKNOWN]; /* the first of them */
};

/**
 * A cheap look: may this datagram be STUN? First two bits, magic cookie, length. DTLS, SRTP and
 * SRTCP are not (RFC 7983).
 */
bool stun_is_message(struct span datagram);

/**
 * Reads a message. What stands behind MESSAGE-INTEGRITY, FINGERPRINT aside, is not looked at; of
 * an attribute that comes twice the first counts. Unknown attributes that may be ignored are.
 * -EBADMSG: not STUN, cut short, an attribute of the wrong size, more than STUN_MAX_ATTRIBUTES,
 * or a wrong FINGERPRINT.
 */
int stun_parse(struct span datagram, struct stun_message *out);

/** Is there a MESSAGE-INTEGRITY, and was it made with this password (short-term credentials)? */
bool stun_is_authentic(const struct stun_message *message, struct span password);

/** What to write; zeros are left out. The spans are copied at once. */
struct stun_draft {
    uint16_t            type;
    uint8_t             transaction[STUN_TRANSACTION_SIZE];
    struct span         username; /* at most STUN_MAX_USERNAME */
    uint32_t            priority;
    enum stun_role      role;
    uint64_t            tie_breaker;
    bool                use_candidate;
    struct stun_address mapped; /* written as XOR-MAPPED-ADDRESS */
    uint16_t            error_code;
    struct span         reason;        /* cut at STUN_MAX_REASON */
    unsigned            unknown_count; /* as counted by stun_parse(): those kept are written */
    uint16_t            unknown[STUN_MAX_UNKNOWN];
};

/**
 * Writes the message with MESSAGE-INTEGRITY (unless the password is empty) and FINGERPRINT.
 * Returns its size, a multiple of 4, at most STUN_MAX_OUT.
 */
size_t stun_write(const struct stun_draft *draft, struct span password, uint8_t out[STUN_MAX_OUT]);
