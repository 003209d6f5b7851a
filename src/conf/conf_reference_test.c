#include <stdlib.h>

#include "base/buf.h"
#include "base/test.h"
#include "conf/conf.h"
#include "conf/settings.h"

static void locate_document(char *out, size_t size)
{
    (void)snprintf(out, size, "%s/docs/settings.md", getenv("MILLRACE_SOURCE_ROOT"));
}

/* MILLRACE_UPDATE=1 writes the document instead of comparing it. */
static void the_document_is_up_to_date(void **state)
{
    char                      path[4096];
    AUTO(buf_fini) struct buf want = { 0 }, got = { 0 };
    conf_print_reference(&want);
    locate_document(path, sizeof(path));
    FILE *file = fopen(path, getenv("MILLRACE_UPDATE") ? "w+" : "r");
    assert_non_null(file);
    if (getenv("MILLRACE_UPDATE"))
        assert_int_equal(fwrite(want.p, 1, want.len, file), want.len);
    rewind(file);
    for (int c; (c = fgetc(file)) != EOF;)
        buf_printf(&got, "%c", c);
    (void)fclose(file);
    if (!span_equal(buf_span(&want), buf_span(&got)))
        fail_msg("docs/settings.md is not what the table of settings says; renew it with\n"
                 "MILLRACE_UPDATE=1 meson test -C BUILD conf/conf_reference");
}

static void every_key_has_its_row(void **state)
{
    static const enum setting_scope scopes[] = { SCOPE_GLOBAL, SCOPE_PATH };
    AUTO(buf_fini) struct buf       document = { 0 };
    conf_print_reference(&document);
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (const struct setting *setting = settings_of(scopes[i]); setting->name; setting++) {
            char row[128];
            (void)snprintf(row, sizeof(row), "\n| %s | ", setting->name);
            CHECK(strstr(buf_string(&document), row), setting->name);
        }
    }
}

static void keys_of_objects_have_theirs(void **state)
{
    static const char *const rows[] = {
        "\n| webrtcICEServers2 | list of objects | `[]` | up to 32 items | ",
        ("\n| webrtcICEServers2[].url | URL | `\"\"` | `stun:`, `turn:`, `turns:`; 1 to 512 bytes "
         "| "),
        "\n| webrtcICEServers2[].clientOnly | boolean | `false` |  | ",
    };
    AUTO(buf_fini) struct buf document = { 0 };
    conf_print_reference(&document);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(strstr(buf_string(&document), rows[i]), rows[i]);
}

TESTS(the_document_is_up_to_date, every_key_has_its_row, keys_of_objects_have_theirs)
