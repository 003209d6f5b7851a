#include "load/load.h"

#include <stdio.h>

#include "load/load_report.h"
#include "load/load_run.h"

static int fail(const struct errmsg *why)
{
    (void)fprintf(stderr, "millrace load: %s\n", why->text);
    return LOAD_EXIT_FAILED;
}

int load_main(int argc, char **argv)
{
    struct load_options options;
    struct errmsg       why;
    if (load_options_parse(argc, argv, &options, &why) < 0)
        return fail(&why);
    if (options.wants_help) {
        load_options_print_help(stdout);
        return LOAD_EXIT_OK;
    }
    AUTO(load_destroy) struct load *load = NULL;
    if (load_create(&options, &load, &why) < 0 || load_run(load, &why) < 0)
        return fail(&why);

    const struct load_result *result = load_get_result(load);
    AUTO(buf_fini) struct buf report = { 0 };
    if (options.wants_json)
        load_report_write_json(result, &report);
    else
        load_report_write_text(result, &report);
    (void)fwrite(report.p, 1, report.len, stdout);
    return load_result_exit_code(result);
}
