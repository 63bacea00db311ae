/* check_table.c - see check_table.h. */
#include "check_table.h"

#include "ddl.h"
#include "events.h"

static int look(struct worker *w, struct db *db, struct buf *text, struct err *err)
{
    int rc = db_begin(db, err);

    if (!rc)
        rc = ddl_check(db, &w->plan.table, text, err);
    db_rollback(db);
    return rc;
}

void check_table(struct worker *w)
{
    struct err err = {0};
    struct buf text = {0};
    struct db *db = NULL;
    int rc = db_open(spec_text(w->spec, "store_url"), DB_DRY_RUN, &db, &err);

    if (!rc)
        rc = look(w, db, &text, &err);
    if (rc == SLUICE_E_CONFIG || text.len)
        event_send(w->events, json_pack("{s:s, s:b, s:s}", "event", "table", "fits", rc == 0, "text",
                                        text.len ? buf_text(&text) : err.msg));
    db_close(db);
    buf_free(&text);
}
