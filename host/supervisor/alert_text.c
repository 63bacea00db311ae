/* alert_text.c - see alert_text.h. */
#include "alert_text.h"

#include "buf.h"
#include "date.h"
#include "id.h"
#include "redact.h"
#include "spec.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX 300 /* bytes of an error or a warning */

const char *alert_gap_warning(const json_t *run)
{
    static const char start[] = "window gap:";
    const json_t *warnings = json_object_get(run, "warnings");

    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *text = json_string_value(json_array_get(warnings, i));
        if (text && strncmp(text, start, sizeof(start) - 1) == 0)
            return text;
    }
    return NULL;
}

/* Append what a run says of itself, masked and cut. What stands in quotes may be a source's text, so records: it ends
 * before that. */
static void add_shown(struct buf *out, const char *text)
{
    char *copy = strdup(text);
    size_t len = copy ? redact(copy, strlen(copy)) : 0;
    sluice_str whole = {copy, len}, shown;
    const char *quote = len ? memchr(copy, '"', len) : NULL;

    if (quote)
        whole.len = (size_t)(quote - copy);
    shown = text_cut(whole, SHOWN_MAX);
    while (shown.len > 0 && quote && strchr(" :(", shown.ptr[shown.len - 1]))
        shown.len--;
    buf_add(out, shown.ptr, shown.len);
    if (shown.len < len)
        buf_add_str(out, "…");
    free(copy);
}

static void add_failing(struct buf *out, const struct alert_event *e, const char *job)
{
    const char *error = spec_text(e->run, "error");

    if (e->failures == 1)
        buf_printf(out, "%s failed", job);
    else
        buf_printf(out, "%s has failed %u times in a row", job, e->failures);
    buf_add_str(out, ": ");
    add_shown(out, *error ? error : spec_text(e->run, "status"));
}

static void add_recovered(struct buf *out, const struct alert_event *e, const char *job)
{
    buf_printf(out, "%s works again", job);
    if (e->failures)
        buf_printf(out, " after %u failed run%s", e->failures, e->failures == 1 ? "" : "s");
}

static void add_gap(struct buf *out, const struct alert_event *e, const char *job)
{
    const char *warning = alert_gap_warning(e->run);

    buf_printf(out, "%s: ", job);
    if (warning)
        add_shown(out, warning);
    else
        buf_printf(out, "window gap: nothing was delivered for %lld s",
                   (long long)spec_int(json_object_get(e->run, "stats"), "gap_seconds"));
}

static void add_stale(struct buf *out, const struct alert_event *e, const char *job)
{
    if (!e->since) {
        buf_printf(out, "%s has had no good run yet", job);
        return;
    }
    buf_printf(out, "%s has had no good run since ", job);
    date_print(out, e->since / 1000000 * 1000000);
}

int64_t alert_left_behind(const json_t *run)
{
    return spec_int(json_object_get(run, "stats"), "left_behind");
}

static void add_rejects(struct buf *out, const struct alert_event *e, const char *job)
{
    int64_t left_behind = alert_left_behind(e->run);

    if (left_behind > 0) {
        buf_printf(out, "%s: its cursor was held back as long as `hold` allows and has left %lld rejected record%s behind; "
                        "`sluice rejects %s` lists what is open",
                   job, (long long)left_behind, left_behind == 1 ? "" : "s", job);
        return;
    }
    buf_printf(out, "%s rejected %lld of %lld records; `sluice rejects %s` lists them", job,
               (long long)spec_int(e->run, "errors"), (long long)spec_int(e->run, "processed"), job);
}

static void add_config(struct buf *out, const struct alert_event *e, const char *host)
{
    buf_printf(out, "the jobs of host %s are not those of %s, which has the same store: give all hosts the same "
                    "configuration, and reload",
               host, e->others);
}

static void add_text(struct buf *out, const struct alert_event *e, const char *job, const char *host)
{
    switch (e->what) {
    case ALERT_FAILING:
        add_failing(out, e, job);
        break;
    case ALERT_RECOVERED:
        add_recovered(out, e, job);
        break;
    case ALERT_GAP:
        add_gap(out, e, job);
        break;
    case ALERT_STALE:
        add_stale(out, e, job);
        break;
    case ALERT_CONFIG:
        add_config(out, e, host);
        break;
    default:
        add_rejects(out, e, job);
    }
}

static void set_text(json_t *alert, const char *key, const char *text)
{
    char *copy = text && *text ? strdup(text) : NULL;

    json_object_set_new(alert, key, copy ? json_stringn(copy, redact(copy, strlen(copy))) : json_null());
    free(copy);
}

static void set_time(json_t *alert, const char *key, int64_t us)
{
    struct buf text = {0};

    if (us)
        date_print_ms(&text, us);
    set_text(alert, key, buf_text(&text));
    buf_free(&text);
}

static void set_run(json_t *alert, const struct alert_event *e)
{
    set_text(alert, "run", spec_text(e->run, "run"));
    set_text(alert, "status", spec_text(e->run, "status"));
    json_object_set_new(alert, "failures", json_integer(e->failures));
    json_object_set_new(alert, "errors", json_integer(spec_int(e->run, "errors")));
}

static void set_gap(json_t *alert, const struct alert_event *e)
{
    json_t *interval = json_object();

    set_text(interval, "from", e->from);
    set_text(interval, "to", spec_text(e->run, "window_start"));
    json_object_set_new(alert, "gap_seconds", json_integer(spec_int(json_object_get(e->run, "stats"), "gap_seconds")));
    json_object_set_new(alert, "interval", interval);
}

json_t *alert_json(const struct alert_event *event, const char *job, int64_t now)
{
    char id[ID_BYTES], host[256] = "localhost";
    struct buf text = {0};
    json_t *alert = json_object();

    id_new(id);
    gethostname(host, sizeof(host) - 1);
    add_text(&text, event, job, host);
    set_text(alert, "alert", alert_name(event->what));
    set_text(alert, "id", id);
    set_text(alert, "job", job);
    set_time(alert, "at", now);
    set_text(alert, "host", host);
    set_text(alert, "text", buf_text(&text));
    if (event->run)
        set_run(alert, event);
    if (event->what == ALERT_GAP)
        set_gap(alert, event);
    if (event->what == ALERT_STALE)
        set_time(alert, "since", event->since);
    buf_free(&text);
    return alert;
}
