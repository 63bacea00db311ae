/* The scan of a configuration's text: what it has nothing against libconfig takes, with as many values as were seen; and
 * libconfig survives whatever it is let near. */
#include "fuzz.h"
#include "scan.h"

#include <libconfig.h>

static size_t count_values(const config_setting_t *setting)
{
    size_t count = 0;

    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *child = config_setting_get_elem(setting, (unsigned)i);
        count += 1 + (config_setting_is_aggregate(child) ? count_values(child) : 0);
    }
    return count;
}

/* With a line end behind it, without which libconfig takes no comment on the last line. */
static void read_with_libconfig(sluice_str text, const struct scan *scan, bool flawless)
{
    config_t config;
    char *terminated = malloc(text.len + 2);

    MUST(terminated != NULL);
    memcpy(terminated, text.ptr, text.len);
    memcpy(terminated + text.len, "\n", 2);
    config_init(&config);
    bool taken = config_read_string(&config, terminated) == CONFIG_TRUE;
    if (taken && flawless)
        MUST(count_values(config_root_setting(&config)) == scan->value_count);
    if (flawless && !taken)
        fprintf(stderr, "libconfig: line %d: %s\n", config_error_line(&config), config_error_text(&config));
    MUST(taken || !flawless);
    config_destroy(&config);
    free(terminated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_problems problems = {0};
    struct scan scan;
    char *copy = copy_of(data, size);
    int lines = 1;

    scan_text("x.cfg", copy, size, &scan, &problems);
    for (size_t i = 0; i < size; i++)
        lines += copy[i] == '\n';
    for (size_t i = 0; i < scan.value_count; i++)
        MUST(scan.value_lines[i] >= (i ? scan.value_lines[i - 1] : 1) && scan.value_lines[i] <= lines);
    for (size_t i = 0; i < problems.count; i++) {
        MUST(strcmp(problems.list[i].file, "x.cfg") == 0 && *problems.list[i].text);
        MUST(problems.list[i].line >= 0 && problems.list[i].line <= lines);
    }
    MUST(scan.readable || problems.count > 0);
    if (scan.readable)
        read_with_libconfig((sluice_str){copy, size}, &scan, problems.count == 0);
    config_problems_free(&problems);
    scan_free(&scan);
    free(copy);
    return 0;
}
