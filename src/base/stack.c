#include "base/stack.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/image.h"

enum {
    WORD = sizeof(uintptr_t),
    RECORD = 2 * WORD,    /* a frame: the caller's frame pointer, the return address */
    PAGE = 4096,          /* or a multiple of it */
    MAX_FRAME = 1 << 20,  /* bytes of one function's frame */
    MAX_SCAN = 32 * 1024, /* bytes of libraries' frames between two functions of ours; libuv's
                             wait for events takes 12 KB */
    MAX_CALL = 7,         /* bytes of the longest call instruction */
};

struct walk {
    struct stack_registers at;
    uintptr_t              page; /* the last one that was found readable */
};

/*
 * There is no operation ~0, so the kernel refuses: with EINVAL when it could read the set, with
 * EFAULT when not. Unlike process_vm_readv(), no sandbox takes this call away.
 */
static bool is_readable(uintptr_t address)
{
    return syscall(SYS_rt_sigprocmask, ~0, address, NULL, _NSIG / 8) < 0 && errno == EINVAL;
}

/* The sanitizers have opinions about who may read which part of a stack. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static uintptr_t
load_word(uintptr_t address)
{
    return *(const volatile uintptr_t *)address;
}

static bool read_word(struct walk *walk, uintptr_t address, uintptr_t *out)
{
    uintptr_t page = address & ~(uintptr_t)(PAGE - 1);
    if (address % WORD != 0 || (page != walk->page && !is_readable(address)))
        return false;
    walk->page = page;
    *out = load_word(address);
    return true;
}

#if defined(__x86_64__)

struct stack_registers stack_registers_from_context(const ucontext_t *context)
{
    const greg_t *r = context->uc_mcontext.gregs;
    return (struct stack_registers){ .pc = (uintptr_t)r[REG_RIP],
                                     .sp = (uintptr_t)r[REG_RSP],
                                     .fp = (uintptr_t)r[REG_RBP],
                                     .is_interrupted = true };
}

/* FF, the byte that tells the form of the address, an index, a displacement. */
static size_t indirect_call_len(uint8_t form)
{
    static const uint8_t displacements[] = { 0, 1, 4, 0 };
    unsigned             mode = form >> 6, base = form & 7;
    if (mode == 0 && base == 5)
        return 6; /* of the instruction pointer */
    return 2 + (mode != 3 && base == 4) + displacements[mode];
}

/* E8 and four bytes, or FF /2. */
static bool is_behind_call(const uint8_t *p)
{
    if (p[-5] == 0xe8)
        return true;
    for (size_t len = 2; len <= MAX_CALL; len++) {
        uint8_t form = p[1 - (ptrdiff_t)len];
        if (p[-(ptrdiff_t)len] == 0xff && (form & 0x38) == 0x10 && indirect_call_len(form) == len)
            return true;
    }
    return false;
}

/* 0: not in the instruction. */
static uintptr_t find_call_target(uintptr_t return_address)
{
    const uint8_t *p = (const uint8_t *)return_address;
    int32_t        distance;
    memcpy(&distance, p - sizeof(distance), sizeof(distance));
    return p[-5] == 0xe8 ? return_address + (uintptr_t)(intptr_t)distance : 0;
}

#elif defined(__aarch64__)

struct stack_registers stack_registers_from_context(const ucontext_t *context)
{
    const mcontext_t *m = &context->uc_mcontext;
    return (struct stack_registers){
        .pc = m->pc, .sp = m->sp, .fp = m->regs[29], .is_interrupted = true
    };
}

/* BL, BLR. */
static bool is_behind_call(const uint8_t *p)
{
    uint32_t before;
    memcpy(&before, p - sizeof(before), sizeof(before));
    return (before & 0xfc000000) == 0x94000000 || (before & 0xfffffc1f) == 0xd63f0000;
}

/* 0: not in the instruction. */
static uintptr_t find_call_target(uintptr_t return_address)
{
    uint32_t call;
    memcpy(&call, (const uint8_t *)return_address - sizeof(call), sizeof(call));
    /* 26 bits with sign, in words of 4 bytes. */
    intptr_t distance = (int32_t)(call << 6) >> 4;
    return call >> 26 == 0x25 ? return_address - sizeof(call) + (uintptr_t)distance : 0;
}

#else
#error "stack.c knows the registers of x86-64 and aarch64"
#endif

static bool is_return_address(uintptr_t word)
{
    return image_is_code(word) && image_is_code(word - MAX_CALL) &&
           is_behind_call((const uint8_t *)word);
}

static bool read_frame(struct walk *walk, uintptr_t fp, uintptr_t above, uintptr_t *caller_fp,
                       uintptr_t *return_address)
{
    return fp >= above && fp - above < MAX_FRAME && read_word(walk, fp, caller_fp) &&
           read_word(walk, fp + WORD, return_address) && is_return_address(*return_address);
}

/* A function that needs no frame, or has not made it yet: the return address is on top. */
static bool skip_frameless(struct walk *walk)
{
    uintptr_t word;
    if (!walk->at.is_interrupted || !read_word(walk, walk->at.sp, &word) ||
        !is_return_address(word))
        return false;
    walk->at =
        (struct stack_registers){ .pc = word - 1, .sp = walk->at.sp + WORD, .fp = walk->at.fp };
    return true;
}

static bool follow_frame_pointer(struct walk *walk)
{
    uintptr_t fp = walk->at.fp, caller_fp, return_address;
    if (!read_frame(walk, fp, walk->at.sp, &caller_fp, &return_address))
        return false;
    walk->at =
        (struct stack_registers){ .pc = return_address - 1, .sp = fp + RECORD, .fp = caller_fp };
    return true;
}

/*
 * The frame pointer of the function whose return address is at `slot`: either the callees have left
 * it in its register, or one of them has saved it below the slot.
 */
static uintptr_t find_frame_pointer(struct walk *walk, uintptr_t slot)
{
    uintptr_t nearest = UINTPTR_MAX, word = walk->at.fp, ignored;
    for (uintptr_t at = walk->at.sp;; at += WORD) {
        if (word < nearest && read_frame(walk, word, slot + WORD, &ignored, &ignored))
            nearest = word;
        if (at >= slot || !read_word(walk, at, &word))
            return nearest;
    }
}

/*
 * Libraries keep pointers to our functions on their stacks, and a function may begin just behind
 * the last call of another, which then never returns. That is a return address if the call went to
 * a library (abort), not if it went to a function of ours (check_failed).
 */
static bool is_own_return_address(uintptr_t word)
{
    return image_is_own_code(word) && is_return_address(word) &&
           !(image_is_own_function(word) && image_is_own_function(find_call_target(word)));
}

static bool find_caller(struct walk *walk, bool (*is_wanted)(uintptr_t word))
{
    uintptr_t word;
    for (uintptr_t at = walk->at.sp; at - walk->at.sp < MAX_SCAN && read_word(walk, at, &word);
         at += WORD) {
        if (is_wanted(word)) {
            uintptr_t fp = find_frame_pointer(walk, at);
            walk->at = (struct stack_registers){ .pc = word - 1, .sp = at + WORD, .fp = fp };
            return true;
        }
    }
    return false;
}

static bool step(struct walk *walk)
{
    if (image_is_own_code(walk->at.pc))
        return skip_frameless(walk) || follow_frame_pointer(walk) ||
               find_caller(walk, is_own_return_address);
    /* With nothing of ours on it, it is a thread that a library has made. */
    return find_caller(walk, is_own_return_address) || find_caller(walk, is_return_address);
}

unsigned stack_walk(struct stack_registers from, uintptr_t *out, unsigned max)
{
    struct walk walk = { .at = from, .page = UINTPTR_MAX };
    unsigned    count = 0;
    do
        out[count++] = walk.at.pc;
    while (count < max && step(&walk));
    return count;
}
