/* plugin_page.c - see plugin_page.h: settings, streams and routes. plugin_example.c writes the block to paste. */
#include "plugin_page.h"

#include "cli.h"

#include <stdio.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- Settings ---- */

/* "secret text, a list", "group" */
static void tell_type(const json_t *option, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s%s", is_true(option, "secret") ? "secret " : "", cli_text(option, "type"),
             is_true(option, "list") ? ", a list" : "", is_true(option, "unique") ? ", unique" : "");
}

static void tell_help(const json_t *option, char *out, size_t size)
{
    const char *choices = cli_text(option, "choices");
    const char *help = cli_text(option, "help");

    snprintf(out, size, "%s%s%s%s", help, *help && *choices ? "; " : "", *choices ? "one of: " : "", choices);
}

static void print_settings(const json_t *options)
{
    static const char *const heads[] = {"  SETTING", "TYPE", "DEFAULT", "HELP"};
    struct cli_table *t = cli_table_new(4, heads);
    size_t i;
    const json_t *o;

    json_array_foreach(options, i, o)
    {
        char name[80], type[64], help[1024];
        const char *preset = cli_text(o, "preset");
        snprintf(name, sizeof(name), "  %s", cli_text(o, "name"));
        tell_type(o, type, sizeof(type));
        tell_help(o, help, sizeof(help));
        const char *cells[] = {name, type, is_true(o, "required") ? "(required)" : *preset ? preset : NULL, help};
        cli_table_row(t, cells);
    }
    if (json_array_size(options))
        puts("\nSettings");
    else
        puts("\nIt has no settings.");
    cli_table_print(t);
}

/* ---- Streams ---- */

static void tell_column_type(const json_t *column, char *out, size_t size)
{
    static const char *const names[] = {"?", "?", "integer", "text", "boolean", "decimal", "time", "integers"};
    size_t type = (size_t)cli_int(column, "type");
    int64_t flags = cli_int(column, "flags");
    char scale[32] = "";

    if (type == SLUICE_DECIMAL)
        snprintf(scale, sizeof(scale), "(%lld)", (long long)cli_int(column, "scale"));
    snprintf(out, size, "%s%s%s%s", names[type < LEN(names) ? type : 0], scale, flags & SLUICE_KEY ? ", key" : "",
             flags & SLUICE_REQUIRED ? ", required" : "");
}

/* Where a column comes from: a path, a value that is always the same, or what the connector does. */
static void tell_origin(const json_t *column, char *out, size_t size)
{
    const char *path = cli_text(column, "path");
    const char *value = cli_text(column, "value");
    const char *preset = cli_text(column, "preset");

    if (*value)
        snprintf(out, size, "\"%s\"", value);
    else
        snprintf(out, size, "%s%s%s%s", *path ? path : "(connector)", *preset ? ", else \"" : "", preset,
                 *preset ? "\"" : "");
}

static void print_columns(const json_t *columns)
{
    static const char *const heads[] = {"    COLUMN", "TYPE", "FROM", "HELP"};
    struct cli_table *t = cli_table_new(4, heads);
    size_t i;
    const json_t *c;

    json_array_foreach(columns, i, c)
    {
        char name[80], type[64], origin[512];
        snprintf(name, sizeof(name), "    %s", cli_text(c, "name"));
        tell_column_type(c, type, sizeof(type));
        tell_origin(c, origin, sizeof(origin));
        const char *cells[] = {name, type, origin, cli_text(c, "help")};
        cli_table_row(t, cells);
    }
    cli_table_print(t);
}

static void print_matches(const json_t *stream)
{
    static const char *const rules[] = {"?", "the row with the same %s",
                                        "else the row with the same %s and no identity",
                                        "else the row with the same %s, whoever has it"};
    const char *scope = cli_text(stream, "scope");
    size_t i;
    const json_t *m;

    fputs("    A record belongs to: ", stdout);
    json_array_foreach(json_object_get(stream, "matches"), i, m)
    {
        size_t rule = (size_t)cli_int(m, "rule");
        const char *never = cli_text(m, "never");
        const char *text = rules[rule < LEN(rules) ? rule : 0];
        const char *mark = strstr(text, "%s");
        printf("%s%.*s%s%s", i ? "; " : "", mark ? (int)(mark - text) : (int)strlen(text), text,
               mark ? cli_text(m, "columns") : "", mark ? mark + 2 : "");
        if (*never)
            printf(" (not when it is one of: %s)", never);
    }
    printf("%s%s.\n", *scope ? "; only where it has the same " : "", scope);
}

/* What is special about it, a sentence each. */
static void print_traits(const json_t *stream)
{
    static const struct {
        const char *key, *text;
    } traits[] = {
        {"partition", "    One part for each of the setting %s: each has its cursor and its result.\n"},
        {"needs", "    Runs after: %s.\n"},
        {"zone", "    Times without a zone are in that of the setting %s.\n"},
        {"gone", "    A full run notes in %s which rows it did not meet.\n"},
    };

    for (size_t i = 0; i < LEN(traits); i++) {
        const char *value = cli_text(stream, traits[i].key);
        const char *mark = strstr(traits[i].text, "%s");
        if (*value)
            printf("%.*s%s%s", (int)(mark - traits[i].text), traits[i].text, value, mark + 2);
    }
    if (is_true(stream, "windowed"))
        puts("    The source chooses the window: what it shows once and nobody fetches does not come again.");
    else if (is_true(stream, "incremental"))
        puts("    A run reads what has changed since the last one.");
    else
        puts("    Each run reads everything.");
}

static void print_streams(const json_t *streams)
{
    size_t i;
    const json_t *s;

    puts("\nStreams");
    json_array_foreach(streams, i, s)
    {
        const char *help = cli_text(s, "help");
        printf("%s  %s, into table %s%s", i ? "\n" : "", cli_text(s, "name"), cli_text(s, "table"), *help ? ": " : "");
        cli_print_text(help);
        putchar('\n');
        print_traits(s);
        print_matches(s);
        print_columns(json_object_get(s, "columns"));
    }
}

/* ---- Routes ---- */

static void print_routes(const json_t *routes)
{
    static const char *const actions[] = {"", "runs it", "tells its last result", "lists its partitions"};
    static const char *const heads[] = {"  METHODS", "PATH", "STREAM", "WHAT IT DOES"};
    struct cli_table *t = cli_table_new(4, heads);
    size_t i;
    const json_t *r;

    json_array_foreach(routes, i, r)
    {
        char methods[64];
        size_t action = (size_t)cli_int(r, "action");
        snprintf(methods, sizeof(methods), "  %s", cli_text(r, "methods"));
        const char *cells[] = {methods, cli_text(r, "path"), cli_text(r, "stream"),
                               actions[action < LEN(actions) ? action : 0]};
        cli_table_row(t, cells);
    }
    puts("\nHTTP paths that the daemon serves for it");
    cli_table_print(t);
}

/* ---- The page ---- */

void plugin_page_print(const json_t *d, const char *name, const char *file)
{
    const char *help = cli_text(d, "help");
    int64_t rate = cli_int(d, "rate_per_min");

    printf("%s %s%s", cli_text(d, "name"), cli_text(d, "version"), *help ? " - " : "");
    cli_print_text(help);
    printf("\n%s, connector ABI %s\n", file, cli_text(d, "abi"));
    if (rate)
        printf("At most %lld requests a minute, unless the http block says otherwise.\n", (long long)rate);
    print_settings(json_object_get(d, "options"));
    print_streams(json_object_get(d, "streams"));
    if (json_array_size(json_object_get(d, "routes")))
        print_routes(json_object_get(d, "routes"));
    puts("\nFor the configuration");
    plugin_page_example(d, name);
}
