/* postgres_words.c - what PostgreSQL words in its own way: types, names, and how a value gets into a column of any
 * type.
 */
#include "postgres_words.h"

#include <string.h>

/* ---- Names and types ---- */

static void quote_table(struct buf *out, const char *name)
{
    const char *dot = strchr(name, '.');

    if (dot && dot != name && dot[1]) {
        struct buf schema = {0};
        buf_add(&schema, name, (size_t)(dot - name));
        db_quote(out, buf_text(&schema));
        buf_free(&schema);
        buf_add_char(out, '.');
        name = dot + 1;
    }
    db_quote(out, name);
}

static void add_type(struct buf *out, uint32_t type, uint32_t scale, bool narrow)
{
    switch (type) {
    case SLUICE_INT:
        buf_add_str(out, narrow ? "INTEGER" : "BIGINT");
        break;
    case SLUICE_INTS:
        buf_add_str(out, narrow ? "INTEGER[]" : "BIGINT[]");
        break;
    case SLUICE_BOOL:
        buf_add_str(out, "BOOLEAN");
        break;
    case SLUICE_DECIMAL:
        buf_printf(out, "NUMERIC(%u,%u)", scale > 2 ? 13 + scale : 15, scale);
        break;
    case SLUICE_TIME:
        buf_add_str(out, "TIMESTAMPTZ");
        break;
    default:
        buf_add_str(out, "TEXT");
    }
}

/* Partitions and children number their rows each for itself. */
static void add_located(struct buf *out, const struct db_table *table, int n)
{
    if (table->spread)
        buf_printf(out, "tableoid = split_part($%d::text, '/', 1)::oid AND ctid = split_part($%d::text, '/', 2)::tid",
                   n, n);
    else
        buf_printf(out, "ctid = $%d::text::tid", n);
}

/* The collation "C" makes lower() know ASCII only. */
static void normalised(struct buf *out, const char *name, uint32_t flags)
{
    if (flags & SLUICE_LOWER)
        buf_add_str(out, "lower(");
    if (flags & SLUICE_TRIM)
        buf_add_str(out, "btrim(");
    db_quote(out, name);
    if (flags & (SLUICE_TRIM | SLUICE_LOWER))
        buf_add_str(out, "::text");
    if (flags & SLUICE_TRIM)
        buf_add_str(out, ", E' \\t\\n\\x0B\\f\\r')");
    if (flags & SLUICE_LOWER)
        buf_add_str(out, " COLLATE \"C\")");
}

/* ---- Values ---- */

static bool is_text(int kind)
{
    return kind == PG_TEXT || kind == PG_CHAR || kind == PG_CITEXT;
}

static bool holds(const struct db_table_column *column, uint32_t type)
{
    int kind = column->family;

    switch (type) {
    case SLUICE_INT:
        return kind == PG_INT || kind == PG_NUMERIC;
    case SLUICE_BOOL:
        return kind == PG_BOOL || kind == PG_INT;
    case SLUICE_DECIMAL:
        return kind == PG_NUMERIC || is_text(kind);
    case SLUICE_TIME:
        return kind == PG_TIMESTAMPTZ || kind == PG_TIMESTAMP || kind == PG_DATE || is_text(kind);
    case SLUICE_INTS:
        return kind == PG_INTS || kind == PG_JSON || kind == PG_JSONB || is_text(kind);
    default:
        return is_text(kind) || kind == PG_ENUM || kind == PG_UUID || kind == PG_JSON || kind == PG_JSONB ||
               kind == PG_XML;
    }
}

/* Bound are numbers as numbers, a boolean as 0 or 1, everything else as cell.c prints it. */
static void add_param(struct buf *out, uint32_t type, int n)
{
    switch (type) {
    case SLUICE_INT:
        buf_printf(out, "$%d::bigint", n);
        break;
    case SLUICE_BOOL:
        buf_printf(out, "($%d::bigint <> 0)", n);
        break;
    case SLUICE_DECIMAL:
        buf_printf(out, "$%d::numeric", n);
        break;
    case SLUICE_TIME:
        buf_printf(out, "$%d::timestamptz", n);
        break;
    case SLUICE_INTS:
        buf_printf(out, "translate($%d::text, '[]', '{}')::bigint[]", n);
        break;
    default:
        buf_printf(out, "$%d::text", n);
    }
}

/* As cell.c prints it, so that a text column reads the same everywhere. */
static void add_as_text(struct buf *out, uint32_t type, const char *value)
{
    switch (type) {
    case SLUICE_TEXT:
        buf_add_str(out, value);
        break;
    case SLUICE_TIME:
        buf_printf(out,
                   "(rtrim(rtrim(to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '0'), '.') || 'Z')",
                   value);
        break;
    case SLUICE_INTS:
        buf_printf(out, "array_to_json(%s)::text", value);
        break;
    default:
        buf_printf(out, "(%s)::text", value);
    }
}

static void add_value(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value)
{
    if (is_text(as->family)) {
        add_as_text(out, type, value);
        return;
    }
    switch (as->family) {
    case PG_INT:
        buf_printf(out, type == SLUICE_BOOL ? "(%s)::int" : "%s", value);
        break;
    case PG_TIMESTAMP:
        buf_printf(out, "(%s AT TIME ZONE 'UTC')", value);
        break;
    case PG_DATE:
        buf_printf(out, "(%s AT TIME ZONE 'UTC')::date", value);
        break;
    case PG_JSON:
    case PG_JSONB:
        buf_printf(out, type == SLUICE_INTS ? "array_to_json(%s)::%s" : "(%s)::%s", value, as->base);
        break;
    case PG_ENUM:
    case PG_UUID:
    case PG_XML:
        buf_printf(out, "(%s)::%s", value, as->base);
        break;
    default:
        buf_add_str(out, value);
    }
}

/* What the assignment makes of a value: rounded, without what it would cut from blanks. Never fails, except where the
 * column is picky; what the column would refuse stays different from all that it can store. */
static void add_rounded(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value)
{
    struct buf plain = {0};

    add_value(&plain, as, type, value);
    const char *v = buf_text(&plain);
    if (as->family == PG_CHAR)
        buf_printf(out, "rtrim(%s, ' ')", v);
    else if (is_text(as->family) && as->limit >= 0)
        buf_printf(out, "CASE WHEN rtrim(substr(%s, %d), ' ') = '' THEN left(%s, %d) ELSE %s END", v, as->limit + 1, v,
                   as->limit, v);
    else if (as->family == PG_NUMERIC && as->scale >= 0)
        buf_printf(out, "round((%s)::numeric, %d)", v, as->scale);
    else if ((as->family == PG_TIMESTAMPTZ || as->family == PG_TIMESTAMP) && as->scale >= 0)
        buf_printf(out, "(%s)::timestamp(%d)%s", v, as->scale, as->family == PG_TIMESTAMPTZ ? " with time zone" : "");
    else
        buf_add_str(out, v);
    buf_free(&plain);
}

static void add_key(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value)
{
    struct buf plain = {0};

    add_value(&plain, as, type, value);
    if (as->family == PG_CHAR)
        buf_printf(out, "(%s)::bpchar", buf_text(&plain));
    else if (as->family == PG_CITEXT)
        buf_printf(out, "(%s)::%s", buf_text(&plain), as->base);
    else if (as->family == PG_NUMERIC)
        buf_printf(out, "(%s)::numeric", buf_text(&plain));
    else
        add_rounded(out, as, type, value);
    buf_free(&plain);
}

static void add_same(struct buf *out, const struct db_table_column *as, uint32_t type, const char *value)
{
    struct buf want = {0};

    buf_add_char(out, '(');
    db_quote(out, as->name);
    switch (as->family) {
    case PG_TEXT:
    case PG_CHAR:
    case PG_CITEXT:
        add_rounded(&want, as, type, value);
        buf_printf(out, "::text COLLATE \"C\" IS NOT DISTINCT FROM (%s)", buf_text(&want));
        break;
    case PG_JSON: /* compared as it is written; a value that is none differs from every one that is */
    case PG_XML:
    case PG_ENUM:
        add_as_text(&want, type, value);
        buf_printf(out, "::text COLLATE \"C\" IS NOT DISTINCT FROM (%s)", buf_text(&want));
        break;
    case PG_JSONB:
        add_value(&want, as, type, value);
        buf_printf(out, "::text COLLATE \"C\" IS NOT DISTINCT FROM (%s)::text", buf_text(&want));
        break;
    case PG_INTS:
        buf_printf(out, "::bigint[] IS NOT DISTINCT FROM %s", value);
        break;
    default:
        add_rounded(&want, as, type, value);
        buf_printf(out, " IS NOT DISTINCT FROM %s", buf_text(&want));
    }
    buf_add_char(out, ')');
    buf_free(&want);
}

/* What it is as a text is exact for each type, and times are in UTC. */
static void add_read(struct buf *out, const struct db_table_column *as, uint32_t type)
{
    (void)type;
    db_quote(out, as->name);
    buf_add_str(out, "::text");
}

/* A time that a text column keeps sorts without its Z: none has a fraction that ends with 0. */
static void add_order(struct buf *out, const struct db_table_column *as, uint32_t type)
{
    bool text_of_time = type == SLUICE_TIME && is_text(as->family);

    buf_add_str(out, text_of_time ? "rtrim(" : "");
    db_quote(out, as->name);
    buf_add_str(out, type == SLUICE_TEXT || text_of_time ? "::text" : "");
    buf_add_str(out, text_of_time ? ", 'Z')" : "");
    buf_add_str(out, type == SLUICE_TEXT || text_of_time ? " COLLATE \"C\"" : "");
    buf_add_str(out, " NULLS FIRST");
}

static void add_from_text(struct buf *out, uint32_t type, const char *value)
{
    static const char *const names[] = {[SLUICE_INT] = "bigint",   [SLUICE_TEXT] = "text",
                                        [SLUICE_BOOL] = "boolean", [SLUICE_DECIMAL] = "numeric",
                                        [SLUICE_TIME] = "timestamptz", [SLUICE_INTS] = "bigint[]"};

    buf_printf(out, "(%s)::%s", value, names[type]);
}

const struct db_words postgres_words = {
    .describe = pg_describe,
    .has_index = pg_has_index,
    .holds = holds,
    .add_type = add_type,
    .serial_type = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .bytewise = " COLLATE \"C\"",
    .shared = true,
    .compares = true,
    .alters = true,
    .compare_names = strcmp,
    .quote_table = quote_table,
    .add_located = add_located,
    .normalised = normalised,
    .add_param = add_param,
    .add_value = add_value,
    .add_key = add_key,
    .add_read = add_read,
    .add_order = add_order,
    .add_from_text = add_from_text,
    .add_same = add_same,
};
