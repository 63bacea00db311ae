/* merge_cases.c - see merge_cases.h. */
#include "merge_cases.h"

#include "date.h"
#include "decimal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a)    (sizeof(a) / sizeof((a)[0]))
#define HUGE_TEXT (1 << 20)

static uint64_t random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

/* ---- Texts live as long as the case ---- */

struct text {
    struct text *next;
    char text[];
};

static const char *keep(struct merge_case *c, const char *text, size_t len)
{
    struct text *t = malloc(sizeof(*t) + len + 1);

    if (!t)
        abort();
    t->next = c->memory;
    memcpy(t->text, text, len);
    t->text[len] = '\0';
    c->memory = t;
    return t->text;
}

static const char *keep_number(struct merge_case *c, const char *prefix, unsigned n)
{
    char text[32];

    return keep(c, text, (size_t)snprintf(text, sizeof(text), "%s%u", prefix, n));
}

void case_free(struct merge_case *c)
{
    for (struct text *t = c->memory, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    free(c->rows);
    free(c->events);
    *c = (struct merge_case){0};
}

/* ---- Fields ---- */

static struct field value(const char *text)
{
    return (struct field){VALUE, text};
}

/* One of `texts`, else absent or null. */
static struct field any_of(const char *const *texts, unsigned count, unsigned absent, unsigned null)
{
    unsigned n = below(count + absent + null);

    if (n < count)
        return value(texts[n]);
    return (struct field){.state = n < count + absent ? ABSENT : EMPTY};
}

/* Trimmed and lowered in ASCII, as a connector does it; nothing left is null. */
static struct field normal(struct merge_case *c, struct field f)
{
    const char *blanks = " \t\n\v\f\r";

    if (f.state != VALUE)
        return f;
    const char *start = f.text + strspn(f.text, blanks);
    size_t len = strlen(start);
    while (len > 0 && strchr(blanks, start[len - 1]))
        len--;
    char *copy = (char *)(uintptr_t)keep(c, start, len);
    for (char *p = copy; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return *copy ? value(copy) : (struct field){.state = EMPTY};
}

/* An identity out of `pool`; `raw` as others may have written it. */
static struct field any_ref(struct merge_case *c, unsigned pool, bool raw)
{
    static const char *const odd[] = {" a1\t", "A1", "a1", "\xCE\x86", "\xCE\xAC", "\xC3\x89", "\xC3\xA9"};
    unsigned kind = below(12);

    if (kind == 0)
        return (struct field){.state = below(2) ? ABSENT : EMPTY};
    if (!c->s.text_id)
        return value(keep_number(c, "", 1 + below(pool)));
    struct field f = kind < 3 ? value(odd[below(LEN(odd))]) : value(keep_number(c, below(4) ? "a" : "A", below(pool)));
    return raw ? f : normal(c, f);
}

static struct field any_mail(struct merge_case *c, unsigned pool, bool raw)
{
    static const char *const odd[] = {" k1", "\vk1\f\r", "k 1", "000", " 000", "", " ", "\xCE\x86", "\xCE\xAC", "K1 "};
    unsigned kind = below(10);

    if (kind == 0)
        return (struct field){.state = below(2) ? ABSENT : EMPTY};
    struct field f = kind < 3 ? value(odd[below(LEN(odd))]) : value(keep_number(c, below(4) ? "k" : "K", below(pool)));
    if (kind == 3) /* a text that is another one's identity */
        f = value(keep_number(c, c->s.text_id ? "a" : "", below(pool)));
    return raw ? f : normal(c, f);
}

static struct field any_code(struct merge_case *c, unsigned pool)
{
    if (below(3) == 0)
        return (struct field){.state = below(2) ? ABSENT : EMPTY};
    return value(keep_number(c, "c", below(pool)));
}

static struct field any_tenant(unsigned absent, unsigned null)
{
    static const char *const tenants[] = {"t1", "t1", "t1", "t2", "t2", "T1"};

    return any_of(tenants, LEN(tenants), absent, null);
}

static struct field huge_text(struct merge_case *c)
{
    char *text = malloc(HUGE_TEXT + 1);

    if (!text)
        abort();
    memset(text, 'a' + (int)below(26), HUGE_TEXT);
    text[0] = '\xCE';
    text[1] = '\xB1';
    const char *kept = keep(c, text, HUGE_TEXT);
    free(text);
    return value(kept);
}

/* ---- A record ---- */

static const char *const amounts[] = {
    "0.00", "0.01", "-0.01", "12.50", "12.50", "9999999999999.99", "-9999999999999.99"};
static const char *const moments[] = {"2025-10-11T08:58:45Z",        "2025-10-11T08:58:45Z",   "0001-01-01T00:00:00Z",
                                      "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z", "2000-01-01T00:00:00Z"};
static const char *const flags[] = {"0", "1"};
static const char *const sizes[] = {"0", "-1", "2147483647", "-2147483648", "7", "7"};
static const char *const lists[] = {"[]", "[0]", "[1,2,3]", "[1,2,3]", "[9223372036854775807,-9223372036854775808]"};
static const char *const regions[] = {"1", "2", "3", "1", "2", "3", "1", "9"};
static const char *const names[] = {"A",       "A", "A", "C", "D", "\xCE\x91\xCE\xB8\xCE\xAE\xCE\xBD\xCE\xB1",
                                    "Unknown", "B"};
static const char *const cities[] = {"", "x", "X", "x ", "12345678", "123456789", "\xCE\x91\xCE\xB8\xCE\xAE"};
static const char *const notes[] = {"", "x", "\\N", "\t\n", "\"q\" \\ '"};

static struct record any_record(struct merge_case *c, unsigned pool, unsigned bad)
{
    struct record r = {0};
    bool may_fail = below(100) < bad;

    r.fields[REF] = any_ref(c, pool, false);
    r.fields[MAIL] = any_mail(c, pool, false);
    r.fields[NAME] = any_of(names, LEN(names) - !may_fail, 2, 1);
    r.fields[CITY] = any_of(cities, LEN(cities), 2, 1);
    if (!may_fail && r.fields[CITY].state == VALUE && strlen(r.fields[CITY].text) > 8)
        r.fields[CITY] = value("y");
    r.fields[NOTE] = any_of(notes, LEN(notes), 2, 1);
    r.fields[TENANT] = any_tenant(below(8) == 0, below(8) == 0);
    r.fields[CODE] = any_code(c, pool);
    r.fields[AMOUNT] = any_of(amounts, LEN(amounts), 2, 1);
    r.fields[SEEN] = any_of(moments, LEN(moments), 2, 1);
    r.fields[ACTIVE] = any_of(flags, LEN(flags), 1, 1);
    r.fields[SIZE] = any_of(sizes, LEN(sizes), 2, 1);
    r.fields[LIST] = any_of(lists, LEN(lists), 2, 1);
    r.fields[REGION] = any_of(regions, LEN(regions) - !may_fail, 2, 1);
    if (may_fail && below(4) == 0)
        r.fields[SIZE] = value("2147483648");
    if (may_fail && below(4) == 0)
        r.fields[NOTE] = value("no \xff text");
    if (below(3000) == 0)
        r.fields[NOTE] = huge_text(c);
    r.unstorable = (r.fields[SIZE].state == VALUE && strcmp(r.fields[SIZE].text, "2147483648") == 0) ||
                   (r.fields[NOTE].state == VALUE && strchr(r.fields[NOTE].text, '\xff'));
    return r;
}

static sluice_value value_of(const struct field *f, uint32_t type, uint32_t scale)
{
    sluice_str text = {f->text, f->text ? strlen(f->text) : 0};
    sluice_value v = {.type = type};

    if (f->state != VALUE || !f->text)
        return (sluice_value){.type = f->state == ABSENT ? SLUICE_ABSENT : SLUICE_NULL};
    switch (type) {
    case SLUICE_TEXT:
        v.as.s = text;
        break;
    case SLUICE_DECIMAL:
        decimal_parse(text, scale, &v.as.i);
        break;
    case SLUICE_TIME:
        date_parse(text, NULL, &v.as.i);
        break;
    case SLUICE_INTS: {
        static const int64_t values[][3] = {{0}, {0}, {1, 2, 3}, {1, 2, 3}, {INT64_MAX, INT64_MIN}};
        static const size_t counts[] = {0, 1, 3, 3, 2};
        for (size_t i = 0; i < LEN(lists); i++) {
            if (strcmp(lists[i], f->text) == 0) {
                v.as.n.ptr = values[i];
                v.as.n.len = counts[i];
            }
        }
        break;
    }
    default:
        v.as.i = strtoll(f->text, NULL, 10);
    }
    return v;
}

/* JSON, and now and then none. */
static sluice_str native_note(const char *text)
{
    static const char *const json[] = {"{\"a\": 1}", "[1, 2]", "\"x\"", " 7"};

    if (strcmp(text, "\\N") == 0)
        return (sluice_str){"a\0b", 3};
    if (below(20) == 0 || strlen(text) > 64)
        return (sluice_str){text, strlen(text)};
    text = json[strlen(text) % 4];
    return (sluice_str){text, strlen(text)};
}

void case_values(const struct merge_case *c, const struct record *r, sluice_value values[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        values[i] = value_of(&r->fields[i], c->columns[i].type, c->columns[i].scale);
    if (c->native && r->fields[NOTE].state == VALUE)
        values[NOTE].as.s = native_note(r->fields[NOTE].text);
}

/* ---- The table ---- */

static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void make_table(struct merge_case *c)
{
    static char never0[] = "000";
    static char *never[] = {never0};
    static const struct {
        const char *name;
        uint32_t type, flags;
        const char *preset;
    } columns[COLUMNS] = {
        [REF] = {"ref", SLUICE_INT, 0, NULL},
        [MAIL] = {"mail", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, NULL},
        [NAME] = {"name", SLUICE_TEXT, SLUICE_REQUIRED, "Unknown"},
        [CITY] = {"city", SLUICE_TEXT, SLUICE_BLANK, NULL},
        [NOTE] = {"note", SLUICE_TEXT, SLUICE_BLANK | SLUICE_CLEAR, NULL},
        [TENANT] = {"tenant", SLUICE_TEXT, 0, NULL},
        [CODE] = {"code", SLUICE_TEXT, 0, NULL},
        [AMOUNT] = {"amount", SLUICE_DECIMAL, 0, NULL},
        [SEEN] = {"seen", SLUICE_TIME, 0, NULL},
        [ACTIVE] = {"active", SLUICE_BOOL, 0, "true"},
        [SIZE] = {"size", SLUICE_INT, SLUICE_NARROW, NULL},
        [LIST] = {"list", SLUICE_INTS, 0, NULL},
        [REGION] = {"region", SLUICE_INT, 0, NULL},
    };

    for (int i = 0; i < COLUMNS; i++) {
        c->columns[i] = (struct table_column){.name = text_of(columns[i].name),
                                              .source = text_of(columns[i].name),
                                              .type = columns[i].type,
                                              .flags = columns[i].flags,
                                              .scale = 2,
                                              .preset = text_of(columns[i].preset)};
    }
    if (c->s.text_id) {
        c->columns[REF].type = SLUICE_TEXT;
        c->columns[REF].flags = SLUICE_TRIM | SLUICE_LOWER;
    }
    if (c->s.quiet) {
        c->columns[CITY].flags |= SLUICE_QUIET;
        c->columns[LIST].flags |= SLUICE_QUIET;
    }
    c->rules[0] = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {REF}, .column_count = 1};
    c->rules[1] = (struct table_rule){
        .rule = c->s.second_rule, .columns = {MAIL}, .column_count = 1, .never = never, .never_count = 1};
    c->table = (struct table){.name = text_of("partners"),
                              .columns = c->columns,
                              .column_count = COLUMNS,
                              .rules = c->rules,
                              .rule_count = c->s.second_rule ? 2 : 1,
                              .scope = c->s.scoped ? TENANT : TABLE_NONE};
}

/* ---- All together ---- */

static void add_row(struct merge_case *c, unsigned pool)
{
    struct row row = {.last = -1};

    for (int i = 0; i < COLUMNS; i++)
        row.fields[i].state = EMPTY;
    row.fields[REF] = any_ref(c, pool, c->s.theirs);
    row.fields[MAIL] = any_mail(c, pool, true);
    row.fields[NAME] = value("by hand");
    row.fields[TENANT] = any_tenant(0, 1);
    row.fields[CODE] = any_code(c, pool);
    for (int i = 0; i < COLUMNS; i++) {
        if (row.fields[i].state == ABSENT)
            row.fields[i].state = EMPTY;
    }
    row.fields[ACTIVE] = value("1");
    c->rows[c->row_count++] = row;
}

static void add_event(struct merge_case *c, unsigned pool, unsigned bad)
{
    struct event *e = &c->events[c->event_count],
                 *before = c->event_count ? &c->events[below((unsigned)c->event_count)] : NULL;
    unsigned kind = below(100);

    *e = (struct event){.what = kind < 2 ? EVENT_REJECT : kind < 3 ? EVENT_SKIP : EVENT_RECORD};
    c->event_count++;
    if (e->what == EVENT_REJECT) {
        struct field f = any_ref(c, pool, false);
        e->key = f.state == VALUE ? f.text : "";
    }
    if (e->what != EVENT_RECORD)
        return;
    e->record = any_record(c, pool, bad);
    if (before && before->what == EVENT_RECORD && below(8) == 0)
        e->record = before->record; /* once more */
    else if (before && before->what == EVENT_RECORD && below(8) == 0)
        e->record.fields[CODE] = before->record.fields[CODE]; /* what another one had, or has */
    case_values(c, &e->record, e->values);
}

/* What a table is like, and how records match: the same for CASE_SERIES cases. */
static struct setting any_setting(bool native)
{
    static const uint32_t rules[] = {0, SLUICE_ADOPT, SLUICE_ADOPT, SLUICE_REBIND, SLUICE_REBIND};
    struct setting s = {.text_id = below(2), .scoped = below(2), .theirs = below(3) == 0, .unique = (int)below(4) % 3};

    s.quiet = below(2);
    s.second_rule = rules[below(LEN(rules))];
    s.points = s.theirs && below(2);
    s.theirs = s.theirs || native;
    return s;
}

static void start_random(unsigned seed, unsigned number, bool native)
{
    random_state = ((uint64_t)seed << 32 | number) ^ (native ? 0x5555 : 0);
    below(1);
}

/* Most are short: each has runs, and each batch a transaction and tables of its own. */
static unsigned any_count(unsigned batch, bool large)
{
    unsigned kind = below(100), few = large ? 80 : 94, some = large ? 96 : 99;
    unsigned count = kind < few ? 1 + below(large ? 50 : 24) : kind < some ? 40 + below(120) : 200 + below(400);

    return batch <= 2 ? 1 + count % 5 : batch <= 7 ? 1 + count % 30 : count;
}

void case_make(struct merge_case *c, unsigned seed, unsigned number, int kind)
{
    bool native = kind & CASE_NATIVE;
    static const unsigned batches[] = {1, 2, 7, 500, 500, 20000, 20000, 20000, 20000, 20000};

    *c = (struct merge_case){.native = native};
    start_random(seed, ~(number / CASE_SERIES), native);
    c->s = any_setting(native);
    make_table(c);
    start_random(seed, number, native);
    c->batch = batches[below(LEN(batches))];
    unsigned count = any_count(c->batch, kind & CASE_LARGE);
    unsigned pool = 2 + below(count + count / 2);
    unsigned bad = (unsigned[]){0, 0, 5, 30}[below(4)];
    c->rows = calloc(count + 8, sizeof(*c->rows));
    c->events = calloc(count + 2, sizeof(*c->events));
    if (!c->rows || !c->events)
        abort();
    for (unsigned n = below(4) ? below(count + 6) : 0; n > 0; n--)
        add_row(c, pool);
    unsigned split = below(3) ? count : below(count);
    for (unsigned i = 0; i < count; i++) {
        if (i == split)
            c->events[c->event_count++].what = EVENT_RUN;
        add_event(c, pool, bad);
    }
}
