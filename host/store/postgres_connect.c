/* postgres_connect.c - from a URL to a session that is as we want it.
 *
 * libpq's own way to try several hosts cannot be told to give one up while nothing blocks, so each host is tried by
 * itself.
 */
#include "postgres.h"

#include "clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_S    10
#define STATEMENT_MS 600000
#define LOCK_MS      10000
#define IDLE_MS      60000   /* in a transaction; its rows are locked */
#define IDLE_LONG_MS 3600000 /* a dry run is one transaction, and so is all that a derived stream reads */
#define CHECK_MS     2000    /* how soon the server sees that we are gone */
#define VERSION_MIN  130000

/* ---- Hosts ---- */

struct target_hosts {
    PQconninfoOption *options;
    const char *host, *hostaddr, *port; /* comma-separated lists; NULL or "" where the URL has none */
    size_t count;
    int64_t timeout_us; /* for each */
};

static const char *option(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, name) == 0)
            return options->val ? options->val : "";
    }
    return "";
}

static size_t count_parts(const char *list)
{
    size_t n = 1;

    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* Part `index` of a list; a list of one part stands for all. */
static void part(const char *list, size_t index, char *out, size_t size)
{
    if (!strchr(list, ','))
        index = 0;
    while (index-- > 0)
        list += strcspn(list, ",") + 1;
    snprintf(out, size, "%.*s", (int)strcspn(list, ","), list);
}

/* libpq shows the place in quotes, and that may be the password. */
static int refuse_url(char *text, struct err *err)
{
    if (text)
        text[strcspn(text, "\"\n")] = '\0';
    size_t len = text ? strlen(text) : 0;
    while (len > 0 && strchr(": ", text[len - 1]))
        text[--len] = '\0';
    err_set(err, SLUICE_E_CONFIG, "store.url: libpq does not understand this URL: %s", len ? text : "out of memory");
    PQfreemem(text);
    return err->code;
}

/* A password with such a letter in it is cut there, and what is behind becomes a host or a port that every message
 * shows. */
static bool is_cut(const char *url)
{
    const char *authority = strstr(url, "://");
    const char *at = authority ? strchr(authority, '@') : NULL;

    return at && (strchr(at + 1, '@') || at > authority + 3 + strcspn(authority + 3, "/?"));
}

static int read_hosts(const char *url, struct target_hosts *out, struct err *err)
{
    char *text = NULL;

    if (is_cut(url))
        return err_set(err, SLUICE_E_CONFIG,
                       "store.url: a @ : / ? or # in a user, a password or a name must be written "
                       "as %%40 %%3A %%2F %%3F or %%23");
    out->options = PQconninfoParse(url, &text);
    if (!out->options)
        return refuse_url(text, err);
    out->host = option(out->options, "host");
    out->hostaddr = option(out->options, "hostaddr");
    out->port = option(out->options, "port");
    if (out->port[strspn(out->port, "0123456789,")]) {
        PQconninfoFree(out->options);
        return err_set(err, SLUICE_E_CONFIG, "store.url: its port is not a number");
    }
    out->count = count_parts(*out->hostaddr ? out->hostaddr : out->host);
    long seconds = strtol(option(out->options, "connect_timeout"), NULL, 10);
    out->timeout_us = (seconds > 0 && seconds < 3600 ? seconds : CONNECT_S) * CLOCK_SECOND;
    return SLUICE_OK;
}

/* ---- One host ---- */

static void ignore_notice(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static int finish_handshake(struct pg *db, int64_t timeout_us, struct err *err)
{
    int64_t since = clock_mono_us();
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        if (status == PGRES_POLLING_FAILED)
            return pg_lost(db, err);
        int rc = pg_wait_socket(db, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, since, since + timeout_us, err);
        if (rc)
            return rc;
        status = PQconnectPoll(db->conn);
    }
    return SLUICE_OK;
}

static int connect_host(struct pg *db, const struct target_hosts *h, size_t index, struct err *err)
{
    char host[256], hostaddr[256], port[32];

    part(h->host, index, host, sizeof(host));
    part(h->hostaddr, index, hostaddr, sizeof(hostaddr));
    part(h->port, index, port, sizeof(port));
    /* What stands before the URL is a default, what stands behind it holds; an empty value is none. */
    const char *const names[] = {"fallback_application_name",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "dbname",
                                 "client_encoding",
                                 h->count > 1 ? "host" : NULL,
                                 "hostaddr",
                                 "port",
                                 NULL};
    const char *const values[] = {"sluice", "30", "10", "3", "30000", db->url, "UTF8", host, hostaddr, port, NULL};
    db->conn = PQconnectStartParams(names, values, 1);
    if (!db->conn)
        return err_set(err, E_SYSTEM, "store: out of memory");
    PQsetNoticeProcessor(db->conn, ignore_notice, NULL);
    if (PQstatus(db->conn) == CONNECTION_BAD)
        return pg_lost(db, err);
    return finish_handshake(db, h->timeout_us, err);
}

/* ---- The session ---- */

struct facts {
    int backend, version;
    bool replica, read_only, minds_clients;
    bool statement_set, lock_set, idle_set; /* by the URL, the user or the database */
};

#define FACTS                                                                                                          \
    "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('server_version_num'),"                            \
    " pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on',"                     \
    " (SELECT count(*) FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval') > 0,"              \
    " pg_catalog.current_setting('statement_timeout') <> '0', pg_catalog.current_setting('lock_timeout') <> '0',"      \
    " pg_catalog.current_setting('idle_in_transaction_session_timeout') <> '0'"

static int read_facts(struct pg *db, struct facts *out, struct err *err)
{
    PGresult *res = NULL;
    int rc = pg_query(db, FACTS, &res, err);

    if (rc)
        return rc;
    out->backend = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
    out->version = (int)strtol(PQgetvalue(res, 0, 1), NULL, 10);
    bool *const flags[] = {&out->replica,       &out->read_only, &out->minds_clients,
                           &out->statement_set, &out->lock_set,  &out->idle_set};
    for (int i = 0; i < 6; i++)
        *flags[i] = PQgetvalue(res, 0, i + 2)[0] == 't';
    PQclear(res);
    return SLUICE_OK;
}

static int check_facts(const struct pg *db, const struct facts *f, struct err *err)
{
    if (f->version < VERSION_MIN)
        return err_set(err, SLUICE_E_CONFIG, "store: its PostgreSQL is version %d.%d, sluice needs 13 or later",
                       f->version / 10000, f->version % 10000);
    if (db->flags & (DB_READ_ONLY | DB_SNAPSHOT))
        return SLUICE_OK;
    if (f->replica)
        return err_set(err, E_STORE,
                       "store: %s is a replica, which cannot be written to: name the primary, or all "
                       "hosts of the group",
                       PQhost(db->conn));
    if (f->read_only)
        return err_set(err, E_STORE, "store: %s is read-only for this user (default_transaction_read_only)",
                       PQhost(db->conn));
    return SLUICE_OK;
}

static void add_limit(struct pg *db, bool set, const char *name, int ms)
{
    if (!set)
        buf_printf(&db->settings, "SET %s %s TO %d;", db->pooled ? "LOCAL" : "SESSION", name, ms);
}

static void word_settings(struct pg *db, const struct facts *f)
{
    const char *scope = db->pooled ? "LOCAL" : "SESSION";

    buf_clear(&db->settings);
    buf_printf(&db->settings,
               "SET %s TimeZone TO 'UTC'; SET %s DateStyle TO 'ISO, YMD'; SET %s extra_float_digits TO 1;"
               "SET %s standard_conforming_strings TO on;",
               scope, scope, scope, scope);
    add_limit(db, f->statement_set, "statement_timeout", STATEMENT_MS);
    add_limit(db, f->lock_set, "lock_timeout", LOCK_MS);
    add_limit(db, f->idle_set, "idle_in_transaction_session_timeout",
              db->flags & (DB_DRY_RUN | DB_SNAPSHOT) ? IDLE_LONG_MS : IDLE_MS);
}

/* Not every system lets a server look at its client. */
static int mind_client(struct pg *db, const struct facts *f, struct err *err)
{
    struct err refused = {0};
    char sql[80];

    if (!f->minds_clients)
        return SLUICE_OK;
    snprintf(sql, sizeof(sql), "SET client_connection_check_interval TO %d", CHECK_MS);
    if (!pg_query(db, sql, NULL, &refused))
        add_limit(db, false, "client_connection_check_interval", CHECK_MS);
    if (db->conn)
        return SLUICE_OK;
    *err = refused;
    return err->code;
}

static int make_session(struct pg *db, struct err *err)
{
    struct facts f = {0};
    int rc = read_facts(db, &f, err);

    if (!rc)
        rc = check_facts(db, &f, err);
    if (rc)
        return rc;
    db->pooled = f.backend != PQbackendPID(db->conn);
    word_settings(db, &f);
    if (!db->pooled)
        rc = pg_query(db, buf_text(&db->settings), NULL, err);
    return rc ? rc : mind_client(db, &f, err);
}

/* ---- All together ---- */

static int try_host(struct pg *db, const struct target_hosts *h, size_t index, struct err *err)
{
    int rc = connect_host(db, h, index, err);

    if (!rc && PQsetnonblocking(db->conn, 1) != 0)
        rc = pg_lost(db, err);
    if (!rc)
        rc = make_session(db, err);
    if (rc)
        pg_drop(db);
    return rc;
}

/* Nobody has asked for anything: what comes is a notice, or the last words before the end. */
bool pg_stands(const struct pg *db)
{
    struct pollfd p = {.fd = db->conn ? PQsocket(db->conn) : -1, .events = POLLIN};

    while (db->conn && PQstatus(db->conn) == CONNECTION_OK && poll(&p, 1, 0) > 0) {
        if (!PQconsumeInput(db->conn))
            return false;
    }
    return db->conn && PQstatus(db->conn) == CONNECTION_OK;
}

int pg_connect(struct pg *db, struct err *err)
{
    struct target_hosts h = {0};

    if (db->lost)
        return err_set(err, E_STORE, "store: the connection was lost, and the transaction with it");
    if (db->conn && (db->begun || pg_stands(db)))
        return SLUICE_OK;
    pg_drop(db);
    int rc = read_hosts(db->url, &h, err);
    if (rc)
        return rc;
    struct err last = {0};
    for (size_t i = 0; i < h.count; i++) {
        rc = try_host(db, &h, i, &last);
        if (rc == SLUICE_OK)
            break;
        if (i == 0 || rc == SLUICE_E_CONFIG)
            *err = last;
    }
    PQconninfoFree(h.options);
    if (rc)
        return err->code;
    db->generation++;
    return SLUICE_OK;
}

void pg_drop(struct pg *db)
{
    if (db->conn)
        PQfinish(db->conn);
    db->conn = NULL;
    db->lost = db->lost || db->begun;
    db->begun = false;
}
