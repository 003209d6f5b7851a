/**
 * proc_stat: what the kernel tells about another process of this host.
 *
 * Parsing is apart from reading, so that it is tested with texts.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

#define PROC_UNKNOWN INT64_C(-1)

/** PROC_UNKNOWN where the kernel or its permissions hide it. */
struct proc_stat {
    int64_t cpu_ns;             /* all threads, those that have ended too; exact */
    int64_t user_ns, system_ns; /* in ticks of the kernel's accounting, usually 10 ms */
    int64_t rss_bytes, peak_rss_bytes;
    int64_t threads;
    int64_t read_calls, write_calls; /* read(), write() and their kin; not recv(), not send() */
    int64_t switches_voluntary, switches_involuntary; /* of the threads that live */
};

/** Negative errno when there is no such process. */
int proc_stat_read(pid_t pid, struct proc_stat *out);

/**
 * Memory with shared pages divided among those that share them, or PROC_UNKNOWN. The kernel walks
 * all pages of the process for it: milliseconds for a large one.
 */
int64_t proc_stat_read_pss(pid_t pid);

/** /proc/PID/stat: fills user_ns, system_ns, threads. -EBADMSG. */
int proc_stat_parse(struct span text, int64_t ticks_per_s, struct proc_stat *out);

/** The number behind `key:` in lines like "VmRSS:  1234 kB", kB turned into bytes. */
int64_t proc_stat_find(struct span text, const char *key);
