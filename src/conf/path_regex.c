#include "conf/path_regex.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"
#include "base/mem.h"

struct conf_regex {
    pcre2_code *code;
    uint32_t    group_count;
    bool        is_anchored;
};

/* `$` is the end and nothing else, as in Go; bytes are bytes, as names are ASCII. */
enum { COMPILE_OPTIONS = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C };

int path_regex_create(const char *expression, struct conf_regex **out)
{
    int         error;
    size_t      offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, COMPILE_OPTIONS,
                                     &error, &offset, NULL);
    if (!code)
        return -EINVAL;
    struct conf_regex *regex = mem_new(struct conf_regex);
    regex->code = code;
    (void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &regex->group_count);
    uint32_t options = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    regex->is_anchored = options & PCRE2_ANCHORED;
    *out = regex;
    return 0;
}

struct conf_regex *path_regex_destroy(struct conf_regex *regex)
{
    if (!regex)
        return NULL;
    pcre2_code_free(regex->code);
    return mem_free(regex);
}

static void copy_groups(const struct conf_regex *regex, struct span name, pcre2_match_data *data,
                        struct conf_match *match)
{
    const size_t *offsets = pcre2_get_ovector_pointer(data);
    match->group_count = MIN(regex->group_count, (uint32_t)CONF_MAX_GROUPS);
    for (unsigned i = 0; i < match->group_count; i++) {
        const size_t *pair = offsets + (size_t)2 * (i + 1);
        size_t        start = pair[0], end = pair[1];
        match->groups[i] = start == PCRE2_UNSET ? (struct span){ 0 }
                                                : (struct span){ name.p + start, end - start };
    }
}

/* PCRE2 counts steps anew for each place where a match may begin, so those share the budget. */
static pcre2_match_context *create_limits(const struct conf_regex *regex, struct span name)
{
    size_t   starts = regex->is_anchored ? 1 : name.len + 1;
    uint32_t steps = (uint32_t)MAX(CONF_REGEX_STEPS / starts, (size_t)CONF_REGEX_MIN_STEPS);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    ASSERT(limits);
    (void)pcre2_set_match_limit(limits, steps);
    (void)pcre2_set_depth_limit(limits, CONF_REGEX_MAX_DEPTH);
    (void)pcre2_set_heap_limit(limits, CONF_REGEX_MAX_HEAP_KB);
    return limits;
}

bool path_regex_match(const struct conf_regex *regex, struct span name, struct conf_match *match)
{
    pcre2_match_data    *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
    pcre2_match_context *limits = create_limits(regex, name);
    ASSERT(data);
    PCRE2_SPTR text = name.len ? name.p : (PCRE2_SPTR) "";
    int        result = pcre2_match(regex->code, text, name.len, 0, 0, data, limits);
    if (result > 0 && match)
        copy_groups(regex, name, data, match);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return result > 0;
}
