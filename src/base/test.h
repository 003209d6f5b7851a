/**
 * test: what every x_test.c includes: cmocka, CHECK with the case's name, one main.
 *
 *     static void frames_may_be_cut_anywhere(void **state) { ... CHECK(got == want, "name"); }
 *     TESTS(frames_may_be_cut_anywhere, ...)
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above before it. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

/** Fails the test and names the case of a table that failed. */
#define CHECK(condition, name)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("case \"%s\"\n", (name));                                                  \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

/** main() with up to 64 tests, named by their functions. */
#define TESTS(...)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        static const CMUnitTestFunction functions[] = { __VA_ARGS__ };                             \
        return test_run(functions, COUNT(functions), #__VA_ARGS__);                                \
    }

/* Cuts the list of names that the preprocessor made and hands it to cmocka. */
static inline int test_run(const CMUnitTestFunction *functions, size_t count, const char *names)
{
    static char              copies[64][96];
    static struct CMUnitTest tests[64];
    ASSERT(count <= COUNT(tests));
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(names, ", ");
        (void)snprintf(copies[i], sizeof(copies[i]), "%.*s", (int)len, names);
        names += len + strspn(names + len, ", ");
        tests[i] = (struct CMUnitTest){ copies[i], functions[i], NULL, NULL, NULL };
    }
    return _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
}
