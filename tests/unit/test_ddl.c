/* The target table: created, extended, verified, never dropped or retyped. */
#include "ddl.h"

#include "merge.h"
#include "store_test.h"

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

/* A partner: code is the identity, tax the alternate key. */
enum { CODE, TAX, NAME, MONEY, SEEN, ACTIVE, PRODUCTS, COLUMNS };

struct fixture {
    struct db *db;
    struct table_column columns[COLUMNS];
    struct table_rule rules[2];
    struct table table;
    struct ddl_state state;
    struct err err;
    char warnings[2048];
};

static struct table_column column(const char *name, uint32_t type, uint32_t flags)
{
    return (struct table_column){.name = text_of(name), .source = text_of(name), .type = type, .flags = flags, .scale = 2};
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.db = open_memory()};
    f->columns[CODE] = column("code", SLUICE_INT, 0);
    f->columns[TAX] = column("tax", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER);
    f->columns[NAME] = column("name", SLUICE_TEXT, SLUICE_REQUIRED);
    f->columns[MONEY] = column("money", SLUICE_DECIMAL, 0);
    f->columns[SEEN] = column("seen", SLUICE_TIME, 0);
    f->columns[ACTIVE] = column("active", SLUICE_BOOL, 0);
    f->columns[PRODUCTS] = column("products", SLUICE_INTS, 0);
    f->rules[0] = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {CODE}, .column_count = 1};
    f->rules[1] = (struct table_rule){.rule = SLUICE_ADOPT, .columns = {TAX}, .column_count = 1};
    f->table = (struct table){.name = text_of("partners"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = f->rules,
                              .rule_count = 2,
                              .scope = TABLE_NONE};
}

static void tear_down(struct fixture *f)
{
    ddl_free(&f->state);
    db_close(f->db);
}

static void note_warning(void *context, const char *text)
{
    struct fixture *f = context;
    size_t len = strlen(f->warnings);

    snprintf(f->warnings + len, sizeof(f->warnings) - len, "%s\n", text);
}

static int ensure(struct fixture *f)
{
    ddl_free(&f->state);
    f->warnings[0] = '\0';
    return ddl_ensure(f->db, &f->table, &f->state, note_warning, f, &f->err);
}

static void must_fit(struct fixture *f)
{
    if (ensure(f))
        fail_msg("%s", f->err.msg);
}

static void must_not_fit(struct fixture *f, const char *why)
{
    assert_int_equal(ensure(f), SLUICE_E_CONFIG);
    assert_string_equal(f->err.msg, why);
    assert_null(f->state.have.locator);
}

/* Each column with its type, "!" when it is NOT NULL and, on a file, "*" when it is part of the primary key. */
static const char *columns_of(struct db *db)
{
    static const char file[] = "SELECT name || ' ' || type || iif(\"notnull\", '!', '') || iif(pk, '*', '')"
                               " FROM pragma_table_info('partners')";
    static const char server[] = "SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull"
                                 " THEN '!' ELSE '' END FROM pg_attribute WHERE attrelid = 'partners'::regclass"
                                 " AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

    return rows_of(db, on_server() ? server : file);
}

/* The statements that made the indexes whose name is like `pattern`. */
static const char *indexes_of(struct db *db, const char *pattern)
{
    char sql[300];

    snprintf(sql, sizeof(sql),
             on_server() ? "SELECT replace(indexdef, current_schema || '.', '') FROM pg_indexes WHERE schemaname ="
                           " current_schema AND indexname LIKE '%s' ORDER BY indexname"
                         : "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name LIKE '%s' ORDER BY name",
             pattern);
    return rows_of(db, sql);
}

static const char *one_of(const char *file, const char *server)
{
    return on_server() ? server : file;
}

#define STAMPS        "created_at TEXT!; updated_at TEXT!; last_sync_at TEXT!; "
#define STAMP(name)   name " timestamp with time zone!; "
#define SERVER_STAMPS STAMP("created_at") STAMP("updated_at") STAMP("last_sync_at")

static const char all_columns[] = "id INTEGER*; code BIGINT; tax TEXT; name TEXT!; money TEXT; seen TEXT; "
                                  "active BOOLEAN; products TEXT; " STAMPS;
static const char all_server_columns[] =
    "id bigint!; code bigint; tax text; name text!; money numeric(15,2); "
    "seen timestamp with time zone; active boolean; products bigint[]; " SERVER_STAMPS;

/* ---- Creating ---- */

static void a_table_that_is_not_there_is_created_with_its_indexes(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    must_fit(&f);
    assert_string_equal(columns_of(f.db), one_of(all_columns, all_server_columns));
    assert_string_equal(indexes_of(f.db, "partners_match%"),
                        one_of("CREATE UNIQUE INDEX \"partners_match_1\" ON \"partners\" (\"code\"); "
                               "CREATE INDEX \"partners_match_2\" ON \"partners\""
                               " (lower(trim(\"tax\", char(9, 10, 11, 12, 13, 32)))); ",
                               "CREATE UNIQUE INDEX partners_match_1 ON partners USING btree (code); "
                               "CREATE INDEX partners_match_2 ON partners USING btree"
                               " (lower((btrim(tax, ' \t\n\v\f\r'::text) COLLATE \"C\"))); "));
    assert_string_equal(f.warnings, "");
    assert_string_equal(f.state.have.locator, one_of("rowid", "ctid::text"));
    assert_true(f.state.system[DDL_CREATED_AT] && f.state.system[DDL_UPDATED_AT] && f.state.system[DDL_LAST_SYNC_AT]);
    for (size_t i = 0; i < COLUMNS; i++)
        assert_false(f.state.as[i]->has_default);
    tear_down(&f);
}

static void a_column_that_asks_for_it_has_an_index_in_a_table_of_ours_only(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.columns[MONEY].flags = SLUICE_INDEX;
    f.columns[SEEN].flags = SLUICE_INDEX;
    f.columns[SEEN].name = text_of("");
    must_fit(&f);
    assert_string_equal(rows_of(f.db, "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'partners'"
                                      " AND name NOT LIKE '%match%'"),
                        "CREATE INDEX \"partners_money\" ON \"partners\" (\"money\"); ");
    tear_down(&f);

    set_up(&f);
    f.columns[MONEY].flags = SLUICE_INDEX;
    run_sql(f.db, "CREATE TABLE partners (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, tax TEXT, name TEXT NOT NULL,"
                  " money TEXT, seen TEXT, active INTEGER)");
    must_fit(&f);
    assert_string_equal(rows_of(f.db, "SELECT sql FROM sqlite_schema WHERE name LIKE '%money%'"), "");
    tear_down(&f);
}

static void a_stream_with_a_key_of_its_own_gets_no_id(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.columns[CODE].flags = SLUICE_KEY;
    f.columns[CODE].type = SLUICE_TEXT;
    f.table.rule_count = 1;
    must_fit(&f);
    assert_string_equal(
        columns_of(f.db),
        one_of("code TEXT!*; tax TEXT; name TEXT!; money TEXT; seen TEXT; active BOOLEAN; products TEXT; " STAMPS,
               "code text!; tax text; name text!; money numeric(15,2); seen timestamp with time zone; active boolean; "
               "products bigint[]; " SERVER_STAMPS));
    assert_string_equal(indexes_of(f.db, "partners_match%"), "");
    if (on_server())
        assert_string_equal(indexes_of(f.db, "partners%"),
                            "CREATE UNIQUE INDEX partners_pkey ON partners USING btree (code); ");
    tear_down(&f);
}

static void a_scope_comes_first_in_every_index(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.table.scope = NAME;
    must_fit(&f);
    assert_string_equal(indexes_of(f.db, "partners_match_1"),
                        one_of("CREATE UNIQUE INDEX \"partners_match_1\" ON \"partners\" (\"name\", \"code\"); ",
                               "CREATE UNIQUE INDEX partners_match_1 ON partners USING btree (name, code); "));
    tear_down(&f);
}

static void narrow_integers_are_declared_narrow(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.columns[CODE].flags = SLUICE_NARROW;
    must_fit(&f);
    assert_non_null(strstr(columns_of(f.db), one_of("; code INTEGER; ", "; code integer; ")));
    tear_down(&f);
}

static void its_own_table_fits_again_without_a_word(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    must_fit(&f);
    must_fit(&f);
    assert_string_equal(f.warnings, "");
    f.table.check_only = true;
    must_fit(&f);
    assert_string_equal(f.warnings, "");
    assert_string_equal(columns_of(f.db), one_of(all_columns, all_server_columns));
    tear_down(&f);
}

/* ---- Extending ---- */

static void columns_that_are_missing_are_added_and_none_is_dropped(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    run_sql(f.db, "CREATE TABLE partners (more TEXT, NAME VARCHAR(10), code INTEGER);"
                  "INSERT INTO partners VALUES ('m', 'n', 7)");
    must_fit(&f);
    assert_string_equal(
        columns_of(f.db),
        one_of("more TEXT; NAME VARCHAR(10); code INTEGER; tax TEXT; money TEXT; seen TEXT; active BOOLEAN; "
               "products TEXT; created_at TEXT; updated_at TEXT; last_sync_at TEXT; ",
               "more text; name character varying(10); code integer; tax text; money numeric(15,2); "
               "seen timestamp with time zone; active boolean; products bigint[]; created_at timestamp with time zone; "
               "updated_at timestamp with time zone; last_sync_at timestamp with time zone; "));
    assert_string_equal(rows_of(f.db, "SELECT more || name || code FROM partners"), "mn7; ");
    assert_true(f.state.system[DDL_CREATED_AT] && f.state.system[DDL_UPDATED_AT] && f.state.system[DDL_LAST_SYNC_AT]);
    must_fit(&f);
    tear_down(&f);
}

static void renamed_columns_have_their_own_name_and_left_out_ones_none(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.columns[MONEY].name = text_of("turnover");
    f.columns[PRODUCTS].name = text_of("");
    f.columns[SEEN].name = text_of("");
    must_fit(&f);
    assert_string_equal(
        columns_of(f.db),
        one_of(
            "id INTEGER*; code BIGINT; tax TEXT; name TEXT!; turnover TEXT; active BOOLEAN; " STAMPS,
            "id bigint!; code bigint; tax text; name text!; turnover numeric(15,2); active boolean; " SERVER_STAMPS));
    f.columns[MONEY].name = text_of("revenue"); /* renamed again: the old column stays */
    must_fit(&f);
    const char *columns = columns_of(f.db);
    assert_non_null(strstr(columns, "turnover "));
    assert_non_null(strstr(columns, "revenue "));
    assert_null(strstr(columns, "products "));
    tear_down(&f);
}

static void names_may_hold_quotes_and_blanks(void **state)
{
    struct fixture f;
    struct target *t = NULL;
    struct merge_outcome o = {0};
    const sluice_value values[] = {{.type = SLUICE_INT, .as.i = 7},
                                   {.type = SLUICE_TEXT, .as.s = {"el1", 3}},
                                   {.type = SLUICE_TEXT, .as.s = {"A", 1}}};
    (void)state;

    set_up(&f);
    f.table.name = text_of("the \"partners\"; x'y");
    f.columns[CODE].name = text_of("the \"code\"");
    f.columns[TAX].name = text_of("tax id");
    f.columns[NAME].name = text_of("'; DROP TABLE x; --");
    for (int i = 0; i < 3; i++) { /* created, then as it is, then extended */
        if (i == 2)
            f.columns[MONEY].name = text_of("mo\"ney");
        check_ok(target_open(f.db, &f.table, "01RUN", note_warning, &f, &t, &f.err), &f.err);
        assert_string_equal(f.warnings, "");
        check_ok(merge_record(t, &f.table, values, 3, NOW, &o, &f.err), &f.err);
        assert_int_equal(o.what, i ? MERGE_UNCHANGED : MERGE_CREATED);
        target_close(t);
    }
    assert_string_equal(rows_of(f.db, "SELECT \"the \"\"code\"\"\" || \"tax id\" || \"'; DROP TABLE x; --\""
                                      " FROM \"the \"\"partners\"\"; x'y\""), "7el1A; ");
    merge_outcome_free(&o);
    tear_down(&f);
}

static void words_of_sql_are_names_too(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.table.name = text_of("order");
    f.columns[MONEY].name = text_of("update");
    f.columns[TAX].name = text_of("group");
    must_fit(&f);
    must_fit(&f);
    tear_down(&f);
}

/* ---- What does not fit ---- */

static void a_table_that_is_only_checked_is_not_touched(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    f.table.check_only = true;
    must_not_fit(&f, "table partners is not there, and manage = \"check\" creates nothing");
    run_sql(f.db, "CREATE TABLE partners (code INTEGER, tax TEXT, name INTEGER, money TEXT, active BOOLEAN,"
                  " other TEXT NOT NULL)");
    must_not_fit(&f, "table partners does not fit:"
                     "\n  column \"name\" is of type INTEGER, which does not keep every value of name unchanged"
                     "\n  column \"seen\" is missing"
                     "\n  column \"products\" is missing"
                     "\n  column \"other\" is NOT NULL without a default, and nothing fills it"
                     "\n  no index serves match rule 1, which looks rows up by \"code\""
                     "\n  no index serves match rule 2, which looks rows up by \"tax\"");
    assert_string_equal(
        f.warnings,
        "SQL that makes table partners fit:"
        "\n  ALTER TABLE \"partners\" RENAME COLUMN \"name\" TO \"name_before\"; ALTER TABLE \"partners\" ADD COLUMN"
        " \"name\" TEXT; UPDATE \"partners\" SET \"name\" = \"name_before\";"
        "\n  ALTER TABLE \"partners\" ADD COLUMN \"seen\" TEXT;"
        "\n  ALTER TABLE \"partners\" ADD COLUMN \"products\" TEXT;"
        "\n  /* make the table anew with a DEFAULT for \"other\", which SQLite cannot add to a column, or fill it with the"
        " job's `fields` */"
        "\n  CREATE UNIQUE INDEX \"partners_match_1\" ON \"partners\" (\"code\");"
        "\n  CREATE INDEX \"partners_match_2\" ON \"partners\" (lower(trim(\"tax\", char(9, 10, 11, 12, 13, 32))));\n");
    assert_string_equal(rows_of(f.db, "SELECT count(*) FROM pragma_table_info('partners')"), "6; ");
    run_sql(f.db, "DROP TABLE partners; CREATE TABLE partners (code INTEGER PRIMARY KEY, tax TEXT, name TEXT, money TEXT,"
                  " seen TEXT, active BOOLEAN, products TEXT, updated_at TEXT)");
    must_fit(&f);
    assert_false(f.state.system[DDL_CREATED_AT]);
    assert_true(f.state.system[DDL_UPDATED_AT]);
    assert_false(f.state.system[DDL_LAST_SYNC_AT]);
    tear_down(&f);
}

static void a_column_fits_when_it_keeps_every_value_unchanged(void **state)
{
    static const struct {
        const char *declared;
        bool integer, text, decimal, time, boolean, integers;
    } cases[] = {
        {"INTEGER", true, false, false, false, true, false},
        {"BIGINT", true, false, false, false, true, false},
        {"TEXT", false, true, true, true, false, true},
        {"VARCHAR(200)", false, true, true, true, false, true},
        {"CHARACTER VARYING", false, true, true, true, false, true},
        {"CLOB", false, true, true, true, false, true},
        {"BLOB", true, true, true, true, true, true},
        {"", true, true, true, true, true, true},
        {"NUMERIC(15,2)", true, false, true, true, true, false},
        {"DECIMAL", true, false, true, true, true, false},
        {"BOOLEAN", true, false, true, true, true, false},
        {"DATETIME", true, false, true, true, true, false},
        {"STRING", true, false, true, true, true, false}, /* not a text to SQLite */
        {"FLOATING POINT", true, false, false, false, true, false}, /* an integer to SQLite */
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        const bool want[] = {cases[i].integer, cases[i].text,    cases[i].decimal,
                             cases[i].time,    cases[i].boolean, cases[i].integers};
        static const uint32_t types[] = {SLUICE_INT, SLUICE_TEXT, SLUICE_DECIMAL, SLUICE_TIME, SLUICE_BOOL, SLUICE_INTS};
        for (size_t k = 0; k < LEN(types); k++) {
            struct fixture f;
            char sql[128], why[256];
            set_up(&f);
            f.columns[PRODUCTS].type = types[k];
            snprintf(sql, sizeof(sql), "CREATE TABLE partners (code INTEGER PRIMARY KEY, products %s)",
                     cases[i].declared);
            f.table.rule_count = 1;
            run_sql(f.db, sql);
            snprintf(why, sizeof(why), "table partners does not fit:\n  column \"products\" is of type %s, which does"
                                       " not keep every value of products unchanged", cases[i].declared);
            if ((ensure(&f) == 0) != want[k])
                fail_msg("%s with type %u: %s", cases[i].declared, types[k], f.err.msg);
            if (!want[k])
                assert_string_equal(f.err.msg, why);
            tear_down(&f);
        }
    }
}

static void a_not_null_column_must_be_filled_by_somebody(void **state)
{
    static const struct {
        const char *declared;
        bool fits;
    } cases[] = {
        {"other TEXT NOT NULL", false},
        {"other TEXT NOT NULL DEFAULT ''", true},
        {"other TEXT NOT NULL GENERATED ALWAYS AS ('x')", true},
        {"other TEXT", true},
        {"id INTEGER PRIMARY KEY NOT NULL", true},
        {"id TEXT PRIMARY KEY NOT NULL", false},
        {"id BIGINT PRIMARY KEY NOT NULL", false}, /* only INTEGER is the row's number */
        {"id INTEGER NOT NULL, PRIMARY KEY (id, x)", false},
        {"code INTEGER NOT NULL", true},
        {"CREATED_AT TEXT NOT NULL", true},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        char sql[128];
        set_up(&f);
        snprintf(sql, sizeof(sql), "CREATE TABLE partners (x TEXT, %s)", cases[i].declared);
        run_sql(f.db, sql);
        if ((ensure(&f) == 0) != cases[i].fits)
            fail_msg("%s: %s", cases[i].declared, f.err.msg);
        tear_down(&f);
    }
}

static void a_not_null_column_of_a_server_must_be_filled_by_somebody(void **state)
{
    static const struct {
        const char *declared;
        bool fits;
    } cases[] = {
        {"other TEXT NOT NULL", false},
        {"other TEXT NOT NULL DEFAULT ''", true},
        {"other TEXT NOT NULL GENERATED ALWAYS AS ('x') STORED", true},
        {"other TEXT", true},
        {"id SERIAL PRIMARY KEY", true},
        {"id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", true},
        {"id BIGINT PRIMARY KEY", false},
        {"id UUID PRIMARY KEY DEFAULT gen_random_uuid()", true},
        {"code INT NOT NULL", true},
        {"\"CREATED_AT\" TIMESTAMPTZ NOT NULL", false},
        {"created_at TIMESTAMPTZ NOT NULL", true},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        char sql[128];
        set_up(&f);
        snprintf(sql, sizeof(sql), "CREATE TABLE partners (x TEXT, %s)", cases[i].declared);
        run_sql(f.db, sql);
        if ((ensure(&f) == 0) != cases[i].fits)
            fail_msg("%s: %s", cases[i].declared, f.err.msg);
        tear_down(&f);
    }
}

static void what_cannot_be_written_is_refused(void **state)
{
    static const struct {
        const char *sql, *why;
    } cases[] = {
        {"CREATE TABLE t (code INTEGER); CREATE VIEW partners AS SELECT * FROM t",
         "table partners does not fit:\n  it is a view"},
        {"CREATE TABLE partners (code INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID",
         "table partners is WITHOUT ROWID, which sluice cannot write to"},
        {"CREATE TABLE partners (rowid TEXT, _ROWID_ TEXT, oid TEXT)",
         "table partners: its columns rowid, _rowid_ and oid hide the row's number"},
        {"CREATE TABLE partners (n INTEGER, code INTEGER GENERATED ALWAYS AS (n) UNIQUE)",
         "table partners does not fit:\n  column \"code\" is generated"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f);
        f.table.rule_count = 1;
        run_sql(f.db, cases[i].sql);
        must_not_fit(&f, cases[i].why);
        tear_down(&f);
    }
}

static void a_column_named_rowid_does_not_hide_the_row(void **state)
{
    static const struct {
        const char *sql, *locator;
    } cases[] = {
        {"CREATE TABLE partners (code INTEGER)", "rowid"},
        {"CREATE TABLE partners (code INTEGER, RowId TEXT)", "_rowid_"},
        {"CREATE TABLE partners (code INTEGER, rowid TEXT, _rowid_ TEXT)", "oid"},
        {"CREATE TABLE partners (code INTEGER, oid TEXT, _rowid_ TEXT)", "rowid"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f);
        run_sql(f.db, cases[i].sql);
        must_fit(&f);
        assert_string_equal(f.state.have.locator, cases[i].locator);
        tear_down(&f);
    }
}

static void a_list_of_misfits_that_is_too_long_is_cut(void **state)
{
    struct fixture f;
    struct buf sql = {0};
    (void)state;

    set_up(&f);
    buf_add_str(&sql, "CREATE TABLE partners (code INTEGER");
    for (int i = 0; i < 100; i++)
        buf_printf(&sql, ", other%d TEXT NOT NULL", i);
    buf_add_str(&sql, ")");
    run_sql(f.db, buf_text(&sql));
    buf_free(&sql);
    assert_int_equal(ensure(&f), SLUICE_E_CONFIG);
    assert_non_null(strstr(f.err.msg, "\n  column \"other5\" is NOT NULL without a default, and nothing fills it\n"));
    tear_down(&f);
}

/* ---- Tables of others ---- */

static void a_missing_index_on_a_table_of_others_is_told_and_not_made(void **state)
{
    static const char *const problems[] = {"\n  no index serves match rule 1, which looks rows up by \"code\"",
                                           "\n  no index serves match rule 2, which looks rows up by \"tax\""};
    static const char *const cures[] = {
        "\n  CREATE UNIQUE INDEX \"partners_match_1\" ON \"partners\" (\"code\");",
        "\n  CREATE INDEX \"partners_match_2\" ON \"partners\" (lower(trim(\"tax\", char(9, 10, 11, 12, 13, 32))));"};
    const struct {
        const char *sql;
        bool first, second;
    } cases[] = {
        {"CREATE TABLE partners (code INTEGER, tax TEXT)", true, true},
        {"CREATE TABLE partners (code INTEGER, tax TEXT); CREATE INDEX a ON partners (code, tax)", false, true},
        {"CREATE TABLE partners (code INTEGER, tax TEXT); CREATE INDEX a ON partners (code) WHERE tax > ''", true, true},
        {"CREATE TABLE partners (code INTEGER UNIQUE, tax TEXT)", false, true},
        {"CREATE TABLE partners (code INTEGER PRIMARY KEY, tax TEXT)", false, true},
        {"CREATE TABLE partners (code INTEGER, tax TEXT, PRIMARY KEY (tax, code))", true, true},
        {"CREATE TABLE partners (code INTEGER, tax TEXT); CREATE INDEX a ON partners (CODE);"
         "CREATE INDEX b ON partners (lower(trim(tax, char(9, 10, 11, 12, 13, 32))))", false, false},
        {"CREATE TABLE partners (code INTEGER, tax TEXT, x TEXT); CREATE INDEX a ON partners (x, code);"
         "CREATE INDEX b ON partners (lower(x))", true, true},
        {"CREATE TABLE partners (code INTEGER UNIQUE, tax TEXT); CREATE INDEX a ON partners (lower(tax));"
         "CREATE INDEX b ON partners (lower(trim(tax)))", false, true},
        {"CREATE TABLE partners (code INTEGER UNIQUE, tax TEXT); CREATE INDEX a ON partners\n"
         " ( LOWER(trim([TAX],char(9,10,11,12,13,32))) , code)", false, false},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        char want[1024];
        set_up(&f);
        run_sql(f.db, cases[i].sql);
        for (int manage = 0; manage < 2; manage++) { /* the columns are there after the first */
            must_fit(&f);
            snprintf(want, sizeof(want), "table partners is slow to write to:%s%s\n  SQL that cures it:%s%s\n",
                     cases[i].first ? problems[0] : "", cases[i].second ? problems[1] : "",
                     cases[i].first ? cures[0] : "", cases[i].second ? cures[1] : "");
            assert_string_equal(f.warnings, cases[i].first || cases[i].second ? want : "");
            f.table.check_only = true;
        }
        assert_string_equal(rows_of(f.db, "SELECT name FROM sqlite_schema WHERE name LIKE 'partners_match%'"), "");
        tear_down(&f);
    }
}

/* The index that a look-up would use is known, whatever the type of its column. */
static void an_index_of_a_server_is_known_by_its_expression(void **state)
{
    static const struct {
        const char *type, *index;
        bool serves;
    } cases[] = {
        {"TEXT", "(lower(btrim(tax, E' \\t\\n\\x0B\\f\\r') COLLATE \"C\"))", true},
        {"VARCHAR(20)", "(lower(btrim(tax, E' \\t\\n\\x0B\\f\\r') COLLATE \"C\"), code)", true},
        {"CHAR(20)", "(lower(btrim(tax::text, E' \\t\\n\\x0B\\f\\r') COLLATE \"C\"))", true},
        {"TEXT", "(code, lower(btrim(tax, E' \\t\\n\\x0B\\f\\r') COLLATE \"C\"))", false},
        {"TEXT", "(lower(btrim(tax, E' \\t\\n\\x0B\\f\\r')))", false}, /* of another collation */
        {"TEXT", "(lower(btrim(tax) COLLATE \"C\"))", false},
        {"TEXT", "(lower(tax COLLATE \"C\"))", false},
        {"TEXT", "(tax)", false},
        {"TEXT", "(lower(btrim(tax, E' \\t\\n\\x0B\\f\\r') COLLATE \"C\")) WHERE code > 0", false},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        char sql[256];
        set_up(&f);
        snprintf(sql, sizeof(sql), "CREATE TABLE partners (code INT UNIQUE, tax %s); CREATE INDEX a ON partners %s",
                 cases[i].type, cases[i].index);
        run_sql(f.db, sql);
        must_fit(&f);
        if ((*f.warnings == '\0') != cases[i].serves)
            fail_msg("%s: %s", sql, f.warnings);
        tear_down(&f);
    }
}

static void an_index_that_its_own_table_has_lost_is_made_again(void **state)
{
    const char *indexes = one_of("SELECT name FROM sqlite_schema WHERE name LIKE 'partners_match%' ORDER BY name",
                                 "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema"
                                 " AND indexname LIKE 'partners_match%' ORDER BY 1");
    struct fixture f;
    char sql[300];
    (void)state;

    set_up(&f);
    check_ok(db_begin(f.db, &f.err), &f.err);
    must_fit(&f);
    run_sql(f.db, "DROP INDEX partners_match_1; DROP INDEX partners_match_2");
    must_fit(&f);
    assert_string_equal(f.warnings, "");
    assert_string_equal(rows_of(f.db, indexes), "partners_match_1; partners_match_2; ");

    snprintf(sql, sizeof(sql),
             "DROP INDEX partners_match_1; INSERT INTO partners (code, name, created_at, updated_at,"
             " last_sync_at) SELECT 1, v.name, %s, %s, %s FROM (SELECT 'a' AS name UNION ALL SELECT 'b') AS v",
             sql_moment(), sql_moment(), sql_moment());
    run_sql(f.db, sql);
    must_fit(&f); /* two rows of one identity are told of, and are no reason not to run */
    assert_non_null(strstr(f.warnings, "CREATE UNIQUE INDEX \"partners_match_1\" ON \"partners\" (\"code\") failed: "));
    assert_string_equal(rows_of(f.db, indexes), "partners_match_2; ");
    assert_string_equal(rows_of(f.db, "SELECT count(*) FROM partners"), "2; ");
    tear_down(&f);
}

static void the_sql_that_is_told_makes_a_table_fit(void **state)
{
    static const char *const server_tables[] = {
        "CREATE TABLE partners (code INT PRIMARY KEY)",
        "CREATE TABLE partners (code INT, name INT, n NUMERIC, money NUMERIC GENERATED ALWAYS AS (n) STORED, active "
        "REAL,"
        " other TEXT NOT NULL)",
        "CREATE TABLE partners (code INT, updated_at INT, last_sync_at TEXT GENERATED ALWAYS AS ('x') STORED)",
        "", /* not there */
    };
    static const char *const tables[] = {
        "CREATE TABLE partners (code INTEGER PRIMARY KEY)",
        "CREATE TABLE partners (code INTEGER, name INTEGER, n INTEGER, money TEXT GENERATED ALWAYS AS (n), active REAL)",
        "CREATE TABLE partners (code INTEGER, updated_at INTEGER, last_sync_at TEXT GENERATED ALWAYS AS ('x'))",
        "", /* not there */
    };
    (void)state;

    for (size_t i = 0; i < LEN(tables); i++) {
        struct fixture f;
        set_up(&f);
        f.table.check_only = true;
        run_sql(f.db, on_server() ? server_tables[i] : tables[i]);
        assert_int_equal(ensure(&f), SLUICE_E_CONFIG);
        const char *sql = strstr(f.warnings, "fit:");
        assert_non_null(sql);
        run_sql(f.db, sql + strlen("fit:"));
        must_fit(&f);
        assert_string_equal(f.warnings, "");
        tear_down(&f);
    }
}

static void what_the_database_fills_in_is_known(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    run_sql(f.db,
            one_of("CREATE TABLE partners (code INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', money TEXT)",
                   "CREATE TABLE partners (code SERIAL PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', money TEXT)"));
    must_fit(&f);
    assert_true(f.state.as[CODE]->has_default);
    assert_true(f.state.as[NAME]->has_default);
    assert_false(f.state.as[MONEY]->has_default);
    assert_false(f.state.as[SEEN]->has_default);
    tear_down(&f);
}

static void everything_goes_with_the_open_transaction(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    check_ok(db_begin(f.db, &f.err), &f.err);
    must_fit(&f);
    db_rollback(f.db);
    assert_string_equal(rows_of(f.db, one_of("SELECT name FROM sqlite_schema WHERE name LIKE 'partners%'",
                                             "SELECT 1 WHERE to_regclass('partners') IS NOT NULL")),
                        "");
    assert_string_equal(rows_of(f.db, "SELECT name FROM sluice_meta WHERE name LIKE 'table:%'"), "");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_is_not_there_is_created_with_its_indexes),
        cmocka_unit_test(a_column_that_asks_for_it_has_an_index_in_a_table_of_ours_only),
        cmocka_unit_test(a_stream_with_a_key_of_its_own_gets_no_id),
        cmocka_unit_test(a_scope_comes_first_in_every_index),
        cmocka_unit_test(narrow_integers_are_declared_narrow),
        cmocka_unit_test(its_own_table_fits_again_without_a_word),
        cmocka_unit_test(columns_that_are_missing_are_added_and_none_is_dropped),
        cmocka_unit_test(renamed_columns_have_their_own_name_and_left_out_ones_none),
        cmocka_unit_test(names_may_hold_quotes_and_blanks),
        cmocka_unit_test(words_of_sql_are_names_too),
        cmocka_unit_test(a_table_that_is_only_checked_is_not_touched),
        cmocka_unit_test(a_column_fits_when_it_keeps_every_value_unchanged),
        cmocka_unit_test(a_not_null_column_must_be_filled_by_somebody),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_column_named_rowid_does_not_hide_the_row),
        cmocka_unit_test(a_list_of_misfits_that_is_too_long_is_cut),
        cmocka_unit_test(a_missing_index_on_a_table_of_others_is_told_and_not_made),
        cmocka_unit_test(an_index_that_its_own_table_has_lost_is_made_again),
        cmocka_unit_test(the_sql_that_is_told_makes_a_table_fit),
        cmocka_unit_test(what_the_database_fills_in_is_known),
        cmocka_unit_test(everything_goes_with_the_open_transaction),
    };

    const struct CMUnitTest server_tests[] = {
        cmocka_unit_test(a_table_that_is_not_there_is_created_with_its_indexes),
        cmocka_unit_test(a_stream_with_a_key_of_its_own_gets_no_id),
        cmocka_unit_test(a_scope_comes_first_in_every_index),
        cmocka_unit_test(narrow_integers_are_declared_narrow),
        cmocka_unit_test(its_own_table_fits_again_without_a_word),
        cmocka_unit_test(columns_that_are_missing_are_added_and_none_is_dropped),
        cmocka_unit_test(renamed_columns_have_their_own_name_and_left_out_ones_none),
        cmocka_unit_test(names_may_hold_quotes_and_blanks),
        cmocka_unit_test(words_of_sql_are_names_too),
        cmocka_unit_test(a_not_null_column_of_a_server_must_be_filled_by_somebody),
        cmocka_unit_test(a_list_of_misfits_that_is_too_long_is_cut),
        cmocka_unit_test(an_index_of_a_server_is_known_by_its_expression),
        cmocka_unit_test(an_index_that_its_own_table_has_lost_is_made_again),
        cmocka_unit_test(the_sql_that_is_told_makes_a_table_fit),
        cmocka_unit_test(what_the_database_fills_in_is_known),
        cmocka_unit_test(everything_goes_with_the_open_transaction),
    };

    return on_server() ? cmocka_run_group_tests(server_tests, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
