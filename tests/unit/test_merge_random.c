/* Random records through merge_record(), against a model of contract A6.2 to A6.5 that is too slow to be wrong: an array
 * of rows that every rule walks from its start.
 *
 * SLUICE_SEED in the environment runs other sequences than the usual ones; a failure names its seed and case.
 */
#include "merge.h"

#include "store_test.h"

#define SEED 20251011u
#define CASES 2000
#define RECORDS_MAX 24
#define ROWS_MAX (RECORDS_MAX + 6)
#define NOW INT64_C(1760173125000000)

enum { ID, KEY, NAME, CITY, NOTE, TENANT, COLUMNS };

/* A field of a record, or of a row (never absent then). */
struct field {
    int state; /* ABSENT, EMPTY, VALUE */
    char text[16];
};
#define ABSENT 0
#define EMPTY 1 /* null */
#define VALUE 2

struct record {
    struct field fields[COLUMNS];
};

struct row {
    struct field fields[COLUMNS];
    bool claimed; /* matched or written in this run */
    int last;     /* the record that was stored in it last; -1: none */
};

/* What one case is about. */
struct setting {
    bool text_id;         /* the identity is a text that is trimmed and lowered, else an integer */
    bool scoped;          /* rows match only within their tenant */
    bool quiet;           /* a difference in CITY alone is no change */
    bool theirs;          /* the table was there before, without indexes and with more than one row for a key */
    uint32_t second_rule; /* 0: identity only */
};

struct verdict {
    int what;
    bool rebound;
    const char *class;
    char key[40];
};

/* ---- Chance ---- */

static uint64_t random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static struct field value(const char *text)
{
    struct field f = {.state = VALUE};

    snprintf(f.text, sizeof(f.text), "%s", text);
    return f;
}

/* One of `texts`, else absent or null. */
static struct field any_of(const char *const *texts, unsigned count, unsigned absent, unsigned null)
{
    unsigned n = below(count + absent + null);

    if (n < count)
        return value(texts[n]);
    return (struct field){.state = n < count + absent ? ABSENT : EMPTY};
}

/* Trimmed and lowered as the mapping does it, in ASCII only. */
static struct field normal(struct field f)
{
    const char *blanks = " \t\n\v\f\r";
    char *start = f.text + strspn(f.text, blanks);
    size_t len = strlen(start);

    while (len > 0 && strchr(blanks, start[len - 1]))
        len--;
    memmove(f.text, start, len);
    f.text[len] = '\0';
    for (char *p = f.text; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    if (f.state == VALUE && !*f.text)
        f.state = EMPTY;
    return f;
}

static struct field any_id(const struct setting *s, unsigned absent, unsigned null)
{
    static const char *const numbers[] = {"1", "2", "3", "4", "5"};
    static const char *const texts[] = {"a1", "A1", " a1\t", "b2", "B2", "\xCE\x86", "\xCE\xAC"};

    return s->text_id ? any_of(texts, LEN(texts), absent, null) : any_of(numbers, LEN(numbers), absent, null);
}

static struct field any_key(unsigned absent, unsigned null)
{
    static const char *const keys[] = {"k1", "K1", " k1", "\vk1\f\r", "k2", "k2 ", "k 2", "k3",
                                       "000", " 000", "", " ", "\xCE\x86", "\xCE\xAC"};

    return any_of(keys, LEN(keys), absent, null);
}

static struct field any_tenant(unsigned absent, unsigned null)
{
    static const char *const tenants[] = {"t1", "t1", "t1", "t2", "t2", "T1"};

    return any_of(tenants, LEN(tenants), absent, null);
}

static struct record any_record(const struct setting *s)
{
    static const char *const names[] = {"A", "A", "B", "C", "Unknown"}; /* B is refused by a trigger */
    static const char *const cities[] = {"", "x", "X"};
    struct record r;

    r.fields[ID] = any_id(s, 1, 1);
    if (s->text_id)
        r.fields[ID] = normal(r.fields[ID]);
    r.fields[KEY] = normal(any_key(1, 1));
    r.fields[NAME] = any_of(names, LEN(names), 2, 1);
    r.fields[CITY] = any_of(cities, LEN(cities), 2, 1);
    r.fields[NOTE] = any_of(cities, LEN(cities), 2, 1);
    r.fields[TENANT] = any_tenant(below(8) == 0, below(8) == 0);
    return r;
}

/* ---- The model ---- */

struct model {
    struct setting s;
    struct row rows[ROWS_MAX];
    int count;
};

static bool is_empty(const struct field *f)
{
    return f->state != VALUE || !*f->text;
}

static bool equal(const struct field *a, const struct field *b)
{
    return a->state == b->state && (a->state != VALUE || strcmp(a->text, b->text) == 0);
}

static bool same_normal(const struct field *stored, const struct field *sent)
{
    struct field f = normal(*stored);

    return f.state == VALUE && strcmp(f.text, sent->text) == 0;
}

/* Is `row` a candidate for `column` (ID or KEY) of the record? */
static bool is_candidate(const struct model *m, const struct row *row, const struct record *r, int column, uint32_t rule)
{
    if (m->s.scoped && !equal(&row->fields[TENANT], &r->fields[TENANT]))
        return false;
    if (rule == SLUICE_ADOPT && !is_empty(&row->fields[ID]))
        return false;
    if (column == ID && !m->s.text_id)
        return equal(&row->fields[ID], &r->fields[ID]);
    return same_normal(&row->fields[column], &r->fields[column]);
}

static bool is_usable(const struct model *m, const struct record *r, int column)
{
    if (m->s.scoped && is_empty(&r->fields[TENANT]))
        return false;
    return !is_empty(&r->fields[column]) && !(column == KEY && strcmp(r->fields[KEY].text, "000") == 0);
}

/* The row as it is to be after the record: what is absent stays, a null goes back to the preset. */
static struct row applied(const struct row *before, const struct record *r)
{
    struct row after = *before;

    for (int i = 0; i < COLUMNS; i++) {
        struct field f = r->fields[i];
        if (f.state == ABSENT && i == NOTE)
            f.state = EMPTY;
        if (f.state == ABSENT || (i == ID && is_empty(&f)))
            continue; /* a record without an identity says nothing about the row's */
        after.fields[i] = i == NAME && f.state == EMPTY ? value("Unknown") : f;
    }
    return after;
}

static struct row created(const struct record *r)
{
    struct row none = {0};

    for (int i = 0; i < COLUMNS; i++)
        none.fields[i].state = EMPTY;
    none.fields[NAME] = value("Unknown");
    return applied(&none, r);
}

static struct verdict refuse(const char *class, const char *key)
{
    struct verdict v = {.what = MERGE_REJECTED, .class = class};

    snprintf(v.key, sizeof(v.key), "%s", key);
    return v;
}

/* Store `after` at `at`, a new row when that is the count. */
static struct verdict put_row(struct model *m, int at, struct row after, int number, const char *key, bool rebound)
{
    struct verdict v = {.what = at == m->count ? MERGE_CREATED : MERGE_UNCHANGED, .rebound = rebound};

    snprintf(v.key, sizeof(v.key), "%s", key);
    for (int i = 0; v.what == MERGE_UNCHANGED && i < COLUMNS; i++) {
        if (!(m->s.quiet && i == CITY) && !equal(&after.fields[i], &m->rows[at].fields[i]))
            v.what = MERGE_UPDATED;
    }
    if (v.what != MERGE_UNCHANGED && strcmp(after.fields[NAME].text, "B") == 0)
        return refuse("trigger", key);
    after.claimed = true;
    after.last = number;
    m->rows[at] = after;
    m->count += v.what == MERGE_CREATED;
    return v;
}

static struct verdict model_merge(struct model *m, const struct record *r, int number)
{
    const uint32_t rules[] = {SLUICE_IDENTITY, m->s.second_rule};
    const char *key = NULL;

    for (int i = 0; i < 2 && rules[i]; i++) {
        int column = i == 0 ? ID : KEY, found = -1, candidates = 0;
        if (!is_usable(m, r, column))
            continue;
        key = key ? key : r->fields[column].text;
        for (int k = 0; k < m->count; k++) {
            if (!is_candidate(m, &m->rows[k], r, column, rules[i]))
                continue;
            candidates++;
            found = k;
        }
        if (candidates > 1)
            return refuse("ambiguous", key);
        if (candidates == 0)
            continue;
        const struct row *row = &m->rows[found];
        bool rebound = rules[i] == SLUICE_REBIND && !is_empty(&row->fields[ID]) && !is_empty(&r->fields[ID]) &&
                       !equal(&row->fields[ID], &r->fields[ID]);
        if (rebound && row->claimed)
            return refuse("conflict", key);
        return put_row(m, found, applied(row, r), number, key, rebound);
    }
    return key ? put_row(m, m->count, created(r), number, key, false) : refuse("no-key", "");
}

/* ---- The store ---- */

static char never0[] = "000";
static char *never[] = {never0};

struct fixture {
    struct db *db;
    struct table_column columns[COLUMNS];
    struct table_rule rules[2];
    struct table table;
    struct target *target;
    struct merge_outcome outcome;
};

static struct table_column column(const char *name, uint32_t type, uint32_t flags, const char *preset)
{
    return (struct table_column){
        .name = text_of(name), .source = text_of(name), .type = type, .flags = flags, .preset = text_of(preset)};
}

static void make_table(struct fixture *f, const struct setting *s)
{
    f->columns[ID] = s->text_id ? column("ref", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, NULL)
                                : column("ref", SLUICE_INT, 0, NULL);
    f->columns[KEY] = column("mail", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, NULL);
    f->columns[NAME] = column("name", SLUICE_TEXT, SLUICE_REQUIRED, "Unknown");
    f->columns[CITY] = column("city", SLUICE_TEXT, SLUICE_BLANK | (s->quiet ? SLUICE_QUIET : 0), NULL);
    f->columns[NOTE] = column("note", SLUICE_TEXT, SLUICE_BLANK | SLUICE_CLEAR, NULL);
    f->columns[TENANT] = column("tenant", SLUICE_TEXT, 0, NULL);
    f->rules[0] = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {ID}, .column_count = 1};
    f->rules[1] = (struct table_rule){
        .rule = s->second_rule, .columns = {KEY}, .column_count = 1, .never = never, .never_count = 1};
    f->table = (struct table){.name = text_of("partners"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = f->rules,
                              .rule_count = s->second_rule ? 2 : 1,
                              .scope = s->scoped ? TENANT : TABLE_NONE};
}

static void no_matter(void *context, const char *line)
{
    (void)context;
    (void)line;
}

/* A run begins: it has claimed nothing yet. */
static void begin_run(struct fixture *f, struct model *m)
{
    struct err err = {0};

    target_close(f->target);
    check_ok(db_begin(f->db, &err), &err);
    check_ok(target_open(f->db, &f->table, "01RUN", no_matter, NULL, &f->target, &err), &err);
    for (int i = 0; i < m->count; i++)
        m->rows[i].claimed = false;
}

static void next_batch(struct fixture *f)
{
    struct err err = {0};

    check_ok(db_commit(f->db, &err), &err);
    check_ok(db_begin(f->db, &err), &err);
}

static void next_run(struct fixture *f, struct model *m)
{
    struct err err = {0};

    check_ok(db_commit(f->db, &err), &err);
    begin_run(f, m);
}

/* Rows that others wrote, keys as they like them. */
static void insert_row(struct fixture *f, const struct row *row)
{
    struct buf sql = {0};

    buf_add_str(&sql, "INSERT INTO partners (ref, mail, name, city, note, tenant, created_at, updated_at, last_sync_at)"
                      " VALUES (");
    for (int i = 0; i < COLUMNS; i++) {
        if (row->fields[i].state == VALUE)
            buf_printf(&sql, "'%s', ", row->fields[i].text);
        else
            buf_add_str(&sql, "NULL, ");
    }
    buf_printf(&sql, "%s, %s, %s)", sql_moment(), sql_moment(), sql_moment());
    run_sql(f->db, buf_text(&sql));
    buf_free(&sql);
}

/* Would the unique index of the identity take this row? */
static bool is_unique(const struct model *m, const struct row *row)
{
    struct record r = {0};

    r.fields[ID] = normal(row->fields[ID]);
    r.fields[TENANT] = row->fields[TENANT];
    for (int i = 0; r.fields[ID].state == VALUE && i < m->count; i++) {
        if (is_candidate(m, &m->rows[i], &r, ID, SLUICE_IDENTITY))
            return false;
    }
    return true;
}

static void insert_rows(struct fixture *f, struct model *m)
{
    for (unsigned n = below(6); n > 0; n--) {
        struct row row = {.last = -1};
        row.fields[ID] = any_id(&m->s, 0, 4);
        row.fields[KEY] = any_key(0, 2);
        row.fields[NAME] = value("by hand");
        row.fields[CITY].state = row.fields[NOTE].state = EMPTY;
        row.fields[TENANT] = any_tenant(0, 1);
        if (!m->s.theirs && !is_unique(m, &row))
            continue;
        insert_row(f, &row);
        m->rows[m->count++] = row;
    }
}

static void start_case(struct fixture *f, struct model *m)
{
    static const char theirs[] =
        "CREATE TABLE partners (ref %s, mail TEXT, name TEXT NOT NULL, city TEXT, note TEXT, tenant TEXT,"
        " created_at %s, updated_at %s, last_sync_at %s%s)";
    char sql[300];
    const char *moment = on_server() ? "TIMESTAMPTZ" : "TEXT";

    *m = (struct model){0};
    m->s = (struct setting){.text_id = below(2), .scoped = below(2), .quiet = below(2), .theirs = below(3) == 0};
    m->s.second_rule = (uint32_t[]){0, SLUICE_ADOPT, SLUICE_ADOPT, SLUICE_REBIND, SLUICE_REBIND}[below(5)];
    make_table(f, &m->s);
    if (m->s.theirs) {
        snprintf(sql, sizeof(sql), theirs, m->s.text_id ? "TEXT" : "INTEGER", moment, moment, moment,
                 on_server() ? ", number SERIAL" : "");
        run_sql(f->db, sql);
    }
    begin_run(f, m);
    refuse_rows(f->db, "partners", "new.name = 'B'", "no B here");
    insert_rows(f, m);
}

static void end_case(struct fixture *f)
{
    struct err err = {0};

    check_ok(db_commit(f->db, &err), &err);
    target_close(f->target);
    f->target = NULL;
    run_sql(f->db, "DROP TABLE partners; DELETE FROM sluice_meta WHERE name LIKE 'table:%'");
}

static struct verdict store_merge(struct fixture *f, const struct setting *s, const struct record *r)
{
    sluice_value values[COLUMNS] = {{0}};
    struct verdict v = {0};
    struct err err = {0};

    for (int i = 0; i < COLUMNS; i++) {
        const struct field *field = &r->fields[i];
        values[i].type = field->state == ABSENT ? SLUICE_ABSENT : SLUICE_NULL;
        if (field->state != VALUE)
            continue;
        values[i] = (sluice_value){.type = SLUICE_TEXT, .as.s = str_of(field->text)};
        if (i == ID && !s->text_id)
            values[i] = (sluice_value){.type = SLUICE_INT, .as.i = atoll(field->text)};
    }
    check_ok(merge_record(f->target, &f->table, values, COLUMNS, NOW, &f->outcome, &err), &err);
    v.what = f->outcome.what;
    v.rebound = f->outcome.rebound;
    v.class = v.what == MERGE_REJECTED ? buf_text(&f->outcome.reason) : NULL;
    snprintf(v.key, sizeof(v.key), "%s", buf_text(&f->outcome.key));
    return v;
}

/* ---- Comparing ---- */

static void print_model(const struct model *m, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < m->count; i++) {
        for (int k = 0; k < COLUMNS; k++) {
            const struct field *f = &m->rows[i].fields[k];
            len += (size_t)snprintf(out + len, size - len, "%s%s", f->state == VALUE ? f->text : "-",
                                    k < COLUMNS - 1 ? "|" : "; ");
        }
    }
}

static void check_rows(const struct fixture *f, const struct model *m, const char *where)
{
    char want[8192];
    char sql[300];
    snprintf(sql, sizeof(sql),
             "SELECT coalesce(CAST(ref AS TEXT), '-') || '|' || coalesce(mail, '-') || '|' || name || '|' ||"
             " coalesce(city, '-') || '|' || coalesce(note, '-') || '|' || coalesce(tenant, '-') FROM partners ORDER BY %s",
             !on_server() ? "rowid" : m->s.theirs ? "number" : "id");
    const char *have = rows_of(f->db, sql);
    print_model(m, want, sizeof(want));
    if (strcmp(have, want) != 0)
        fail_msg("%s:\n have %s\n want %s", where, have, want);
}

static void check_verdict(const struct verdict *have, const struct verdict *want, const struct record *r,
                          const char *where)
{
    bool same = have->what == want->what && have->rebound == want->rebound && strcmp(have->key, want->key) == 0;

    if (same && want->class)
        same = strncmp(have->class, want->class, strlen(want->class)) == 0 && have->class[strlen(want->class)] == ':';
    if (same)
        return;
    char fields[256] = "";
    for (int i = 0; i < COLUMNS; i++) {
        size_t len = strlen(fields);
        snprintf(fields + len, sizeof(fields) - len, "%s|",
                 r->fields[i].state == VALUE ? r->fields[i].text : r->fields[i].state == EMPTY ? "null" : "absent");
    }
    fail_msg("%s: %s\n have %d %d \"%s\" %s\n want %d %d \"%s\" %s", where, fields, have->what, have->rebound, have->key,
             have->class ? have->class : "", want->what, want->rebound, want->key, want->class ? want->class : "");
}

/* ---- The properties ---- */

struct tally {
    int verdicts[MERGE_REJECTED + 1], rebound;
    int no_key, ambiguous, conflict, trigger;
};

static void count_verdict(struct tally *t, const struct verdict *v)
{
    t->verdicts[v->what]++;
    t->rebound += v->rebound;
    t->no_key += v->class && strcmp(v->class, "no-key") == 0;
    t->ambiguous += v->class && strcmp(v->class, "ambiguous") == 0;
    t->conflict += v->class && strcmp(v->class, "conflict") == 0;
    t->trigger += v->class && strcmp(v->class, "trigger") == 0;
}

static void deliver(struct fixture *f, struct model *m, const struct record *records, int count, struct tally *t,
                    const char *where)
{
    for (int i = 0; i < count; i++) {
        if (below(4) == 0)
            next_batch(f);
        else if (below(8) == 0)
            next_run(f, m);
        struct verdict want = model_merge(m, &records[i], i), have = store_merge(f, &m->s, &records[i]);
        check_verdict(&have, &want, &records[i], where);
        count_verdict(t, &want);
    }
    check_rows(f, m, where);
}

/* What a row got last is what it stores: sent again, in a run of its own, it changes nothing. */
static void deliver_last_again(struct fixture *f, struct model *m, const struct record *records, struct tally *t,
                               const char *where)
{
    struct model before = *m;

    next_run(f, m);
    for (int i = 0; i < before.count; i++) {
        if (before.rows[i].last < 0)
            continue;
        const struct record *r = &records[before.rows[i].last];
        struct verdict want = model_merge(m, r, before.rows[i].last), have = store_merge(f, &m->s, r);
        check_verdict(&have, &want, r, where);
        count_verdict(t, &want);
        bool ambiguous = want.class && strcmp(want.class, "ambiguous") == 0;
        if (want.what != MERGE_UNCHANGED && !ambiguous)
            fail_msg("%s: the model itself changes a row that has the record already", where);
        if (ambiguous && !m->s.theirs && !is_empty(&r->fields[ID]))
            fail_msg("%s: the model finds two rows for an identity", where);
    }
    check_rows(f, &before, where);
}

static void any_sequence_gives_what_the_model_gives(void **state)
{
    const char *text = getenv("SLUICE_SEED");
    unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : SEED;
    struct fixture f = {.db = open_memory()};
    struct tally first = {0}, again = {0};
    (void)state;

    print_message("seed %u\n", seed);
    for (unsigned i = 0; i < CASES; i++) {
        struct model m;
        struct record records[RECORDS_MAX];
        char where[64];
        snprintf(where, sizeof(where), "seed %u, case %u", seed, i);
        random_state = (uint64_t)seed << 32 | i;
        below(1);
        start_case(&f, &m);
        int count = 1 + (int)below(RECORDS_MAX);
        for (int k = 0; k < count; k++) /* now and then the same record again */
            records[k] = k > 0 && below(6) == 0 ? records[below((unsigned)k)] : any_record(&m.s);
        deliver(&f, &m, records, count, &first, where);
        deliver_last_again(&f, &m, records, &again, where);
        end_case(&f);
    }
    print_message("created %d, updated %d, unchanged %d, rejected %d (no key %d, ambiguous %d, conflict %d, trigger %d), "
                  "re-bound %d\n", first.verdicts[MERGE_CREATED], first.verdicts[MERGE_UPDATED],
                  first.verdicts[MERGE_UNCHANGED], first.verdicts[MERGE_REJECTED], first.no_key, first.ambiguous,
                  first.conflict, first.trigger, first.rebound);
    /* every kind of verdict was met, often */
    assert_true(first.verdicts[MERGE_CREATED] > 500 && first.verdicts[MERGE_UPDATED] > 500);
    assert_true(first.verdicts[MERGE_UNCHANGED] > 500 && first.rebound > 100 && first.conflict > 100);
    assert_true(first.no_key > 100 && first.ambiguous > 100 && first.trigger > 100);
    assert_true(again.verdicts[MERGE_UNCHANGED] > 1000);
    assert_int_equal(again.verdicts[MERGE_CREATED] + again.verdicts[MERGE_UPDATED], 0);
    merge_outcome_free(&f.outcome);
    db_close(f.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_gives_what_the_model_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
