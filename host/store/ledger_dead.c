/* ledger_dead.c - runs that are marked as running and whose process is gone, as ledger.h says. */
#include "ledger.h"

#include "hosts.h"
#include "owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dead {
    struct db *db;
    bool here; /* only those of this host */
    char (*ids)[RUN_ID_SIZE], (*reasons)[OWNER_SIZE + 16];
    size_t count;
    struct err err;
};

static void free_dead(struct dead *d)
{
    free(d->ids);
    free(d->reasons);
}

static int note_dead(const struct run *r, void *context)
{
    struct dead *d = context;
    char who[OWNER_SIZE];

    if (!r->host)
        return err_set(&d->err, E_SYSTEM, "out of memory");
    if (d->here && !owner_is_here(r->host))
        return 0;
    int alive = hosts_owner_alive(d->db, r->host, &d->err);
    if (alive)
        return alive < 0 ? alive : 0;
    void *ids = reallocarray(d->ids, d->count + 1, sizeof(*d->ids));
    if (ids)
        d->ids = ids;
    void *reasons = reallocarray(d->reasons, d->count + 1, sizeof(*d->reasons));
    if (reasons)
        d->reasons = reasons;
    if (!ids || !reasons)
        return err_set(&d->err, E_SYSTEM, "out of memory");
    owner_tell(r->host, who, sizeof(who));
    snprintf(d->ids[d->count], sizeof(d->ids[0]), "%s", r->id);
    snprintf(d->reasons[d->count], sizeof(d->reasons[0]), "its %s is gone", who);
    d->count++;
    return 0;
}

static int find_dead(struct dead *d, struct err *err)
{
    int rc = ledger_running(d->db, NULL, note_dead, d, err);

    if (rc < 0 && d->err.code)
        *err = d->err;
    return rc;
}

static bool has_id(const struct ledger_left *left, const char *id)
{
    for (size_t i = 0; i < left->count; i++) {
        if (strcmp(left->ids[i], id) == 0)
            return true;
    }
    return false;
}

/* With `left`, only those that it lists. */
static int close_each(const struct dead *d, const struct ledger_left *left, int64_t *count, struct err *err)
{
    int rc = db_begin(d->db, err);
    int64_t n = 0;

    for (size_t i = 0; !rc && i < d->count; i++) {
        int64_t closed = 0;
        if (!left || has_id(left, d->ids[i]))
            rc = ledger_close(d->db, d->ids[i], "crashed", d->reasons[i], &closed, err);
        n += closed;
    }
    if (!rc)
        rc = db_commit(d->db, err);
    if (rc)
        db_rollback(d->db);
    else
        *count = n;
    return rc;
}

int ledger_close_dead(struct db *db, int64_t *count, struct err *err)
{
    struct dead d = {.db = db};
    int64_t closed = 0;
    int rc = find_dead(&d, err);

    if (!rc && d.count > 0)
        rc = close_each(&d, NULL, &closed, err);
    free_dead(&d);
    if (!rc && count)
        *count = closed;
    return rc;
}

int ledger_close_left(struct db *db, struct ledger_left *left, struct err *err)
{
    struct dead d = {.db = db, .here = true};
    int64_t closed = 0;
    int rc = find_dead(&d, err);

    if (!rc && d.count > 0 && left->count > 0)
        rc = close_each(&d, left, &closed, err);
    if (!rc) {
        free(left->ids);
        *left = (struct ledger_left){d.ids, d.count};
        d.ids = NULL;
    }
    free_dead(&d);
    return rc;
}

void ledger_left_free(struct ledger_left *left)
{
    free(left->ids);
    *left = (struct ledger_left){0};
}
