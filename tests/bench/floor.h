/**
 * floor: what floor.c, which forwards, and floor_viewers.c, which encrypts, share.
 *
 * Thread:  one.
 */
#pragma once
#include <stdbool.h>

#include "base/span.h"

enum { FLOOR_SCRATCH = 256 * 1024, FLOOR_EVENTS_A_TURN = 256 };

/* What `counters:` in the server's log has, by the same names. */
struct floor_counts {
    unsigned long long received, delivered, calls, turns;
};
extern struct floor_counts counts;

__attribute__((noreturn)) void fail(const char *what);
__attribute__((noreturn)) void fail_with_words(const char *what);

int  open_epoll(void);
void watch(int epoll_fd, int fd, void *who);
bool read_number(const char *text, uint64_t max, unsigned *out);

/* WebRTC viewers */

struct viewer;

/** PROFILE STREAMS VIEWERS CORE. False: they make no sense. */
bool viewers_start(char **arguments);

/** Those of the stream with that number; NULL: it has none. */
struct viewer *viewers_of(size_t stream);

/** Encrypts whole interleaved packets for each of a stream's viewers; they are borrowed. */
void viewers_add(struct viewer *viewers, struct span packets);

/** Sends what is left. */
void viewers_end_turn(void);

/** Is something encrypted and not sent yet? */
bool viewers_are_waiting(void);
