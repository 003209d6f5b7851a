/**
 * image: the program and its libraries as they lie in memory: whose code an address is, and what
 * it is called.
 *
 * Owner:   the process; gathered once. Libraries that are opened later are not known.
 * Threads: image_init() before other threads start; the rest from any, also in signal handlers.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/** Gathers; does nothing when it is done already. */
void image_init(void);

/** 40 lower-case digits of the GNU build id, or "unknown". */
const char *image_build_id(void);

/** Is it code of the program itself? */
bool image_is_own_code(uintptr_t address);

/** Is it code of the program, or of a library? */
bool image_is_code(uintptr_t address);

/** Does a function of the program begin here? */
bool image_is_own_function(uintptr_t address);

/** Appends `function+0x1c`, `libc.so.6+0x8a1f5` or, when it is nobody's, the number. */
void image_add_name(uintptr_t address, struct text *out);

/** Appends `millrace+0x2b234`, which addr2line understands without the 'millrace+'. */
void image_add_place(uintptr_t address, struct text *out);
