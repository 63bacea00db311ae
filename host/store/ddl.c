/* ddl.c - see ddl.h. */
#include "ddl.h"

#include "buf.h"
#include "ddl_words.h"
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX 800 /* bytes of them in an error; the SQL that cures them is told in full */

#define ABSENT "table %s is not there, and manage = \"check\" creates nothing"

static const char *const system_names[3] = {"created_at", "updated_at", "last_sync_at"};

const char *ddl_system_name(size_t index)
{
    return system_names[index];
}

static const struct db_table_column *find_column(const struct db *db, const struct db_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (db_same_name(db, t->columns[i].name, name))
            return &t->columns[i];
    }
    return NULL;
}

static int exec_buf(struct db *db, struct buf *sql, struct err *err)
{
    int rc = sql->failed ? err_set(err, E_SYSTEM, "out of memory") : db_exec(db, buf_text(sql), err);

    buf_clear(sql);
    return rc;
}

/* Whose table it is decides later whether sluice may add indexes to it. */
static int note_creation(struct db *db, const struct table *t, struct err *err)
{
    struct db_stmt *st;
    struct buf name = {0};
    int rc = db_prepare(
        db, "INSERT INTO sluice_meta (name, value) VALUES ($1, 'created') ON CONFLICT (name) DO NOTHING", &st, err);
    if (rc)
        return rc;
    buf_printf(&name, "table:%s", t->name);
    db_bind_text(st, 1, buf_text(&name));
    rc = db_run(st, NULL, err);
    db_finalize(st);
    buf_free(&name);
    return rc;
}

static int create_indexes(struct db *db, const struct table *t, struct buf *sql, struct err *err)
{
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < t->rule_count; i++) {
        if (ddl_is_primary_key(t, i))
            continue;
        ddl_add_index(db, sql, t, i);
        rc = exec_buf(db, sql, err);
    }
    for (size_t i = 0; !rc && i < t->column_count; i++) {
        if (!(t->columns[i].flags & SLUICE_INDEX) || !*t->columns[i].name)
            continue;
        ddl_add_column_index(db, sql, t, &t->columns[i]);
        rc = exec_buf(db, sql, err);
    }
    return rc;
}

static int create_table(struct db *db, const struct table *t, struct err *err)
{
    struct buf sql = {0};

    ddl_add_create(db, &sql, t);
    int rc = exec_buf(db, &sql, err);
    if (!rc)
        rc = create_indexes(db, t, &sql, err);
    buf_free(&sql);
    return rc ? err_wrap(err, "create table %s", t->name) : note_creation(db, t, err);
}

/* *added: is there a column now that `have` does not know? */
static int add_missing(struct db *db, const struct table *t, const struct db_table *have, bool *added, struct err *err)
{
    struct buf sql = {0};
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < t->column_count; i++) {
        if (!*t->columns[i].name || find_column(db, have, t->columns[i].name))
            continue;
        ddl_add_column(db, &sql, t, &t->columns[i]);
        rc = exec_buf(db, &sql, err);
        *added = true;
    }
    for (size_t i = 0; !rc && i < 3; i++) {
        if (have->not_owned || find_column(db, have, system_names[i]))
            continue;
        ddl_add_system(db, &sql, t, i);
        rc = exec_buf(db, &sql, err);
        *added = true;
    }
    buf_free(&sql);
    return rc;
}

static int created_by_us(struct db *db, const struct table *t, struct err *err)
{
    struct db_stmt *st;
    struct buf name = {0};
    int rc = db_prepare(db, "SELECT 1 FROM sluice_meta WHERE name = $1", &st, err);

    if (rc)
        return rc;
    buf_printf(&name, "table:%s", t->name);
    db_bind_text(st, 1, buf_text(&name));
    rc = db_step(st, err);
    db_finalize(st);
    buf_free(&name);
    return rc;
}

/* ---- A table that is there ---- */

struct teller {
    void (*warn)(void *context, const char *text);
    void *context;
};

static void print_verdict(const struct table *t, const struct verdict *v, struct buf *out)
{
    if (v->count && !v->problems.len)
        buf_printf(out, ABSENT "\n  SQL that makes it:%s", t->name, buf_text(&v->cures));
    else if (v->count)
        buf_printf(out, "table %s %s:%s\n  SQL that %s:%s", t->name, v->fatal ? "does not fit" : "is slow to write to",
                   buf_text(&v->problems), v->fatal ? "makes it fit" : "cures it", buf_text(&v->cures));
}

static void tell_cures(const struct table *t, const struct verdict *v, const struct teller *teller)
{
    struct buf text = {0};

    if (v->fatal)
        buf_printf(&text, "SQL that makes table %s fit:%s", t->name, buf_text(&v->cures));
    else
        print_verdict(t, v, &text);
    teller->warn(teller->context, buf_text(&text));
    buf_free(&text);
}

/* All problems, or as many whole lines as there is room for; the SQL is complete in what is told beside it. */
static int refuse(const struct table *t, const struct verdict *v, const struct teller *teller, struct err *err)
{
    const char *text = buf_text(&v->problems), *end = text + v->problems.len;
    size_t shown = v->count;

    tell_cures(t, v, teller);
    while (end - text > PROBLEMS_MAX) {
        do
            end--;
        while (end > text && *end != '\n');
        shown--;
    }
    if (shown == v->count)
        return err_set(err, SLUICE_E_CONFIG, "table %s does not fit:%s", t->name, text);
    return err_set(err, SLUICE_E_CONFIG, "table %s does not fit:%.*s\n  and %zu more, see the SQL that cures them",
                   t->name, (int)(end - text), text, v->count - shown);
}

/* An index of sluice's own table that somebody dropped, or that a new match rule wants. */
static int make_index(struct db *db, const struct table *t, size_t rule, const struct teller *teller, struct err *err)
{
    struct buf sql = {0}, text = {0};
    struct err why = {0};
    int rc = db_exec(db, "SAVEPOINT sluice_index", err);

    ddl_add_index(db, &sql, t, rule);
    if (!rc && !sql.failed && db_exec(db, buf_text(&sql), &why)) {
        buf_printf(&text, "table %s is slow to write to: %s failed: %s", t->name, buf_text(&sql), why.msg);
        teller->warn(teller->context, buf_text(&text));
        rc = db_exec(db, "ROLLBACK TO SAVEPOINT sluice_index", err);
    }
    if (!rc)
        rc = db_exec(db, "RELEASE SAVEPOINT sluice_index", err);
    buf_free(&sql);
    buf_free(&text);
    return rc;
}

static int make_indexes(struct db *db, const struct table *t, const struct teller *teller, struct err *err)
{
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < t->rule_count; i++) {
        int found = verify_index(db, t, i, err);
        rc = found < 0 ? found : found ? SLUICE_OK : make_index(db, t, i, teller, err);
    }
    return rc;
}

/* sluice adds no index to a table that is not its own, but says which it would be. */
static int fit_indexes(struct db *db, const struct table *t, const struct verdict *v, const struct teller *teller,
                       struct err *err)
{
    int own = v->count && !t->check_only ? created_by_us(db, t, err) : 0;

    if (own > 0)
        return make_indexes(db, t, teller, err);
    if (own == 0 && v->count)
        tell_cures(t, v, teller);
    return own;
}

static int fit_existing(struct db *db, const struct table *t, const struct db_table *have, const struct teller *teller,
                        bool *added, struct err *err)
{
    struct verdict v = {0};
    int rc = verify_table(db, t, have, &v, err);

    if (rc)
        return rc;
    if (v.fatal)
        rc = refuse(t, &v, teller, err);
    if (!rc && !t->check_only)
        rc = add_missing(db, t, have, added, err);
    if (!rc)
        rc = fit_indexes(db, t, &v, teller, err);
    verdict_free(&v);
    return rc;
}

static int refuse_absent(struct db *db, const struct table *t, const struct teller *teller, struct err *err)
{
    struct verdict v = {0};

    verify_absent(db, t, &v);
    tell_cures(t, &v, teller);
    verdict_free(&v);
    return err_set(err, SLUICE_E_CONFIG, ABSENT, t->name);
}

/* From out->have. */
static int read_state(struct db *db, const struct table *t, struct ddl_state *out, struct err *err)
{
    out->as = calloc(t->column_count + 1, sizeof(struct db_table_column *));
    for (size_t i = 0; i < 3; i++) {
        out->system_as[i] = find_column(db, &out->have, system_names[i]);
        out->system[i] = out->system_as[i] != NULL;
    }
    for (size_t i = 0; out->as && i < t->column_count; i++)
        out->as[i] = *t->columns[i].name ? find_column(db, &out->have, t->columns[i].name) : NULL;
    return out->as ? SLUICE_OK : err_set(err, E_SYSTEM, "out of memory");
}

int ddl_ensure(struct db *db, const struct table *t, struct ddl_state *out, void (*warn)(void *, const char *),
               void *context, struct err *err)
{
    const struct teller teller = {warn, context};
    bool changed = false;

    *out = (struct ddl_state){0};
    int rc = db_describe(db, t->name, &out->have, err);
    if (rc)
        return rc;
    if (out->have.exists) {
        rc = fit_existing(db, t, &out->have, &teller, &changed, err);
    } else if (t->check_only) {
        rc = refuse_absent(db, t, &teller, err);
    } else {
        rc = create_table(db, t, err);
        changed = true;
    }
    if (!rc && changed) {
        db_table_free(&out->have);
        rc = db_describe(db, t->name, &out->have, err);
    }
    if (!rc)
        rc = read_state(db, t, out, err);
    if (rc)
        ddl_free(out);
    return rc;
}

int ddl_check(struct db *db, const struct table *t, struct buf *out, struct err *err)
{
    struct db_table have;
    struct verdict v = {0};
    int rc = db_describe(db, t->name, &have, err);

    if (rc)
        return rc;
    if (have.exists)
        rc = verify_table(db, t, &have, &v, err);
    else if (t->check_only)
        verify_absent(db, t, &v);
    print_verdict(t, &v, out);
    if (!rc && v.fatal)
        rc = err_set(err, SLUICE_E_CONFIG, "table %s does not fit", t->name);
    verdict_free(&v);
    db_table_free(&have);
    return rc;
}

void ddl_free(struct ddl_state *s)
{
    db_table_free(&s->have);
    free((void *)s->as);
    *s = (struct ddl_state){0};
}
