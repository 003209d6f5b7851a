/**
 * check: assertions about our own mistakes, on in every build; never about a peer's bytes.
 */
#pragma once
#include <stddef.h>
/* It has a MIN and a MAX that evaluate twice; included later, by libuv, it would replace ours. */
#include <sys/param.h>

/** Ends the process: text, file and line go to the crash report (base/crash.h). */
__attribute__((noreturn, cold)) void check_failed(const char *what, const char *file, int line);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(#condition, __FILE__, __LINE__);                                          \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CONTAINER_OF(p, type, member)                                                              \
    __extension__({                                                                                \
        const typeof(((type *)0)->member) *member_ = (p);                                          \
        (type *)((char *)member_ - offsetof(type, member));                                        \
    })

#undef MIN
#define MIN(a, b)                                                                                  \
    __extension__({                                                                                \
        typeof(a) a_ = (a);                                                                        \
        typeof(b) b_ = (b);                                                                        \
        a_ < b_ ? a_ : b_;                                                                         \
    })

#undef MAX
#define MAX(a, b)                                                                                  \
    __extension__({                                                                                \
        typeof(a) a_ = (a);                                                                        \
        typeof(b) b_ = (b);                                                                        \
        a_ > b_ ? a_ : b_;                                                                         \
    })
