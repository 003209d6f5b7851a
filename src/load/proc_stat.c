#include "load/proc_stat.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"

/* Fields of /proc/PID/stat behind the name, counted from 0 (proc(5) counts from 3 there). */
enum { FIELD_UTIME = 11, FIELD_STIME = 12, FIELD_THREADS = 17, FIELD_COUNT };

int proc_stat_parse(struct span text, int64_t ticks_per_s, struct proc_stat *out)
{
    /* The name stands in parentheses and may hold any byte, parentheses too. */
    const uint8_t *end = text.len ? memrchr(text.p, ')', text.len) : NULL;
    if (!end)
        return -EBADMSG;
    struct span rest = span_skip(text, (size_t)(end - text.p) + 1);
    uint64_t    fields[FIELD_COUNT] = { 0 };
    struct span field;
    rest = span_trim(rest);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!span_next(&rest, ' ', &field))
            return -EBADMSG;
        bool is_wanted = i == FIELD_UTIME || i == FIELD_STIME || i == FIELD_THREADS;
        if (is_wanted && span_to_uint(field, INT64_MAX, &fields[i]) < 0)
            return -EBADMSG;
    }
    out->user_ns = muldiv((int64_t)fields[FIELD_UTIME], NS_PER_S, ticks_per_s);
    out->system_ns = muldiv((int64_t)fields[FIELD_STIME], NS_PER_S, ticks_per_s);
    out->threads = (int64_t)fields[FIELD_THREADS];
    return 0;
}

int64_t proc_stat_find(struct span text, const char *key)
{
    struct span line, word;
    while (span_next(&text, '\n', &line)) {
        if (!span_next(&line, ':', &word) || !span_is(word, key))
            continue;
        line = span_trim(line);
        uint64_t number;
        if (!span_next(&line, ' ', &word) || span_to_uint(word, INT64_MAX / 1024, &number) < 0)
            return PROC_UNKNOWN;
        return (int64_t)(span_is(span_trim(line), "kB") ? number * 1024 : number);
    }
    return PROC_UNKNOWN;
}

static int read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    char   bytes[4096];
    size_t n;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(out, (struct span){ (const uint8_t *)bytes, n });
    (void)fclose(file);
    return 0;
}

static int read_proc(pid_t pid, const char *name, struct buf *out)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    out->len = 0;
    return read_file(path, out);
}

/* The process's own status has the switches of its first thread only. */
static void add_switches(pid_t pid, struct proc_stat *out)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    if (!folder)
        return;
    AUTO(buf_fini) struct buf text = { 0 };
    int64_t                   voluntary = 0, involuntary = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[sizeof("task//status") + sizeof(entry->d_name)];
        (void)snprintf(name, sizeof(name), "task/%s/status", entry->d_name);
        if (entry->d_name[0] == '.' || read_proc(pid, name, &text) < 0)
            continue;
        voluntary += MAX(proc_stat_find(buf_span(&text), "voluntary_ctxt_switches"), 0);
        involuntary += MAX(proc_stat_find(buf_span(&text), "nonvoluntary_ctxt_switches"), 0);
    }
    (void)closedir(folder);
    out->switches_voluntary = voluntary;
    out->switches_involuntary = involuntary;
}

int64_t proc_stat_read_pss(pid_t pid)
{
    AUTO(buf_fini) struct buf text = { 0 };
    return read_proc(pid, "smaps_rollup", &text) == 0 ? proc_stat_find(buf_span(&text), "Pss")
                                                      : PROC_UNKNOWN;
}

/* To the nanosecond, which /proc does not give. */
static int read_cpu(pid_t pid, int64_t *cpu_ns)
{
    clockid_t clock;
    int       err = clock_getcpuclockid(pid, &clock);
    if (err != 0)
        return -err;
    *cpu_ns = clock_ns(clock);
    return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *out)
{
    AUTO(buf_fini) struct buf text = { 0 };
    struct proc_stat          stat = { .read_calls = PROC_UNKNOWN,
                                       .write_calls = PROC_UNKNOWN,
                                       .switches_voluntary = PROC_UNKNOWN,
                                       .switches_involuntary = PROC_UNKNOWN };

    int err = read_cpu(pid, &stat.cpu_ns);
    if (err == 0)
        err = read_proc(pid, "stat", &text);
    if (err == 0)
        err = proc_stat_parse(buf_span(&text), sysconf(_SC_CLK_TCK), &stat);
    if (err == 0)
        err = read_proc(pid, "status", &text);
    if (err < 0)
        return err;
    stat.rss_bytes = proc_stat_find(buf_span(&text), "VmRSS");
    stat.peak_rss_bytes = proc_stat_find(buf_span(&text), "VmHWM");
    if (read_proc(pid, "io", &text) == 0) {
        stat.read_calls = proc_stat_find(buf_span(&text), "syscr");
        stat.write_calls = proc_stat_find(buf_span(&text), "syscw");
    }
    add_switches(pid, &stat);
    *out = stat;
    return 0;
}
