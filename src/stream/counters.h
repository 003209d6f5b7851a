/**
 * counters: what paths, sessions and workers have done, from one table.
 *
 * Shape:   a block of numbers, one for each row of the table; rows that do not concern the block's
 *          scope stay 0.
 * Owner:   reference counted. Each number is added to by one thread, or by counters_add_shared();
 *          any thread reads, and may see one number newer than another, but never half of one. Add
 *          once a batch, not once a packet.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"

/* name, scopes, what it counts; API and metrics take their words from here */
#define COUNTER_TABLE(ROW)                                                                         \
    ROW(INBOUND_BYTES, "inboundBytes", PATH | SESSION, "bytes of RTP received")                    \
    ROW(INBOUND_PACKETS, "inboundRTPPackets", PATH | SESSION | LOOP, "RTP packets received")       \
    ROW(INBOUND_LOST, "inboundRTPPacketsLost", SESSION, "RTP packets that never came")             \
    ROW(INBOUND_ERRORS, "inboundFramesInError", PATH | SESSION, "packets that made no sense")      \
    ROW(INBOUND_RTCP, "inboundRTCPPackets", SESSION, "RTCP packets received")                      \
    ROW(INBOUND_FRAMES, "inboundFrames", PATH, "frames received")                                  \
    ROW(INBOUND_KEYFRAMES, "inboundKeyframes", PATH, "frames a decoder can begin with")            \
    ROW(OUTBOUND_BYTES, "outboundBytes", PATH | SESSION, "bytes of RTP delivered to readers")      \
    ROW(OUTBOUND_PACKETS, "outboundRTPPackets", SESSION | LOOP, "RTP packets delivered")           \
    ROW(OUTBOUND_RTCP, "outboundRTCPPackets", SESSION, "RTCP packets sent")                        \
    ROW(OUTBOUND_RESENT, "outboundRTPPacketsResent", SESSION, "RTP packets asked for again")       \
    ROW(INBOUND_KEYFRAME_REQUESTS, "inboundKeyframeRequests", SESSION, "PLI and FIR")              \
    ROW(INBOUND_JUMPS, "inboundRTPJumps", SESSION,                                                 \
        "jumps of sequence numbers and timestamps that readers do not see")                        \
    ROW(OUTBOUND_DISCARDED, "outboundFramesDiscarded", PATH | SESSION,                             \
        "frames that a slow reader did not get")                                                   \
    ROW(KERNEL_DROPS, "inboundDatagramsDropped", LOOP,                                             \
        "datagrams that came while the kernel's receive buffer was full")                          \
    ROW(SYSTEM_CALLS, "systemCalls", LOOP, "calls that read and write on connections")             \
    ROW(COPIED_BYTES, "copiedBytes", LOOP, "bytes of media moved by the program itself")

#define COUNTER_ENUM(name, text, scopes, help) COUNTER_##name,
enum counter { COUNTER_TABLE(COUNTER_ENUM) COUNTER_COUNT };

enum counter_scope { COUNTER_PATH = 1, COUNTER_SESSION = 2, COUNTER_LOOP = 4 };

struct counter_row {
    const char *name; /* as the API calls it */
    unsigned    scopes;
    const char *help;
};

extern const struct counter_row counter_rows[COUNTER_COUNT];

/* In the order of the table: what publishers add to lies in one cache line, what readers do, maybe
 * on other threads, in the next. */
struct counters {
    _Alignas(CACHE_LINE) atomic_uint refs;
    atomic_uint_fast64_t values[COUNTER_COUNT];
};

struct counters *counters_create(void);
struct counters *counters_ref(struct counters *counters);

/** Accepts NULL. Returns NULL. */
struct counters *counters_unref(struct counters *counters);

/** By the one thread that adds to this number: a plain addition, which waits for nothing. */
static inline void counters_add(struct counters *counters, enum counter which, uint64_t n)
{
    atomic_uint_fast64_t *value = &counters->values[which];
    atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/** By any of several threads: a path's readers may live on several workers. */
static inline void counters_add_shared(struct counters *counters, enum counter which, uint64_t n)
{
    atomic_fetch_add_explicit(&counters->values[which], n, memory_order_relaxed);
}

/** For a number that is known as a whole. */
static inline void counters_set(struct counters *counters, enum counter which, uint64_t value)
{
    atomic_store_explicit(&counters->values[which], value, memory_order_relaxed);
}

static inline uint64_t counters_get(const struct counters *counters, enum counter which)
{
    return atomic_load_explicit(&counters->values[which], memory_order_relaxed);
}
