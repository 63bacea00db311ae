/* db.h - the few things sluice asks of a database, the same for every one.
 *
 * SQL is written once for all: identifiers quoted, parameters $1, $2… in the order of their first appearance; where the
 * databases differ, the functions at the end word it. One connection, one transaction at a time.
 *
 * Errors: E_STORE       away, full, read-only, corrupt or locked for longer than the busy time
 *         E_REFUSED     this statement was refused by the data: a constraint, a foreign key, a trigger, a type. The
 *                       message starts with its class ("constraint", "foreign-key", "trigger", "type", "lock",
 *                       "serialization", "disk", "permission"); an open transaction goes on when the statement was
 *                       announced with db_may_refuse(), else it is for db_rollback()
 *         E_SYSTEM      memory
 *
 * A connection that broke is made anew by the next statement outside a transaction, and by db_begin(); what was open is
 * lost, which is E_STORE. Statements stay prepared.
 * Threads: a connection belongs to one thread.
 */
#ifndef SLUICE_STORE_DB_H
#define SLUICE_STORE_DB_H

#include "err.h"
#include "sluice/abi.h"

#include <signal.h>
#include <stdbool.h>

struct db;      /* opaque: a connection */
struct db_stmt; /* opaque: a prepared statement */

#define DB_NULL 0
#define DB_INT 1
#define DB_TEXT 2
#define DB_REAL 3 /* read only: a number that an existing table keeps as a double; `s` is its text */

struct db_value {
    int type;
    int64_t i;
    sluice_str s; /* bound: borrowed until the next step; read: valid until the next step or reset */
};

#define DB_READ_ONLY 1u /* open for reading; a database that is not there is E_STORE */
#define DB_DRY_RUN 2u   /* nothing may remain: a database that is not there is made in memory */
#define DB_SNAPSHOT 4u  /* DB_READ_ONLY, and all that a transaction reads is the store as it was when it began */

/* Before the first store is opened: while *stop, a signal's flag, is not 0, nobody here waits longer than a second for
 * another program's lock. Without it that is ten. */
void db_mind_stop(const volatile sig_atomic_t *stop);

/* Does the flag say so? */
bool db_must_stop(void);

/* Open the store at `url`: sqlite:PATH, or a URL of libpq. Close with db_close(). */
int db_open(const char *url, unsigned flags, struct db **out, struct err *err);
void db_close(struct db *db); /* rolls back what is open; NULL is fine */

/* Is the database that is open no longer the one at its url: deleted, another put in its place, or the connection to it
 * cut? What is written to it is lost then. */
bool db_has_moved(struct db *db);

/* Nothing will be asked for a while: give memory back that only makes it faster. */
void db_rest(struct db *db);

/* Is there a database at `url`? False for one that the first run would create; a server is taken to be there. */
bool db_exists(const char *url);

/* What db_is_shared() says of a store at `url`. */
bool db_url_is_shared(const char *url);

/* Run one or more statements without parameters. */
int db_exec(struct db *db, const char *sql, struct err *err);

/* Prepare one statement. Finalize with db_finalize(). */
int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
void db_finalize(struct db_stmt *st); /* NULL is fine */

/* Prepare a query without parameters whose rows are many: a few at a time are in memory. Inside a transaction, with
 * which its rows end; it is stepped through once. */
int db_stream(struct db *db, const char *sql, struct db_stmt **out, struct err *err);

/* The data may refuse this statement, and an open transaction is to go on then as if it had never been tried. */
void db_may_refuse(struct db_stmt *st);

/* Set parameter `index`, 1 is the first. Values stay until they are bound anew. */
void db_bind(struct db_stmt *st, int index, struct db_value value);
void db_bind_int(struct db_stmt *st, int index, int64_t value);
void db_bind_text(struct db_stmt *st, int index, const char *text); /* NULL binds NULL */
void db_bind_null(struct db_stmt *st, int index);

/* 1: a row; 0: no more; negative: an error, and the statement is reset. */
int db_step(struct db_stmt *st, struct err *err);
struct db_value db_column(struct db_stmt *st, int index); /* 0 is the first */
int64_t db_column_int(struct db_stmt *st, int index);     /* 0 for null */
const char *db_column_text(struct db_stmt *st, int index); /* "" for null; until the next step */
void db_reset(struct db_stmt *st);

/* Step a statement that returns no rows to its end and reset it. *changes (may be NULL): rows it touched. */
int db_run(struct db_stmt *st, int64_t *changes, struct err *err);

/* Does the open transaction break a foreign key that is looked at only when it commits? */
bool db_breaks_deferred(struct db *db);

/* The locator of the row that this connection inserted last. */
int64_t db_last_row(const struct db *db);

/* Transactions. db_begin() takes the write lock at once where the database has one for all (not db_is_shared()). */
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);

/* Did the connection break while the last db_commit() was under way? Only the store can tell whether it happened:
 * ledger_commit() asks. */
bool db_is_uncertain(const struct db *db);

/* Was the last statement refused for a row that is there: one with the same unique key, or that excludes it? Always
 * false where nobody else writes. */
bool db_has_clashed(const struct db *db);
void db_rollback(struct db *db); /* keeps going when there is none */
bool db_in_transaction(const struct db *db);

/* The number of the transaction under way, another one after each db_begin(); 0 while there is none. */
uint64_t db_transaction(const struct db *db);

/* ---- What a table looks like ---- */
struct db_table_column {
    char *name;
    char *type;        /* as declared */
    char *base;        /* SQL for the type below any domain, without its length; NULL where that is never needed */
    int family;        /* what it can hold unchanged, in the driver's own words: db_holds() */
    int limit, scale;  /* characters that it takes; decimals, or digits of a second, that it rounds to; -1: any */
    bool not_null, has_default, generated;
    bool numbered;               /* generated as a number of its own */
    bool no_insert, no_update;   /* the role that is connected lacks the right */
    bool picky;        /* a value may be refused when it is only compared */
    bool takes_all;    /* no value that travels is ever refused for its type */
};
struct db_table {
    bool exists, is_view;
    bool deferred; /* a foreign key of it is looked at only when the transaction commits */
    bool hides;    /* row-level security may keep rows from the role that is connected */
    bool no_select, not_owned; /* what that role lacks: the right, or to be an owner */
    bool triggers;  /* there are triggers for each row that is written */
    bool completes; /* of which some see a new row before it is stored, and may fill what is empty */
    bool spread;   /* over several tables below it, in each of which rows count from one */
    char *locator; /* SQL for where a row is at the moment: a number or a text */
    char *role;    /* the role that is connected; NULL: there are none */
    char *grants;  /* SQL that gives it what it lacks on the sequences of columns; NULL or "": nothing */
    char *lasting; /* SQL for what a row keeps as long as it is there, or the locator */
    struct db_table_column *columns;
    size_t column_count;
};

/* Look `name` up. The result's memory is the caller's: db_table_free(). A table that is not there is no error. */
int db_describe(struct db *db, const char *name, struct db_table *out, struct err *err);
void db_table_free(struct db_table *t);

/* Has the table an index of all its rows that begins with `column`, normalised as `flags` say (db_normalised())? 1, 0 or
 * an error. */
int db_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err);

/* May values of this SLUICE_* type be kept unchanged in this existing column? */
bool db_holds(const struct db *db, const struct db_table_column *column, uint32_t type);

struct buf;

/* Append `"name"`, quotes inside doubled. The caller checks the buffer. */
void db_quote(struct buf *out, const char *name);

/* Append `'text'`, quotes inside doubled. */
void db_quote_text(struct buf *out, const char *text);

/* ---- What is worded differently ---- */

/* Do other programs write at the same time, so that what was read may not hold any more? */
bool db_is_shared(const struct db *db);

/* Can a column be altered once it is there? */
bool db_alters_columns(const struct db *db);

/* Can a text hold a NUL? */
bool db_takes_nul(const struct db *db);

/* Append the type in which this database keeps a column of this SLUICE_* type. */
void db_add_type(const struct db *db, struct buf *out, uint32_t type, uint32_t scale, bool narrow);

/* SQL for the type of a surrogate primary key column. */
const char *db_serial_type(const struct db *db);

/* SQL behind a text column's type that makes it sort byte by byte; "" where it does anyway. */
const char *db_bytewise(const struct db *db);

/* Append the name of a table: "schema.table" is two names where there are schemas. */
void db_quote_table(const struct db *db, struct buf *out, const char *name);

/* Append a condition: the row of `table` is where its locator, parameter `n`, says. */
void db_add_located(const struct db *db, struct buf *out, const struct db_table *table, int n);

/* Do two names mean the same column? */
bool db_same_name(const struct db *db, const char *a, const char *b);

/* Append SQL for column `name` normalised as a column's flags say: ASCII white space trimmed (SLUICE_TRIM), ASCII
 * letters lowered (SLUICE_LOWER), exactly as the mapping normalises in C. */
void db_normalised(const struct db *db, struct buf *out, const char *name, uint32_t flags);

/* ---- How a value gets into a column ----
 *
 * A value travels as BIGINT, BOOLEAN, TEXT, NUMERIC, TIMESTAMPTZ or BIGINT[]; these append the SQL that makes of it
 * what a column stores. `value` is SQL for a value that travels: what db_add_param() appends, or a column of these
 * types. */

/* Parameter `n`, bound as cell.h has it, as a value that travels. */
void db_add_param(const struct db *db, struct buf *out, uint32_t type, int n);

/* What an INSERT or UPDATE assigns; the assignment then rounds, pads, or refuses what is too long. */
void db_add_value(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                  const char *value);

/* What this column, as a key, is compared with, so that an index on it serves. */
void db_add_key(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                const char *value);

/* SQL for what a column stores of a SLUICE_* type, as cell_read() takes it. */
void db_add_read(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type);

/* What ORDER BY says of a column of type INT, BOOL, TEXT or TIME: ascending, nulls first, texts byte by byte. */
void db_add_order(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type);

/* `value`, SQL for a text, as a value of this type that travels. */
void db_add_from_text(const struct db *db, struct buf *out, uint32_t type, const char *value);

/* Does the database itself compare what is stored with what a record says? Else cell_equals() does, in C. */
bool db_compares(const struct db *db);

/* A condition that is never null: the column stores just what the assignment would make of `value`. Only where
 * db_compares(). */
void db_add_same(const struct db *db, struct buf *out, const struct db_table_column *as, uint32_t type,
                 const char *value);

#endif
