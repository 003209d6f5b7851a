/**
 * embed: files of the source tree that are part of the program, taken in by the assembler: no
 * generated C of a megabyte.
 *
 *     EMBED(page_file, PAGE_PATH);              a generated header defines PAGE_PATH
 *     struct span page = EMBEDDED(page_file);
 *
 * The compiler does not see that a file has changed: the header that scripts/embed makes does.
 */
#pragma once
#include <stdint.h>

#include "base/span.h"

#define EMBED(name, path)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".hidden " #name ", " #name "_end\n"                                                   \
            ".global " #name ", " #name "_end\n" #name ":\n"                                       \
            ".incbin \"" path "\"\n" #name "_end:\n"                                               \
            ".popsection\n");                                                                      \
    extern const uint8_t name[], name##_end[]

#define EMBEDDED(name) ((struct span){ name, (size_t)(name##_end - name) })
