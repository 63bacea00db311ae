/* verify.c - see verify.h. */
#include "verify.h"

#include "ddl.h"
#include "ddl_words.h"

#include <stdarg.h>
#include <string.h>

struct judge {
    struct db *db;
    const struct table *t;
    const struct db_table *have;
    struct verdict *v;
};

/* ---- Saying it ---- */

static void __attribute__((format(printf, 3, 4))) tell(struct verdict *v, bool fatal, const char *fmt, ...)
{
    va_list args;

    v->count++;
    v->fatal += fatal;
    buf_add_str(&v->problems, "\n  ");
    va_start(args, fmt);
    buf_vprintf(&v->problems, fmt, args);
    va_end(args);
}

static void start_alter(struct judge *j)
{
    buf_add_str(&j->v->cures, "ALTER TABLE ");
    db_quote_table(j->db, &j->v->cures, j->t->name);
}

/* \n  ALTER TABLE "t" ALTER COLUMN "name" */
static void start_alter_column(struct judge *j, const char *name)
{
    buf_add_str(&j->v->cures, "\n  ");
    start_alter(j);
    buf_add_str(&j->v->cures, " ALTER COLUMN ");
    db_quote(&j->v->cures, name);
}

/* Where no column can be altered, a new one takes its place. */
static void move_aside(struct judge *j, const struct table_column *c, bool keep_values)
{
    struct buf aside = {0}, *out = &j->v->cures;

    buf_printf(&aside, "%s_before", c->name);
    buf_add_str(out, "\n  ");
    start_alter(j);
    buf_add_str(out, " RENAME COLUMN ");
    db_quote(out, c->name);
    buf_add_str(out, " TO ");
    db_quote(out, buf_text(&aside));
    buf_add_str(out, "; ");
    ddl_add_column(j->db, out, j->t, c);
    buf_add_str(out, ";");
    if (keep_values) {
        buf_add_str(out, " UPDATE ");
        db_quote_table(j->db, out, j->t->name);
        buf_add_str(out, " SET ");
        db_quote(out, c->name);
        buf_add_str(out, " = ");
        db_quote(out, buf_text(&aside));
        buf_add_str(out, ";");
    }
    buf_free(&aside);
}

/* ---- The table ---- */

static void judge_security(struct judge *j)
{
    if (!j->have->hides)
        return;
    tell(j->v, true, "row-level security is in force: some of its rows may be hidden from role %s", j->have->role);
    buf_add_str(&j->v->cures, "\n  ALTER ROLE ");
    db_quote(&j->v->cures, j->have->role);
    buf_add_str(&j->v->cures, " BYPASSRLS; /* or, for every role: ");
    start_alter(j);
    buf_add_str(&j->v->cures,
                j->have->not_owned ? " DISABLE ROW LEVEL SECURITY; */" : " NO FORCE ROW LEVEL SECURITY; */");
}

static const struct db_table_column *find_column(const struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->have->column_count; i++) {
        if (db_same_name(j->db, j->have->columns[i].name, name))
            return &j->have->columns[i];
    }
    return NULL;
}

/* Every column that sluice writes: those of the job, then the system's. NULL where the table has none. */
static const struct db_table_column *written_column(const struct judge *j, size_t index)
{
    const char *name =
        index < j->t->column_count ? j->t->columns[index].name : ddl_system_name(index - j->t->column_count);

    return *name ? find_column(j, name) : NULL;
}

/* A right on each of the columns does as well as one on the table. */
static void judge_rights(struct judge *j)
{
    bool no_insert = false, no_update = false;
    struct buf lacks = {0}, *out = &j->v->cures;

    for (size_t i = 0; i < j->t->column_count + 3; i++) {
        const struct db_table_column *h = written_column(j, i);
        no_insert = no_insert || (h && h->no_insert);
        no_update = no_update || (h && h->no_update);
    }
    if (j->have->no_select)
        buf_add_str(&lacks, "SELECT");
    if (no_insert)
        buf_printf(&lacks, "%sINSERT", lacks.len ? ", " : "");
    if (no_update)
        buf_printf(&lacks, "%sUPDATE", lacks.len ? ", " : "");
    if (lacks.len) {
        tell(j->v, true, "role %s may not %s", j->have->role, buf_text(&lacks));
        buf_printf(out, "\n  GRANT %s ON ", buf_text(&lacks));
        db_quote_table(j->db, out, j->t->name);
        buf_add_str(out, " TO ");
        db_quote(out, j->have->role);
        buf_add_str(out, ";");
    }
    if (j->have->grants && *j->have->grants) {
        tell(j->v, true, "role %s may not use the sequence that numbers its rows", j->have->role);
        buf_printf(out, "\n  %s", j->have->grants);
    }
    buf_free(&lacks);
}

/* ---- Its columns ---- */

static void judge_missing(struct judge *j, const struct table_column *c)
{
    bool may_add = !j->t->check_only;

    if (may_add && !j->have->not_owned)
        return;
    tell(j->v, true, "column \"%s\" is missing%s", c->name,
         may_add ? ", and only the owner of the table can add it" : "");
    buf_add_str(&j->v->cures, "\n  ");
    ddl_add_column(j->db, &j->v->cures, j->t, c);
    buf_add_str(&j->v->cures, ";");
}

static void judge_generated(struct judge *j, const struct table_column *c, const struct db_table_column *h)
{
    tell(j->v, true, "column \"%s\" is generated", c->name);
    if (!db_alters_columns(j->db)) {
        move_aside(j, c, false);
        return;
    }
    start_alter_column(j, h->name);
    buf_add_str(&j->v->cures, h->numbered ? " SET GENERATED BY DEFAULT;" : " DROP EXPRESSION;");
}

static void judge_type(struct judge *j, const struct table_column *c, const struct db_table_column *h)
{
    struct buf *out = &j->v->cures;

    tell(j->v, true, "column \"%s\" is of type %s, which does not keep every value of %s unchanged", c->name, h->type,
         c->source);
    if (!db_alters_columns(j->db)) {
        move_aside(j, c, true);
        return;
    }
    start_alter_column(j, h->name);
    buf_add_str(out, " TYPE ");
    ddl_add_type(j->db, out, c);
    buf_add_str(out, " USING ");
    db_quote(out, h->name);
    buf_add_str(out, "::text::");
    ddl_add_type(j->db, out, c);
    buf_add_str(out, ";");
}

static void judge_columns(struct judge *j)
{
    for (size_t i = 0; i < j->t->column_count; i++) {
        const struct table_column *c = &j->t->columns[i];
        const struct db_table_column *h = *c->name ? find_column(j, c->name) : NULL;

        if (!*c->name)
            continue;
        if (!h)
            judge_missing(j, c);
        else if (h->generated)
            judge_generated(j, c, h);
        else if (!db_holds(j->db, h, c->type))
            judge_type(j, c, h);
    }
}

/* A system column is there to be filled with a moment. */
static void judge_system(struct judge *j)
{
    for (size_t i = 0; i < 3; i++) {
        const struct db_table_column *h = find_column(j, ddl_system_name(i));
        struct table_column c = {.name = h ? h->name : NULL, .type = SLUICE_TIME};

        c.source = c.name;
        if (h && h->generated)
            judge_generated(j, &c, h);
        else if (h && !db_holds(j->db, h, SLUICE_TIME))
            judge_type(j, &c, h);
    }
}

static bool is_written(const struct judge *j, const struct db_table_column *h)
{
    for (size_t i = 0; i < j->t->column_count + 3; i++) {
        if (written_column(j, i) == h)
            return true;
    }
    return false;
}

/* A NOT NULL column that nobody fills would refuse every new row. A trigger may. */
static void judge_unfilled(struct judge *j)
{
    for (size_t k = 0; k < j->have->column_count; k++) {
        const struct db_table_column *h = &j->have->columns[k];

        if (!h->not_null || h->has_default || h->generated || j->have->completes || is_written(j, h))
            continue;
        tell(j->v, true, "column \"%s\" is NOT NULL without a default, and nothing fills it", h->name);
        if (db_alters_columns(j->db)) {
            start_alter_column(j, h->name);
            buf_add_str(&j->v->cures, " DROP NOT NULL; /* or SET DEFAULT a value */");
        } else {
            buf_add_str(&j->v->cures, "\n  /* make the table anew with a DEFAULT for ");
            db_quote(&j->v->cures, h->name);
            buf_add_str(&j->v->cures, ", which SQLite cannot add to a column, or fill it with the job's `fields` */");
        }
    }
}

/* ---- Its indexes ---- */

int verify_index(struct db *db, const struct table *t, size_t rule, struct err *err)
{
    const struct table_column *c = &t->columns[t->scope != TABLE_NONE ? t->scope : t->rules[rule].columns[0]];
    uint32_t flags = t->scope == TABLE_NONE ? c->flags & (SLUICE_TRIM | SLUICE_LOWER) : 0;

    return db_has_index(db, t->name, c->name, flags, err);
}

/* A look-up without its index reads the whole table for each record. */
static int judge_indexes(struct judge *j, struct err *err)
{
    for (size_t i = 0; i < j->t->rule_count; i++) {
        int found = verify_index(j->db, j->t, i, err);

        if (found < 0)
            return found;
        if (found)
            continue;
        tell(j->v, false, "no index serves match rule %zu, which looks rows up by \"%s\"", i + 1,
             j->t->columns[j->t->rules[i].columns[0]].name);
        buf_add_str(&j->v->cures, "\n  ");
        ddl_add_index(j->db, &j->v->cures, j->t, i);
        buf_add_str(&j->v->cures, ";");
    }
    return SLUICE_OK;
}

int verify_table(struct db *db, const struct table *t, const struct db_table *have, struct verdict *out,
                 struct err *err)
{
    struct judge j = {db, t, have, out};

    *out = (struct verdict){0};
    if (have->is_view) { /* what else there is to say is about the tables below it */
        tell(out, true, "it is a view");
        buf_add_str(&out->cures, "\n  /* no SQL makes a view fit: set the job's `table` to a table below it */");
        return SLUICE_OK;
    }
    judge_security(&j);
    judge_rights(&j);
    judge_columns(&j);
    judge_system(&j);
    judge_unfilled(&j);
    int rc = judge_indexes(&j, err);
    if (!rc && (out->problems.failed || out->cures.failed))
        rc = err_set(err, E_SYSTEM, "out of memory");
    if (rc)
        verdict_free(out);
    return rc;
}

void verify_absent(const struct db *db, const struct table *t, struct verdict *out)
{
    *out = (struct verdict){.count = 1, .fatal = 1};
    buf_add_str(&out->cures, "\n  ");
    ddl_add_create(db, &out->cures, t);
    buf_add_str(&out->cures, ";");
    for (size_t i = 0; i < t->rule_count; i++) {
        if (ddl_is_primary_key(t, i))
            continue;
        buf_add_str(&out->cures, "\n  ");
        ddl_add_index(db, &out->cures, t, i);
        buf_add_str(&out->cures, ";");
    }
    for (size_t i = 0; i < t->column_count; i++) {
        if (!(t->columns[i].flags & SLUICE_INDEX) || !*t->columns[i].name)
            continue;
        buf_add_str(&out->cures, "\n  ");
        ddl_add_column_index(db, &out->cures, t, &t->columns[i]);
        buf_add_str(&out->cures, ";");
    }
}

void verdict_free(struct verdict *v)
{
    buf_free(&v->problems);
    buf_free(&v->cures);
    *v = (struct verdict){0};
}
