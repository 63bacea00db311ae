/* postgres_error.c - what a failure of PostgreSQL means to the caller, by its SQLSTATE. */
#include "postgres.h"

#include <string.h>

/* The first entry that an SQLSTATE begins with counts. No class: it is about the store, not about what was asked. */
static const struct {
    const char *state, *class;
} classes[] = {
    {"23503", "foreign-key"}, {"23", "constraint"},    {"44", "constraint"}, {"22", "type"},
    {"42804", "type"},        {"54", "type"},          {"P0", "trigger"},    {"27", "trigger"},
    {"09", "trigger"},        {"38", "trigger"},       {"39", "trigger"},    {"55P03", "lock"},
    {"57014", "lock"},        {"40", "serialization"}, {"53100", "disk"},    {"42501", "permission"},
};

static const char *class_of(const char *state)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strncmp(state, classes[i].state, strlen(classes[i].state)) == 0)
            return classes[i].class;
    }
    /* What a function raises with a code of its own: the letters I to Z are left to users. */
    return state[0] >= 'I' && state[0] <= 'Z' && strncmp(state, "XX", 2) != 0 ? "trigger" : NULL;
}

/* On one line. */
static void add_line(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_add_char(out, *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : *text);
    while (out->len && out->ptr[out->len - 1] == ' ')
        out->ptr[--out->len] = '\0';
}

static const char *field(const PGresult *res, int code)
{
    const char *text = PQresultErrorField(res, code);

    return text ? text : "";
}

/* The detail of other violations is the whole row. */
static bool tells_key(const char *state)
{
    return strncmp(state, "23", 2) != 0 || strcmp(state, "23503") == 0 || strcmp(state, "23505") == 0;
}

int pg_fail(struct pg *db, const PGresult *res, bool refusable, struct err *err)
{
    const char *state = field(res, PG_DIAG_SQLSTATE), *detail = field(res, PG_DIAG_MESSAGE_DETAIL);
    const char *class = *state ? class_of(state) : NULL;
    struct buf text = {.max = 900};

    db->clashed = strcmp(state, "23505") == 0 || strcmp(state, "23P01") == 0;
    add_line(&text, field(res, PG_DIAG_MESSAGE_PRIMARY));
    if (*detail && tells_key(state)) {
        buf_add_str(&text, "; ");
        add_line(&text, detail);
    }
    if (strcmp(state, "25006") == 0)
        err_set(err, E_STORE, "store: it is read-only, a replica perhaps: %s", buf_text(&text));
    else if (refusable && class)
        err_set(err, E_REFUSED, "%s: %s", class, buf_text(&text));
    else if (class)
        err_set(err, E_STORE, "store: %s: %s", class, buf_text(&text));
    else
        err_set(err, E_STORE, "store: %s", text.len ? buf_text(&text) : "no answer that libpq understands");
    buf_free(&text);
    return err->code;
}

int pg_lost(struct pg *db, struct err *err)
{
    struct buf text = {.max = 900};

    add_line(&text, db->conn ? PQerrorMessage(db->conn) : "");
    err_set(err, E_STORE, "store: the connection is lost: %s", text.len ? buf_text(&text) : "it was closed");
    buf_free(&text);
    pg_drop(db);
    return E_STORE;
}
