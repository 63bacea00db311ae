/* zone.c - see zone.h. */
#include "zone.h"

#include "date.h"
#include "zone_rule.h"

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
#define FORESEEN_MAX ((size_t)400)        /* transitions that zone_open() works out with the rule */
#define FORESEEN_YEAR 2100                /* and how far, at most */

struct zone {
    size_t shares; /* beyond the first */
    struct zone_rule rule;
    int32_t first_offset; /* before the first transition */
    size_t count;
    struct zone_transition list[]; /* ascending */
};

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
        z->list[i] = (struct zone_transition){at, (int32_t)big_endian(infos + types[i] * 6, 4)};
    }
    z->count = n->time;
    return true;
}

/* The footer is "\nRULE\n". */
static bool read_footer(struct reader *r, struct zone_rule *rule)
{
    if (left(r) < 2 || *r->p++ != '\n')
        return false;
    const unsigned char *newline = memchr(r->p, '\n', left(r));
    if (!newline)
        return false;
    sluice_str text = {(const char *)r->p, (size_t)(newline - r->p)};
    return zone_rule_parse(text, rule);
}

/* Go on with the rule where the file's transitions end, so that the times of our days are found by a search. The last
 * one's offset is the rule's, also where a file has them differ. */
static void foresee(struct zone *z, size_t capacity)
{
    if (z->count == 0 || !z->rule.present)
        return;
    struct zone_transition *last = &z->list[z->count - 1];
    last->offset = zone_rule_offset(&z->rule, last->at);

    int64_t end = date_days(FORESEEN_YEAR, 1, 1) * DAY_S, at;
    while (z->count < capacity && zone_rule_next_change(&z->rule, z->list[z->count - 1].at, &at) && at < end)
        z->list[z->count++] = (struct zone_transition){at, zone_rule_offset(&z->rule, at)};
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

struct zone *zone_share(struct zone *z)
{
    z->shares++;
    return z;
}

void zone_close(struct zone *z)
{
    if (z && z->shares-- == 0)
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
        return zone_rule_offset(&z->rule, utc);
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
    return z->rule.present && zone_rule_next_change(&z->rule, utc, at);
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
