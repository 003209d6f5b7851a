/**
 * stack: who called whom, from the registers of a thread and what lies on its stack.
 *
 * Functions of ours keep frame pointers, most libraries do not. Above a library's function, the
 * first word on the stack that is a return address of ours, behind a call, is taken for our caller.
 *
 * Threads: any, on its own stack; also in signal handlers. No word is read that could fault.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

enum { STACK_MAX_FRAMES = 64 };

struct stack_registers {
    uintptr_t pc, sp, fp;
    bool      is_interrupted; /* anywhere in a function, not only at a call */
};

/** Those that a signal handler is given. */
struct stack_registers stack_registers_from_context(const ucontext_t *context);

/** The caller of the function that this is written in. */
__attribute__((always_inline)) static inline struct stack_registers stack_registers_of_caller(void)
{
    const uintptr_t *frame = __builtin_frame_address(0);
    return (struct stack_registers){ .pc = (uintptr_t)__builtin_return_address(0) - 1,
                                     .sp = (uintptr_t)(frame + 2),
                                     .fp = frame[0] };
}

/**
 * Writes at most `max` addresses, from the innermost: `from.pc`, then of each caller one that lies
 * inside its call instruction. Returns their number, at least 1. image_init() comes before.
 */
unsigned stack_walk(struct stack_registers from, uintptr_t *out, unsigned max);
