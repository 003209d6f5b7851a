#include "base/check.h"

#include "base/crash.h"
#include "base/stack.h"

void check_failed(const char *what, const char *file, int line)
{
    crash_fail(what, file, line, stack_registers_of_caller());
}
