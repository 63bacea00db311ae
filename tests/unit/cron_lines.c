#include "cron_lines.h"

#include "cron_oracle.h"

#include <stdio.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static const char *const known[] = {
    /* intervals */
    "* * * * *", "*/5 * * * *", "*/7 * * * *", "2/5 * * * *", "*/15 * * * *", "*/30 * * * *", "0 * * * *", "30 * * * *",
    "59 * * * *", "0 */2 * * *", "0 */3 * * *", "30 */5 * * *", "0 */23 * * *", "45 */24 * * *", "*/10 0 * * *",
    "*/10 1 * * *", "*/10 2 * * *", "*/10 3 * * *", "*/60 2 * * *", "*/15 1-3 * * *", "*/20 23 * * *", "* 2 * * *",
    "5,10 *,3 * * *", "*,5 2 * * *", "*/15 2 * * 0", "* 0 30 * *", "0 * * * 0", "0 */6 1 * *", "*/30 1,2 * 3,10,11 *",
    "*/20 0 29 2 *",
    /* moments of the day */
    "0 0 * * *", "0 1 * * *", "0 2 * * *", "0 3 * * *", "0 4 * * *", "30 0 * * *", "30 1 * * *", "30 2 * * *",
    "30 3 * * *", "15 2 * * *", "45 1 * * *", "59 23 * * *", "0 23 * * *", "59 1 * * *", "59 2 * * *", "1 0 * * *",
    "0,30 0-4 * * *", "15,45 1-3 * * *", "0-59 2 * * *", "0-59/3 1,2,3 * * *", "0 0-23 * * *", "0-59 0-23 * * *",
    "0 0-23/2 * * *", "0 12 * * *", "0 6,18 * * *", "5 4 * * *", "0 22 * * 1-5", "59 0-2 * * *", "0-30/10 23,0 * * *",
    /* weekdays */
    "0 0 * * 0", "0 0 * * 1", "0 0 * * 6", "30 2 * * 0", "30 2 * * 7", "30 2 * * 6", "30 2 * * sun,mon", "0 2 * * 1-5",
    "30 0 * * thu,Fri", "0 0 * * 5-7", "0 1 * * fri-sun", "30 2 * * */2", "0 3 * * 1/2",
    /* days of the month, and both */
    "0 0 1 * *", "30 2 29-31 * *", "0 0 31 * *", "0 0 28-31 * *", "30 2 */2 * *", "0 0 */10 * *", "30 3 1-7 * *",
    "0 12 30,31 * 5", "0 3 */2 * 0", "0 0 1-7 * 0", "0 0 13 * 5", "30 2 8-14 3 0", "0 0 1,15 * 3", "0 2 25-31 3,10 sun",
    "0 0 1 * */2", "0 0 */31 * *", "0 0 1/7 * *",
    /* months, leap days */
    "0 12 30 12 *", "30 2 * 3,10 *", "0 0 1 jan,JUL *", "0 0 1 */3 *", "0 0 29 2 *", "30 2 29 feb *", "0 0 28,29 2 *",
    "0 0 29 2 0", "0 0 29 2 */7", "0 0 29 2 */2", "59 23 31 12 *", "0 0 1 3 *", "30 0 1 4 *", "0 1 31 3 *",
    "0 0 30 2 1", "0 0 1 Oct-Dec *", "0 6,12,18 30 12 *", "0 0 31 1-12/2 *", "0 0 31 dec *",
    /* names for lines */
    "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually",
    /* with seconds */
    "*/10 * * * * *", "30 59 * * * *", "0 0 * * * *", "15 30 2 * * *", "*/20 30 1 * * *", "30 */20 1,2 * * *",
    "59 59 1 * * *", "59 59 23 * * *", "0 0 3 * * *", "1 0 3 * * *", "59 59 2 * * *", "5,35 0 0 * * *",
    "0-59/15 15 0-3 * * *", "7/9 45 * * * sun",
};

uint32_t cron_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static int pick(uint64_t *seed, int low, int high)
{
    return low + (int)(cron_random(seed) % (uint32_t)(high - low + 1));
}

/* One entry of a field whose values go from `min` to `max`. */
static void add_part(uint64_t *seed, int min, int max, char *out, size_t size)
{
    int a = pick(seed, min, max), b = pick(seed, min, max), low = a < b ? a : b, high = a < b ? b : a;

    switch (pick(seed, 0, 4)) {
    case 0:
        snprintf(out, size, "%d-%d", low, high);
        break;
    case 1:
        snprintf(out, size, "%d-%d/%d", low, high, pick(seed, 1, (max - min) / 2));
        break;
    case 2:
        snprintf(out, size, "%d/%d", a, pick(seed, 2, max - min));
        break;
    default:
        snprintf(out, size, "%d", a);
        break;
    }
}

/* A field: in `stars` of 100 cases one that begins with "*". */
static void add_field(uint64_t *seed, int min, int max, int stars, char *line)
{
    char field[32] = "*", part[16];
    size_t used = strlen(line);

    if (pick(seed, 0, 99) < stars) {
        if (pick(seed, 0, 2) == 0)
            snprintf(field, sizeof field, "*/%d", pick(seed, 2, max - min));
    } else {
        add_part(seed, min, max, field, sizeof field);
        if (pick(seed, 0, 2) == 0) {
            add_part(seed, min, max, part, sizeof part);
            strncat(field, ",", sizeof field - strlen(field) - 1);
            strncat(field, part, sizeof field - strlen(field) - 1);
        }
    }
    snprintf(line + used, CRON_LINE_SIZE - used, "%s%s", used ? " " : "", field);
}

/* Minutes and hours lean towards the hours in which clocks change. */
static void make_line(uint64_t *seed, char *line)
{
    *line = '\0';
    if (pick(seed, 0, 7) == 0)
        add_field(seed, 0, 59, 0, line);
    add_field(seed, 0, 59, 20, line);
    add_field(seed, 0, pick(seed, 0, 2) ? 4 : 23, 25, line);
    add_field(seed, 1, pick(seed, 0, 3) ? 28 : 31, 60, line);
    add_field(seed, 1, 12, 70, line);
    add_field(seed, 0, pick(seed, 0, 3) ? 6 : 7, 60, line);
}

static int comes(const char *text)
{
    struct oracle_line line;
    int64_t day = 365 * 20, end = 365 * 60; /* from 1990, over a leap day on each weekday */

    oracle_line_read(text, &line);
    while (day < end && !oracle_day_matches(&line, day))
        day++;
    oracle_line_free(&line);
    return day < end;
}

void cron_lines(char lines[CRON_LINES][CRON_LINE_SIZE], uint64_t seed)
{
    for (size_t i = 0; i < CRON_LINES; i++) {
        if (i < LEN(known)) {
            snprintf(lines[i], CRON_LINE_SIZE, "%s", known[i]);
            continue;
        }
        do
            make_line(&seed, lines[i]);
        while (!comes(lines[i]));
    }
}
