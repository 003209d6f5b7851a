#include "base/utf8.h"

#include <stdbool.h>

#include "base/check.h"

size_t utf8_len(struct span text)
{
    static const struct {
        uint8_t first, last, second_first, second_last;
        size_t  len;
    } forms[] = {
        { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; text.len && i < COUNT(forms); i++) {
        if (text.p[0] < forms[i].first || text.p[0] > forms[i].last || text.len < forms[i].len)
            continue;
        if (forms[i].len == 1)
            return 1;
        bool is_valid = text.p[1] >= forms[i].second_first && text.p[1] <= forms[i].second_last;
        for (size_t j = 2; j < forms[i].len; j++)
            is_valid &= (text.p[j] & 0xc0) == 0x80;
        return is_valid ? forms[i].len : 0;
    }
    return 0;
}
