/**
 * seq_check: RTP sequence numbers of one track: which are missing, which came late or twice.
 *
 * Zero:    a checker of zeros is valid; the first number it sees is where it begins.
 *          What is numbered below that came before we listened, and is passed over.
 * Window:  64 numbers: what comes later than that counts as late, were it a duplicate or not.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct seq_check {
    bool     has_begun;
    uint16_t highest;
    uint64_t advanced;  /* numbers from the beginning to the highest */
    uint64_t seen;      /* bit n: highest - n has come */
    uint64_t missing;   /* passed over and not seen since */
    uint64_t late;      /* came behind a higher one */
    uint64_t duplicate; /* came twice */
};

/**
 * True when the packet is new, false when it came already or is from before the beginning. A
 * jump of 3000 and more backwards is a new beginning (RFC 3550, appendix A.1).
 */
bool seq_check_add(struct seq_check *check, uint16_t seq);
