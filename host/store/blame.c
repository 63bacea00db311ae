/* blame.c - see blame.h. A database says which value it does not take only where the value is alone: each is tried by
 * itself. Refusals are rare, so nothing is kept prepared.
 */
#include "blame.h"

#include "plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 100 /* bytes of a value */

static bool is_value(const struct cell *cell)
{
    return cell && cell->state == CELL_VALUE;
}

/* "class: column: "value": what */
static int name_both(const struct table_column *c, const struct cell *cell, const char *class, size_t class_len,
                     const char *what, struct err *err)
{
    struct buf text = {0};
    struct err named = {0};

    cell_print(cell, &text);
    char *shown = plain_text(buf_str(&text), SHOWN);
    err_set(&named, E_REFUSED, "%.*s: %s: \"%s\": %s", (int)class_len, class, c->source, shown ? shown : "", what);
    *err = named;
    free(shown);
    buf_free(&text);
    return E_REFUSED;
}

static size_t count_characters(sluice_str s)
{
    size_t n = 0;

    while (s.len > 0 && s.ptr[s.len - 1] == ' ') /* an assignment cuts blanks without a word */
        s.len--;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static bool is_too_long(const struct db_table_column *as, const struct cell *cell)
{
    return as->limit >= 0 && cell->value.type == DB_TEXT && count_characters(cell->value.s) > (size_t)as->limit;
}

/* Try the value alone. E_REFUSED with why, 0 when its column takes it, or another error. */
static int try_alone(struct db *db, const struct table_column *c, const struct db_table_column *as,
                     const struct cell *cell, struct err *err)
{
    struct buf value = {0}, sql = {0};
    struct db_stmt *st = NULL;

    db_add_param(db, &value, c->type, 1);
    buf_add_str(&sql, "SELECT CAST(");
    db_add_value(db, &sql, as, c->type, buf_text(&value));
    buf_printf(&sql, " AS %s)", as->type);
    int rc =
        value.failed || sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&sql), &st, err);
    buf_free(&value);
    buf_free(&sql);
    if (rc)
        return rc;
    db_may_refuse(st);
    db_bind(st, 1, cell->value);
    rc = db_step(st, err);
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

int blame(struct db *db, const struct table *table, const struct ddl_state *state, const struct cell *const *cells,
          struct err *err)
{
    if (err->code != E_REFUSED || !db_compares(db) ||
        (strncmp(err->msg, "type:", 5) != 0 && strncmp(err->msg, "constraint:", 11) != 0))
        return err->code;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct db_table_column *as = state->as[i];
        struct err why = {0};
        char limit[64];
        if (!as || as->takes_all || !is_value(cells[i]))
            continue;
        if (is_too_long(as, cells[i])) {
            snprintf(limit, sizeof(limit), "longer than the %d characters of its column", as->limit);
            return name_both(&table->columns[i], cells[i], "type", 4, limit, err);
        }
        int rc = try_alone(db, &table->columns[i], as, cells[i], &why);
        if (rc == E_REFUSED) {
            size_t class_len = strcspn(why.msg, ":");
            const char *what = why.msg + class_len + (why.msg[class_len] ? 2 : 0);
            return name_both(&table->columns[i], cells[i], why.msg, class_len, what, err);
        }
        if (rc) {
            *err = why;
            return rc;
        }
    }
    return err->code;
}
