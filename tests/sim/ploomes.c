/* Ploomes: deals and contacts as OData lists of at most 300 rows, a User-Key, a limit of requests a minute.
 *
 * POST /_sim/ploomes takes an object with any of these keys:
 *   "deals": […], "contacts": […]      these in place of all that there were
 *   "put": {"deals": [{"Id": 7, …}]}   add rows, or change those with these Ids; without LastUpdateDate: edited now
 *   "delete": {"contacts": [7, 8]}     "touch": {"deals": 20} edits so many generated rows
 *   "after": 2                         do the last three once two more lists have been answered
 *   "forget": true                     drop what still waits
 *   "rate": 120, "rate_ms": 60000      at most so many requests within so long; 0: no limit
 *   "refuse_filter": true              answer 400 to each $filter
 */
#include "ploomes.h"

#include "crm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX   "/ploomes/"
#define RATE_MAX 1024u

/* Changes that wait for answers. */
struct change {
    json_t *json;
    json_int_t after;
    struct change *next;
};

struct ploomes {
    pthread_mutex_t lock;
    struct crm crm;
    struct change *changes;
    uint32_t rate;
    int64_t rate_ms;
    int64_t asked_ms[RATE_MAX]; /* when requests came, a ring */
    uint64_t asked;
    time_t edited_at; /* when --edit-every has edited rows last */
    bool refuse_filter;
};

static const char *const list_keys[CRM_LISTS] = {"deals", "contacts"};

static void forget(struct ploomes *p)
{
    while (p->changes) {
        struct change *c = p->changes;
        p->changes = c->next;
        json_decref(c->json);
        free(c);
    }
}

static void reset(struct ploomes *p, const struct options *opt)
{
    forget(p);
    p->crm.seed = opt->seed;
    p->crm.generated[CRM_DEALS] = opt->deals;
    p->crm.generated[CRM_CONTACTS] = opt->contacts;
    crm_reset(&p->crm, false);
    p->rate = opt->rate;
    p->rate_ms = 60000;
    p->asked = 0;
    p->edited_at = 0;
    p->refuse_filter = false;
}

struct ploomes *ploomes_open(const struct options *opt)
{
    struct ploomes *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    reset(p, opt);
    return p;
}

void ploomes_close(struct ploomes *p)
{
    static const struct options nothing = {0};
    if (!p)
        return;
    reset(p, &nothing);
    crm_free(&p->crm);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void ploomes_reset(struct sim *sim)
{
    pthread_mutex_lock(&sim->ploomes->lock);
    reset(sim->ploomes, &sim->opt);
    pthread_mutex_unlock(&sim->ploomes->lock);
}

/* ---- Changes ---- */

static void apply(struct ploomes *p, const json_t *json, int64_t now_us)
{
    for (uint32_t list = 0; list < CRM_LISTS; list++) {
        const json_t *rows = json_object_get(json_object_get(json, "put"), list_keys[list]);
        const json_t *ids = json_object_get(json_object_get(json, "delete"), list_keys[list]);
        const json_t *touched = json_object_get(json_object_get(json, "touch"), list_keys[list]);
        for (size_t i = 0; i < json_array_size(rows); i++)
            crm_put(&p->crm, list, json_array_get(rows, i), now_us);
        for (size_t i = 0; i < json_array_size(ids); i++)
            crm_delete(&p->crm, list, json_integer_value(json_array_get(ids, i)));
        crm_touch(&p->crm, list, (size_t)json_integer_value(touched), now_us);
    }
}

static void add_change(struct ploomes *p, json_t *json, json_int_t after)
{
    struct change *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    struct change **end = &p->changes;
    while (*end)
        end = &(*end)->next;
    c->json = json_incref(json);
    c->after = after;
    *end = c;
}

/* A list was answered: apply the changes that waited for it. */
static void count_answer(struct ploomes *p, int64_t now_us)
{
    for (struct change **at = &p->changes; *at;) {
        struct change *c = *at;
        if (--c->after > 0) {
            at = &c->next;
            continue;
        }
        apply(p, c->json, now_us);
        *at = c->next;
        json_decref(c->json);
        free(c);
    }
}

static void replace(struct ploomes *p, uint32_t list, const json_t *rows, int64_t now_us)
{
    while (p->crm.list[list].count)
        crm_delete(&p->crm, list, p->crm.list[list].rows[p->crm.list[list].count - 1].id);
    for (size_t i = 0; i < json_array_size(rows); i++)
        crm_put(&p->crm, list, json_array_get(rows, i), now_us);
}

static bool is_key(const char *name)
{
    static const char *const names[] = {"deals",  "contacts", "put",     "delete",       "touch", "after",
                                        "forget", "rate",     "rate_ms", "refuse_filter"};
    for (size_t i = 0; i < LEN(names); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void control(struct ploomes *p, json_t *json, int64_t now_us)
{
    const json_t *rate = json_object_get(json, "rate");
    const json_t *rate_ms = json_object_get(json, "rate_ms");
    const json_t *refuse = json_object_get(json, "refuse_filter");
    json_int_t after = json_integer_value(json_object_get(json, "after"));
    for (uint32_t list = 0; list < CRM_LISTS; list++) {
        const json_t *rows = json_object_get(json, list_keys[list]);
        if (rows)
            replace(p, list, rows, now_us);
    }
    if (json_is_true(json_object_get(json, "forget")))
        forget(p);
    if (rate)
        p->rate = (uint32_t)json_integer_value(rate) % RATE_MAX;
    if (rate_ms)
        p->rate_ms = json_integer_value(rate_ms);
    if (refuse)
        p->refuse_filter = json_is_true(refuse);
    if (after > 0)
        add_change(p, json, after);
    else
        apply(p, json, now_us);
}

void ploomes_control(struct sim *sim, const struct request *q, struct reply *r)
{
    json_t *json = json_loadb(buf_text(&q->body), q->body.len, 0, NULL);
    const char *name = NULL;
    json_t *value = NULL;
    bool good = json_is_object(json);
    json_object_foreach(json, name, value)
    {
        good = good && is_key(name);
    }
    if (good) {
        pthread_mutex_lock(&sim->ploomes->lock);
        control(sim->ploomes, json, (int64_t)clock_now(sim->clock) * 1000000);
        pthread_mutex_unlock(&sim->ploomes->lock);
    } else {
        r->status = 400;
        buf_clear(&r->body);
        buf_add_str(&r->body, "{\"ok\":false,\"error\":\"not an object, or a key that is not known\"}\n");
    }
    json_decref(json);
}

/* ---- Answers ---- */

static int64_t mono_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds until a request is allowed; 0: now, and it is counted. */
static int64_t must_wait(struct ploomes *p)
{
    int64_t now = mono_ms();
    if (!p->rate)
        return 0;
    if (p->asked >= p->rate) {
        int64_t free_at = p->asked_ms[(p->asked - p->rate) % RATE_MAX] + p->rate_ms;
        if (free_at > now)
            return free_at - now;
    }
    p->asked_ms[p->asked++ % RATE_MAX] = now;
    return 0;
}

static void refuse(struct reply *r, int status, const char *why)
{
    r->status = status;
    buf_add_str(&r->body, "{\"error\":{\"code\":\"\",\"message\":\"");
    buf_add_json(&r->body, (sluice_str){why, strlen(why)});
    buf_add_str(&r->body, "\"}}");
}

/* What stands before the API knows a page, and no JSON. */
static void forbid_as_page(struct reply *r)
{
    r->status = 403;
    buf_add_str(&r->body, "<!DOCTYPE html><html><head><title>403</title></head><body><h1>Forbidden</h1>"
                          "<p>The request has been forbidden.</p></body></html>\n");
}

/* What the users of the CRM have done meanwhile. */
static void edit(struct ploomes *p, uint32_t every_s, time_t now)
{
    if (!every_s || now - p->edited_at < (time_t)every_s)
        return;
    if (p->edited_at)
        crm_touch(&p->crm, CRM_DEALS, 1 + p->crm.list[CRM_DEALS].count / 200, (int64_t)now * 1000000);
    p->edited_at = now;
}

static void answer_list(struct sim *sim, uint32_t list, const struct request *q, struct reply *r)
{
    struct ploomes *p = sim->ploomes;
    struct odata_query query;
    struct buf why = {0};
    int status = odata_parse(&crm_entities[list], q->query, &query, &why);
    if (status == 200 && query.term_count && p->refuse_filter) {
        buf_add_str(&why, "$filter is not supported");
        status = 400;
    }
    if (status != 200) {
        refuse(r, status, status == 403 ? "The request has been forbidden." : buf_text(&why));
        buf_free(&why);
        return;
    }
    struct buf rows = {0};
    edit(p, sim->opt.edit_s, clock_now(sim->clock));
    uint64_t count = crm_answer(&p->crm, list, &query, &rows);
    buf_printf(&r->body, "{\"@odata.context\":\"https://public6-api2.ploomes.com/$metadata#%s\",",
               crm_entities[list].name);
    if (query.count)
        buf_printf(&r->body, "\"@odata.count\":%llu,", (unsigned long long)count);
    buf_add_str(&r->body, "\"value\":");
    buf_add(&r->body, rows.ptr, rows.len);
    buf_add_char(&r->body, '}');
    buf_free(&rows);
    count_answer(p, (int64_t)clock_now(sim->clock) * 1000000);
}

static void answer_locked(struct sim *sim, const struct request *q, struct reply *r)
{
    int64_t wait = must_wait(sim->ploomes);
    if (wait) {
        char seconds[24];
        snprintf(seconds, sizeof seconds, "%lld", (long long)(wait + 999) / 1000);
        reply_header(r, "Retry-After", seconds);
        refuse(r, 429, "Too many requests.");
        return;
    }
    for (uint32_t list = 0; list < CRM_LISTS; list++) {
        if (strcmp(q->path + strlen(PREFIX), crm_entities[list].name) == 0) {
            answer_list(sim, list, q, r);
            return;
        }
    }
    refuse(r, 404, "No such entity.");
}

static void answer(struct sim *sim, const struct request *q, struct reply *r)
{
    const char *key = request_header(q, "User-Key");
    if (!key || strcmp(key, sim->opt.user_key) != 0) {
        reply_header(r, "Content-Type", "text/html");
        forbid_as_page(r);
        return;
    }
    reply_header(r, "Content-Type", "application/json; charset=utf-8");
    if (strcmp(q->method, "GET") != 0) {
        refuse(r, 405, "Only GET.");
        return;
    }
    pthread_mutex_lock(&sim->ploomes->lock);
    answer_locked(sim, q, r);
    pthread_mutex_unlock(&sim->ploomes->lock);
}

const struct source ploomes_source = {.name = "ploomes", .prefix = PREFIX, .charset = "utf-8", .answer = answer};
