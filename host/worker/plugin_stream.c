/* plugin_stream.c - see plugin_check.h: one stream, its columns and its match rules. */
#include "plugin_check.h"

#include "path.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define COLUMN_FLAGS                                                                                                   \
    (SLUICE_REQUIRED | SLUICE_KEY | SLUICE_TRIM | SLUICE_LOWER | SLUICE_BLANK | SLUICE_CLEAR | SLUICE_NARROW |         \
     SLUICE_INDEX | SLUICE_QUIET | SLUICE_SET)
#define TEXT_FLAGS      (SLUICE_TRIM | SLUICE_LOWER | SLUICE_BLANK)
#define STREAM_FLAGS    (SLUICE_INCREMENTAL | SLUICE_WINDOWED)
#define SCALE_MAX       18 /* digits that any int64_t has room for */
#define KEY_COLUMNS_MAX 8

/* ---- Columns ---- */

static bool is_reserved(const char *name)
{
    static const char *const system[] = {"created_at", "updated_at", "last_sync_at"};

    for (size_t i = 0; i < LEN(system); i++) {
        if (strcasecmp(name, system[i]) == 0)
            return true;
    }
    return false;
}

static bool has_key(const sluice_stream *s)
{
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (s->columns[i].flags & SLUICE_KEY)
            return true;
    }
    return false;
}

/* Databases fold the case of names, so two that differ only in it are one. */
static bool is_first_of_name(const sluice_stream *s, const sluice_column *col)
{
    const sluice_column *first = s->columns;

    while (strcasecmp(first->name, col->name) != 0)
        first++;
    return first == col;
}

static int check_column_name(const sluice_stream *s, const sluice_column *col, struct err *err)
{
    if (!is_first_of_name(s, col))
        return err_set(err, SLUICE_E_BUG, "is there twice");
    if (is_reserved(col->name))
        return err_set(err, SLUICE_E_BUG, "the name belongs to a column that the host adds to each table");
    if (strcasecmp(col->name, "id") == 0 && !has_key(s))
        return err_set(err, SLUICE_E_BUG, "the host adds an \"id\" to a table without a key column");
    return SLUICE_OK;
}

static int check_column_type(const sluice_column *col, struct err *err)
{
    if (col->type < SLUICE_INT || col->type > SLUICE_INTS)
        return err_set(err, SLUICE_E_BUG, "%u is no type of a column", col->type);
    if (col->flags & ~COLUMN_FLAGS)
        return err_set(err, SLUICE_E_BUG, "flags 0x%x are not those of a column", col->flags & ~COLUMN_FLAGS);
    if ((col->flags & TEXT_FLAGS) && col->type != SLUICE_TEXT)
        return err_set(err, SLUICE_E_BUG, "only a text can be trimmed, lowered or blank");
    if ((col->flags & SLUICE_NARROW) && col->type != SLUICE_INT && col->type != SLUICE_INTS)
        return err_set(err, SLUICE_E_BUG, "only integers can be narrow");
    if ((col->flags & SLUICE_INDEX) && col->type == SLUICE_INTS)
        return err_set(err, SLUICE_E_BUG, "a list cannot have an index");
    if ((col->flags & SLUICE_QUIET) && (col->flags & SLUICE_KEY))
        return err_set(err, SLUICE_E_BUG, "a key cannot be quiet");
    if ((col->flags & SLUICE_SET) && col->type != SLUICE_INTS)
        return err_set(err, SLUICE_E_BUG, "only a list can be a set");
    if (col->scale > SCALE_MAX)
        return err_set(err, SLUICE_E_BUG, "a scale of %u; at most %d digits are possible", col->scale, SCALE_MAX);
    if (col->scale && col->type != SLUICE_DECIMAL)
        return err_set(err, SLUICE_E_BUG, "only a decimal has a scale");
    if (col->reserved)
        return err_set(err, SLUICE_E_BUG, "its reserved field is not zero");
    return SLUICE_OK;
}

static int check_column_path(const char *text, struct err *err)
{
    struct region memory = {0};
    struct paths paths;

    if (!text)
        return SLUICE_OK;
    paths_init(&paths, &memory);
    bool good = paths_add(&paths, text) != NULL;
    region_free(&memory);
    return good ? SLUICE_OK : err_set(err, SLUICE_E_BUG, "\"%s\" is no path into a record", text);
}

/* Each "${setting}" of a value or preset exists. */
static int check_template(const sluice_connector *c, const sluice_stream *s, const char *what, const char *text,
                          struct err *err)
{
    int rc = plugin_check_text(what, text, false, err);

    for (const char *p = text ? strstr(text, "${") : NULL; !rc && p; p = strstr(p, "${")) {
        p += 2;
        const char *end = strchr(p, '}');
        if (!end)
            return err_set(err, SLUICE_E_BUG, "%s \"%s\": a \"${\" without its \"}\"", what, text);
        rc = plugin_check_setting(c, s, (sluice_str){p, (size_t)(end - p)}, err);
        if (rc)
            err_wrap(err, "%s \"%s\"", what, text);
    }
    return rc;
}

static int check_column_source(const sluice_connector *c, const sluice_stream *s, const sluice_column *col,
                               struct err *err)
{
    if (col->path && col->value)
        return err_set(err, SLUICE_E_BUG, "has a path and a value; one of them is possible");
    if (col->path && !s->map)
        return err_set(err, SLUICE_E_BUG, "has a path, but the stream has no map function");
    int rc = plugin_check_text("path", col->path, false, err);
    if (!rc)
        rc = check_column_path(col->path, err);
    if (!rc)
        rc = check_template(c, s, "value", col->value, err);
    if (!rc)
        rc = check_template(c, s, "preset", col->preset, err);
    if (!rc)
        rc = plugin_check_text("empty", col->empty, false, err);
    if (!rc)
        rc = plugin_check_text("help", col->help, false, err);
    return rc;
}

static int check_column(const sluice_connector *c, const sluice_stream *s, const sluice_column *col, struct err *err)
{
    int rc = check_column_name(s, col, err);

    if (!rc)
        rc = check_column_type(col, err);
    return rc ? rc : check_column_source(c, s, col, err);
}

static int check_columns(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    if (s->column_count == 0)
        return err_set(err, SLUICE_E_BUG, "has no columns");
    for (uint32_t i = 0; i < s->column_count; i++) {
        const char *name = s->columns[i].name;
        if (!name || !*name)
            return err_set(err, SLUICE_E_BUG, "column %u has no name", i + 1);
        if (!plugin_name_legal(plugin_str(name), ""))
            return err_set(err, SLUICE_E_BUG, "column \"%s\": a name is at most %d letters, digits and \"_\"", name,
                           PLUGIN_NAME_MAX);
    }
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (check_column(c, s, &s->columns[i], err))
            return err_wrap(err, "column %s", s->columns[i].name);
    }
    return SLUICE_OK;
}

/* ---- Match rules ---- */

static int find_column(const sluice_stream *s, sluice_str name, const sluice_column **out, struct err *err)
{
    *out = plugin_find_column(s, name);
    if (*out)
        return SLUICE_OK;
    return err_set(err, SLUICE_E_BUG, "there is no column \"%.*s\"", (int)name.len, name.ptr);
}

static int check_match_columns(const sluice_stream *s, const sluice_match *m, struct err *err)
{
    const sluice_column *seen[KEY_COLUMNS_MAX];
    sluice_str list = plugin_str(m->columns), word;
    size_t count = 0;

    for (; text_word(&list, &word); count++) {
        const sluice_column *col;
        int rc = find_column(s, word, &col, err);
        if (rc)
            return rc;
        if (col->type == SLUICE_INTS)
            return err_set(err, SLUICE_E_BUG, "column %s is a list and cannot be a key", col->name);
        if (count == KEY_COLUMNS_MAX)
            return err_set(err, SLUICE_E_BUG, "more than %d columns", KEY_COLUMNS_MAX);
        for (size_t i = 0; i < count; i++) {
            if (seen[i] == col)
                return err_set(err, SLUICE_E_BUG, "column %s is there twice", col->name);
        }
        seen[count] = col;
    }
    if (count == 0)
        return err_set(err, SLUICE_E_BUG, "names no column");
    if (m->never && count > 1)
        return err_set(err, SLUICE_E_BUG, "has dummy values for more than one column");
    return plugin_check_text("never", m->never, false, err);
}

static int check_match(const sluice_stream *s, uint32_t index, struct err *err)
{
    const sluice_match *m = &s->matches[index];

    if (m->rule < SLUICE_IDENTITY || m->rule > SLUICE_REBIND)
        return err_set(err, SLUICE_E_BUG, "%u is no rule", m->rule);
    if ((m->rule == SLUICE_IDENTITY) != (index == 0))
        return err_set(err, SLUICE_E_BUG, "the first rule is the identity, and only the first");
    if (m->flags)
        return err_set(err, SLUICE_E_BUG, "its flags are not zero");
    return check_match_columns(s, m, err);
}

static int check_matches(const sluice_stream *s, struct err *err)
{
    if (s->match_count == 0)
        return err_set(err, SLUICE_E_BUG, "has no match rules: nothing tells which row a record belongs to");
    for (uint32_t i = 0; i < s->match_count; i++) {
        if (check_match(s, i, err))
            return err_wrap(err, "match %u", i + 1);
    }
    return SLUICE_OK;
}

/* ---- What else a stream names ---- */

static int check_scope(const sluice_stream *s, struct err *err)
{
    const sluice_column *col;

    return s->scope ? find_column(s, plugin_str(s->scope), &col, err) : SLUICE_OK;
}

/* Which rows a run may call gone must be told by the rows themselves. */
static int check_judged(const sluice_stream *s, struct err *err)
{
    const sluice_column *col;
    sluice_str list = plugin_str(s->matches[0].columns), word = {0};

    text_word(&list, &word);
    int rc = find_column(s, word, &col, err);
    if (rc)
        return rc;
    if (text_word(&list, &word) || (col->type != SLUICE_INT && col->type != SLUICE_TEXT))
        return err_set(err, SLUICE_E_BUG, "the identity must be one column, an integer or a text");
    if (!s->partition)
        return SLUICE_OK;
    col = s->scope ? plugin_find_column(s, plugin_str(s->scope)) : NULL;
    if (!col || !col->value)
        return err_set(err, SLUICE_E_BUG, "partitions of one table need a scope whose column has a value, so that none "
                                          "calls another's rows gone");
    return SLUICE_OK;
}

static int check_gone(const sluice_stream *s, struct err *err)
{
    const sluice_column *col;

    if (!s->gone)
        return SLUICE_OK;
    int rc = find_column(s, plugin_str(s->gone), &col, err);
    if (rc)
        return rc;
    if (col->type != SLUICE_TIME || col->path || col->value || col->preset || (col->flags & SLUICE_REQUIRED))
        return err_set(err, SLUICE_E_BUG, "column %s must be a time that nothing else sets", col->name);
    return check_judged(s, err);
}

static int check_zone(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    const sluice_option *o = plugin_find_option(c, plugin_str(s->zone));

    if (s->zone && (!o || o->type != SLUICE_ZONE))
        return err_set(err, SLUICE_E_BUG, "there is no setting \"%s\" that is a time zone", s->zone);
    return SLUICE_OK;
}

static int check_partition(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    char id[PLUGIN_NAME_MAX + 4];

    if (!s->partition)
        return SLUICE_OK;
    const sluice_option *group = plugin_find_option(c, plugin_str(s->partition));
    if (!group || group->type != SLUICE_GROUP || !(group->flags & SLUICE_LIST))
        return err_set(err, SLUICE_E_BUG, "there is no setting \"%s\" that is a list of groups", s->partition);
    snprintf(id, sizeof(id), "%s.id", group->name);
    const sluice_option *o = plugin_find_option(c, plugin_str(id));
    uint32_t wanted = SLUICE_REQUIRED | SLUICE_UNIQUE;
    if (!o || o->type != SLUICE_TEXT || (o->flags & wanted) != wanted)
        return err_set(err, SLUICE_E_BUG, "it needs a setting \"%s\", a required and unique text, to name partitions",
                       id);
    return SLUICE_OK;
}

static int check_needs(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    sluice_str list = plugin_str(s->needs), word;

    while (text_word(&list, &word)) {
        const sluice_stream *other = plugin_find_stream(c, word);
        if (!other)
            return err_set(err, SLUICE_E_BUG, "there is no stream \"%.*s\"", (int)word.len, word.ptr);
        if (other == s)
            return err_set(err, SLUICE_E_BUG, "a stream cannot need itself");
    }
    return SLUICE_OK;
}

static int check_references(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    if (check_scope(s, err))
        return err_wrap(err, "scope");
    if (check_gone(s, err))
        return err_wrap(err, "gone");
    if (check_zone(c, s, err))
        return err_wrap(err, "zone");
    if (check_partition(c, s, err))
        return err_wrap(err, "partition");
    if (check_needs(c, s, err))
        return err_wrap(err, "needs");
    return SLUICE_OK;
}

/* "table" or "schema.table". */
static bool table_name_legal(const char *name)
{
    const char *dot = strchr(name, '.');
    sluice_str first = {name, dot ? (size_t)(dot - name) : strlen(name)};

    return plugin_name_legal(first, "") && (!dot || plugin_name_legal(plugin_str(dot + 1), ""));
}

static int check_stream_head(const sluice_stream *s, struct err *err)
{
    int rc = plugin_check_text("help", s->help, false, err);

    if (rc)
        return rc;
    if (!s->table || !table_name_legal(s->table) || strncasecmp(s->table, "sluice_", 7) == 0)
        return err_set(err, SLUICE_E_BUG, "table \"%s\": a name is letters, digits and \"_\", and not sluice_…",
                       s->table ? s->table : "");
    if (s->flags & ~STREAM_FLAGS)
        return err_set(err, SLUICE_E_BUG, "flags 0x%x are not those of a stream", s->flags & ~STREAM_FLAGS);
    if (s->reserved)
        return err_set(err, SLUICE_E_BUG, "its reserved field is not zero");
    if (!s->run)
        return err_set(err, SLUICE_E_BUG, "has no run function");
    return SLUICE_OK;
}

int plugin_check_stream(const sluice_connector *c, const sluice_stream *s, struct err *err)
{
    int rc = check_stream_head(s, err);

    if (!rc)
        rc = check_columns(c, s, err);
    if (!rc)
        rc = check_matches(s, err);
    return rc ? rc : check_references(c, s, err);
}
