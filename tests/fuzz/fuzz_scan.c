/* The scan of a configuration's text: libconfig survives whatever it lets pass, and reads as many values as were seen, or
 * says what is wrong and where. */
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

static void read_with_libconfig(sluice_str text, const struct scan *scan, int lines)
{
    config_t config;
    char *terminated = malloc(text.len + 1);

    MUST(terminated != NULL);
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    config_init(&config);
    if (config_read_string(&config, terminated)) {
        MUST(count_values(config_root_setting(&config)) == scan->value_count);
    } else {
        MUST(config_error_text(&config) != NULL);
        MUST(config_error_line(&config) >= 1 && config_error_line(&config) <= lines);
    }
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
        read_with_libconfig((sluice_str){copy, size}, &scan, lines);
    config_problems_free(&problems);
    scan_free(&scan);
    free(copy);
    return 0;
}
