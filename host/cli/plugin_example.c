/* plugin_example.c - see plugin_page.h: a connectors block to begin with. Required settings come from variables named
 * after the connector and the setting; the others stand there as comments with their defaults. */
#include "plugin_page.h"

#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool is_group(const json_t *option)
{
    return strcmp(cli_text(option, "type"), "group") == 0;
}

/* "page_size" of "mappings.page_size" */
static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

static bool is_field_of(const json_t *option, const json_t *group)
{
    const char *name = cli_text(option, "name");
    size_t len = strlen(cli_text(group, "name"));

    return strncmp(name, cli_text(group, "name"), len) == 0 && name[len] == '.' && !strchr(name + len + 1, '.');
}

/* ERP_API_KEY */
static void print_variable(const char *connector, const char *option)
{
    const char *parts[] = {connector, "_", option};

    fputs("${", stdout);
    for (size_t i = 0; i < 3; i++) {
        for (const char *c = parts[i]; *c; c++)
            putchar(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
    }
    putchar('}');
}

/* A default in double quotes, as libconfig reads it. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static bool is_number_or_bool(const json_t *option)
{
    const char *type = cli_text(option, "type");

    return strcmp(type, "integer") == 0 || strcmp(type, "boolean") == 0;
}

/* name = value, without the semicolon */
static void print_setting(const char *connector, const json_t *option)
{
    const char *preset = cli_text(option, "preset");
    bool list = is_true(option, "list");

    printf("%s = %s", last_part(cli_text(option, "name")), list ? "[ " : "");
    if (*preset && is_number_or_bool(option)) {
        fputs(preset, stdout);
    } else if (*preset) {
        print_quoted(preset);
    } else {
        putchar('"');
        print_variable(connector, cli_text(option, "name"));
        putchar('"');
    }
    fputs(list ? " ]" : "", stdout);
}

/* name = ( { field = …; … } ); with all fields, as nobody guesses them. */
static void print_group(const char *connector, const json_t *options, const json_t *group)
{
    bool list = is_true(group, "list");
    size_t i;
    const json_t *o;

    printf("%s = %s", last_part(cli_text(group, "name")), list ? "( { " : "{ ");
    json_array_foreach(options, i, o)
    {
        if (!is_field_of(o, group) || is_group(o))
            continue;
        print_setting(connector, o);
        fputs("; ", stdout);
    }
    fputs(list ? "} )" : "}", stdout);
}

static void print_settings(const char *connector, const json_t *options)
{
    size_t i;
    const json_t *o;

    json_array_foreach(options, i, o)
    {
        const char *help = cli_text(o, "help");
        if (strchr(cli_text(o, "name"), '.'))
            continue; /* stands in its group */
        printf("        %s", is_true(o, "required") ? "" : "# ");
        if (is_group(o))
            print_group(connector, options, o);
        else
            print_setting(connector, o);
        printf(";%s", *help ? " # " : "");
        cli_print_text(help);
        putchar('\n');
    }
}

void plugin_page_example(const json_t *description, const char *name)
{
    const json_t *streams = json_object_get(description, "streams");
    const char *connector = cli_text(description, "name");
    size_t i;
    const json_t *s;

    printf("  connectors = (\n    { name = \"%s\"; plugin = \"%s\";\n      settings = {\n", connector, name);
    print_settings(connector, json_object_get(description, "options"));
    puts("      };\n      jobs = (");
    json_array_foreach(streams, i, s)
    {
        printf("        { stream = \"%s\"; schedule = \"*/%d * * * *\"; }%s\n", cli_text(s, "name"),
               is_true(s, "windowed") ? 5 : 10, i + 1 < json_array_size(streams) ? "," : "");
    }
    puts("      );\n    }\n  );");
}
