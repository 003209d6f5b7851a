/**
 * floor: what floor.c, which forwards, floor_viewers.c, which encrypts, and floor_udp.c share.
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

/* Datagrams */

struct datagram_path;

/** On this port and the next one. Returns the descriptor that is to be watched. */
int                   datagrams_start(uint16_t port);
struct datagram_path *datagrams_path(void);
/** Their RTP comes from, or goes to, that port. */
void                  datagrams_add_publisher(struct datagram_path *path, uint16_t port);
void                  datagrams_add_reader(struct datagram_path *path, uint16_t port);
/** Receives once, and sends all of it. */
void                  datagrams_receive(void);

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
