/* sqlite_words.c - what SQLite words in its own way. */
#include "sqlite_describe.h"

#include <strings.h>

static bool holds(const struct db_table_column *column, uint32_t type)
{
    int family = column->family;

    switch (type) {
    case SLUICE_INT:
        return family != SQLITE_FAMILY_TEXT && family != SQLITE_FAMILY_REAL;
    case SLUICE_BOOL:
        return family != SQLITE_FAMILY_TEXT;
    case SLUICE_DECIMAL:
    case SLUICE_TIME: /* no ISO time looks like a number, so no affinity touches it */
        return family != SQLITE_FAMILY_INT;
    default:
        return family == SQLITE_FAMILY_TEXT || family == SQLITE_FAMILY_OTHER;
    }
}

static void add_type(struct buf *out, uint32_t type, uint32_t scale, bool narrow)
{
    (void)scale;
    switch (type) {
    case SLUICE_INT:
        buf_add_str(out, narrow ? "INTEGER" : "BIGINT");
        break;
    case SLUICE_BOOL:
        buf_add_str(out, "BOOLEAN");
        break;
    default:
        buf_add_str(out, "TEXT"); /* decimals and times too: exact, and readable as they are */
    }
}

static void add_located(struct buf *out, const struct db_table *table, int n)
{
    buf_printf(out, "%s = $%d", table->locator, n);
}

static void normalised(struct buf *out, const char *name, uint32_t flags)
{
    if (flags & SLUICE_LOWER)
        buf_add_str(out, "lower("); /* SQLite's own lower() knows ASCII only */
    if (flags & SLUICE_TRIM)
        buf_add_str(out, "trim(");
    db_quote(out, name);
    if (flags & SLUICE_TRIM)
        buf_add_str(out, ", char(9, 10, 11, 12, 13, 32))");
    if (flags & SLUICE_LOWER)
        buf_add_str(out, ")");
}

static void add_param(struct buf *out, uint32_t type, int n)
{
    (void)type;
    buf_printf(out, "$%d", n);
}

/* Values are kept as they are bound. */
static void add_plain(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value)
{
    (void)as;
    (void)type;
    buf_add_str(out, value);
}

static void add_read(struct buf *out, const struct db_table_column *as, uint32_t type)
{
    (void)type;
    db_quote(out, as->name);
}

/* Without its Z a time sorts as a text: none has a fraction that ends with 0. Nulls come first anyway. */
static void add_order(struct buf *out, const struct db_table_column *as, uint32_t type)
{
    buf_add_str(out, type == SLUICE_TIME ? "rtrim(" : "");
    db_quote(out, as->name);
    buf_add_str(out, type == SLUICE_TIME ? ", 'Z')" : "");
    buf_add_str(out, type == SLUICE_TIME || type == SLUICE_TEXT ? " COLLATE BINARY" : "");
}

static void add_from_text(struct buf *out, uint32_t type, const char *value)
{
    (void)type;
    buf_add_str(out, value);
}

const struct db_words sqlite_words = {
    .describe = sqlite_describe,
    .has_index = sqlite_has_index,
    .holds = holds,
    .add_type = add_type,
    .serial_type = "INTEGER PRIMARY KEY",
    .bytewise = "",
    .takes_nul = true,
    .compare_names = strcasecmp,
    .quote_table = db_quote,
    .add_located = add_located,
    .normalised = normalised,
    .add_param = add_param,
    .add_value = add_plain,
    .add_key = add_plain,
    .add_read = add_read,
    .add_order = add_order,
    .add_from_text = add_from_text,
};
