/* The command line: finds the configuration and hands over to the server or to a sub-command. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "conf/conf.h"
#include "load/load.h"
#include "server.h"

/* MediaMTX's exit codes. */
enum { EXIT_OK = 0, EXIT_START = 1, EXIT_COMMAND_LINE = 80 };

struct options {
    const char *file; /* NULL: not given */
    bool        help, version, print_config;
};

static const struct flag {
    const char *name, *short_name, *help;
    size_t      place; /* of a bool in struct options */
} flags[] = {
    { "--help", "-h", "Show this help.", offsetof(struct options, help) },
    { "--version", NULL, "Print version and build id.", offsetof(struct options, version) },
    { "--print-config", NULL, "Print the configuration with all defaults, and exit.",
      offsetof(struct options, print_config) },
};

static const struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "load", "Make a controlled load for this or any other server.", load_main },
};

/* Where a file is looked for when none is named: our own name, then MediaMTX's list. */
static const char *const default_files[] = {
    "millrace.yml",          "rtsp-simple-server.yml",
    "mediamtx.yml",          "/usr/local/etc/mediamtx.yml",
    "/usr/etc/mediamtx.yml", "/etc/mediamtx/mediamtx.yml",
};

static void print_usage(void)
{
    (void)printf("Usage: millrace [<file>] [flags]\n"
                 "       millrace <command> [<arguments>]\n"
                 "\n"
                 "millrace " MILLRACE_VERSION ", " MILLRACE_PLATFORM "\n"
                 "\n"
                 "Arguments:\n"
                 "  [<file>]    path to a configuration file. The default is %s.\n"
                 "\n"
                 "Flags:\n",
                 default_files[0]);
    for (size_t i = 0; i < COUNT(flags); i++) {
        const char *short_name = flags[i].short_name;
        (void)printf("  %2s%c %-16s  %s\n", short_name ? short_name : "", short_name ? ',' : ' ',
                     flags[i].name, flags[i].help);
    }
    (void)printf("\nCommands (each has a --help of its own):\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        (void)printf("  %-20s  %s\n", commands[i].name, commands[i].help);
}

static int refuse_argument(const char *what, const char *argument)
{
    print_usage();
    (void)printf("\n");
    (void)fflush(stdout);
    (void)fprintf(stderr, "millrace: error: %s %s\n", what, argument);
    return -EINVAL;
}

static const struct flag *find_flag(const char *argument)
{
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (strcmp(argument, flags[i].name) == 0 ||
            (flags[i].short_name && strcmp(argument, flags[i].short_name) == 0))
            return &flags[i];
    }
    return NULL;
}

static int parse_options(int argc, char **argv, struct options *out)
{
    *out = (struct options){ 0 };
    for (int i = 1; i < argc; i++) {
        const struct flag *flag = find_flag(argv[i]);
        if (flag)
            *(bool *)((char *)out + flag->place) = true;
        else if (argv[i][0] == '-')
            return refuse_argument("unknown flag", argv[i]);
        else if (out->file)
            return refuse_argument("unexpected argument", argv[i]);
        else
            out->file = argv[i];
    }
    return 0;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; name && i < COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* NULL: there is none. */
static const char *find_default_file(void)
{
    for (size_t i = 0; i < COUNT(default_files); i++) {
        if (access(default_files[i], F_OK) == 0)
            return default_files[i];
    }
    return NULL;
}

static void log_no_file(void)
{
    AUTO(mem_free) char      *folder = getcwd(NULL, 0);
    AUTO(buf_fini) struct buf places = { 0 };
    for (size_t i = 0; i < COUNT(default_files); i++) {
        const char *file = default_files[i];
        bool        is_absolute = file[0] == '/';
        buf_printf(&places, "%s%s%s%s", i > 0 ? ", " : "", is_absolute || !folder ? "" : folder,
                   is_absolute ? "" : "/", file);
    }
    LOG(NULL, LOG_WARN, "configuration file not found (looked in %s), using an empty configuration",
        buf_string(&places));
}

static void log_start(const char *file)
{
    LOG(NULL, LOG_INFO, "millrace " MILLRACE_VERSION ", " MILLRACE_PLATFORM);
    if (!file) {
        log_no_file();
        return;
    }
    AUTO(mem_free) char *absolute = realpath(file, NULL);
    LOG(NULL, LOG_INFO, "configuration loaded from %s", absolute ? absolute : file);
}

static int print_version(void)
{
    (void)printf("millrace " MILLRACE_VERSION "\nbuild id %s\n", crash_build_id());
    return EXIT_OK;
}

static int print_config(const struct conf *conf)
{
    AUTO(buf_fini) struct buf text = { 0 };
    conf_print(conf, &text);
    (void)fwrite(text.p, 1, text.len, stdout);
    return EXIT_OK;
}

/* A descriptor that is closed here would be the next socket's, and the log would go to a peer. */
static void hold_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

/* One for each peer: the soft limit is there for programs that call select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_server(const char *file, struct conf *conf)
{
    log_set_level((enum log_level)conf->log_level);
    log_start(file);
    int err = server_run(conf);
    log_close();
    return err < 0 ? EXIT_START : EXIT_OK;
}

static int run(const struct options *options)
{
    if (options->help) {
        print_usage();
        return EXIT_OK;
    }
    if (options->version)
        return print_version();

    const char                   *file = options->file ? options->file : find_default_file();
    AUTO(conf_unref) struct conf *conf = NULL;
    struct errmsg                 why = { "" };
    if (conf_load(file, environ, &conf, &why) < 0) {
        (void)printf("ERR: %s\n", why.text);
        return EXIT_START;
    }
    return options->print_config ? print_config(conf) : run_server(file, conf);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    crash_init();
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();

    const struct command *command = find_command(argc > 1 ? argv[1] : NULL);
    if (command)
        return command->run(argc - 1, argv + 1);
    struct options options;
    if (parse_options(argc, argv, &options) < 0)
        return EXIT_COMMAND_LINE;
    int code = run(&options);
    if (fflush(stdout) != 0) {
        perror("millrace: standard output");
        code = EXIT_START;
    }
    return code;
}
