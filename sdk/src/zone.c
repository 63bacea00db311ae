#include "zone.h"

#include "date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9636 is the format. A file is a header and data in 32 bits, which only version 1 needs; then the same in 64 bits;
 * then a footer with a POSIX TZ rule for all times after the last transition. */

#define FILE_BYTES_MAX ((size_t)1 << 18) /* the largest zone has 4 KiB */
#define HEADER_BYTES ((size_t)44)
#define OFFSET_MIN (-25 * 3600 + 1) /* seconds east of UTC, as RFC 9636 bounds them */
#define OFFSET_MAX (26 * 3600 - 1)
#define TIME_LIMIT ((int64_t)1 << 60) /* transitions are nearer than this, which leaves room for sums */
#define DAY_S INT64_C(86400)
#define CYCLE_S (INT64_C(146097) * DAY_S) /* after 400 years the calendar repeats, weekdays included */
#define FORESEEN_MAX ((size_t)400)        /* transitions that zone_open() works out with the rule */
#define FORESEEN_YEAR 2100                /* and how far, at most */

/* When in a year a rule begins or ends daylight saving. */
struct rule_date {
    char form; /* 'J': day 1 to 365, without 29 February; 'n': day 0 to 365; 'M': month, week, weekday */
    int month, week, day;
    int32_t time; /* seconds after midnight of the wall clock before the change; may be negative or beyond a day */
};

struct rule {
    bool present;  /* false: the last transition's offset stays */
    bool daylight; /* has start and end */
    int32_t standard, summer; /* offsets */
    struct rule_date start, end;
};

struct transition {
    int64_t at;
    int32_t offset; /* from then on */
};

struct zone {
    struct rule rule;
    int32_t first_offset; /* before the first transition */
    size_t count;
    struct transition list[]; /* ascending */
};

/* ---- The rule in the footer ---- */

static bool take_char(sluice_str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

static bool take_number(sluice_str *s, int min, int max, int *value)
{
    int number = 0;
    size_t digits = 0;
    while (digits < s->len && digits < 4 && s->ptr[digits] >= '0' && s->ptr[digits] <= '9')
        number = number * 10 + (s->ptr[digits++] - '0');
    s->ptr += digits;
    s->len -= digits;
    *value = number;
    return digits > 0 && number >= min && number <= max;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A name: three letters or more, or anything in angle brackets. The text itself is of no use here. */
static bool skip_name(sluice_str *s)
{
    size_t len = 0;
    if (take_char(s, '<')) {
        while (len < s->len && s->ptr[len] != '>')
            len++;
        s->ptr += len;
        s->len -= len;
        return take_char(s, '>');
    }
    while (len < s->len && is_letter(s->ptr[len]))
        len++;
    s->ptr += len;
    s->len -= len;
    return len >= 3;
}

/* "[+-]hours[:minutes[:seconds]]" in seconds. */
static bool take_time(sluice_str *s, int max_hours, int32_t *seconds)
{
    bool negative = take_char(s, '-');
    if (!negative)
        take_char(s, '+');
    int hours, minutes = 0, rest = 0;
    if (!take_number(s, 0, max_hours, &hours))
        return false;
    if (take_char(s, ':')) {
        if (!take_number(s, 0, 59, &minutes))
            return false;
        if (take_char(s, ':') && !take_number(s, 0, 59, &rest))
            return false;
    }
    *seconds = (negative ? -1 : 1) * ((hours * 60 + minutes) * 60 + rest);
    return true;
}

/* ",M10.5.0/4", ",J60" or ",59/-1:30". */
static bool take_rule_date(sluice_str *s, struct rule_date *d)
{
    *d = (struct rule_date){.form = 'n', .time = 2 * 3600};
    if (!take_char(s, ','))
        return false;
    if (take_char(s, 'M')) {
        d->form = 'M';
        if (!take_number(s, 1, 12, &d->month) || !take_char(s, '.') || !take_number(s, 1, 5, &d->week) ||
            !take_char(s, '.') || !take_number(s, 0, 6, &d->day))
            return false;
    } else if (take_char(s, 'J')) {
        d->form = 'J';
        if (!take_number(s, 1, 365, &d->day))
            return false;
    } else if (!take_number(s, 0, 365, &d->day)) {
        return false;
    }
    return !take_char(s, '/') || take_time(s, 167, &d->time);
}

static bool parse_rule(sluice_str s, struct rule *r)
{
    if (s.len == 0)
        return true;
    int32_t west;
    if (!skip_name(&s) || !take_time(&s, 24, &west))
        return false;
    *r = (struct rule){.present = true, .standard = -west, .summer = -west + 3600};
    if (s.len == 0)
        return true;

    r->daylight = true;
    if (!skip_name(&s))
        return false;
    if (s.len > 0 && s.ptr[0] != ',') {
        if (!take_time(&s, 24, &west))
            return false;
        r->summer = -west;
    }
    return take_rule_date(&s, &r->start) && take_rule_date(&s, &r->end) && s.len == 0;
}

/* The instant at which the change of `year` happens, `offset` being in force before it. */
static int64_t rule_date_at(const struct rule_date *d, int year, int32_t offset)
{
    int64_t day = date_days(year, 1, 1);
    if (d->form == 'M') {
        int64_t first = date_days(year, d->month, 1);
        int64_t next_month = d->month == 12 ? date_days(year + 1, 1, 1) : date_days(year, d->month + 1, 1);
        int first_weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
        day = first + (d->day - first_weekday + 7) % 7 + 7 * (d->week - 1);
        if (day >= next_month)
            day -= 7;
    } else if (d->form == 'J') {
        bool leap = date_days(year + 1, 1, 1) - day == 366;
        day += d->day - 1 + (leap && d->day >= 60);
    } else {
        day += d->day;
    }
    return day * DAY_S + d->time - offset;
}

/* The changes of the years around an instant, enough to know what holds at it and what comes next. Those of the last
 * year only tell whether the ones before them change anything. */
#define CHANGES 10
static void rule_changes(const struct rule *r, int64_t utc, struct transition changes[CHANGES])
{
    int year, month, day;
    date_civil(utc / DAY_S, &year, &month, &day);
    for (int i = 0; i < CHANGES; i += 2) {
        int y = year - 1 + i / 2;
        changes[i] = (struct transition){rule_date_at(&r->start, y, r->standard), r->summer};
        changes[i + 1] = (struct transition){rule_date_at(&r->end, y, r->summer), r->standard};
    }
}

/* What the latest change at or before `utc` left in force; of two at one instant the later in the list counts, so
 * daylight saving that ends when the next one begins never ends. */
static int32_t latest_offset(const struct transition changes[CHANGES], int64_t utc)
{
    int64_t latest = INT64_MIN;
    int32_t offset = 0;
    for (int i = 0; i < CHANGES; i++)
        if (changes[i].at <= utc && changes[i].at >= latest) {
            latest = changes[i].at;
            offset = changes[i].offset;
        }
    return offset;
}

/* The instant of the same calendar day in the years 2000 to 2399. */
static int64_t into_cycle(int64_t utc)
{
    int64_t start = date_days(2000, 1, 1) * DAY_S;
    int64_t within = (utc % CYCLE_S - start) % CYCLE_S;
    return start + within + (within < 0 ? CYCLE_S : 0);
}

static int32_t rule_offset(const struct rule *r, int64_t utc)
{
    if (!r->daylight)
        return r->standard;
    struct transition changes[CHANGES];
    int64_t t = into_cycle(utc);
    rule_changes(r, t, changes);
    return latest_offset(changes, t);
}

static bool rule_next_change(const struct rule *r, int64_t utc, int64_t *at)
{
    if (!r->daylight)
        return false;
    struct transition changes[CHANGES];
    int64_t t = into_cycle(utc), next = INT64_MAX;
    rule_changes(r, t, changes);
    for (int i = 0; i < CHANGES - 2; i++) {
        int64_t change = changes[i].at;
        if (change > t && change < next && latest_offset(changes, change) != latest_offset(changes, change - 1))
            next = change;
    }
    if (next == INT64_MAX)
        return false;
    *at = utc + (next - t);
    return true;
}

/* ---- The file ---- */

struct reader {
    const unsigned char *p, *end;
};

struct counts {
    uint32_t is_utc, is_std, leap, time, type, chars;
};

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

static int64_t big_endian(const unsigned char *p, size_t bytes)
{
    uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return (int64_t)value;
}

static bool read_header(struct reader *r, char *version, struct counts *n)
{
    if (left(r) < HEADER_BYTES || memcmp(r->p, "TZif", 4) != 0)
        return false;
    *version = (char)r->p[4];
    uint32_t *const fields[] = {&n->is_utc, &n->is_std, &n->leap, &n->time, &n->type, &n->chars};
    for (size_t i = 0; i < 6; i++)
        *fields[i] = (uint32_t)big_endian(r->p + 20 + 4 * i, 4);
    r->p += HEADER_BYTES;
    return true;
}

/* Bytes of the data block after a header. */
static uint64_t block_bytes(const struct counts *n, uint64_t time_bytes)
{
    return n->time * (time_bytes + 1) + n->type * UINT64_C(6) + n->chars + n->leap * (time_bytes + 4) + n->is_std +
           n->is_utc;
}

/* Fill the transitions of `z`, which has room for n->time of them, from a data block that is known to be whole. */
static bool read_block(const unsigned char *times, const struct counts *n, size_t time_bytes, struct zone *z)
{
    const unsigned char *types = times + n->time * time_bytes;
    const unsigned char *infos = types + n->time;

    for (uint32_t i = 0; i < n->type; i++) {
        int64_t offset = big_endian(infos + i * 6, 4);
        if (offset < OFFSET_MIN || offset > OFFSET_MAX)
            return false;
    }
    z->first_offset = (int32_t)big_endian(infos, 4);
    for (uint32_t i = 0; i < n->time; i++) {
        int64_t at = big_endian(times + i * time_bytes, time_bytes);
        if (types[i] >= n->type || at < -TIME_LIMIT || at > TIME_LIMIT || (i > 0 && at <= z->list[i - 1].at))
            return false;
        z->list[i] = (struct transition){at, (int32_t)big_endian(infos + types[i] * 6, 4)};
    }
    z->count = n->time;
    return true;
}

/* The footer is "\nRULE\n". */
static bool read_footer(struct reader *r, struct rule *rule)
{
    if (left(r) < 2 || *r->p++ != '\n')
        return false;
    const unsigned char *newline = memchr(r->p, '\n', left(r));
    if (!newline)
        return false;
    sluice_str text = {(const char *)r->p, (size_t)(newline - r->p)};
    return parse_rule(text, rule);
}

/* Go on with the rule where the file's transitions end, so that the times of our days are found by a search. The last
 * one's offset is the rule's, also where a file has them differ. */
static void foresee(struct zone *z, size_t capacity)
{
    if (z->count == 0 || !z->rule.present)
        return;
    struct transition *last = &z->list[z->count - 1];
    last->offset = rule_offset(&z->rule, last->at);

    int64_t end = date_days(FORESEEN_YEAR, 1, 1) * DAY_S, at;
    while (z->count < capacity && rule_next_change(&z->rule, z->list[z->count - 1].at, &at) && at < end)
        z->list[z->count++] = (struct transition){at, rule_offset(&z->rule, at)};
}

/* A zone from the bytes of its file; NULL when they are not a whole, sane file. Files that count leap seconds are
 * refused: their times are not seconds since 1970 as everyone else counts them. */
static struct zone *zone_read(const unsigned char *bytes, size_t len)
{
    struct reader r = {bytes, bytes + len};
    char version;
    struct counts n;
    size_t time_bytes = 4;
    if (!read_header(&r, &version, &n) || block_bytes(&n, time_bytes) > left(&r))
        return NULL;
    if (version >= '2') {
        r.p += block_bytes(&n, time_bytes);
        time_bytes = 8;
        if (!read_header(&r, &version, &n) || block_bytes(&n, time_bytes) > left(&r))
            return NULL;
    }
    if (n.type == 0 || n.leap != 0)
        return NULL;

    size_t capacity = n.time + FORESEEN_MAX;
    struct zone *z = calloc(1, sizeof *z + capacity * sizeof z->list[0]);
    if (!z)
        return NULL;
    bool ok = read_block(r.p, &n, time_bytes, z);
    r.p += block_bytes(&n, time_bytes);
    if (ok && time_bytes == 8)
        ok = read_footer(&r, &z->rule);
    if (!ok) {
        free(z);
        return NULL;
    }
    foresee(z, capacity);
    return z;
}

/* A name may not leave the directory: no absolute path, and no component that begins with a dot. */
static bool is_plain_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((p == name || p[-1] == '/') && (*p == '/' || *p == '.'))
            return false;
    return *name != '\0';
}

struct zone *zone_open(const char *name)
{
    if (strcmp(name, "UTC") == 0)
        return calloc(1, sizeof(struct zone));
    if (!is_plain_name(name))
        return NULL;

    const char *dir = getenv("TZDIR");
    struct buf path = {0}, content = {.max = FILE_BYTES_MAX};
    struct zone *z = NULL;
    if (!buf_printf(&path, "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", name))
        goto out;
    FILE *f = fopen(buf_text(&path), "re");
    if (!f)
        goto out;
    char piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&content, piece, got);
    if (!ferror(f) && !content.failed)
        z = zone_read((const unsigned char *)buf_text(&content), content.len);
    fclose(f);
out:
    buf_free(&path);
    buf_free(&content);
    return z;
}

void zone_close(struct zone *z)
{
    free(z);
}

/* ---- Questions ---- */

/* How many transitions are at or before `utc`. */
static size_t count_until(const struct zone *z, int64_t utc)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->list[middle].at <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset(const struct zone *z, int64_t utc)
{
    size_t n = count_until(z, utc);
    if (n == z->count && z->rule.present)
        return rule_offset(&z->rule, utc);
    return n > 0 ? z->list[n - 1].offset : z->first_offset;
}

bool zone_next_change(const struct zone *z, int64_t utc, int64_t *at)
{
    size_t n = count_until(z, utc);
    for (; n < z->count; n++) {
        int32_t before = n > 0 ? z->list[n - 1].offset : z->first_offset;
        utc = z->list[n].at;
        if (z->list[n].offset != before) {
            *at = utc;
            return true;
        }
    }
    return z->rule.present && rule_next_change(&z->rule, utc, at);
}

int zone_resolve(const struct zone *z, int64_t local, int64_t *utc)
{
    /* Walk through the stretches of equal offset in which the time can be; the wall clock runs evenly in each. */
    int64_t from = local - OFFSET_MAX - 1, last = local - OFFSET_MIN, gap_utc = 0;
    int32_t offset = zone_offset(z, from);
    int found = 0;
    bool gap = false;

    while (from <= last) {
        int64_t to;
        bool more = zone_next_change(z, from, &to);
        int64_t candidate = local - offset;
        if (candidate >= from && (!more || candidate < to)) {
            if (found++ == 0)
                *utc = candidate;
        }
        if (!more)
            break;
        int32_t next_offset = zone_offset(z, to);
        if (!gap && candidate >= to && local - next_offset < to) {
            gap = true;
            gap_utc = candidate;
        }
        from = to;
        offset = next_offset;
    }
    if (found == 0)
        *utc = gap_utc;
    return found == 0 ? ZONE_SKIPPED : found == 1 ? ZONE_ONCE : ZONE_TWICE;
}
