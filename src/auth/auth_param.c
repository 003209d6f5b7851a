#include "auth/auth_param.h"

#include "base/check.h"

/* Some clients put a quote around what needs none, others none around what does. */
static struct span cut_value(struct span *rest)
{
    *rest = span_trim(*rest);
    bool   is_quoted = rest->len > 0 && rest->p[0] == '"';
    size_t start = is_quoted, end = start;
    while (end < rest->len && (is_quoted ? rest->p[end] != '"' : rest->p[end] != ',')) {
        if (!is_quoted && (rest->p[end] == ' ' || rest->p[end] == '\t'))
            break;
        bool is_escape = is_quoted && rest->p[end] == '\\' && end + 1 < rest->len;
        end += is_escape ? 2 : 1;
    }
    struct span value = { rest->p + start, end - start };
    *rest = span_skip(*rest, MIN(end + is_quoted, rest->len));
    return value;
}

bool auth_param_next(struct span *rest, struct span *name, struct span *value)
{
    while (rest->len > 0 && (rest->p[0] == ',' || rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = span_skip(*rest, 1);
    bool has_value = span_find(*rest, '=') >= 0;
    if (!span_next(rest, '=', name))
        return false;
    *name = span_trim(*name);
    *value = has_value ? cut_value(rest) : (struct span){ 0 };
    return true;
}
