#include "base/crash.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/image.h"
#include "base/log.h"
#include "base/sanitizer.h"
#include "base/text.h"
#include "base/version.h"

enum {
    ALTERNATE_STACK = 64 * 1024, /* the kernel alone puts up to 11 KB of registers on it */
    MAX_LINE = 512,
    MAX_NAME = 16, /* of a thread, PR_GET_NAME's */
    STDERR_TIMEOUT_MS = 1000,
};

#define ANSWER_TIMEOUT_NS (100 * NS_PER_MS)
#define SIGNAL_TELL_STACK (SIGRTMIN + 1)

static const struct crash_signal {
    const char *name;
    int         number;
    bool        is_ours; /* not left to a sanitizer */
} crash_signals[] = {
    { "SIGSEGV", SIGSEGV, !HAS_SANITIZER }, { "SIGBUS", SIGBUS, !HAS_SANITIZER },
    { "SIGILL", SIGILL, !HAS_SANITIZER },   { "SIGFPE", SIGFPE, !HAS_SANITIZER },
    { "SIGTRAP", SIGTRAP, !HAS_SANITIZER }, { "SIGABRT", SIGABRT, true },
};

static const struct {
    int         number, code;
    const char *text;
} crash_codes[] = {
    { SIGSEGV, SEGV_MAPERR, "nothing is mapped at" },
    { SIGSEGV, SEGV_ACCERR, "no permission to access" },
    { SIGBUS, BUS_ADRALN, "wrong alignment of" },
    { SIGBUS, BUS_ADRERR, "nothing is behind" },
    { SIGFPE, FPE_INTDIV, "division by zero at" },
    { SIGILL, ILL_ILLOPN, "illegal instruction at" },
};

/* ---- the report ---- */

/* A reader of stderr that has stopped reading costs the report; it does not hold the dying. */
static void print(const char *bytes, size_t len)
{
    static bool   is_stuck;
    struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
    while (len > 0 && !is_stuck) {
        ssize_t n = poll(&out, 1, STDERR_TIMEOUT_MS) == 1 ? write(out.fd, bytes, len) : -1;
        is_stuck = n <= 0;
        bytes += is_stuck ? 0 : n;
        len -= is_stuck ? 0 : (size_t)n;
    }
}

static void print_text(const struct text *text)
{
    print(text->p, text->len);
}

static void print_string(const char *string)
{
    print(string, strlen(string));
}

static void add_thread(struct text *line)
{
    char name[MAX_NAME] = "";
    (void)prctl(PR_GET_NAME, name);
    text_add_string(line, ", in thread '");
    text_add_string(line, name);
    text_add_string(line, "' (");
    text_add_uint(line, (uint64_t)gettid());
    text_add_string(line, ")");
}

static void add_signal(struct text *line, const siginfo_t *info)
{
    for (size_t i = 0; i < COUNT(crash_signals); i++) {
        if (crash_signals[i].number == info->si_signo)
            text_add_string(line, crash_signals[i].name);
    }
    if (info->si_code <= 0) {
        text_add_string(line, ", sent by process ");
        text_add_uint(line, (uint64_t)info->si_pid);
        text_add_string(line, info->si_pid == getpid() ? " (itself)" : "");
        return;
    }
    const char *what = "at";
    for (size_t i = 0; i < COUNT(crash_codes); i++) {
        if (crash_codes[i].number == info->si_signo && crash_codes[i].code == info->si_code)
            what = crash_codes[i].text;
    }
    text_add_string(line, ", ");
    text_add_string(line, what);
    text_add_string(line, " ");
    text_add_hex(line, (uintptr_t)info->si_addr);
}

static void print_stack(struct stack_registers at)
{
    uintptr_t frames[STACK_MAX_FRAMES];
    unsigned  count = stack_walk(at, frames, STACK_MAX_FRAMES);
    for (unsigned i = 0; i < count; i++) {
        char        memory[MAX_LINE];
        struct text line = { memory, sizeof(memory), 0 };
        text_add_string(&line, "  #");
        text_add_uint(&line, i);
        text_add_string(&line, " ");
        image_add_name(frames[i], &line);
        if (image_is_own_code(frames[i])) {
            text_add_string(&line, " (");
            image_add_place(frames[i], &line);
            text_add_string(&line, ")");
        }
        print_text(&line);
        print_string("\n");
    }
    if (count == STACK_MAX_FRAMES)
        print_string("  ...\n");
}

static void print_report(const struct text *reason, struct stack_registers at)
{
    print_string("millrace crashed: ");
    print_text(reason);
    print_string("\nmillrace " MILLRACE_VERSION ", " MILLRACE_PLATFORM ", build id ");
    print_string(image_build_id());
    print_string("\nstack:\n");
    print_stack(at);
    print_string("last lines of the log:\n");
    log_visit_last(print);
}

/* Only the first thread that crashes reports; the others wait for the end that it brings. */
static bool claim_report(void)
{
    static atomic_int reporter;
    int               owner = 0, self = gettid();
    if (atomic_compare_exchange_strong(&reporter, &owner, self))
        return true;
    while (owner != self)
        (void)pause();
    return false;
}

/* ---- the two ways into it ---- */

static void on_crash(int number, siginfo_t *info, void *context)
{
    if (claim_report()) {
        char        memory[MAX_LINE];
        struct text reason = { memory, sizeof(memory), 0 };
        add_signal(&reason, info);
        add_thread(&reason);
        print_report(&reason, stack_registers_from_context(context));
    }
    /* Blocked until this handler returns; then the process ends by it, with a core dump where
     * the system keeps them. */
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void crash_fail(const char *what, const char *file, int line, struct stack_registers at)
{
    image_init();
    if (claim_report()) {
        char        memory[MAX_LINE];
        struct text reason = { memory, sizeof(memory), 0 };
        text_add_string(&reason, "assertion failed: ");
        text_add_string(&reason, what);
        text_add_string(&reason, " (");
        text_add_string(&reason, file);
        text_add_string(&reason, ":");
        text_add_uint(&reason, (uint64_t)line);
        text_add_string(&reason, ")");
        add_thread(&reason);
        print_report(&reason, at);
    }
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

/* ---- stacks of living threads ---- */

enum question_state { QUESTION_NONE, QUESTION_ASKED, QUESTION_TAKEN, QUESTION_ANSWERED };

static struct {
    pthread_mutex_t mutex; /* one question at a time */
    atomic_int      state; /* a late answer must not meet the next question */
    sem_t           answered;
    pthread_t       thread;
    char            name[MAX_NAME];
    unsigned        count;
    uintptr_t       frames[STACK_MAX_FRAMES];
} question = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void on_tell_stack(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno, asked = QUESTION_ASKED;
    if (atomic_load(&question.state) == QUESTION_ASKED &&
        pthread_equal(question.thread, pthread_self()) &&
        atomic_compare_exchange_strong(&question.state, &asked, QUESTION_TAKEN)) {
        (void)prctl(PR_GET_NAME, question.name);
        question.count =
            stack_walk(stack_registers_from_context(context), question.frames, STACK_MAX_FRAMES);
        atomic_store(&question.state, QUESTION_ANSWERED);
        (void)sem_post(&question.answered);
    }
    errno = saved_errno;
}

static bool wait_for_answer(void)
{
    int64_t         deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;
    struct timespec deadline = { deadline_ns / NS_PER_S, deadline_ns % NS_PER_S };
    int             asked = QUESTION_ASKED, err;
    do
        err = sem_clockwait(&question.answered, CLOCK_MONOTONIC, &deadline);
    while (err < 0 && errno == EINTR);
    if (err < 0 && atomic_compare_exchange_strong(&question.state, &asked, QUESTION_NONE))
        return false;
    /* If it began to answer at the last moment, it is about to end. */
    while (err < 0)
        err = sem_wait(&question.answered);
    return atomic_load(&question.state) == QUESTION_ANSWERED;
}

static void log_answer(void)
{
    char        memory[LOG_MAX_LINE];
    struct text text = { memory, sizeof(memory), 0 };
    for (unsigned i = 0; i < question.count; i++) {
        text_add_string(&text, i > 0 ? " < " : "");
        image_add_name(question.frames[i], &text);
    }
    LOG(NULL, LOG_WARN, "stack of thread '%s': %.*s", question.name, (int)text.len, text.p);
}

void crash_log_thread(pthread_t thread, const char *why)
{
    pthread_mutex_lock(&question.mutex);
    LOG(NULL, LOG_WARN, "%s", why);
    question.thread = thread;
    atomic_store(&question.state, QUESTION_ASKED);
    if (pthread_kill(thread, SIGNAL_TELL_STACK) == 0 && wait_for_answer())
        log_answer();
    else
        LOG(NULL, LOG_WARN, "the thread does not tell its stack");
    atomic_store(&question.state, QUESTION_NONE);
    pthread_mutex_unlock(&question.mutex);
}

/* ---- set-up ---- */

static pthread_once_t alternate_stack_once = PTHREAD_ONCE_INIT;
static pthread_key_t  alternate_stack_key; /* frees it at the thread's end */

static void free_alternate_stack(void *memory)
{
    stack_t none = { .ss_flags = SS_DISABLE };
    (void)sigaltstack(&none, NULL);
    (void)munmap(memory, ALTERNATE_STACK);
}

static void create_alternate_stack_key(void)
{
    int err = pthread_key_create(&alternate_stack_key, free_alternate_stack);
    ASSERT(err == 0);
}

void crash_init_thread(void)
{
    stack_t stack;
    (void)pthread_once(&alternate_stack_once, create_alternate_stack_key);
    /* A sanitizer has made one already, and will free what it finds at the thread's end. */
    if (sigaltstack(NULL, &stack) < 0 || !(stack.ss_flags & SS_DISABLE))
        return;
    void *memory = mmap(NULL, ALTERNATE_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return;
    stack = (stack_t){ .ss_sp = memory, .ss_size = ALTERNATE_STACK };
    (void)sigaltstack(&stack, NULL);
    (void)pthread_setspecific(alternate_stack_key, memory);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = { .sa_sigaction = handler,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK | flags };
    (void)sigfillset(&action.sa_mask);
    int err = sigaction(number, &action, NULL);
    ASSERT(err == 0);
}

void crash_init(void)
{
    image_init();
    crash_init_thread();
    (void)sem_init(&question.answered, 0, 0);
    install(SIGNAL_TELL_STACK, on_tell_stack, SA_RESTART);
    for (size_t i = 0; i < COUNT(crash_signals); i++) {
        if (crash_signals[i].is_ours)
            install(crash_signals[i].number, on_crash, 0);
    }
}

const char *crash_build_id(void)
{
    return image_build_id();
}
