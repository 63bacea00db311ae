/* The control paths, for tests. Nothing below /_sim/ is noted in the journal or subject to scripts.
 *
 *   POST   /_sim/reply               a scripted reply, see script.c
 *   POST   /_sim/records             raw JSON text that replaces a list; ?stream=customers|suppliers&total=N
 *   POST   /_sim/touch               {"percent": 10, "seed": 1}
 *   POST   /_sim/ploomes             deals and contacts, see ploomes.c
 *   POST   /_sim/sabito              businesses and customers, see sabito.c
 *   POST   /_sim/clock               {"advance": 60} or {"set": "2026-02-10 09:20:03"}
 *   GET    /_sim/requests            what was asked, as JSON; DELETE forgets it
 *   POST   /_sim/reset               all of it back to the start
 */
#include "ploomes.h"
#include "records.h"
#include "sabito.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct reply *r, const char *why)
{
    buf_clear(&r->body);
    r->status = 400;
    buf_add_str(&r->body, "{\"ok\":false,\"error\":\"");
    buf_add_json(&r->body, (sluice_str){why, strlen(why)});
    buf_add_str(&r->body, "\"}\n");
}

static void add_script(struct sim *sim, const struct request *q, struct reply *r)
{
    struct buf why = {0};
    if (!scripts_add(sim->scripts, buf_str(&q->body), &why))
        refuse(r, buf_text(&why));
    buf_free(&why);
}

static void replace_records(struct sim *sim, const struct request *q, struct reply *r)
{
    char text[32] = "customers";
    request_argument(q, "stream", text, sizeof text);
    bool customers = strcmp(text, "customers") == 0;
    if (!customers && strcmp(text, "suppliers") != 0) {
        refuse(r, "stream is customers or suppliers");
        return;
    }
    int64_t total = -1;
    if (request_argument(q, "total", text, sizeof text))
        total = strtoll(text, NULL, 10);
    dataset_replace(sim->data, customers ? STREAM_CUSTOMERS : STREAM_SUPPLIERS, buf_str(&q->body), total);
}

static void touch(struct sim *sim, const struct request *q, struct reply *r)
{
    json_t *body = json_loadb(buf_text(&q->body), q->body.len, 0, NULL);
    const json_t *percent = json_object_get(body, "percent");
    if (!json_is_number(percent)) {
        refuse(r, "percent is a number");
    } else {
        uint64_t seed = (uint64_t)json_integer_value(json_object_get(body, "seed"));
        uint64_t count = dataset_touch(sim->data, json_number_value(percent), seed, clock_now(sim->clock));
        buf_clear(&r->body);
        buf_printf(&r->body, "{\"ok\":true,\"touched\":%llu}\n", (unsigned long long)count);
    }
    json_decref(body);
}

static void move_clock(struct sim *sim, const struct request *q, struct reply *r)
{
    json_t *body = json_loadb(buf_text(&q->body), q->body.len, 0, NULL);
    const json_t *advance = json_object_get(body, "advance");
    const char *set = json_string_value(json_object_get(body, "set"));
    if (json_is_integer(advance))
        clock_advance(sim->clock, json_integer_value(advance));
    else if (!set || !clock_set(sim->clock, set))
        refuse(r, "advance is a number of seconds, set is YYYY-MM-DD HH:MM:SS");
    json_decref(body);
}

static void requests(struct sim *sim, const struct request *q, struct reply *r)
{
    buf_clear(&r->body);
    if (strcmp(q->method, "DELETE") == 0)
        journal_clear(sim->journal);
    else
        journal_print(sim->journal, &r->body);
}

static void reset(struct sim *sim, const struct request *q, struct reply *r)
{
    (void)q;
    (void)r;
    scripts_clear(sim->scripts);
    journal_clear(sim->journal);
    clock_reset(sim->clock);
    dataset_reset(sim->data, clock_now(sim->clock));
    ploomes_reset(sim);
    sabito_reset(sim);
}

static const struct {
    const char *path;
    void (*act)(struct sim *, const struct request *, struct reply *);
} controls[] = {
    {"/_sim/reply", add_script}, {"/_sim/records", replace_records}, {"/_sim/touch", touch},
    {"/_sim/ploomes", ploomes_control}, {"/_sim/sabito", sabito_control},
    {"/_sim/clock", move_clock}, {"/_sim/requests", requests},       {"/_sim/reset", reset},
};

void control_answer(struct sim *sim, const struct request *q, struct reply *r)
{
    reply_header(r, "Content-Type", "application/json");
    for (size_t i = 0; i < LEN(controls); i++) {
        if (strcmp(controls[i].path, q->path) == 0) {
            buf_add_str(&r->body, "{\"ok\":true}\n");
            controls[i].act(sim, q, r);
            return;
        }
    }
    refuse(r, "no such control path");
    r->status = 404;
}
