#include "request.h"

#include "text.h"

#include <string.h>

/* A request while it is made, with the texts that it points to. */
struct request {
    sluice_request request;
    struct buf template, url, json, charset;
    struct buf values[SLUICE_CALL_HEADERS];
    sluice_pair headers[SLUICE_CALL_HEADERS + 1];
};

static bool fill(sluice_run *run, struct buf *out, const char *template, int how)
{
    return text_fill(out, template ? template : "", how, helper_setting, run);
}

static void add_header(struct request *r, const char *name, const char *value)
{
    r->headers[r->request.header_count++] = (sluice_pair){name, value};
}

/* Append an argument to the URL, unless its value is empty. */
static bool add_argument(struct buf *url, const char *name, sluice_str value)
{
    if (!value.len)
        return !url->failed;
    buf_add_char(url, strchr(buf_text(url), '?') ? '&' : '?');
    text_argument(url, (sluice_str){name, strlen(name)});
    buf_add_char(url, '=');
    return text_argument(url, value);
}

/* The URL with the call's query and `more` behind it. */
static bool make_url(sluice_run *run, struct request *r, const sluice_call *call, const sluice_pair *more, size_t count)
{
    if (!fill(run, &r->template, call->url, TEXT_PLAIN) || !text_url(&r->url, buf_text(&r->template)))
        return false;
    for (size_t i = 0; i < SLUICE_CALL_QUERY && call->query[i].name; i++) {
        buf_clear(&r->template);
        if (!fill(run, &r->template, call->query[i].value, TEXT_PLAIN) ||
            !add_argument(&r->url, call->query[i].name, buf_str(&r->template)))
            return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_argument(&r->url, more[i].name, (sluice_str){more[i].value, strlen(more[i].value)}))
            return false;
    }
    return true;
}

/* Fill in what `call` says; false when the run has failed. */
static bool make_request(sluice_run *run, struct request *r, const sluice_call *call)
{
    if (!fill(run, &r->json, call->json, TEXT_JSON) || !fill(run, &r->charset, call->charset, TEXT_PLAIN))
        return false;
    for (size_t i = 0; i < SLUICE_CALL_HEADERS && call->headers[i].name; i++) {
        if (!fill(run, &r->values[i], call->headers[i].value, TEXT_PLAIN))
            return false;
        add_header(r, call->headers[i].name, buf_text(&r->values[i]));
    }
    if (call->json)
        add_header(r, "Content-Type", "application/json");
    r->request.struct_size = sizeof r->request;
    r->request.method = call->method ? call->method : call->json ? "POST" : "GET";
    r->request.url = buf_text(&r->url);
    r->request.headers = r->headers;
    r->request.body = call->json ? buf_str(&r->json) : (sluice_str){0};
    r->request.charset = r->charset.len ? buf_text(&r->charset) : NULL;
    r->request.hint = call->hint;
    r->request.flags = call->may_refuse ? SLUICE_MAY_REFUSE : 0;
    return true;
}

static void free_request(struct request *r)
{
    buf_free(&r->template);
    buf_free(&r->url);
    buf_free(&r->json);
    buf_free(&r->charset);
    for (size_t i = 0; i < SLUICE_CALL_HEADERS; i++)
        buf_free(&r->values[i]);
}

sluice_exchange *request_send(sluice_run *run, const sluice_call *call, const sluice_pair *more, size_t count)
{
    struct request r = {0};
    sluice_exchange *exchange = NULL;
    bool made = make_url(run, &r, call, more, count) && make_request(run, &r, call);
    if (!made && helper_status(run) == SLUICE_OK)
        helper_run_full(run);
    if (made && run->host->send(run, &r.request, &exchange) != SLUICE_OK) {
        run->host->drop(run, exchange);
        exchange = NULL;
    }
    free_request(&r);
    return exchange;
}
