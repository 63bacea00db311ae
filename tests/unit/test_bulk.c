/* Random cases through every way to merge: with a server bulk.c in small and large batches and merge.c, else merge.c on
 * SQLite. Each must leave the rows, counters and rejects of the oracle, which makes all of them equal, and what a row
 * got last, sent again, changes nothing.
 *
 * SLUICE_BULK_SEED and SLUICE_BULK_CASES in the environment run other cases and another number of them,
 * SLUICE_BULK_FROM begins later; a failure names all. With SLUICE_BULK_LONG=1 cases have more records, and each goes
 * both ways; else the records of only every third table are merged one by one too.
 */
#include "merge_cases.h"
#include "owner.h"
#include "sink.h"

#include "store_test.h"

#include <pthread.h>

#define SEED   20251011u
#define CASES  1000

enum { IN_BULK, ONE_BY_ONE, PLACES }; /* without a server there is only the first, and it is one by one there too */

/* One way to merge, in a store of its own. */
struct place {
    const char *name;
    struct db *db;
    int ways;
    struct run run;
    struct sink sink;
    bool made;                /* the tables are there */
    struct run_counts counts; /* of the runs before */
    struct buf warnings;
};

/* ---- Tables ---- */

/* The table of others, with the type of REF in front of it and what REGION points to in its middle. */
struct theirs {
    const char *before, *behind;
};

static const struct theirs on_a_server = {"mail TEXT, name TEXT NOT NULL, city TEXT, note TEXT, tenant TEXT, code "
                                          "TEXT, amount NUMERIC(15,2), seen TIMESTAMPTZ,"
                                          " active BOOLEAN, size INTEGER, list BIGINT[], region BIGINT",
                                          "created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, last_sync_at TIMESTAMPTZ"};
static const struct theirs in_a_file = {"mail TEXT, name TEXT NOT NULL, city TEXT, note TEXT, tenant TEXT, code TEXT, "
                                        "amount TEXT, seen TEXT, active INTEGER,"
                                        " size INTEGER, list TEXT, region INTEGER",
                                        "created_at TEXT, updated_at TEXT, last_sync_at TEXT"};
/* Types that are not those of sluice, with a key, a default and a domain. */
static const struct theirs with_types_of_its_own = {
    "mail CITEXT, name VARCHAR(40) NOT NULL, city VARCHAR(8), note JSON, tenant CHAR(4), code CITEXT, amount NUMERIC,"
    " seen TIMESTAMP(0), active SMALLINT, size SMALLINT, list INTEGER[] DEFAULT '{4}', region small_region",
    "number BIGSERIAL PRIMARY KEY, created_at TIMESTAMPTZ, updated_at DATE"};

static void make_tables(struct place *p, const struct merge_case *c)
{
    const struct theirs *t = c->native ? &with_types_of_its_own : on_server() ? &on_a_server : &in_a_file;
    const char *ref = c->s.text_id ? "TEXT" : "BIGINT";
    char sql[900];

    run_sql(p->db, "CREATE TABLE regions (id INTEGER PRIMARY KEY); INSERT INTO regions VALUES (1), (2), (3)");
    if (c->native)
        ref = c->s.text_id ? "VARCHAR(20)" : "NUMERIC(8,0)";
    if (!c->s.theirs)
        return;
    snprintf(sql, sizeof(sql), "CREATE TABLE partners (ref %s, %s%s, %s)", ref, t->before,
             c->s.points ? " REFERENCES regions (id)" : "", t->behind);
    run_sql(p->db, sql);
}

static void add_rules_of_the_table(struct place *p, const struct merge_case *c)
{
    if (c->s.unique)
        run_sql(p->db, c->s.unique == 1 ? "CREATE UNIQUE INDEX one_code ON partners (code)"
                                        : "CREATE UNIQUE INDEX one_code ON partners (tenant, code)");
    if (c->more)
        run_sql(p->db, c->more);
    refuse_rows(p->db, "partners", c->native ? "new.name = 'B'" : "new.name = 'B' OR length(new.city) > 8",
                "no B here");
}

#define FORGET_RUNS "DELETE FROM sluice_runs; DELETE FROM sluice_rejects; DELETE FROM sluice_cursors"

static void drop_tables(struct place *p)
{
    if (p->made)
        run_sql(p->db, "DROP TABLE IF EXISTS more; DROP TABLE partners; DROP TABLE regions; DELETE FROM sluice_meta "
                       "WHERE name LIKE 'table:%'; " FORGET_RUNS);
    p->made = false;
}

static void insert_row(struct place *p, const struct merge_case *c, const struct row *row)
{
    static const int columns[] = {REF, MAIL, NAME, TENANT, CODE};
    bool has_last = !c->native;
    struct buf sql = {0};

    buf_printf(&sql, "INSERT INTO partners (ref, mail, name, tenant, code, active, created_at, updated_at%s) VALUES (",
               has_last ? ", last_sync_at" : "");
    for (size_t i = 0; i < LEN(columns); i++) {
        const struct field *f = &row->fields[columns[i]];
        if (f->state == VALUE)
            db_quote_text(&sql, f->text);
        else
            buf_add_str(&sql, "NULL");
        buf_add_str(&sql, ", ");
    }
    buf_printf(&sql, "%s, %s, %s%s%s)", on_server() && !c->native ? "true" : "1", sql_moment(), sql_moment(),
               has_last ? ", " : "", has_last ? sql_moment() : "");
    run_sql(p->db, buf_text(&sql));
    buf_free(&sql);
}

/* ---- Runs ---- */

static void begin_run(struct place *p, const struct merge_case *c)
{
    struct err err = {0};
    char host[OWNER_SIZE];

    check_ok(run_init(&p->run, "shop.partners", "", "incremental", &err), &err);
    assert_true(owner_of(getpid(), host));
    run_set(&p->run.host, host);
    p->run.started_at = 1;
    p->sink = (struct sink){.db = p->db,
                            .table = &c->table,
                            .run = &p->run,
                            .ways = p->ways,
                            .batch_max = p->ways == SINK_IN_BULK ? c->batch : 5000};
    check_ok(sink_open(&p->sink, &err), &err);
    check_ok(sink_prepare(&p->sink, &err), &err);
}

static void end_run(struct place *p)
{
    struct err err = {0};
    struct run_counts *a = &p->counts, *b = &p->run.counts;

    run_set(&p->run.error, NULL);
    snprintf(p->run.status, sizeof(p->run.status), "success");
    check_ok(sink_finish(&p->sink, NULL, &err), &err);
    sink_close(&p->sink);
    a->processed += b->processed;
    a->created += b->created;
    a->updated += b->updated;
    a->skipped += b->skipped;
    a->errors += b->errors;
    char *text = json_dumps(p->run.warnings, JSON_INDENT(1));
    buf_add_str(&p->warnings, text);
    free(text);
    run_free(&p->run);
}

static void take_event(struct place *p, const struct event *e, const struct merge_case *c)
{
    struct err err = {0};
    int rc = SLUICE_OK;

    if (e->what == EVENT_RECORD)
        rc = sink_row(&p->sink, e->values, COLUMNS, &err);
    else if (e->what == EVENT_REJECT)
        rc = sink_reject(&p->sink, str_of(e->key), str_of("mapping: no"), str_of("{}"), &err);
    else if (e->what == EVENT_SKIP)
        rc = sink_skip(&p->sink, (sluice_str){0}, &err);
    check_ok(rc, &err);
    if (e->what == EVENT_RUN) {
        end_run(p);
        begin_run(p, c);
    }
}

/* ---- What is compared ---- */

/* Texts of a store, sorted. */
struct lines {
    char **list;
    size_t count;
};

static void add_line(struct lines *l, const char *text)
{
    l->list = realloc(l->list, (l->count + 1) * sizeof(*l->list));
    assert_non_null(l->list);
    l->list[l->count++] = strdup(text);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(struct lines *l)
{
    if (l->count)
        qsort(l->list, l->count, sizeof(*l->list), compare_lines);
}

static void free_lines(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->list[i]);
    free(l->list);
    *l = (struct lines){0};
}

static void read_lines(struct db *db, const char *sql, struct lines *out)
{
    struct db_stmt *st;
    struct err err = {0};
    int rc;

    check_ok(db_prepare(db, sql, &st, &err), &err);
    while ((rc = db_step(st, &err)) == 1)
        add_line(out, db_column_text(st, 0));
    check_ok(rc, &err);
    db_finalize(st);
}

#define PART(sql)  "coalesce(" sql ", '-') || '|' || "
#define SHORT_NOTE "CASE WHEN length(note) > 64 THEN 'long' || length(note) ELSE note END"

static void read_rows(const struct place *p, const struct merge_case *c, struct lines *out)
{
    const char *file = "SELECT " PART("CAST(ref AS TEXT)") PART("mail") PART("name") PART("city") PART(SHORT_NOTE)
        PART("tenant") PART("code") PART("amount") PART("seen") PART("CAST(active AS TEXT)") PART("CAST(size AS TEXT)")
            PART("list") PART("CAST(region AS TEXT)") "'' FROM partners";
    const char *server = "SELECT " PART("ref::text") PART("mail") PART("name") PART("city") PART(SHORT_NOTE)
        PART("tenant") PART("code") PART("amount::text")
            PART("rtrim(rtrim(to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '0'), '.') || 'Z'")
                PART("active::int::text") PART("size::text") PART("array_to_json(list)::text")
                    PART("region::text") "'' FROM partners";
    const char *own = "SELECT " PART("ref::text") PART("mail::text") PART("name") PART("city") PART("note::text")
        PART("tenant::text") PART("code::text") PART("amount::text") PART("seen::text") PART("active::text")
            PART("size::text") PART("list::text") PART("region::text") "(created_at IS NULL)::text || updated_at::text"
                                                                       " FROM partners";

    read_lines(p->db, c->native ? own : on_server() ? server : file, out);
    sort_lines(out);
}

static void add_field(struct buf *b, const struct field *f)
{
    if (f->state == VALUE && strlen(f->text) > 64)
        buf_printf(b, "long%zu", strlen(f->text) - 1); /* in characters: one is of two bytes */
    else
        buf_add_str(b, f->state == VALUE ? f->text : "-");
    buf_add_char(b, '|');
}

static void print_rows(const struct oracle *o, struct lines *out)
{
    for (int i = 0; i < o->count; i++) {
        struct buf line = {0};
        for (int k = 0; k < COLUMNS; k++)
            add_field(&line, &o->rows[i].fields[k]);
        add_line(out, buf_text(&line));
        buf_free(&line);
    }
    sort_lines(out);
}

/* As the oracle has them, or (`whole`) all of them. */
static void read_rejects(const struct place *p, bool whole, struct lines *out)
{
    read_lines(p->db,
               whole ? "SELECT record_key || '|' || reason || '|' || kind || '|' || seen_count || '|' ||"
                       " (superseded_at IS NULL) || (resolved_at IS NULL) || '|' || substr(payload, 1, 2000)"
                       " FROM sluice_rejects"
                     : "SELECT record_key || '|' || seen_count || '|' ||"
                       " CASE WHEN superseded_at IS NULL THEN 'open' ELSE 'superseded' END FROM sluice_rejects",
               out);
    sort_lines(out);
}

static void print_rejects(const struct oracle *o, struct lines *out)
{
    for (int i = 0; i < o->reject_count; i++) {
        struct buf line = {0};
        buf_printf(&line, "%s|%d|%s", o->rejects[i].key, o->rejects[i].seen,
                   o->rejects[i].open ? "open" : "superseded");
        add_line(out, buf_text(&line));
        buf_free(&line);
    }
    sort_lines(out);
}

static void check_lines(const struct lines *have, const struct lines *want, const char *what, const char *where)
{
    size_t i = 0;

    while (i < have->count && i < want->count && strcmp(have->list[i], want->list[i]) == 0)
        i++;
    if (i == have->count && i == want->count)
        return;
    fail_msg("%s: %s: %zu instead of %zu\n have %s\n want %s", where, what, have->count, want->count,
             i < have->count ? have->list[i] : "", i < want->count ? want->list[i] : "");
}

static void check_counts(const struct run_counts *have, const struct run_counts *want, const char *where)
{
    if (have->processed == want->processed && have->created == want->created && have->updated == want->updated &&
        have->skipped == want->skipped && have->errors == want->errors)
        return;
    fail_msg("%s: have %lld = %lld + %lld + %lld + %lld, want %lld = %lld + %lld + %lld + %lld", where,
             (long long)have->processed, (long long)have->created, (long long)have->updated, (long long)have->skipped,
             (long long)have->errors, (long long)want->processed, (long long)want->created, (long long)want->updated,
             (long long)want->skipped, (long long)want->errors);
}

/* What the oracle says. */
struct wanted {
    struct lines rows, rejects;
    struct run_counts counts;
};

static void check_place(const struct place *p, const struct merge_case *c, const struct wanted *want, const char *where)
{
    struct lines have = {0};
    char text[160];

    snprintf(text, sizeof(text), "%s, %s", where, p->name);
    read_rows(p, c, &have);
    check_lines(&have, &want->rows, "rows", text);
    free_lines(&have);
    check_counts(&p->counts, &want->counts, text);
    read_rejects(p, false, &have);
    check_lines(&have, &want->rejects, "rejects", text);
    free_lines(&have);
}

/* What the oracle does not word. */
static void check_texts(const struct place *p, const struct place *other, const char *where)
{
    struct lines have = {0}, want = {0};

    read_rejects(p, true, &have);
    read_rejects(other, true, &want);
    check_lines(&have, &want, "rejects of the two ways", where);
    free_lines(&have);
    free_lines(&want);
    if (strcmp(buf_text(&p->warnings), buf_text(&other->warnings)) != 0)
        fail_msg("%s: warnings\n have %s\n want %s", where, buf_text(&p->warnings), buf_text(&other->warnings));
}

/* ---- The oracle's part ---- */

struct tally {
    int64_t verdicts[VERDICT_REJECTED + 1], rebound, records;
    int64_t no_key, ambiguous, conflict, refused, value;
};

static void note_verdict(struct tally *t, const struct verdict *v)
{
    t->records++;
    t->verdicts[v->what]++;
    t->rebound += v->rebound;
    t->no_key += v->class && strcmp(v->class, "no-key") == 0;
    t->ambiguous += v->class && strcmp(v->class, "ambiguous") == 0;
    t->conflict += v->class && strcmp(v->class, "conflict") == 0;
    t->refused += v->class && strcmp(v->class, "refused") == 0;
    t->value += v->class && strcmp(v->class, "value") == 0;
}

static void tell_oracle(struct oracle *o, const struct event *e, int number, struct run_counts *counts, struct tally *t)
{
    if (e->what == EVENT_RUN) {
        oracle_begin(o);
        return;
    }
    counts->processed++;
    if (e->what == EVENT_SKIP)
        counts->skipped++;
    if (e->what == EVENT_REJECT) {
        counts->errors++;
        oracle_reject(o, e->key, NULL);
    }
    if (e->what != EVENT_RECORD)
        return;
    struct verdict v = oracle_merge(o, &e->record, number);
    if (v.what == VERDICT_REJECTED)
        oracle_reject(o, v.key, &e->record);
    else
        oracle_supersede(o, v.key);
    counts->created += v.what == VERDICT_CREATED;
    counts->updated += v.what == VERDICT_UPDATED;
    counts->skipped += v.what == VERDICT_UNCHANGED;
    counts->errors += v.what == VERDICT_REJECTED;
    note_verdict(t, &v);
}

/* ---- One case ---- */

static void no_matter(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void let_it_be_made(struct place *p, const struct merge_case *c)
{
    struct target *t = NULL;
    struct err err = {0};

    check_ok(db_begin(p->db, &err), &err);
    check_ok(target_open(p->db, &c->table, "01RUN", no_matter, NULL, &t, &err), &err);
    target_close(t);
    check_ok(db_commit(p->db, &err), &err);
}

static void make_all_tables(struct place *p, const struct merge_case *c)
{
    make_tables(p, c);
    if (!c->s.theirs)
        let_it_be_made(p, c);
    add_rules_of_the_table(p, c);
    p->made = true;
}

static void start_place(struct place *p, const struct merge_case *c, const struct oracle *o)
{
    p->counts = (struct run_counts){0};
    buf_clear(&p->warnings);
    if (p->made)
        run_sql(p->db, "DELETE FROM partners; " FORGET_RUNS);
    else
        make_all_tables(p, c);
    for (int i = 0; i < o->count; i++)
        insert_row(p, c, &o->rows[i]);
}

static void deliver(struct place *p, const struct merge_case *c)
{
    begin_run(p, c);
    for (int i = 0; i < c->event_count; i++)
        take_event(p, &c->events[i], c);
    end_run(p);
}

/* What each row got last, in a run of its own. */
static void deliver_last(struct place *p, const struct merge_case *c, const int *last, int count)
{
    begin_run(p, c);
    for (int i = 0; i < count; i++)
        take_event(p, &c->events[last[i]], c);
    end_run(p);
}

/* What each row got last, told to the oracle again. Returns how many, their numbers in `last`. */
static int tell_last(struct oracle *o, const struct merge_case *c, int *last, struct run_counts *counts,
                     const char *where)
{
    struct tally again = {0};
    int lasts = 0;

    for (int i = 0; i < o->count; i++) {
        if (o->rows[i].last >= 0)
            last[lasts++] = o->rows[i].last;
    }
    oracle_begin(o);
    for (int i = 0; i < lasts; i++)
        tell_oracle(o, &c->events[last[i]], last[i], counts, &again);
    if (again.verdicts[VERDICT_CREATED] + again.verdicts[VERDICT_UPDATED])
        fail_msg("%s: the oracle itself changes a row that has the record already", where);
    return lasts;
}

static void free_wanted(struct wanted *w)
{
    free_lines(&w->rows);
    free_lines(&w->rejects);
}

static void check_all(const struct place *places, int count, const struct merge_case *c, const struct oracle *o,
                      struct wanted *w, const char *where)
{
    print_rows(o, &w->rows);
    print_rejects(o, &w->rejects);
    for (int i = 0; i < count; i++)
        check_place(&places[i], c, w, where);
    if (count > 1)
        check_texts(&places[IN_BULK], &places[ONE_BY_ONE], where);
    free_wanted(w);
}

static void run_case(struct place *places, int count, const struct merge_case *c, const char *where, struct tally *t)
{
    struct oracle o = {.s = c->s};
    struct wanted want = {0};

    for (int i = 0; i < c->row_count; i++)
        oracle_insert(&o, &c->rows[i]);
    for (int i = 0; i < count; i++)
        start_place(&places[i], c, &o);
    oracle_begin(&o);
    for (int i = 0; i < c->event_count; i++)
        tell_oracle(&o, &c->events[i], i, &want.counts, t);
    for (int i = 0; i < count; i++)
        deliver(&places[i], c);
    check_all(places, count, c, &o, &want, where);

    int *last = calloc((size_t)o.count + 1, sizeof(*last));
    assert_non_null(last);
    int lasts = tell_last(&o, c, last, &want.counts, where);
    for (int i = 0; i < count; i++)
        deliver_last(&places[i], c, last, lasts);
    check_all(places, count, c, &o, &want, where);
    free(last);
    oracle_free(&o);
}

/* The two ways of PostgreSQL against each other: what its own types and rules make of a value is its own affair. */
static void compare_ways(struct place *places, const struct merge_case *c, const char *where)
{
    struct oracle o = {.s = c->s};
    struct wanted want = {0};

    for (int i = 0; i < c->row_count && !c->s.unique; i++)
        oracle_insert(&o, &c->rows[i]);
    for (int i = 0; i < 2; i++) {
        start_place(&places[i], c, &o);
        deliver(&places[i], c);
    }
    read_rows(&places[ONE_BY_ONE], c, &want.rows);
    read_rejects(&places[ONE_BY_ONE], false, &want.rejects);
    want.counts = places[ONE_BY_ONE].counts;
    check_place(&places[IN_BULK], c, &want, where);
    check_texts(&places[IN_BULK], &places[ONE_BY_ONE], where);
    free_wanted(&want);
    oracle_free(&o);
}

/* ---- The properties ---- */

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void drop_all_tables(struct place *places, int count)
{
    for (int i = 0; i < count; i++)
        drop_tables(&places[i]);
}

static struct db *open_place(const char *url)
{
    struct err err = {0};
    struct db *db = open_store(url);

    check_ok(schema_ensure(db, &err), &err);
    return db;
}

static int open_places(struct place *places)
{
    char url[512] = "sqlite::memory:";

    if (on_server())
        new_schema(url, sizeof(url));
    places[IN_BULK] = (struct place){.name = "in bulk", .db = open_place(url), .ways = SINK_IN_BULK};
    if (!on_server())
        return 1;
    new_schema(url, sizeof(url));
    places[ONE_BY_ONE] = (struct place){.name = "one by one", .db = open_place(url), .ways = SINK_ONE_BY_ONE};
    return 2;
}

static void close_places(struct place *places, int count)
{
    for (int i = 0; i < count; i++) {
        buf_free(&places[i].warnings);
        db_close(places[i].db);
    }
}

static void every_way_to_merge_gives_what_the_oracle_gives(void **state)
{
    unsigned seed = from_environment("SLUICE_BULK_SEED", SEED), cases = from_environment("SLUICE_BULK_CASES", CASES);
    bool large = from_environment("SLUICE_BULK_LONG", 0);
    struct place places[PLACES];
    struct tally t = {0};
    int count = open_places(places);
    (void)state;

    print_message("seed %u\n", seed);
    for (unsigned i = from_environment("SLUICE_BULK_FROM", 0); i < cases; i++) {
        struct merge_case c;
        char where[80];
        case_make(&c, seed, i, large ? CASE_LARGE : 0);
        snprintf(where, sizeof(where), "seed %u, case %u, batches of %u", seed, i, c.batch);
        if (i % CASE_SERIES == 0)
            drop_all_tables(places, count);
        run_case(places, count == 1 || large || i / CASE_SERIES % 3 == 0 ? count : 1, &c, where, &t);
        case_free(&c);
    }
    print_message(
        "%lld records: created %lld, updated %lld, unchanged %lld, rejected %lld (no key %lld, ambiguous %lld, "
        "conflict %lld, refused %lld, value %lld), re-bound %lld\n",
        (long long)t.records, (long long)t.verdicts[VERDICT_CREATED], (long long)t.verdicts[VERDICT_UPDATED],
        (long long)t.verdicts[VERDICT_UNCHANGED], (long long)t.verdicts[VERDICT_REJECTED], (long long)t.no_key,
        (long long)t.ambiguous, (long long)t.conflict, (long long)t.refused, (long long)t.value, (long long)t.rebound);
    close_places(places, count);
}

static void both_ways_do_the_same_with_types_of_the_servers_own(void **state)
{
    unsigned seed = from_environment("SLUICE_BULK_SEED", SEED), cases = from_environment("SLUICE_BULK_CASES", CASES);
    bool large = from_environment("SLUICE_BULK_LONG", 0);
    struct place places[PLACES];
    (void)state;

    if (!on_server())
        return;
    int count = open_places(places);
    run_sql(places[ONE_BY_ONE].db, "CREATE EXTENSION IF NOT EXISTS citext SCHEMA pg_catalog");
    for (int i = 0; i < count; i++)
        run_sql(places[i].db, "CREATE DOMAIN small_region AS INTEGER CHECK (VALUE < 9)");
    for (unsigned i = from_environment("SLUICE_BULK_FROM", 0); i < cases / 8; i++) {
        struct merge_case c;
        char where[80];
        case_make(&c, seed, i, CASE_NATIVE | (large ? CASE_LARGE : 0));
        snprintf(where, sizeof(where), "seed %u, native case %u, batches of %u", seed, i, c.batch);
        if (i % CASE_SERIES == 0)
            drop_all_tables(places, count);
        compare_ways(places, &c, where);
        case_free(&c);
    }
    close_places(places, count);
}

/* What a table can have that makes its records depend on each other, or that does not do what it is told. */
static const struct {
    const char *what, *more; /* SQL */
    bool numbers;            /* only for identities that are numbers */
    bool watched;            /* the first records of a run show what it is about */
} scenarios[] = {
    {.what = "a unique index of an expression", .more = "CREATE UNIQUE INDEX ON partners (lower(code))"},
    {.what = "a partial unique index", .more = "CREATE UNIQUE INDEX ON partners (code) WHERE region = 1"},
    {.what = "a unique constraint that waits",
     .more = "ALTER TABLE partners ADD UNIQUE (code) DEFERRABLE INITIALLY DEFERRED"},
    {.what = "rows that exclude each other", .more = "ALTER TABLE partners ADD EXCLUDE (code WITH =)"},
    {.what = "rows that point to each other",
     .numbers = true,
     .more = "ALTER TABLE partners ADD UNIQUE (ref), ADD FOREIGN KEY (region) REFERENCES partners (ref)"},
    {.what = "a trigger that drops rows",
     .more = "CREATE OR REPLACE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS"
             " $$ BEGIN IF new.city = 'X' THEN RETURN NULL; END IF; RETURN new; END $$;"
             "CREATE TRIGGER drop_row BEFORE INSERT OR UPDATE ON partners FOR EACH ROW EXECUTE FUNCTION drop_row()"},
    {.what = "a trigger that rewrites keys",
     .watched = true,
     .more =
         "CREATE OR REPLACE FUNCTION change_row() RETURNS trigger LANGUAGE plpgsql AS"
         " $$ BEGIN new.mail := 'k' || abs(hashtext(new.mail)) % 20; RETURN new; END $$;"
         "CREATE TRIGGER change_row BEFORE INSERT OR UPDATE ON partners FOR EACH ROW EXECUTE FUNCTION change_row()"},
    {.what = "a default that fills what is missing",
     .more = "ALTER TABLE partners ALTER city SET DEFAULT 'here', ALTER size SET DEFAULT 3"},
    {.what = "children", .more = "CREATE TABLE more () INHERITS (partners)"},
};

#define SCENARIO_CASES 4
#define LARGE          200 /* records: more than are merged one by one in any way */

/* 1: it was run; 0: the case does not suit the scenario. */
static int run_scenario(struct place *places, size_t scenario, unsigned seed, unsigned number)
{
    struct merge_case c;
    char where[160];
    bool watched = scenarios[scenario].watched;

    case_make(&c, seed, number, CASE_LARGE);
    snprintf(where, sizeof(where), "%s: seed %u, case %u, batches of %u", scenarios[scenario].what, seed, number,
             c.batch);
    c.more = scenarios[scenario].more;
    c.s.unique = c.row_count = 0;
    c.s.points = false;
    places[IN_BULK].ways = watched ? SINK_FASTEST : SINK_IN_BULK;
    bool suits = c.s.theirs && !(c.s.text_id && scenarios[scenario].numbers) && !(watched && c.event_count < LARGE);
    if (suits)
        compare_ways(places, &c, where);
    drop_all_tables(places, PLACES);
    case_free(&c);
    return suits;
}

static void both_ways_do_the_same_whatever_the_table_has(void **state)
{
    unsigned seed = from_environment("SLUICE_BULK_SEED", SEED);
    struct place places[PLACES];
    (void)state;

    if (!on_server())
        return;
    int count = open_places(places);
    for (size_t i = 0; i < LEN(scenarios); i++) {
        int ran = 0;
        for (unsigned n = 0; ran < SCENARIO_CASES; n++)
            ran += run_scenario(places, i, seed, n + 1000000 * (unsigned)i);
    }
    close_places(places, count);
}

/* As a user who may not make temporary tables. */
static void without_temporary_tables_records_are_merged_one_by_one(void **state)
{
    struct place places[PLACES];
    struct merge_case c;
    char url[600];
    (void)state;

    if (!on_server())
        return;
    open_places(places);
    run_sql(places[IN_BULK].db, "CREATE ROLE clerk LOGIN; REVOKE TEMP ON DATABASE postgres FROM PUBLIC");
    new_schema(url, sizeof(url));
    snprintf(url + strlen(url), sizeof(url) - strlen(url), "&user=clerk");
    char *name = strstr(url, "%3D") + 3;
    char sql[100];
    snprintf(sql, sizeof(sql), "GRANT ALL ON SCHEMA %.*s TO clerk", (int)strcspn(name, "&"), name);
    run_sql(places[ONE_BY_ONE].db, sql);
    db_close(places[IN_BULK].db);
    places[IN_BULK].db = open_place(url);
    case_make(&c, SEED, 7, 0);
    c.s.theirs = true;
    c.s.points = false;
    compare_ways(places, &c, "no temporary tables");
    case_free(&c);
    run_sql(places[ONE_BY_ONE].db, "GRANT TEMP ON DATABASE postgres TO PUBLIC");
    close_places(places, 2);
}

/* ---- Another program ---- */

struct other {
    struct db *db;
};

/* What the other program wrote is committed once somebody waits for it. */
static void *commit_when_waited_for(void *context)
{
    struct other *o = context;

    while (strcmp(rows_of(o->db, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "0; ") == 0)
        usleep(1000);
    run_sql(o->db, "COMMIT");
    return NULL;
}

/* Records with REF `from` to `to` and this NAME. */
static void deliver_names(struct place *p, const struct merge_case *c, int from, int to, const char *name)
{
    for (int i = from; i <= to; i++) {
        char number[8];
        snprintf(number, sizeof(number), "%d", i);
        struct event e = {.what = EVENT_RECORD};
        e.record.fields[REF] = (struct field){VALUE, number};
        e.record.fields[NAME] = (struct field){VALUE, name};
        case_values(c, &e.record, e.values);
        take_event(p, &e, c);
    }
}

/* One whose identity is a number that counts for all, in a table of sluice's own. */
static void make_plain_case(struct merge_case *c)
{
    unsigned number = 0;

    for (;; number += CASE_SERIES) {
        case_make(c, SEED, number, 0);
        if (!c->s.text_id && !c->s.theirs && !c->s.scoped && !c->s.unique && !c->s.quiet)
            break;
        case_free(c);
    }
    c->batch = 20000;
}

/* The ten are delivered while the other program's change to them, `sql`, is not committed yet. */
static void deliver_beside(const char *sql, struct run_counts *counts, char *rows, size_t size)
{
    struct place places[PLACES];
    struct oracle none = {0};
    struct merge_case c;
    struct other o;
    pthread_t thread;

    open_places(places);
    struct place *p = &places[IN_BULK];
    make_plain_case(&c);
    start_place(p, &c, &none);
    begin_run(p, &c);
    deliver_names(p, &c, 1, 10, "before");
    end_run(p);
    run_sql(p->db, "DELETE FROM partners WHERE ref = 7");
    o.db = open_store(test_server());
    struct buf path = {0};
    buf_printf(&path, "SET search_path TO %s", rows_of(p->db, "SELECT current_schema"));
    path.ptr[path.len - 2] = '\0';
    run_sql(o.db, buf_text(&path));
    p->counts = (struct run_counts){0};
    begin_run(p, &c);
    deliver_names(p, &c, 1, 10, "after");
    run_sql(o.db, "BEGIN");
    run_sql(o.db, sql);
    assert_int_equal(pthread_create(&thread, NULL, commit_when_waited_for, &o), 0);
    end_run(p);
    pthread_join(thread, NULL);
    *counts = p->counts;
    snprintf(rows, size, "%s",
             rows_of(p->db, "SELECT ref || ' ' || name FROM partners WHERE ref IN (3, 7) ORDER BY ref"));
    buf_free(&path);
    db_close(o.db);
    case_free(&c);
    close_places(places, 2);
}

static void a_row_that_another_program_adds_meanwhile_is_found_after_all(void **state)
{
    struct run_counts counts;
    char rows[100];
    (void)state;

    if (!on_server())
        return;
    deliver_beside("INSERT INTO partners (ref, name, active, created_at, updated_at, last_sync_at)"
                   " VALUES (7, 'theirs', true, now(), now(), now())",
                   &counts, rows, sizeof(rows));
    assert_string_equal(rows, "3 after; 7 after; ");
    assert_int_equal(counts.updated, 10);
    assert_int_equal(counts.created + counts.errors, 0);
}

static void a_row_that_another_program_changes_meanwhile_is_looked_up_again(void **state)
{
    struct run_counts counts;
    char rows[100];
    (void)state;

    if (!on_server())
        return;
    deliver_beside("UPDATE partners SET name = 'theirs', city = 'x' WHERE ref = 3", &counts, rows, sizeof(rows));
    assert_string_equal(rows, "3 after; 7 after; ");
    assert_int_equal(counts.updated, 9);
    assert_int_equal(counts.created, 1);
}

static void a_row_that_another_program_deletes_meanwhile_is_created_again(void **state)
{
    struct run_counts counts;
    char rows[100];
    (void)state;

    if (!on_server())
        return;
    deliver_beside("DELETE FROM partners WHERE ref = 3", &counts, rows, sizeof(rows));
    assert_string_equal(rows, "3 after; 7 after; ");
    assert_int_equal(counts.updated, 8);
    assert_int_equal(counts.created, 2);
}

/* ---- Triggers ---- */

static void a_trigger_that_rewrites_is_seen_when_the_first_records_write_nothing(void **state)
{
    struct place places[PLACES];
    struct oracle none = {0};
    struct merge_case c;
    (void)state;

    if (!on_server())
        return;
    open_places(places);
    struct place *p = &places[IN_BULK];
    p->ways = SINK_FASTEST;
    make_plain_case(&c);
    start_place(p, &c, &none);
    begin_run(p, &c);
    deliver_names(p, &c, 1, 400, "A");
    end_run(p);
    assert_null(strstr(buf_text(&p->warnings), "rewrites"));
    run_sql(p->db, "CREATE FUNCTION shorten() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN new.name := left(new.name, 3); RETURN new; END $$;"
                   "CREATE TRIGGER shorten BEFORE INSERT OR UPDATE ON partners FOR EACH ROW EXECUTE FUNCTION shorten()");
    p->counts = (struct run_counts){0};
    begin_run(p, &c);
    deliver_names(p, &c, 1, 300, "A");
    deliver_names(p, &c, 301, 500, "later");
    end_run(p);
    assert_non_null(strstr(buf_text(&p->warnings), "rewrites what the source sent in \\\"name\\\""));
    assert_int_equal(p->counts.skipped, 300);
    assert_int_equal(p->counts.updated, 100);
    assert_int_equal(p->counts.created, 100);
    assert_string_equal(rows_of(p->db, "SELECT count(*) FROM partners WHERE name = 'lat'"), "200; ");
    case_free(&c);
    close_places(places, PLACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_merge_gives_what_the_oracle_gives),
        cmocka_unit_test(both_ways_do_the_same_with_types_of_the_servers_own),
        cmocka_unit_test(both_ways_do_the_same_whatever_the_table_has),
        cmocka_unit_test(without_temporary_tables_records_are_merged_one_by_one),
        cmocka_unit_test(a_row_that_another_program_adds_meanwhile_is_found_after_all),
        cmocka_unit_test(a_row_that_another_program_changes_meanwhile_is_looked_up_again),
        cmocka_unit_test(a_row_that_another_program_deletes_meanwhile_is_created_again),
        cmocka_unit_test(a_trigger_that_rewrites_is_seen_when_the_first_records_write_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
