/**
 * crash: what a crash or a failed assertion leaves behind: reason, stack with symbols, build id
 * and the last log lines, on stderr; the exit status is that of the signal (SIGSEGV: 139 in a
 * shell, assertion: 134).
 *
 * Signals: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP (left to the sanitizers in their builds) and
 *          SIGABRT; SIGRTMIN + 1 asks a thread for its stack.
 * Threads: crash_init() on the main thread; the others on any.
 */
#pragma once
#include <pthread.h>

#include "base/stack.h"

/** Installs the handlers and remembers the build id. Call once, first thing in main(). */
void crash_init(void);

/** Gives the calling thread an alternate stack, so that its overflow is reported too. */
void crash_init_thread(void);

/** 40 lower-case digits of the GNU build id, or "unknown". */
const char *crash_build_id(void);

/** Reports a failed assertion and ends the process: what check_failed() does. */
__attribute__((noreturn, cold)) void crash_fail(const char *what, const char *file, int line,
                                                struct stack_registers at);

/**
 * Makes another thread of ours tell its stack and writes it into the log at LOG_WARN, under the
 * line `why`: how the watchdog tells what keeps a loop from turning. Returns when it is written,
 * or after 100 ms when the thread does not answer. crash_init() comes before.
 */
void crash_log_thread(pthread_t thread, const char *why);
