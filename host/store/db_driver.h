/* db_driver.h - what stands behind db.h: one of these tables for each kind of database. Only host/store's drivers and
 * db.c include it. Each function is what db.h says of its name.
 */
#ifndef SLUICE_STORE_DB_DRIVER_H
#define SLUICE_STORE_DB_DRIVER_H

#include "buf.h"
#include "db.h"

/* Each driver's connection and statement begin with these. */
struct db {
    const struct db_driver *driver;
};
struct db_stmt {
    struct db *db;
};

struct db_driver {
    int (*open)(const char *url, unsigned flags, struct db **out, struct err *err);
    void (*close)(struct db *db);
    bool (*has_moved)(struct db *db);
    void (*rest)(struct db *db);
    bool (*exists)(const char *url);
    int (*exec)(struct db *db, const char *sql, struct err *err);

    int (*prepare)(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
    int (*stream)(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
    void (*finalize)(struct db_stmt *st);
    void (*may_refuse)(struct db_stmt *st);
    void (*bind)(struct db_stmt *st, int index, struct db_value value);
    void (*bind_text)(struct db_stmt *st, int index, const char *text);
    int (*step)(struct db_stmt *st, struct err *err);
    struct db_value (*column)(struct db_stmt *st, int index);
    int64_t (*column_int)(struct db_stmt *st, int index);
    const char *(*column_text)(struct db_stmt *st, int index);
    void (*reset)(struct db_stmt *st);
    int64_t (*changes)(struct db_stmt *st);

    bool (*breaks_deferred)(struct db *db);
    int64_t (*last_row)(const struct db *db);
    int (*begin)(struct db *db, struct err *err);
    int (*commit)(struct db *db, struct err *err);
    bool (*is_uncertain)(const struct db *db);
    bool (*has_clashed)(const struct db *db); /* NULL: nobody else is there */
    void (*rollback)(struct db *db);
    bool (*in_transaction)(const struct db *db);
    uint64_t (*transaction)(const struct db *db);

    const struct db_words *words;
};

/* How SQL is worded, and what a table looks like. */
struct db_words {
    int (*describe)(struct db *db, const char *name, struct db_table *out, struct err *err);
    int (*has_index)(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err);
    bool (*holds)(const struct db_table_column *column, uint32_t type);
    void (*add_type)(struct buf *out, uint32_t type, uint32_t scale, bool narrow);
    const char *serial_type, *bytewise;
    bool shared, takes_nul, compares, alters;
    int (*compare_names)(const char *a, const char *b);
    void (*quote_table)(struct buf *out, const char *name);
    void (*add_located)(struct buf *out, const struct db_table *table, int n);
    void (*normalised)(struct buf *out, const char *name, uint32_t flags);
    void (*add_param)(struct buf *out, uint32_t type, int n);
    void (*add_value)(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value);
    void (*add_key)(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value);
    void (*add_read)(struct buf *out, const struct db_table_column *as, uint32_t type);
    void (*add_order)(struct buf *out, const struct db_table_column *as, uint32_t type);
    void (*add_from_text)(struct buf *out, uint32_t type, const char *value);
    void (*add_same)(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value);
};

extern const struct db_driver sqlite_driver, postgres_driver;
extern const struct db_words sqlite_words, postgres_words;

#endif
