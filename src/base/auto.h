/**
 * auto: scope-bound cleanup, like Go's `defer`.
 *
 *     AUTO(conf_destroy) struct conf *conf = conf_create();
 *     ...
 *     *out = TAKE(conf);
 *
 * The destructor runs when the variable leaves its scope and is not NULL.
 */
#pragma once

/** Beside a destructor: makes it fit for AUTO. The destructor is not called for NULL. */
#define DEFINE_AUTO(type, destructor)                                                              \
    static inline void auto_##destructor(type *at)                                                 \
    {                                                                                              \
        if (*at)                                                                                   \
            destructor(*at);                                                                       \
    }

#define AUTO(destructor) __attribute__((cleanup(auto_##destructor)))

/** The pointer, given away: the variable is NULL afterwards. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        typeof(p) taken_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
