/* scan.c - see scan.h. Nothing in a frame is trusted. */
#include "scan.h"

#include "landed.h"
#include "plan.h"
#include "reader.h"
#include "text.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES (48u << 10) /* rows that are sent at once; a child that waits is one that does nothing */
#define TICK_MS     200         /* between two looks at stop and deadline */

/* A stream that may be read, and where it has landed. */
struct source {
    char *stream, *job;
    struct table table;
    bool own; /* the run's: its table may not be there yet */
};

struct scans {
    struct source *sources;
    size_t source_count;
    struct buf landed;
    struct db *db; /* NULL: nothing was read yet */
    struct {
        struct reader *rows;
        size_t width;
        bool empty; /* there is no table */
    } open[FRAME_SCANS_MAX];
    sluice_value values[FRAME_VALUES_MAX];
    int64_t *ints;
};

static int broken(struct worker *w, const char *what)
{
    return err_set(&w->err, SLUICE_E_BUG, "plugin %s broke the pipe: %s", spec_text(w->spec, "plugin_name"), what);
}

/* ---- What may be read ---- */

/* The job that lands the stream, of those in the job that was handed over. */
static const json_t *job_of(const struct worker *w, const char *stream)
{
    const json_t *list = json_object_get(w->spec, "landed");

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(spec_text(json_array_get(list, i), "stream"), stream) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

static int add_source(struct worker *w, const json_t *stream, struct source *out)
{
    const char *name = spec_text(stream, "name");
    const json_t *job = job_of(w, name);

    if (!job)
        return err_set(&w->err, SLUICE_E_CONFIG, "%s reads what %s has landed, and there is no job for that stream",
                       spec_text(w->spec, "job"), name);
    if (*spec_text(stream, "partition"))
        return err_set(&w->err, SLUICE_E_BUG, "plugin %s: %s is partitioned, and only whole streams can be read",
                       spec_text(w->spec, "plugin_name"), name);
    out->stream = strdup(name);
    out->job = strdup(spec_text(job, "job"));
    if (!out->stream || !out->job)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    return plan_make_source(stream, job, &out->table, &w->err);
}

/* The rows that the stream itself had before this run. */
static int add_own(struct worker *w, const json_t *hello, struct source *out)
{
    out->own = true;
    out->stream = strdup(spec_text(hello, "name"));
    out->job = strdup(spec_text(w->spec, "job"));
    if (!out->stream || !out->job)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    return plan_make_source(hello, w->spec, &out->table, &w->err);
}

/* Is all of the source there? */
static int check_landed(struct worker *w, struct db *db, const struct source *source)
{
    struct landed have;
    const char *job = spec_text(w->spec, "job");
    int rc = landed_get(db, source->job, &have, &w->err);

    if (rc)
        return rc;
    buf_printf(&w->scans->landed, "%s%s", w->scans->landed.len ? " " : "", have.mark);
    if (have.complete)
        return SLUICE_OK;
    if (*have.mark)
        return err_set(&w->err, SLUICE_E_LIMIT,
                       "%s is derived from %s, whose last full read did not come to its end: what is there may lack "
                       "records, so nothing is derived from it; run %s first",
                       job, source->job, source->job);
    return err_set(&w->err, SLUICE_E_LIMIT,
                   "%s is derived from %s, which has never been read completely: run %s first%s", job, source->job,
                   source->job, spec_bool(w->spec, "dry_run") ? " (a dry run leaves nothing to read)" : "");
}

/* The connection that reads. Without a transaction yet: its moment is that of the first scan. */
static int connect(struct worker *w)
{
    const char *url = spec_text(w->spec, "store_url");

    if (w->scans->db)
        return SLUICE_OK;
    if (!db_exists(url))
        return err_set(&w->err, SLUICE_E_LIMIT,
                       "%s is derived from what other jobs have stored, and there is no store yet",
                       spec_text(w->spec, "job"));
    return db_open(url, DB_SNAPSHOT, &w->scans->db, &w->err);
}

/* A preview has no connection of its own. */
static int check_all_landed(struct worker *w)
{
    struct db *db = w->db;
    int rc = SLUICE_OK;

    if (!db) {
        rc = connect(w);
        db = w->scans->db;
        if (!rc && schema_check(db, &w->err) != 1)
            rc = w->err.code ? w->err.code
                             : err_set(&w->err, SLUICE_E_LIMIT, "the store is empty: run the other jobs first");
    }
    for (size_t i = 0; !rc && i < w->scans->source_count; i++)
        rc = w->scans->sources[i].own ? SLUICE_OK : check_landed(w, db, &w->scans->sources[i]);
    return rc;
}

int scans_open(struct worker *w, const json_t *hello)
{
    const json_t *reads = json_object_get(hello, "reads");
    size_t count = json_array_size(reads);
    int rc = SLUICE_OK;

    if (count == 0 || w->what == SPEC_RETRY)
        return SLUICE_OK;
    w->scans = calloc(1, sizeof(*w->scans));
    if (w->scans) {
        w->scans->sources = calloc(count + 1, sizeof(struct source));
        w->scans->ints = malloc(FRAME_INTS_MAX * sizeof(*w->scans->ints));
    }
    if (!w->scans || !w->scans->sources || !w->scans->ints)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    for (size_t i = 0; !rc && i < count; i++) {
        w->scans->source_count = i + 1;
        rc = add_source(w, json_array_get(reads, i), &w->scans->sources[i]);
    }
    if (!rc)
        rc = add_own(w, hello, &w->scans->sources[w->scans->source_count++]);
    return rc ? rc : check_all_landed(w);
}

void scans_forget(struct scans *s)
{
    for (size_t i = 0; s && i < FRAME_SCANS_MAX; i++) {
        reader_close(s->open[i].rows);
        s->open[i].rows = NULL;
    }
}

void scans_close(struct scans *s)
{
    if (!s)
        return;
    scans_forget(s);
    db_close(s->db);
    for (size_t i = 0; i < s->source_count; i++) {
        free(s->sources[i].stream);
        free(s->sources[i].job);
        table_free(&s->sources[i].table);
    }
    buf_free(&s->landed);
    free(s->sources);
    free(s->ints);
    free(s);
}

const char *scans_landed(const struct scans *s)
{
    return s ? buf_text(&s->landed) : "";
}

/* ---- Opening ---- */

static const struct source *find_source(const struct scans *s, sluice_str stream)
{
    for (size_t i = 0; i < s->source_count; i++) {
        if (strlen(s->sources[i].stream) == stream.len && memcmp(s->sources[i].stream, stream.ptr, stream.len) == 0)
            return &s->sources[i];
    }
    return NULL;
}

/* The columns that a list names; *count is how many. */
static int read_list(struct worker *w, const struct source *source, sluice_str list, size_t *columns, size_t *count)
{
    const struct table *t = &source->table;
    sluice_str word;

    for (*count = 0; text_word(&list, &word); ++*count) {
        size_t i = 0;
        while (i < t->column_count &&
               (strlen(t->columns[i].source) != word.len || memcmp(t->columns[i].source, word.ptr, word.len) != 0))
            i++;
        if (i == t->column_count || *count == FRAME_VALUES_MAX)
            return broken(w, "a scan of a column that there is not");
        if (!*t->columns[i].name)
            return err_set(&w->err, SLUICE_E_CONFIG,
                           "%s reads the column %s of %s, which that job leaves out of its table: take \"%s\" out of "
                           "the `columns` of %s",
                           spec_text(w->spec, "job"), t->columns[i].source, source->job, t->columns[i].source,
                           source->job);
        columns[*count] = i;
    }
    return SLUICE_OK;
}

/* Is there a table to be read? Those that are needed must have one, which opening them says. */
static int check_table(struct worker *w, const struct source *source, bool *there)
{
    struct db_table have;

    *there = true;
    if (!source->own)
        return SLUICE_OK;
    int rc = db_describe(w->scans->db, source->table.name, &have, &w->err);
    if (rc)
        return rc;
    *there = have.exists;
    db_table_free(&have);
    return SLUICE_OK;
}

static int open_rows(struct worker *w, uint32_t scan, const struct source *source, sluice_str columns, sluice_str order)
{
    size_t wanted[FRAME_VALUES_MAX], by[FRAME_VALUES_MAX], by_count;
    int rc = read_list(w, source, columns, wanted, &w->scans->open[scan].width);

    if (!rc)
        rc = read_list(w, source, order, by, &by_count);
    if (!rc && w->scans->open[scan].width == 0)
        rc = broken(w, "a scan without columns");
    if (!rc)
        rc = connect(w);
    if (!rc && !db_in_transaction(w->scans->db))
        rc = db_begin(w->scans->db, &w->err);
    bool there = true;
    if (!rc)
        rc = check_table(w, source, &there);
    w->scans->open[scan].empty = !there;
    if (rc || !there)
        return rc;
    rc = reader_open(w->scans->db, &source->table, wanted, w->scans->open[scan].width, by, by_count,
                     &w->scans->open[scan].rows, &w->err);
    return rc ? err_wrap(&w->err, "%s, as %s reads it", source->job, spec_text(w->spec, "job")) : rc;
}

int scans_begin(struct worker *w, struct frame_walk *walk)
{
    uint32_t scan = frame_u32(walk);
    sluice_str stream = frame_str(walk), columns = frame_str(walk), order = frame_str(walk);

    if (!frame_walked(walk) || !w->scans || scan >= FRAME_SCANS_MAX || w->scans->open[scan].width)
        return broken(w, "a scan that is not one");
    const struct source *source = find_source(w->scans, stream);
    return source ? open_rows(w, scan, source, columns, order) : broken(w, "a scan of a stream that is not needed");
}

/* ---- Rows ---- */

/* The child reads nothing else, but it may be no child that keeps to that. */
static int send(struct worker *w)
{
    struct pollfd room = {.fd = w->out.fd, .events = POLLOUT};

    while (frame_flush_some(&w->out) == 0 && !worker_is_over(w))
        poll(&room, 1, TICK_MS);
    return SLUICE_OK; /* a child that is gone is noticed when it is listened to */
}

int scans_fetch(struct worker *w, struct frame_walk *walk)
{
    uint32_t scan = frame_u32(walk);
    int rc = 1;

    if (!frame_walked(walk) || !w->scans || scan >= FRAME_SCANS_MAX || !w->scans->open[scan].width)
        return broken(w, "a fetch of a scan that there is not");
    size_t width = w->scans->open[scan].width;
    frame_begin(&w->out, FRAME_ROWS);
    frame_put_u32(&w->out, scan);
    while (rc == 1 && !w->scans->open[scan].empty && w->out.buf.len < REPLY_BYTES) {
        rc = reader_next(w->scans->open[scan].rows, w->scans->values, w->scans->ints, FRAME_INTS_MAX, &w->err);
        for (size_t i = 0; rc == 1 && i < width; i++)
            frame_put_value(&w->out, &w->scans->values[i]);
    }
    if (rc < 0)
        return rc;
    if (w->out.buf.failed || w->out.buf.len > FRAME_MAX)
        return err_set(&w->err, E_SYSTEM, "a row that is to be read is too large");
    frame_end(&w->out);
    return send(w);
}
