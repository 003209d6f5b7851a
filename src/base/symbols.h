/**
 * symbols: names of functions, looked up in the bytes of an ELF file of this machine's kind (64
 * bits, little endian). Nothing is copied or allocated: fit for a signal handler.
 *
 * Zero:    a struct symbols of zeros has no names.
 * Owner:   the file's bytes are borrowed and must outlive the struct and the names found.
 */
#pragma once
#include <stdint.h>

#include "base/span.h"

struct symbols {
    struct span table; /* Elf64_Sym, one after another */
    struct span names; /* texts with NUL */
};

struct symbol {
    struct span name;
    uint64_t    start; /* address in the file's own numbers: without the load address */
};

/**
 * Finds the table of symbols (.symtab, or .dynsym in a stripped file). -ENOEXEC: not such a file,
 * or a broken one. -ENOENT: it has no symbols.
 */
int symbols_open(struct span elf, struct symbols *out);

/** The function that `address` lies in. -ENOENT. Takes a time linear to the size of the table. */
int symbols_find(const struct symbols *symbols, uint64_t address, struct symbol *out);
