#include "units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

struct unit {
    const char *name;
    int64_t factor;
};

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

/* Largest first, so that showing finds the largest that divides. */
static const struct unit durations[] = {
    {"y", 365 * DAY}, {"w", 7 * DAY}, {"d", DAY}, {"h", 3600 * SECOND}, {"m", 60 * SECOND}, {"s", SECOND}, {"ms", 1000},
};

static const struct unit sizes[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"KB", 1000},
    {"B", 1},
};

/* The digits at `text` as a number; *end is what follows them. */
static int read_digits(const char *text, const char **end, int64_t *value)
{
    int64_t v = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (v > (INT64_MAX - digit) / 10)
            return UNITS_RANGE;
        v = v * 10 + digit;
    }
    *end = at;
    *value = v;
    return at == text ? UNITS_WRONG : UNITS_OK;
}

int units_integer(const char *text, int64_t *value)
{
    const char *end = NULL;
    bool negative = text[0] == '-';
    int64_t v = 0;
    int rc = read_digits(text + (negative || text[0] == '+'), &end, &v);
    if (rc)
        return rc;
    if (*end)
        return UNITS_WRONG;
    *value = negative ? -v : v;
    return UNITS_OK;
}

int units_truth(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < LEN(yes); i++) {
        bool is_yes = strcasecmp(text, yes[i]) == 0;
        if (is_yes || strcasecmp(text, no[i]) == 0) {
            *value = is_yes;
            return UNITS_OK;
        }
    }
    return UNITS_WRONG;
}

static int read_with_unit(const char *text, const struct unit *units, size_t count, int64_t *value)
{
    const char *name = NULL;
    int64_t v = 0;
    int rc = read_digits(text, &name, &v);
    if (rc)
        return rc;
    if (*name == '\0')
        return UNITS_BARE;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, units[i].name) != 0)
            continue;
        if (v > INT64_MAX / units[i].factor)
            return UNITS_RANGE;
        *value = v * units[i].factor;
        return UNITS_OK;
    }
    return UNITS_WRONG;
}

int units_duration(const char *text, int64_t *us)
{
    return read_with_unit(text, durations, LEN(durations), us);
}

int units_size(const char *text, int64_t *bytes)
{
    int rc = read_with_unit(text, sizes, LEN(sizes), bytes);
    return rc == UNITS_BARE ? units_integer(text, bytes) : rc;
}

int units_rate(const char *text, int64_t *per_min)
{
    const char *unit = NULL;
    int64_t v = 0;
    if (strcmp(text, "none") == 0) {
        *per_min = 0;
        return UNITS_OK;
    }
    int rc = read_digits(text, &unit, &v);
    if (rc)
        return rc;
    if (*unit == '\0')
        return UNITS_BARE;
    if (v > INT64_MAX / 60)
        return UNITS_RANGE;
    if (strcmp(unit, "/s") == 0)
        v *= 60;
    else if (strcmp(unit, "/h") == 0)
        v /= 60;
    else if (strcmp(unit, "/min") != 0)
        return UNITS_WRONG;
    *per_min = v;
    return v > 0 ? UNITS_OK : UNITS_RANGE;
}

static void show(int64_t value, const struct unit *units, size_t count, char out[32])
{
    for (size_t i = 0; i < count; i++) {
        if (value != 0 && value % units[i].factor == 0) {
            snprintf(out, 32, "%" PRId64 "%s", value / units[i].factor, units[i].name);
            return;
        }
    }
    snprintf(out, 32, "%" PRId64 "%s", value, value == 0 ? units[count - 1].name : "");
}

void units_show_duration(int64_t us, char out[32])
{
    show(us, durations, LEN(durations), out);
}

void units_show_size(int64_t bytes, char out[32])
{
    show(bytes, sizes, LEN(sizes), out);
}
