#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"

enum { BLOCK = 256 }; /* getrandom() never returns fewer than asked up to this size */

void random_bytes(void *out, size_t size)
{
    static _Thread_local uint8_t block[BLOCK];
    static _Thread_local size_t  left;

    uint8_t *at = out;
    while (size > 0) {
        if (left == 0) {
            ssize_t got;
            do
                got = getrandom(block, BLOCK, 0);
            while (got < 0 && errno == EINTR);
            ASSERT(got == BLOCK);
            left = BLOCK;
        }
        size_t n = MIN(size, left);
        memcpy(at, block + left - n, n);
        memset(block + left - n, 0, n);
        left -= n;
        at += n;
        size -= n;
    }
}

void random_hex128(char out[33])
{
    uint8_t bytes[16];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void random_uuid(char out[37])
{
    uint8_t b[16];
    random_bytes(b, sizeof(b));
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    (void)snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                   b[13], b[14], b[15]);
}
