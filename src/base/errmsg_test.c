#include "base/errmsg.h"

#include <errno.h>

#include "base/test.h"

#include <uv.h>

static void the_error_is_passed_on(void **state)
{
    struct errmsg why;
    assert_int_equal(errmsg_set(&why, -EINVAL, "'%s' must be %d", "workers", 1), -EINVAL);
    assert_string_equal(why.text, "'workers' must be 1");
    assert_int_equal(errmsg_prefix(&why, -ENOENT, "line %d", 7), -ENOENT);
    assert_string_equal(why.text, "line 7: 'workers' must be 1");
}

static void nobody_needs_to_listen(void **state)
{
    assert_int_equal(errmsg_set(NULL, -EIO, "lost"), -EIO);
    assert_int_equal(errmsg_prefix(NULL, -EIO, "lost"), -EIO);
}

static void long_words_are_cut(void **state)
{
    char words[2 * ERRMSG_SIZE];
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    struct errmsg why;
    (void)errmsg_set(&why, -EINVAL, "%s", words);
    assert_int_equal(strlen(why.text), ERRMSG_SIZE - 1);
    (void)errmsg_prefix(&why, -EINVAL, "file.yml");
    assert_int_equal(strlen(why.text), ERRMSG_SIZE - 1);
    assert_memory_equal(why.text, "file.yml: www", 13);
    (void)errmsg_set(&why, -EINVAL, "reason");
    (void)errmsg_prefix(&why, -EINVAL, "%s", words);
    assert_int_equal(strlen(why.text), 200 + strlen(": reason"));
    assert_string_equal(why.text + 200, ": reason");
}

static void libuv_codes_have_words_too(void **state)
{
    assert_string_equal(err_text(UV_EOF), "EOF");
    assert_string_equal(err_text(-ECONNREFUSED), "connection refused");
    assert_string_equal(err_text(UV_EAI_NONAME), "unknown node or service");
}

TESTS(the_error_is_passed_on, nobody_needs_to_listen, long_words_are_cut,
      libuv_codes_have_words_too)
