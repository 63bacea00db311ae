#include "date.h"

#define SECOND_US INT64_C(1000000)
#define DAY_S INT64_C(86400)
#define EPOCH_FROM_MARCH_0000 719468 /* days from 0000-03-01 to 1970-01-01 */
#define DAYS_PER_400_YEARS 146097

/* ---- The calendar ----
 *
 * Years are counted from March, so that a leap day is a year's last day and month lengths follow one formula. */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t date_days(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_400_YEARS + day_of_era - EPOCH_FROM_MARCH_0000;
}

void date_civil(int64_t days, int *year, int *month, int *day)
{
    days += EPOCH_FROM_MARCH_0000;
    int64_t era = floor_div(days, DAYS_PER_400_YEARS);
    int64_t day_of_era = days - era * DAYS_PER_400_YEARS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (int)(era * 400 + year_of_era + (*month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ---- Reading ---- */

/* Exactly `digits` digits, their value between `min` and `max`. */
static bool take_number(sluice_str *text, size_t digits, int min, int max, int *value)
{
    if (text->len < digits)
        return false;
    int number = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = text->ptr[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    text->ptr += digits;
    text->len -= digits;
    *value = number;
    return number >= min && number <= max;
}

static bool take_char(sluice_str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    text->ptr++;
    text->len--;
    return true;
}

static bool take_date(sluice_str *text, int64_t *days)
{
    int year, month, day;
    if (!take_number(text, 4, 1, 9999, &year) || !take_char(text, '-') || !take_number(text, 2, 1, 12, &month) ||
        !take_char(text, '-') || !take_number(text, 2, 1, days_in_month(year, month), &day))
        return false;
    *days = date_days(year, month, day);
    return true;
}

/* 1 to 9 digits; those beyond the microsecond are dropped. */
static bool take_fraction(sluice_str *text, int64_t *us)
{
    int64_t value = 0, unit = SECOND_US;
    size_t digits = 0;
    for (int digit; digits < 9 && text->len > 0 && take_number(text, 1, 0, 9, &digit); digits++) {
        unit /= 10;
        value += digit * unit;
    }
    *us = value;
    return digits > 0;
}

/* "HH:MM", "HH:MM:SS" or "HH:MM:SS.fraction". */
static bool take_time(sluice_str *text, int64_t *seconds, int64_t *us)
{
    int hour, minute, second = 0;
    if (!take_number(text, 2, 0, 23, &hour) || !take_char(text, ':') || !take_number(text, 2, 0, 59, &minute))
        return false;
    if (take_char(text, ':')) {
        if (!take_number(text, 2, 0, 59, &second))
            return false;
        if (take_char(text, '.') && !take_fraction(text, us))
            return false;
    }
    *seconds = (hour * 60 + minute) * 60 + second;
    return true;
}

/* "Z", "+HH", "+HHMM" or "+HH:MM", as seconds east. */
static bool take_offset(sluice_str *text, int64_t *offset)
{
    *offset = 0;
    if (take_char(text, 'Z'))
        return true;
    bool west = take_char(text, '-');
    if (!west && !take_char(text, '+'))
        return false;
    int hour, minute = 0;
    if (!take_number(text, 2, 0, 23, &hour))
        return false;
    bool colon = take_char(text, ':');
    if ((colon || text->len > 0) && !take_number(text, 2, 0, 59, &minute))
        return false;
    *offset = (west ? -60 : 60) * (hour * 60 + minute);
    return true;
}

bool date_parse(sluice_str text, const struct zone *zone, int64_t *us)
{
    int64_t days, seconds = 0, fraction = 0, offset = 0;
    bool has_offset = false;
    if (!take_date(&text, &days))
        return false;
    if (take_char(&text, 'T') || take_char(&text, ' ')) {
        if (!take_time(&text, &seconds, &fraction))
            return false;
        has_offset = text.len > 0;
        if (has_offset && !take_offset(&text, &offset))
            return false;
    }
    if (text.len > 0)
        return false;

    int64_t at = days * DAY_S + seconds - offset;
    if (zone && !has_offset)
        zone_resolve(zone, at, &at);
    if (at < date_days(1, 1, 1) * DAY_S || at >= date_days(10000, 1, 1) * DAY_S)
        return false; /* an offset moved it out of the years that can be printed */
    *us = at * SECOND_US + fraction;
    return true;
}

/* ---- Printing ---- */

/* Write `value` as `digits` digits at `p`, then `last`; returns the place behind. */
static char *put_number(char *p, int64_t value, int digits, char last)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    p[digits] = last;
    return p + digits + 1;
}

/* 0 to 999999, also before 1970. */
static int64_t microsecond_of(int64_t us)
{
    int64_t rest = us % SECOND_US;
    return rest < 0 ? rest + SECOND_US : rest;
}

/* Append `us` with its `digits` fraction digits. */
static bool print(struct buf *out, int64_t us, int digits, int64_t fraction)
{
    int64_t at = floor_div(us, SECOND_US);
    int64_t days = floor_div(at, DAY_S);
    int64_t second = at - days * DAY_S;
    int year, month, day;
    date_civil(days, &year, &month, &day);

    char text[40];
    char *p = text;
    if (year >= 0 && year <= 9999)
        p = put_number(p, year, 4, '-');
    else
        buf_printf(out, "%d-", year);
    p = put_number(p, month, 2, '-');
    p = put_number(p, day, 2, 'T');
    p = put_number(p, second / 3600, 2, ':');
    p = put_number(p, second / 60 % 60, 2, ':');
    p = put_number(p, second % 60, 2, digits ? '.' : 'Z');
    if (digits)
        p = put_number(p, fraction, digits, 'Z');
    return buf_add(out, text, (size_t)(p - text));
}

bool date_print(struct buf *out, int64_t us)
{
    int64_t fraction = microsecond_of(us);
    int digits = fraction ? 6 : 0;
    for (; digits && fraction % 10 == 0; digits--)
        fraction /= 10;
    return print(out, us, digits, fraction);
}

bool date_print_ms(struct buf *out, int64_t us)
{
    int64_t fraction = microsecond_of(us);
    return print(out, us, 3, fraction / 1000);
}
