/* cmd_version.c - sluice version: what this is made of. Reads no configuration. */
#include "cli.h"

#include "late_curl.h"
#include "late_pq.h"

#include <event2/event.h>
#include <gnu/libc-version.h>
#include <libconfig.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

struct library {
    const char *name, *version;
};

static void version_number(char *out, size_t size, int major, int minor, int patch)
{
    snprintf(out, size, "%d.%d.%d", major, minor, patch);
}

/* 150020 is 15.20. */
static void libpq_version(char *out, size_t size)
{
    snprintf(out, size, "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
}

static void print_libraries(const struct library *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("  %-10s %s\n", list[i].name, list[i].version);
}

static json_t *libraries_json(const struct library *list, size_t count)
{
    json_t *json = cli_must(json_object());

    for (size_t i = 0; i < count; i++)
        json_object_set_new(json, list[i].name, json_string(list[i].version));
    return json;
}

static int version_verb(struct cli *cli, int argc, char **argv)
{
    char abi[32], libconfig[32], libpq[32];
    struct err err = {0}, no_libpq = {0};
    int count = cli_parse(cli, &cli_verb_version, argc, argv, NULL, 0);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count > 0)
        return cli_usage("version takes no arguments");
    snprintf(abi, sizeof(abi), "%s.%d", strrchr(SLUICE_ENTRY, 'v') + 1, SLUICE_ABI_MINOR);
    version_number(libconfig, sizeof(libconfig), LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR, LIBCONFIG_VER_REVISION);
    if (!late_pq_load(&no_libpq))
        libpq_version(libpq, sizeof(libpq));
    const struct library libraries[] = {
        {"libcurl", late_curl_load(&err) ? err.msg : curl_version()},
        {"jansson", jansson_version_str()},
        {"sqlite", sqlite3_libversion()},
        {"libpq", no_libpq.code ? no_libpq.msg : libpq},
        {"libevent", event_get_version()},
        {"libconfig", libconfig},
        {"zlib", zlibVersion()},
        {"glibc", gnu_get_libc_version()},
    };
    if (cli->json)
        return cli_print_json(json_pack("{s:s, s:s, s:o}", "version", SLUICE_VERSION, "abi", abi, "libraries",
                                        libraries_json(libraries, LEN(libraries))));
    printf("sluice %s, connector ABI %s\n", SLUICE_VERSION, abi);
    print_libraries(libraries, LEN(libraries));
    return 0;
}

const struct cli_verb cli_verb_version = {
    .name = "version",
    .usage = "",
    .help = "version, ABI version, libraries",
    .text = "Which sluice this is, which version of the connector ABI it speaks, and the libraries that it runs with.\n"
            "\n"
            "Example: sluice version --json\n",
    .run = version_verb,
};
