/* SoftOne: one ERP script package, windowed and full lists, failures as HTTP 200 with "success": false. */
#include "records.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/s1services/JS/"

/* What a path gives. */
struct endpoint {
    const char *path;
    uint32_t stream;
    bool windowed;
};

static const struct endpoint endpoints[] = {
    {PREFIX "webservice.customers/getCustomers", STREAM_CUSTOMERS, true},
    {PREFIX "webservice.customers/getRecentSuppliers", STREAM_SUPPLIERS, true},
    {PREFIX "webservice.customers/getAllCustomers", STREAM_CUSTOMERS, false},
    {PREFIX "webservice.customers/getAllSuppliers", STREAM_SUPPLIERS, false},
};

static const struct endpoint all_suppliers = {"", STREAM_SUPPLIERS, false};

static void refuse(struct sim *sim, struct reply *r, int code, const char *message)
{
    char at[32];
    clock_text(clock_now(sim->clock), at);
    buf_printf(&r->body, "{\"success\":false,\"code\":%d,\"message\":\"%s\",\"at\":\"%s\"}", code, message, at);
}

static bool text_is(const json_t *value, const char *want)
{
    return json_is_string(value) && strcmp(json_string_value(value), want) == 0;
}

/* The company may come as a number or as text. */
static bool company_is(const json_t *value, const char *want)
{
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    return text_is(value, want) || (json_is_integer(value) && strcmp(number, want) == 0);
}

static const struct endpoint *find_endpoint(const char *path)
{
    for (size_t i = 0; i < LEN(endpoints); i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    return NULL;
}

/* What the users of the ERP have done meanwhile. */
static void edit(struct sim *sim, time_t now)
{
    time_t before = atomic_load(&sim->edited_at);

    if (sim->opt.edit_s && now - before >= (time_t)sim->opt.edit_s &&
        atomic_compare_exchange_strong(&sim->edited_at, &before, now) && before)
        dataset_touch(sim->data, 0.5, (uint64_t)now, now);
}

static void answer_records(struct sim *sim, const struct endpoint *e, struct reply *r)
{
    time_t now = clock_now(sim->clock);
    edit(sim, now);
    char at[32];
    char from[32];
    clock_text(now, at);
    clock_text(now - (time_t)sim->opt.window_s, from);
    struct selection want = {.stream = e->stream,
                             .windowed = e->windowed && !sim->opt.deliver_all,
                             .from = now - (time_t)sim->opt.window_s,
                             .to = now,
                             .tail = "}"};
    uint64_t total = dataset_answer(sim->data, &want, r);

    buf_printf(&r->body, "{\"success\":true,\"code\":200,\"message\":\"OK\",\"at\":\"%s\",", at);
    if (e->windowed)
        buf_printf(&r->body, "\"window_start\":\"%s\",", from);
    buf_printf(&r->body, "\"total\":%llu,\"result\":", (unsigned long long)total);
}

static void answer_login(struct sim *sim, const struct endpoint *e, const json_t *body, struct reply *r)
{
    if (!text_is(json_object_get(body, "username"), sim->opt.username) ||
        !text_is(json_object_get(body, "password"), sim->opt.password)) {
        refuse(sim, r, 250, "Wrong Username/Password");
        return;
    }
    if (!company_is(json_object_get(body, "company"), sim->opt.company)) {
        refuse(sim, r, 251, "Company not found");
        return;
    }
    json_int_t sodtype = json_integer_value(json_object_get(body, "sodtype"));
    bool customers = e == &endpoints[0];
    if (customers && sodtype == 12)
        answer_records(sim, &all_suppliers, r);
    else if (customers && sodtype != 13)
        refuse(sim, r, -9, "Invalid request: sodtype");
    else
        answer_records(sim, e, r);
}

static void answer(struct sim *sim, const struct request *q, struct reply *r)
{
    const struct endpoint *e = find_endpoint(q->path);
    reply_header(r, "Content-Type", "application/json");
    if (!e) {
        r->status = 404;
        buf_add_str(&r->body, "{\"success\":false,\"error\":\"no such script\"}");
        return;
    }
    if (strcmp(q->method, "POST") != 0) {
        r->status = 405;
        reply_header(r, "Allow", "POST");
        return;
    }
    json_t *body = json_loadb(buf_text(&q->body), q->body.len, 0, NULL);
    if (json_is_object(body))
        answer_login(sim, e, body, r);
    else
        refuse(sim, r, -12, "Invalid call");
    json_decref(body);
}

const struct source softone_source = {.name = "softone", .prefix = PREFIX, .charset = NULL, .answer = answer};
