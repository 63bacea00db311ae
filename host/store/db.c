/* db.c - what is the same for every database, and the way to what is not. */
#include "db_driver.h"

#include <stdlib.h>
#include <string.h>

static const volatile sig_atomic_t *stop_flag;

void db_mind_stop(const volatile sig_atomic_t *stop)
{
    stop_flag = stop;
}

bool db_must_stop(void)
{
    return stop_flag && *stop_flag;
}

/* ---- Which database ---- */

static const struct db_driver *driver_of(const char *url)
{
    if (strncmp(url, "sqlite:", 7) == 0)
        return &sqlite_driver;
    if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
        return &postgres_driver;
    return NULL;
}

int db_open(const char *url, unsigned flags, struct db **out, struct err *err)
{
    const struct db_driver *driver = driver_of(url);

    if (!driver)
        return err_set(err, SLUICE_E_CONFIG, "store.url: neither sqlite:PATH nor a postgresql:// URL");
    return driver->open(url, flags, out, err);
}

bool db_exists(const char *url)
{
    const struct db_driver *driver = driver_of(url);

    return driver && driver->exists(url);
}

bool db_url_is_shared(const char *url)
{
    const struct db_driver *driver = driver_of(url);

    return driver && driver->words->shared;
}

void db_close(struct db *db)
{
    if (db)
        db->driver->close(db);
}

bool db_has_moved(struct db *db)
{
    return db->driver->has_moved(db);
}

void db_rest(struct db *db)
{
    db->driver->rest(db);
}

/* ---- Statements ---- */

int db_exec(struct db *db, const char *sql, struct err *err)
{
    return db->driver->exec(db, sql, err);
}

int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
    return db->driver->prepare(db, sql, out, err);
}

int db_stream(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
    return db->driver->stream(db, sql, out, err);
}

void db_finalize(struct db_stmt *st)
{
    if (st)
        st->db->driver->finalize(st);
}

void db_may_refuse(struct db_stmt *st)
{
    st->db->driver->may_refuse(st);
}

void db_bind(struct db_stmt *st, int index, struct db_value value)
{
    st->db->driver->bind(st, index, value);
}

void db_bind_int(struct db_stmt *st, int index, int64_t value)
{
    db_bind(st, index, (struct db_value){.type = DB_INT, .i = value});
}

void db_bind_text(struct db_stmt *st, int index, const char *text)
{
    st->db->driver->bind_text(st, index, text);
}

void db_bind_null(struct db_stmt *st, int index)
{
    db_bind(st, index, (struct db_value){.type = DB_NULL});
}

int db_step(struct db_stmt *st, struct err *err)
{
    return st->db->driver->step(st, err);
}

struct db_value db_column(struct db_stmt *st, int index)
{
    return st->db->driver->column(st, index);
}

int64_t db_column_int(struct db_stmt *st, int index)
{
    return st->db->driver->column_int(st, index);
}

const char *db_column_text(struct db_stmt *st, int index)
{
    return st->db->driver->column_text(st, index);
}

void db_reset(struct db_stmt *st)
{
    st->db->driver->reset(st);
}

int db_run(struct db_stmt *st, int64_t *changes, struct err *err)
{
    int rc;

    do {
        rc = db_step(st, err);
    } while (rc == 1);
    if (!rc && changes)
        *changes = st->db->driver->changes(st);
    db_reset(st);
    return rc;
}

bool db_breaks_deferred(struct db *db)
{
    return db->driver->breaks_deferred(db);
}

int64_t db_last_row(const struct db *db)
{
    return db->driver->last_row(db);
}

/* ---- Transactions ---- */

int db_begin(struct db *db, struct err *err)
{
    return db->driver->begin(db, err);
}

int db_commit(struct db *db, struct err *err)
{
    return db->driver->commit(db, err);
}

bool db_is_uncertain(const struct db *db)
{
    return db->driver->is_uncertain(db);
}

bool db_has_clashed(const struct db *db)
{
    return db->driver->has_clashed && db->driver->has_clashed(db);
}

void db_rollback(struct db *db)
{
    db->driver->rollback(db);
}

bool db_in_transaction(const struct db *db)
{
    return db->driver->in_transaction(db);
}

uint64_t db_transaction(const struct db *db)
{
    return db->driver->transaction(db);
}

/* ---- Tables ---- */

int db_describe(struct db *db, const char *name, struct db_table *out, struct err *err)
{
    return db->driver->words->describe(db, name, out, err);
}

void db_table_free(struct db_table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        free(t->columns[i].name);
        free(t->columns[i].type);
        free(t->columns[i].base);
    }
    free(t->columns);
    free(t->locator);
    free(t->lasting);
    free(t->role);
    free(t->grants);
    *t = (struct db_table){0};
}

int db_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err)
{
    return db->driver->words->has_index(db, table, column, flags, err);
}

bool db_holds(const struct db *db, const struct db_table_column *column, uint32_t type)
{
    return db->driver->words->holds(column, type);
}

/* ---- Words ---- */

bool db_is_shared(const struct db *db)
{
    return db->driver->words->shared;
}

bool db_alters_columns(const struct db *db)
{
    return db->driver->words->alters;
}

bool db_takes_nul(const struct db *db)
{
    return db->driver->words->takes_nul;
}

void db_add_type(const struct db *db, struct buf *out, uint32_t type, uint32_t scale, bool narrow)
{
    db->driver->words->add_type(out, type, scale, narrow);
}

const char *db_serial_type(const struct db *db)
{
    return db->driver->words->serial_type;
}

const char *db_bytewise(const struct db *db)
{
    return db->driver->words->bytewise;
}

void db_quote_table(const struct db *db, struct buf *out, const char *name)
{
    db->driver->words->quote_table(out, name);
}

void db_add_located(const struct db *db, struct buf *out, const struct db_table *table, int n)
{
    db->driver->words->add_located(out, table, n);
}

bool db_same_name(const struct db *db, const char *a, const char *b)
{
    return db->driver->words->compare_names(a, b) == 0;
}

void db_normalised(const struct db *db, struct buf *out, const char *name, uint32_t flags)
{
    db->driver->words->normalised(out, name, flags);
}

void db_add_param(const struct db *db, struct buf *out, uint32_t type, int n)
{
    db->driver->words->add_param(out, type, n);
}

void db_add_value(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                  const char *value)
{
    db->driver->words->add_value(out, as, type, value);
}

void db_add_key(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                const char *value)
{
    db->driver->words->add_key(out, as, type, value);
}

void db_add_read(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type)
{
    db->driver->words->add_read(out, as, type);
}

void db_add_order(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type)
{
    db->driver->words->add_order(out, as, type);
}

void db_add_from_text(const struct db *db, struct buf *out, uint32_t type, const char *value)
{
    db->driver->words->add_from_text(out, type, value);
}

bool db_compares(const struct db *db)
{
    return db->driver->words->compares;
}

void db_add_same(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                 const char *value)
{
    db->driver->words->add_same(out, as, type, value);
}

static void quote(struct buf *out, const char *text, char with)
{
    buf_add_char(out, with);
    for (; *text; text++) {
        if (*text == with)
            buf_add_char(out, with);
        buf_add_char(out, *text);
    }
    buf_add_char(out, with);
}

void db_quote(struct buf *out, const char *name)
{
    quote(out, name, '"');
}

void db_quote_text(struct buf *out, const char *text)
{
    quote(out, text, '\'');
}
