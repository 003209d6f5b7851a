/**
 * crash: what a crash or a failed assertion leaves behind: reason, stack with symbols, build id
 * and the last log lines, on stderr; the exit status is that of the signal (SIGSEGV: 139 in a
 * shell, assertion: 134).
 */
#pragma once
#include <pthread.h>

/** Installs the handlers and remembers the build id. Call once, first thing in main(). */
void crash_init(void);

/** Gives the calling thread an alternate stack, so that its overflow is reported too. */
void crash_init_thread(void);

/** 40 lower-case digits of the GNU build id, or "unknown". */
const char *crash_build_id(void);

/**
 * Makes another thread of ours write its stack into the log at LOG_WARN, under the line `why`:
 * how the watchdog tells what keeps a loop from turning. Returns when it is written, or after
 * 100 ms when the thread does not answer.
 */
void crash_log_thread(pthread_t thread, const char *why);
