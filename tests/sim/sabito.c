/* Sabito: the customers of businesses in pages by limit and offset, changed after a time, with an X-API-Key.
 *
 * POST /_sim/sabito takes an object with any of these keys:
 *   "businesses": {"b-01": 250, "b-02": [{"id": …}]}   these in place of all that there were; a number is generated
 *   "put": {"b-01": [{"id": "c-1", …}]}   add customers, or change those with these ids
 *   "delete": {"b-01": ["c-1"]}           "touch": {"b-01": 20} changes so many generated customers
 *   "after": 2         do the last three once two more pages have been answered
 *   "order": "added"   (as they were added), "updated" (what is changed moves to the end) or "none" (another each time)
 *   "cap": 70          at most so many customers a page; 0: any
 *   "wrap": false      pages are lists, not {"data": …}
 * Scripts choose a business by "query": "businessId=b-01".
 */
#include "sabito.h"

#include "data.h"
#include "date.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH          "/api/customers"
#define LIMIT_DEFAULT 100

enum { ORDER_ADDED, ORDER_UPDATED, ORDER_NONE };

/* One customer. */
struct person {
    json_t *json;      /* NULL: generated */
    uint32_t index;    /* of a generated one */
    uint32_t version;  /* of it: a change gives it another phone number */
    int64_t updated_s; /* seconds since 1970 UTC */
};

struct business {
    char *id;
    struct person *people;
    size_t count, room;
    struct business *next;
};

/* Changes that wait for answers. */
struct change {
    json_t *json;
    json_int_t after;
    struct change *next;
};

struct sabito {
    pthread_mutex_t lock;
    struct business *businesses;
    struct change *changes;
    uint64_t seed;
    uint64_t answered;
    int64_t edited_s; /* when customers were edited last */
    size_t cap;
    int order;
    bool bare;
};

/* ---- Customers ---- */

static struct business *find_business(const struct sabito *s, const char *id)
{
    struct business *b = s->businesses;
    while (b && strcmp(b->id, id) != 0)
        b = b->next;
    return b;
}

static struct business *add_business(struct sabito *s, const char *id)
{
    struct business *b = find_business(s, id);
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b || !(b->id = strdup(id)))
        abort();
    b->next = s->businesses;
    s->businesses = b;
    return b;
}

static void add_person(struct business *b, struct person p)
{
    if (b->count == b->room) {
        b->room = b->room ? b->room * 2 : 64;
        b->people = realloc(b->people, b->room * sizeof *b->people);
        if (!b->people)
            abort();
    }
    b->people[b->count++] = p;
}

static void remove_person(struct business *b, size_t i)
{
    json_decref(b->people[i].json);
    memmove(&b->people[i], &b->people[i + 1], (b->count - i - 1) * sizeof *b->people);
    b->count--;
}

/* The id of a customer as text; "" when there is none. */
static void id_text(const struct person *p, char out[static 64])
{
    const json_t *id = json_object_get(p->json, "id");
    if (!p->json)
        snprintf(out, 64, "c-%06u", p->index);
    else if (json_is_integer(id))
        snprintf(out, 64, "%lld", (long long)json_integer_value(id));
    else
        snprintf(out, 64, "%s", json_is_string(id) ? json_string_value(id) : "");
}

/* The place of the customer with that id; b->count: there is none. */
static size_t find_person(const struct business *b, const char *id)
{
    char its[64];
    size_t i = 0;
    for (; i < b->count; i++) {
        id_text(&b->people[i], its);
        if (*its && strcmp(its, id) == 0)
            break;
    }
    return i;
}

/* Put `p` in the place of the customer at `i`, or behind all where changes move. */
static void change_person(const struct sabito *s, struct business *b, size_t i, struct person p)
{
    if (s->order == ORDER_UPDATED) {
        remove_person(b, i);
        add_person(b, p);
        return;
    }
    json_decref(b->people[i].json);
    b->people[i] = p;
}

static void put_person(const struct sabito *s, struct business *b, json_t *json, int64_t now_s)
{
    struct person p = {.json = json_incref(json), .updated_s = now_s};
    char id[64];
    id_text(&p, id);
    size_t i = find_person(b, id);
    if (i < b->count)
        change_person(s, b, i, p);
    else
        add_person(b, p);
}

static void touch_people(const struct sabito *s, struct business *b, size_t want, int64_t now_s)
{
    for (size_t i = 0; want && i < b->count; i++) {
        struct person p = b->people[i];
        if (p.json || p.updated_s == now_s)
            continue;
        p.version++;
        p.updated_s = now_s;
        change_person(s, b, i, p);
        i -= s->order == ORDER_UPDATED;
        want--;
    }
}

static void free_businesses(struct sabito *s)
{
    while (s->businesses) {
        struct business *b = s->businesses;
        s->businesses = b->next;
        while (b->count)
            remove_person(b, b->count - 1);
        free(b->people);
        free(b->id);
        free(b);
    }
}

/* `count` customers, the newest of them changed a day ago. */
static void generate(struct business *b, json_int_t count, int64_t now_s)
{
    for (json_int_t i = 0; i < count; i++)
        add_person(b, (struct person){.index = (uint32_t)i, .updated_s = now_s - 86400 - (count - i)});
}

/* ---- Life ---- */

static void reset(struct sabito *s, const struct options *opt, int64_t now_s)
{
    while (s->changes) {
        struct change *c = s->changes;
        s->changes = c->next;
        json_decref(c->json);
        free(c);
    }
    free_businesses(s);
    s->seed = opt->seed;
    s->cap = 0;
    s->order = ORDER_ADDED;
    s->bare = false;
    for (int i = 3; opt->referred && i > 0; i--) {
        char id[8];
        snprintf(id, sizeof id, "b-%02d", i);
        generate(add_business(s, id), opt->referred, now_s);
    }
}

struct sabito *sabito_open(const struct options *opt, time_t now)
{
    struct sabito *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    reset(s, opt, now);
    return s;
}

void sabito_close(struct sabito *s)
{
    static const struct options nothing = {0};
    if (!s)
        return;
    reset(s, &nothing, 0);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void sabito_reset(struct sim *sim)
{
    pthread_mutex_lock(&sim->sabito->lock);
    reset(sim->sabito, &sim->opt, clock_now(sim->clock));
    pthread_mutex_unlock(&sim->sabito->lock);
}

/* ---- Changes ---- */

static void apply(struct sabito *s, const json_t *json, int64_t now_s)
{
    const char *id;
    json_t *value;
    json_object_foreach(json_object_get(json, "put"), id, value)
    {
        for (size_t i = 0; i < json_array_size(value); i++)
            put_person(s, add_business(s, id), json_array_get(value, i), now_s);
    }
    json_object_foreach(json_object_get(json, "delete"), id, value)
    {
        struct business *b = add_business(s, id);
        for (size_t i = 0; i < json_array_size(value); i++) {
            const char *name = json_string_value(json_array_get(value, i));
            size_t at = find_person(b, name ? name : "");
            if (at < b->count)
                remove_person(b, at);
        }
    }
    json_object_foreach(json_object_get(json, "touch"), id, value)
    {
        touch_people(s, add_business(s, id), (size_t)json_integer_value(value), now_s);
    }
}

static void add_change(struct sabito *s, json_t *json, json_int_t after)
{
    struct change *c = calloc(1, sizeof *c);
    struct change **end = &s->changes;
    if (!c)
        abort();
    while (*end)
        end = &(*end)->next;
    *c = (struct change){.json = json_incref(json), .after = after};
    *end = c;
}

/* A page was answered: apply the changes that waited for it. */
static void count_answer(struct sabito *s, int64_t now_s)
{
    s->answered++;
    for (struct change **at = &s->changes; *at;) {
        struct change *c = *at;
        if (--c->after > 0) {
            at = &c->next;
            continue;
        }
        apply(s, c->json, now_s);
        *at = c->next;
        json_decref(c->json);
        free(c);
    }
}

static void replace(struct sabito *s, const json_t *businesses, int64_t now_s)
{
    const char *id;
    json_t *value;
    free_businesses(s);
    json_object_foreach((json_t *)(uintptr_t)businesses, id, value)
    {
        struct business *b = add_business(s, id);
        generate(b, json_integer_value(value), now_s);
        for (size_t i = 0; i < json_array_size(value); i++)
            add_person(b, (struct person){.json = json_incref(json_array_get(value, i)), .updated_s = now_s});
    }
}

static bool take_order(struct sabito *s, const json_t *order)
{
    static const char *const names[] = {"added", "updated", "none"};
    for (int i = 0; order && i < (int)LEN(names); i++) {
        if (json_is_string(order) && strcmp(json_string_value(order), names[i]) == 0) {
            s->order = i;
            return true;
        }
    }
    return !order;
}

static bool keys_known(json_t *json)
{
    static const char *const names[] = {"businesses", "put", "delete", "touch", "after", "order", "cap", "wrap"};
    const char *name = NULL;
    json_t *value = NULL;
    size_t known = 0;
    json_object_foreach(json, name, value)
    {
        for (size_t i = 0; i < LEN(names); i++)
            known += strcmp(name, names[i]) == 0;
    }
    return json_is_object(json) && known == json_object_size(json);
}

static bool control(struct sabito *s, json_t *json, int64_t now_s)
{
    const json_t *cap = json_object_get(json, "cap"), *wrap = json_object_get(json, "wrap");
    json_int_t after = json_integer_value(json_object_get(json, "after"));
    if (!keys_known(json) || !take_order(s, json_object_get(json, "order")))
        return false;
    if (json_object_get(json, "businesses"))
        replace(s, json_object_get(json, "businesses"), now_s);
    if (cap)
        s->cap = (size_t)json_integer_value(cap);
    if (wrap)
        s->bare = !json_is_true(wrap);
    if (after > 0)
        add_change(s, json, after);
    else
        apply(s, json, now_s);
    return true;
}

void sabito_control(struct sim *sim, const struct request *q, struct reply *r)
{
    json_t *json = json_loadb(buf_text(&q->body), q->body.len, 0, NULL);
    pthread_mutex_lock(&sim->sabito->lock);
    bool good = control(sim->sabito, json, clock_now(sim->clock));
    pthread_mutex_unlock(&sim->sabito->lock);
    json_decref(json);
    if (good)
        return;
    r->status = 400;
    buf_clear(&r->body);
    buf_add_str(&r->body, "{\"ok\":false,\"error\":\"not an object, or something in it that is not known\"}\n");
}

/* ---- Answers ---- */

static void render(const struct sabito *s, const struct person *p, struct buf *out)
{
    static const char *const towns[] = {"Springfield", "Tamale", "Łódź", "São Paulo", "Kumasi", "Zürich"};
    if (p->json) {
        char *text = json_dumps(p->json, 0);
        buf_add_str(out, text ? text : "null");
        free(text);
        return;
    }
    uint64_t bits = mix64(s->seed ^ mix64(p->index));
    buf_printf(out,
               "{\"id\":\"c-%06u\",\"email\":\"customer.%u@shop%u.example\",\"name\":\"Customer %u\","
               "\"phone\":\"+1 555 %07u\",\"address\":\"%u Main St\",\"city\":\"%s\",\"state\":null,"
               "\"country\":\"%s\",\"sourceReferralId\":",
               p->index, p->index, (unsigned)(bits % 97), p->index,
               (unsigned)(mix64(bits + p->version) % 10000000), (unsigned)(bits >> 8) % 900 + 1,
               towns[(bits >> 20) % LEN(towns)], (bits >> 30) % 4 ? "USA" : "Ghana");
    if ((bits >> 40) % 3)
        buf_printf(out, "\"r-%u\",\"sourceType\":\"referral\"}", (unsigned)(bits >> 44) % 1000);
    else
        buf_printf(out, "null,\"sourceType\":\"direct\"}");
}

static void refuse(struct reply *r, int status, const char *why)
{
    r->status = status;
    buf_printf(&r->body, "{\"error\":\"%s\"}", why);
}

/* Undo the percent-encoding in place. */
static void decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++, to++) {
        unsigned byte;
        *to = *p == '+' ? ' ' : *p;
        if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
            *to = (char)byte;
            p += 2;
        }
    }
    *to = '\0';
}

/* A whole number of the query; false when it is not one. */
static bool number_argument(const struct request *q, const char *name, size_t *out)
{
    char text[32], *end = NULL;
    if (!request_argument(q, name, text, sizeof text))
        return true;
    unsigned long value = strtoul(text, &end, 10);
    *out = value;
    return end != text && !*end && text[0] != '-';
}

/* What a request asks for. */
struct wanted {
    const struct business *business;
    size_t limit, offset;
    int64_t after_s; /* changed behind this time */
};

static bool read_request(const struct sabito *s, const struct request *q, struct reply *r, struct wanted *w)
{
    char text[256];
    int64_t after_us = INT64_MIN;
    *w = (struct wanted){.limit = LIMIT_DEFAULT};
    if (!request_argument(q, "businessId", text, sizeof text))
        return refuse(r, 400, "businessId is required"), false;
    decode(text);
    w->business = find_business(s, text);
    if (!w->business)
        return refuse(r, 404, "no such business"), false;
    if (request_argument(q, "updatedAfter", text, sizeof text)) {
        decode(text);
        if (!date_parse((sluice_str){text, strlen(text)}, NULL, &after_us))
            return refuse(r, 400, "updatedAfter is not a time"), false;
    }
    w->after_s = after_us == INT64_MIN ? INT64_MIN : after_us / 1000000;
    if (!number_argument(q, "limit", &w->limit) || !number_argument(q, "offset", &w->offset) || !w->limit)
        return refuse(r, 400, "limit and offset are numbers"), false;
    if (s->cap && w->limit > s->cap)
        w->limit = s->cap;
    return true;
}

static size_t common_factor(size_t a, size_t b)
{
    return b ? common_factor(b, a % b) : a;
}

/* The customer at place `i` of this answer's order; `count` is the size of the business. */
static size_t place_of(const struct sabito *s, size_t i, size_t count)
{
    if (s->order != ORDER_NONE)
        return i;
    size_t step = (size_t)(mix64(s->answered) % count) | 1;
    while (common_factor(step, count) != 1)
        step += 2;
    return (i * step + (size_t)(mix64(s->answered + 1) % count)) % count;
}

/* What the users of Sabito have done meanwhile. */
static void edit(struct sabito *s, const struct options *opt, int64_t now_s)
{
    if (!opt->edit_s || now_s - s->edited_s < opt->edit_s)
        return;
    for (struct business *b = s->businesses; b && s->edited_s; b = b->next)
        touch_people(s, b, 2, now_s);
    s->edited_s = now_s;
}

static void answer_page(const struct sabito *s, const struct wanted *w, struct reply *r)
{
    size_t met = 0, given = 0;
    buf_add_str(&r->body, s->bare ? "[" : "{\"data\":[");
    for (size_t i = 0; i < w->business->count && given < w->limit; i++) {
        const struct person *p = &w->business->people[place_of(s, i, w->business->count)];
        if (p->updated_s <= w->after_s || met++ < w->offset)
            continue;
        buf_add_str(&r->body, given++ ? "," : "");
        render(s, p, &r->body);
    }
    buf_add_str(&r->body, s->bare ? "]" : "]}");
}

static void answer(struct sim *sim, const struct request *q, struct reply *r)
{
    const char *key = request_header(q, "X-API-Key");
    struct wanted w;
    reply_header(r, "Content-Type", "application/json; charset=utf-8");
    if (strcmp(q->path, PATH) != 0 || strcmp(q->method, "GET") != 0) {
        refuse(r, 404, "no such path");
        return;
    }
    if (!key || strcmp(key, sim->opt.api_key) != 0) {
        refuse(r, key && *key ? 403 : 401, key && *key ? "this key may not" : "no key");
        return;
    }
    pthread_mutex_lock(&sim->sabito->lock);
    edit(sim->sabito, &sim->opt, clock_now(sim->clock));
    if (read_request(sim->sabito, q, r, &w)) {
        answer_page(sim->sabito, &w, r);
        count_answer(sim->sabito, clock_now(sim->clock));
    }
    pthread_mutex_unlock(&sim->sabito->lock);
}

const struct source sabito_source = {.name = "sabito", .prefix = "/api/", .charset = "utf-8", .answer = answer};
