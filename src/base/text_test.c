#include "base/text.h"

#include "base/test.h"

static void numbers_are_written_as_printf_does(void **state)
{
    static const uint64_t numbers[] = { 0, 1, 9, 10, 255, 4096, UINT32_MAX, UINT64_MAX };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char        memory[64], want[64];
        struct text text = { memory, sizeof(memory), 0 };
        text_add_uint(&text, numbers[i]);
        text_add_string(&text, " ");
        text_add_hex(&text, numbers[i]);
        int len = snprintf(want, sizeof(want), "%llu %s%llx", (unsigned long long)numbers[i], "0x",
                           (unsigned long long)numbers[i]);
        CHECK(text.len == (size_t)len && memcmp(memory, want, text.len) == 0, want);
    }
}

static void what_does_not_fit_is_cut(void **state)
{
    char        memory[6] = "......";
    struct text text = { memory, 5, 0 };
    text_add_string(&text, "abc");
    text_add_string(&text, "defg");
    text_add_uint(&text, 1);
    assert_int_equal(text.len, 5);
    assert_memory_equal(memory, "abcde.", 6);
}

TESTS(numbers_are_written_as_printf_does, what_does_not_fit_is_cut)
