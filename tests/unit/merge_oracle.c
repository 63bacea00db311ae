/* merge_oracle.c - see merge_oracle.h. */
#include "merge_oracle.h"

#include "sluice/abi.h"

#include <stdlib.h>
#include <string.h>

static bool is_empty(const struct field *f)
{
    return f->state != VALUE || !*f->text;
}

static bool equal(const struct field *a, const struct field *b)
{
    return a->state == b->state && (a->state != VALUE || strcmp(a->text, b->text) == 0);
}

/* Is a stored text, trimmed and lowered in ASCII, what was sent? */
static bool same_normal(const struct field *stored, const struct field *sent)
{
    const char *blanks = " \t\n\v\f\r", *p = stored->text;

    if (stored->state != VALUE)
        return false;
    p += strspn(p, blanks);
    size_t len = strlen(p);
    while (len > 0 && strchr(blanks, p[len - 1]))
        len--;
    if (strlen(sent->text) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];
        if (c != sent->text[i])
            return false;
    }
    return true;
}

static bool is_dummy(const struct field *f)
{
    return strcmp(f->text, "000") == 0;
}

static bool is_candidate(const struct oracle *o, const struct row *row, const struct record *r, int column,
                         uint32_t rule)
{
    if (o->s.scoped && !equal(&row->fields[TENANT], &r->fields[TENANT]))
        return false;
    if (rule == SLUICE_ADOPT && !is_empty(&row->fields[REF]))
        return false;
    if (column == REF && !o->s.text_id)
        return equal(&row->fields[REF], &r->fields[REF]);
    return same_normal(&row->fields[column], &r->fields[column]);
}

static bool is_usable(const struct oracle *o, const struct record *r, int column)
{
    if (o->s.scoped && is_empty(&r->fields[TENANT]))
        return false;
    return !is_empty(&r->fields[column]) && !(column == MAIL && is_dummy(&r->fields[MAIL]));
}

static const char *preset_of(int column)
{
    return column == NAME ? "Unknown" : column == ACTIVE ? "1" : NULL;
}

/* The row as it is to be: what is absent stays, a null goes back to the preset. */
static struct row applied(const struct row *before, const struct record *r)
{
    struct row after = *before;

    for (int i = 0; i < COLUMNS; i++) {
        struct field f = r->fields[i];
        if (f.state == ABSENT && i == NOTE)
            f.state = EMPTY;
        if (f.state == ABSENT || (i == REF && is_empty(&f)))
            continue; /* a record without an identity says nothing about the row's */
        if (f.state == EMPTY && preset_of(i))
            f = (struct field){VALUE, preset_of(i)};
        after.fields[i] = f;
    }
    return after;
}

static struct row created(const struct record *r)
{
    struct row none = {0};

    for (int i = 0; i < COLUMNS; i++)
        none.fields[i] = preset_of(i) ? (struct field){VALUE, preset_of(i)} : (struct field){.state = EMPTY};
    return applied(&none, r);
}

static size_t count_characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Does a unique index of CODE mind `row` at `at`? */
static bool collides(const struct oracle *o, int at, const struct row *row)
{
    for (int i = 0; o->s.unique && i < o->count; i++) {
        const struct row *other = &o->rows[i];
        if (i == at || row->fields[CODE].state != VALUE || !equal(&row->fields[CODE], &other->fields[CODE]))
            continue;
        if (o->s.unique == 1 ||
            (row->fields[TENANT].state == VALUE && equal(&row->fields[TENANT], &other->fields[TENANT])))
            return true;
    }
    return false;
}

static bool refuses(const struct oracle *o, int at, const struct row *row)
{
    const struct field *region = &row->fields[REGION];

    if (row->fields[NAME].state == VALUE && strcmp(row->fields[NAME].text, "B") == 0)
        return true;
    if (row->fields[CITY].state == VALUE && count_characters(row->fields[CITY].text) > 8)
        return true;
    if (o->s.points && region->state == VALUE && !strstr("1 2 3", region->text))
        return true;
    return collides(o, at, row);
}

static struct verdict refuse(const char *class, const char *key)
{
    return (struct verdict){.what = VERDICT_REJECTED, .class = class, .key = key};
}

static void add(struct oracle *o, const struct row *row)
{
    if (o->count == o->max) {
        o->max = o->max ? o->max * 2 : 64;
        o->rows = realloc(o->rows, (size_t)o->max * sizeof(*o->rows));
        if (!o->rows)
            abort();
    }
    o->rows[o->count++] = *row;
}

/* Store `after` at `at`, a new row when that is the count. */
static struct verdict put_row(struct oracle *o, int at, struct row after, int number, const char *key, bool rebound)
{
    struct verdict v = {.what = at == o->count ? VERDICT_CREATED : VERDICT_UNCHANGED, .rebound = rebound, .key = key};

    bool writes = v.what == VERDICT_CREATED;
    for (int i = 0; v.what != VERDICT_CREATED && i < COLUMNS; i++) {
        if (equal(&after.fields[i], &o->rows[at].fields[i]))
            continue;
        writes = true;
        if (!(o->s.quiet && (i == CITY || i == LIST)))
            v.what = VERDICT_UPDATED;
    }
    if (writes && refuses(o, at, &after))
        return refuse("refused", key);
    after.claimed = true;
    after.last = number;
    if (v.what == VERDICT_CREATED)
        add(o, &after);
    else
        o->rows[at] = after;
    return v;
}

struct verdict oracle_merge(struct oracle *o, const struct record *r, int number)
{
    const uint32_t rules[] = {SLUICE_IDENTITY, o->s.second_rule};
    const char *key = NULL;

    if (r->unstorable)
        return refuse("value", "");
    for (int i = 0; i < 2 && rules[i]; i++) {
        int column = i == 0 ? REF : MAIL, found = -1, candidates = 0;
        if (!is_usable(o, r, column))
            continue;
        key = key ? key : r->fields[column].text;
        for (int k = 0; k < o->count; k++) {
            if (!is_candidate(o, &o->rows[k], r, column, rules[i]))
                continue;
            candidates++;
            found = k;
        }
        if (candidates > 1)
            return refuse("ambiguous", key);
        if (candidates == 0)
            continue;
        const struct row *row = &o->rows[found];
        bool rebound = rules[i] == SLUICE_REBIND && !is_empty(&row->fields[REF]) && !is_empty(&r->fields[REF]) &&
                       !equal(&row->fields[REF], &r->fields[REF]);
        if (rebound && row->claimed)
            return refuse("conflict", key);
        return put_row(o, found, applied(row, r), number, key, rebound);
    }
    return key ? put_row(o, o->count, created(r), number, key, false) : refuse("no-key", "");
}

/* Is what was kept of two rejects the same? */
static bool same_payload(const struct record *a, const struct record *b)
{
    if (!a || !b)
        return a == b;
    for (int i = 0; i < COLUMNS; i++) {
        if (!equal(&a->fields[i], &b->fields[i]))
            return false;
    }
    return true;
}

/* The open reject that this one repeats: the same payload first, then any of an earlier run with the same key. */
static struct rejected *repeated(struct oracle *o, const char *key, const struct record *r)
{
    struct rejected *found = NULL;

    for (int i = 0; i < o->reject_count; i++) {
        struct rejected *have = &o->rejects[i];
        if (!have->open || strcmp(have->key, key) != 0)
            continue;
        if (same_payload(have->record, r))
            return have;
        if (!found && *key && have->run != o->run)
            found = have;
    }
    return found;
}

void oracle_reject(struct oracle *o, const char *key, const struct record *r)
{
    struct rejected *again = repeated(o, key, r);

    if (!again && o->reject_count == o->reject_max) {
        o->reject_max = o->reject_max ? o->reject_max * 2 : 64;
        o->rejects = realloc(o->rejects, (size_t)o->reject_max * sizeof(*o->rejects));
        if (!o->rejects)
            abort();
    }
    int seen = again ? again->seen + 1 : 1;
    if (!again)
        again = &o->rejects[o->reject_count++];
    *again = (struct rejected){key, r, o->run, seen, true};
}

void oracle_supersede(struct oracle *o, const char *key)
{
    for (int i = 0; *key && i < o->reject_count; i++) {
        if (strcmp(o->rejects[i].key, key) == 0)
            o->rejects[i].open = false;
    }
}

void oracle_begin(struct oracle *o)
{
    o->run++;
    for (int i = 0; i < o->count; i++)
        o->rows[i].claimed = false;
}

bool oracle_insert(struct oracle *o, const struct row *row)
{
    if (collides(o, -1, row))
        return false;
    for (int i = 0; !o->s.theirs && row->fields[REF].state == VALUE && i < o->count; i++) {
        /* the index of the identity, which compares what is normalised */
        const struct row *other = &o->rows[i];
        bool scope =
            !o->s.scoped || (row->fields[TENANT].state == VALUE && equal(&row->fields[TENANT], &other->fields[TENANT]));
        if (scope && other->fields[REF].state == VALUE && strcmp(row->fields[REF].text, other->fields[REF].text) == 0)
            return false;
    }
    add(o, row);
    return true;
}

void oracle_free(struct oracle *o)
{
    free(o->rows);
    free(o->rejects);
    *o = (struct oracle){0};
}
