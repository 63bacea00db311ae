/* bulk_table.c - see bulk_table.h. */
#include "bulk_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t column_named(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (*t->columns[i].name && strcmp(t->columns[i].name, name) == 0)
            return i;
    }
    return TABLE_NONE;
}

static struct bulk_key *add_key(struct bulk_table *b)
{
    struct bulk_key *grown = realloc(b->keys, (b->key_count + 1) * sizeof(*grown));

    if (!grown)
        return NULL;
    b->keys = grown;
    grown[b->key_count] = (struct bulk_key){.rule = TABLE_NONE, .unique = true};
    return &grown[b->key_count++];
}

static int add_rules(const struct table *t, struct bulk_table *b, struct err *err)
{
    for (size_t i = 0; i < t->rule_count; i++) {
        struct bulk_key *key = add_key(b);
        if (!key)
            return err_set(err, E_SYSTEM, "out of memory");
        memcpy(key->columns, t->rules[i].columns, sizeof(key->columns));
        key->count = t->rules[i].column_count;
        key->rule = i;
        key->unique = false;
    }
    return SLUICE_OK;
}

/* ---- Unique indexes ---- */

struct index_part {
    const char *name;       /* NULL: an expression */
    const char *expression; /* as the server words it */
};

/* Does an expression only trim and lower as db_normalised() does, which never makes one of what a rule tells apart? */
static bool only_normalises(const char *text)
{
    for (const char *p = strchr(text, '('); p; p = strchr(p + 1, '(')) {
        const char *start = p;
        while (start > text && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
            start--;
        size_t len = (size_t)(p - start);
        bool known =
            len == 0 || (len == 5 && strncmp(start, "lower", 5) == 0) || (len == 5 && strncmp(start, "btrim", 5) == 0);
        if (!known)
            return false;
    }
    return !strstr(text, "lower(") || strstr(text, "COLLATE \"C\"");
}

static bool mentions(const struct table *t, const char *text)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (*t->columns[i].name && strstr(text, t->columns[i].name))
            return true;
    }
    return false;
}

/* A rule's key whose columns are all among those of the index; the expression stands for a normalised one. */
static struct bulk_key *covering(const struct table *t, const struct bulk_table *b, const struct bulk_key *index,
                                 size_t expressions, const char *expression)
{
    for (size_t i = 0; i < t->rule_count; i++) {
        struct bulk_key *key = &b->keys[i];
        size_t found = 0, normalised = 0;
        for (size_t k = 0; k < key->count; k++) {
            const struct table_column *c = &t->columns[key->columns[k]];
            bool is_plain = false;
            for (size_t n = 0; n < index->count; n++)
                is_plain = is_plain || index->columns[n] == key->columns[k];
            bool is_normal = !is_plain && expressions == 1 && c->flags & (SLUICE_TRIM | SLUICE_LOWER) &&
                             only_normalises(expression) && strstr(expression, c->name);
            found += is_plain || is_normal;
            normalised += is_normal;
        }
        if (found == key->count && normalised == expressions)
            return key;
    }
    return NULL;
}

static int take_index(const struct table *t, const struct bulk_key *plain, size_t expressions, const char *expression,
                      struct bulk_table *b, struct err *err)
{
    struct bulk_key *key = covering(t, b, plain, expressions, expression);

    if (key) {
        key->unique = true;
    } else if (expressions) {
        b->opaque = b->opaque || plain->count || mentions(t, expression);
    } else if (plain->count) {
        key = add_key(b);
        if (!key)
            return err_set(err, E_SYSTEM, "out of memory");
        memcpy(key->columns, plain->columns, sizeof(key->columns));
        key->count = plain->count;
    }
    return SLUICE_OK;
}

#define INDEXES                                                                                                        \
    "SELECT i.indexrelid::bigint, a.attname, pg_catalog.pg_get_indexdef(i.indexrelid, k.n::int, true)"                 \
    " FROM pg_catalog.pg_index AS i, pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)"                     \
    " LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $1::bigint::oid AND a.attnum = k.attnum"                  \
    " WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND k.n <= i.indnkeyatts"                                   \
    " ORDER BY i.indexrelid, k.n"

static int read_indexes(struct db_stmt *st, const struct table *t, struct bulk_table *b, struct err *err)
{
    struct bulk_key plain = {0};
    struct buf expression = {0};
    size_t expressions = 0;
    int64_t index = 0;
    int rc = SLUICE_OK, more = SLUICE_OK;

    while (!rc && (more = db_step(st, err)) == 1) {
        if (index && index != db_column_int(st, 0)) {
            rc = take_index(t, &plain, expressions, buf_text(&expression), b, err);
            plain = (struct bulk_key){0};
            expressions = 0;
            buf_clear(&expression);
        }
        index = db_column_int(st, 0);
        bool is_expression = db_column(st, 1).type == DB_NULL;
        size_t column = is_expression ? TABLE_NONE : column_named(t, db_column_text(st, 1));
        if (column != TABLE_NONE && plain.count < TABLE_KEY_MAX)
            plain.columns[plain.count++] = column;
        if (is_expression) {
            buf_add_str(&expression, db_column_text(st, 2));
            buf_add_char(&expression, ' ');
            expressions++;
        }
    }
    rc = rc ? rc : more;
    if (!rc && index)
        rc = take_index(t, &plain, expressions, buf_text(&expression), b, err);
    buf_free(&expression);
    return rc;
}

/* ---- The table ---- */

/* Rows that exclude or point to each other; rows that are elsewhere. */
#define FACTS                                                                                                          \
    "SELECT c.oid::bigint, EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid"               \
    "  AND (k.contype = 'x' OR (k.contype = 'f' AND k.confrelid = c.oid))),"                                           \
    " c.relkind <> 'r' OR c.relhassubclass OR c.relhasrules,"                                                          \
    " EXISTS (SELECT 1 FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation"  \
    "  WHERE a.attrelid = c.oid AND NOT l.collisdeterministic)"                                                        \
    " FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass($1)"

static int read_facts(struct db *db, const char *name, int64_t *oid, struct bulk_table *out, struct err *err)
{
    struct buf quoted = {0};
    struct db_stmt *st;
    int rc = db_prepare(db, FACTS, &st, err);

    if (rc)
        return rc;
    db_quote_table(db, &quoted, name);
    db_bind_text(st, 1, buf_text(&quoted));
    rc = db_step(st, err);
    if (rc == 1) {
        *oid = db_column_int(st, 0);
        out->opaque = db_column_int(st, 1) != 0;
        out->unfit = db_column_int(st, 2) != 0;
        out->lenient = db_column_int(st, 3) != 0;
    }
    db_finalize(st);
    buf_free(&quoted);
    return rc < 0 ? rc : SLUICE_OK;
}

int bulk_table_read(struct db *db, const struct target_sql *t, struct bulk_table *out, struct err *err)
{
    int64_t oid = 0;
    struct db_stmt *st = NULL;

    *out = (struct bulk_table){0};
    int rc = read_facts(db, t->table->name, &oid, out, err);
    if (!rc)
        rc = add_rules(t->table, out, err);
    if (!rc)
        rc = db_prepare(db, INDEXES, &st, err);
    if (!rc) {
        db_bind_int(st, 1, oid);
        rc = read_indexes(st, t->table, out, err);
    }
    db_finalize(st);
    if (rc)
        bulk_table_free(out);
    return rc;
}

void bulk_table_free(struct bulk_table *b)
{
    free(b->keys);
    *b = (struct bulk_table){0};
}
