/* cmd_cursor.c - sluice cursor: see and move the place where the next incremental run of a job resumes. */
#include "cli.h"

#include "cursor.h"
#include "ledger.h"
#include "owner.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

/* What the command line asks for. */
struct request {
    const char *verb, *job, *partition, *text;
};

/* ---- get ---- */

static void print_cursors(const json_t *list)
{
    static const char *const heads[] = {"JOB", "PARTITION", "UPDATED", "CURSOR"};
    struct cli_table *t = cli_table_new(4, heads);
    size_t i;
    const json_t *c;

    json_array_foreach(list, i, c)
    {
        const char *partition = cli_text(c, "partition");
        const char *cells[] = {cli_text(c, "job"), *partition ? partition : NULL, cli_text(c, "updated_at"),
                               cli_text(c, "cursor")};
        cli_table_row(t, cells);
    }
    cli_table_print(t);
}

static int get(const struct cli *cli, const struct config *config, const struct request *q)
{
    struct db *db;
    struct err err = {0};
    int rc = cli_open_store(config, &db, &err);
    json_t *list = rc ? NULL : view_cursors(db, q->job, q->partition, INT64_MAX, &err);

    db_close(db);
    if (!list)
        return cli_fail(&err);
    if (cli->json)
        return cli_print_json(list);
    if (json_array_size(list))
        print_cursors(list);
    else
        puts("No cursor: the next run is like the first one");
    json_decref(list);
    return 0;
}

/* ---- set and reset ---- */

struct busy_walk {
    struct db *db;
    const char *partition; /* whose cursor is to be changed; NULL: all of the job */
    struct err *err;
};

static int busy(const struct run *r, void *context)
{
    const struct busy_walk *w = context;
    char who[OWNER_SIZE];

    if (w->partition && *r->partition && strcmp(r->partition, w->partition) != 0)
        return 0; /* another one's */
    if (!view_is_running(w->db, r))
        return 0;
    owner_tell(r->host, who, sizeof(who));
    return err_set(w->err, E_BUSY, "%s is running: run %s of %s; its cursor is left alone", r->job, r->id, who);
}

static int set_cursor(struct db *db, const struct request *q, struct err *err)
{
    const char *partition = q->partition ? q->partition : "";
    struct cursor c;
    int rc = cursor_get(db, q->job, partition, &c, err);

    if (rc)
        return rc;
    snprintf(c.text, sizeof(c.text), "%s", q->text);
    cursor_set_scope(&c, ""); /* whoever sets it means it for what the settings say now */
    return cursor_put(db, q->job, partition, &c, err);
}

/* Without a partition all of the job's cursors go. */
static int reset_cursors(struct db *db, const struct request *q, struct err *err)
{
    json_t *list = view_cursors(db, q->job, q->partition, INT64_MAX, err);
    int rc = err->code;

    for (size_t i = 0; !rc && i < json_array_size(list); i++)
        rc = cursor_reset(db, q->job, cli_text(json_array_get(list, i), "partition"), err);
    json_decref(list);
    return rc;
}

/* In one transaction, which no run can start or commit beside. */
static int change(struct db *db, const struct request *q, struct err *err)
{
    struct busy_walk w = {db, q->partition, err};
    int rc = db_begin(db, err);

    if (!rc)
        rc = ledger_running(db, q->job, busy, &w, err);
    if (!rc)
        rc = q->text ? set_cursor(db, q, err) : reset_cursors(db, q, err);
    if (!rc)
        rc = db_commit(db, err);
    if (rc)
        db_rollback(db);
    return rc;
}

static int change_and_tell(const struct cli *cli, const struct config *config, const struct request *q)
{
    struct db *db = NULL;
    struct err err = {0};
    json_t *list = NULL;
    int rc = cli_open_store_rw(config, &db, &err);

    if (!rc)
        rc = change(db, q, &err);
    if (!rc)
        list = view_cursors(db, q->job, q->partition, INT64_MAX, &err);
    db_close(db);
    if (!list)
        return cli_fail(&err);
    if (cli->json)
        return cli_print_json(list);
    if (q->text)
        print_cursors(list);
    else
        printf("%s: the next run is like the first one\n", q->job);
    json_decref(list);
    return 0;
}

/* ---- The verb ---- */

static int check_text(const char *text)
{
    json_t *json = json_string(text);
    bool good = json && *text && strlen(text) <= CURSOR_MAX;

    for (const char *c = text; *c; c++)
        good = good && (unsigned char)*c >= 0x20 && *c != 0x7f;
    json_decref(json);
    if (good)
        return 0;
    return cli_usage("a cursor is a line of 1 to %d bytes of UTF-8; `cursor reset` forgets one", CURSOR_MAX);
}

static int read_request(int count, char **argv, struct request *q)
{
    q->verb = count > 0 ? argv[1] : "get";
    q->job = count > 1 ? argv[2] : NULL;
    if (strcmp(q->verb, "get") == 0 && count <= 2)
        return 0;
    if (strcmp(q->verb, "reset") == 0 && count == 2)
        return 0;
    if (strcmp(q->verb, "set") == 0 && count == 3) {
        q->text = argv[3];
        return check_text(q->text);
    }
    return cli_usage("write cursor get [JOB], cursor set JOB TEXT, or cursor reset JOB; each takes --partition ID");
}

/* A job with partitions has a cursor for each of them, and none of its own that a run would read. */
static int check_partition(const struct config_job *job, const struct request *q, struct err *err)
{
    if (q->partition)
        return config_check_partition(job, q->partition, err);
    if (config_partition_count(job) == 0)
        return SLUICE_OK;
    return err_set(err, E_USAGE, "%s has a cursor for each partition, as \"%s\": which --partition?", q->job,
                   config_partition(job, 0));
}

/* One that is not configured any more may still have a cursor, to be seen and reset; else it is a mistake. */
static bool has_cursor(const struct config *config, const struct request *q)
{
    struct err ignored = {0};
    struct db *db = NULL;
    json_t *list =
        cli_open_store(config, &db, &ignored) ? NULL : view_cursors(db, q->job, q->partition, INT64_MAX, &ignored);
    bool has = json_array_size(list) > 0;

    json_decref(list);
    db_close(db);
    return has;
}

/* What is asked for must be there; which partitions there are only the plugin tells. */
static int load(struct cli *cli, const struct request *q, struct config **config)
{
    struct err err = {0};
    int code = q->text ? cli_load_bound(cli, config) : cli_load(cli, config);

    if (code || !q->job)
        return code;
    if (!cli_find_job(*config, q->job))
        return err_exit_code(E_NOT_FOUND);
    if (!q->text && (!q->partition || has_cursor(*config, q)))
        return 0;
    if (!q->text) {
        config_free(*config);
        *config = NULL;
        code = cli_load_bound(cli, config);
    }
    if (!code && check_partition(cli_find_job(*config, q->job), q, &err))
        code = cli_fail(&err);
    return code;
}

static int cursor_verb(struct cli *cli, int argc, char **argv)
{
    struct request q = {0};
    const struct cli_option options[] = {{"--partition", &q.partition, NULL}};
    struct config *config = NULL;
    int count = cli_parse(cli, &cli_verb_cursor, argc, argv, options, 1);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    int code = read_request(count, argv, &q);
    if (!code)
        code = load(cli, &q, &config);
    if (!code)
        code = strcmp(q.verb, "get") == 0 ? get(cli, config, &q) : change_and_tell(cli, config, &q);
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_cursor = {
    .name = "cursor",
    .usage = "get [JOB] | set JOB TEXT | reset JOB [--partition ID]",
    .help = "see and move the place where a job resumes",
    .text =
        "The cursor is where the next incremental run of a job resumes; what it looks like is the source's affair.\n"
        "`set` and `reset` are refused while the job runs. After `reset` the next run is like the first one.\n"
        "\n"
        "  --partition ID     the cursor of this partition; `reset` without it forgets those of all\n"
        "\n"
        "Example: sluice cursor get erp.customers\n"
        "         sluice cursor set erp.customers \"2025-10-11 08:58:45\"\n",
    .run = cursor_verb,
};
