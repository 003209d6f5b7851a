/*
 * Counts what a program asks of the allocator and of the system, from outside: loaded into it by
 * LD_PRELOAD, it writes its counts to the file named by COUNT_CALLS, which the test maps too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The order is that of `Calls` in cost.py. */
enum { ALLOCATION, RECEIVE, SEND, WAIT, CONTROL, COUNTERS };

static _Atomic uint64_t  before_start[COUNTERS];
static _Atomic uint64_t *counters = before_start;

__attribute__((constructor)) static void map_counters(void)
{
    const char *path = getenv("COUNT_CALLS");
    int         fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(before_start), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map != MAP_FAILED)
        counters = map;
}

static void count(int what)
{
    (void)atomic_fetch_add_explicit(&counters[what], 1, memory_order_relaxed);
}

/* glibc's own names of the allocator, so that no look-up, which allocates, is needed. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    count(ALLOCATION);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(ALLOCATION);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(ALLOCATION);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(ALLOCATION);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count(ALLOCATION);
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

/* A function of libc that is one system call: counted, then done. */
#define COUNTED(what, type, name, parameters, arguments)                                           \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*_Atomic next) parameters;                                                     \
        if (!next)                                                                                 \
            next = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        count(what);                                                                               \
        return next arguments;                                                                     \
    }

COUNTED(RECEIVE, ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
COUNTED(RECEIVE, ssize_t, readv, (int fd, const struct iovec *parts, int n), (fd, parts, n))
COUNTED(RECEIVE, ssize_t, recv, (int fd, void *data, size_t size, int flags),
        (fd, data, size, flags))
COUNTED(RECEIVE, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
        (fd, message, flags))
COUNTED(SEND, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
COUNTED(SEND, ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n))
COUNTED(SEND, ssize_t, send, (int fd, const void *data, size_t size, int flags),
        (fd, data, size, flags))
COUNTED(SEND, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
        (fd, message, flags))
COUNTED(WAIT, int, epoll_wait, (int fd, struct epoll_event *events, int max, int timeout),
        (fd, events, max, timeout))
COUNTED(WAIT, int, epoll_pwait,
        (int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask),
        (fd, events, max, timeout, mask))
COUNTED(CONTROL, int, epoll_ctl, (int fd, int operation, int on, struct epoll_event *event),
        (fd, operation, on, event))
