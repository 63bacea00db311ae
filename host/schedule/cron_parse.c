#include "cron.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct field {
    const char *name;
    int min, max;
    int last;                 /* what "*" and "value/step" go to; Sunday is both 0 and 7, so that is 6 for weekdays */
    const char *const *names; /* of `min` and the values after it; NULL: only numbers */
    const char *allowed;      /* for people */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

#define SECOND 0
#define MINUTE 1
#define HOUR 2
#define DAY 3
#define MONTH 4
#define WEEKDAY 5
#define FIELDS 6
static const struct field fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, 59, NULL, "0 to 59"},
    [MINUTE] = {"minute", 0, 59, 59, NULL, "0 to 59"},
    [HOUR] = {"hour", 0, 23, 23, NULL, "0 to 23"},
    [DAY] = {"day of month", 1, 31, 31, NULL, "1 to 31"},
    [MONTH] = {"month", 1, 12, 12, month_names, "1 to 12 or jan to dec"},
    [WEEKDAY] = {"weekday", 0, 7, 6, weekday_names, "0 to 7 or sun to sat (0 and 7 are Sunday)"},
};

static int refuse(const struct field *f, sluice_str part, const char *why, struct err *err)
{
    return err_set(err, SLUICE_E_CONFIG, "%s \"%.*s\": %s; allowed is %s", f->name, (int)part.len, part.ptr, why,
                   f->allowed);
}

/* Split `text` at the first `c`: *head is what comes before, `text` becomes what comes after. False, with all of it in
 * *head, when there is no `c`. */
static bool split_at(sluice_str *text, char c, sluice_str *head)
{
    const char *at = text->len ? memchr(text->ptr, c, text->len) : NULL;
    *head = *text;
    if (!at)
        return false;
    head->len = (size_t)(at - text->ptr);
    text->ptr = at + 1;
    text->len -= head->len + 1;
    return true;
}

static bool parse_number(sluice_str text, int *value)
{
    if (text.len == 0 || text.len > 4)
        return false;
    int number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (text.ptr[i] - '0');
    }
    *value = number;
    return true;
}

static bool parse_value(const struct field *f, sluice_str text, int *value)
{
    if (parse_number(text, value))
        return *value >= f->min && *value <= f->max;
    for (int i = 0; f->names && f->names[i]; i++)
        if (text.len == 3 && strncasecmp(text.ptr, f->names[i], 3) == 0) {
            *value = f->min + i;
            return true;
        }
    return false;
}

/* One entry of a list: "*", "5", "1-5", each with or without "/step". */
static int parse_part(const struct field *f, sluice_str part, uint64_t *set, struct err *err)
{
    sluice_str rest = part, values, first;
    int low, high, step = 1;

    bool stepped = split_at(&rest, '/', &values);
    if (stepped && (!parse_number(rest, &step) || step < 1 || step > f->last - f->min + 1)) {
        char why[64];
        snprintf(why, sizeof why, "the step must be 1 to %d", f->last - f->min + 1);
        return refuse(f, part, why, err);
    }
    if (values.len == 1 && *values.ptr == '*') {
        low = f->min;
        high = f->last;
    } else {
        bool range = split_at(&values, '-', &first);
        if (!parse_value(f, first, &low))
            return refuse(f, part, "not a value of this field", err);
        high = stepped && low < f->last ? f->last : low;
        if (range && !parse_value(f, values, &high))
            return refuse(f, part, "not a range of this field", err);
        if (f == &fields[WEEKDAY] && high == 0 && low > 0)
            high = 7; /* "fri-sun" */
        if (high < low)
            return refuse(f, part, "the range runs backwards", err);
    }
    for (int value = low; value <= high; value += step)
        *set |= UINT64_C(1) << value;
    return SLUICE_OK;
}

static int parse_field(const struct field *f, sluice_str text, uint64_t *set, struct err *err)
{
    *set = 0;
    sluice_str part;
    for (bool more = true; more;) {
        more = split_at(&text, ',', &part);
        int rc = parse_part(f, part, set, err);
        if (rc)
            return rc;
    }
    return SLUICE_OK;
}

/* The line that a nickname stands for; NULL when it is not one of them. */
static const char *nickname_line(const char *text)
{
    static const struct {
        const char *name, *line;
    } nicknames[] = {
        {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
        {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
    };
    for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++) {
        size_t len = strlen(nicknames[i].name);
        if (strncasecmp(text, nicknames[i].name, len) == 0 && text[len + strspn(text + len, " \t")] == '\0')
            return nicknames[i].line;
    }
    return NULL;
}

/* Cut a line into its fields. Returns how many it has, also when these are more than there is room for. */
static size_t split_line(const char *line, sluice_str parts[FIELDS])
{
    size_t count = 0;
    for (line += strspn(line, " \t"); *line; line += strspn(line, " \t")) {
        size_t len = strcspn(line, " \t");
        if (count < FIELDS)
            parts[count] = (sluice_str){line, len};
        count++;
        line += len;
    }
    return count;
}

int cron_parse(const char *text, struct cron *out, struct err *err)
{
    const char *line = text + strspn(text, " \t");
    if (*line == '@') {
        const char *meaning = nickname_line(line);
        if (!meaning)
            return err_set(err, SLUICE_E_CONFIG,
                           "\"%s\": not known; allowed is @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
                           "@annually (to run when the daemon starts, set on_start)",
                           line);
        line = meaning;
    }

    sluice_str parts[FIELDS];
    size_t count = split_line(line, parts);
    if (count != FIELDS && count != FIELDS - 1)
        return err_set(err, SLUICE_E_CONFIG,
                       "\"%s\": %zu fields; allowed is 5 (minute, hour, day of month, month, weekday), or 6 with "
                       "seconds in front",
                       text, count);
    if (count == FIELDS - 1) {
        memmove(parts + 1, parts, count * sizeof parts[0]);
        parts[SECOND] = (sluice_str){"0", 1};
    }

    uint64_t sets[FIELDS];
    bool star[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        int rc = parse_field(&fields[i], parts[i], &sets[i], err);
        if (rc)
            return rc;
        star[i] = parts[i].ptr[0] == '*';
    }
    *out = (struct cron){
        .seconds = sets[SECOND],
        .minutes = sets[MINUTE],
        .hours = sets[HOUR],
        .days = sets[DAY],
        .months = sets[MONTH],
        .weekdays = (sets[WEEKDAY] | sets[WEEKDAY] >> 7) & 0x7F,
        .days_or_weekdays = !star[DAY] && !star[WEEKDAY],
        .interval = star[MINUTE] || star[HOUR],
    };
    return SLUICE_OK;
}
