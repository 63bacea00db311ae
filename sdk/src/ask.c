/* ask.c - the asking helpers of sluice.h: a request, its answer, the keys at its top and its list of records. */
#include "body.h"

#include "decimal.h"
#include "text.h"

#include <string.h>

/* ---- The request ---- */

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

/* Fill in what `call` says; false when the run has failed. */
static bool make_request(sluice_run *run, struct request *r, const sluice_call *call)
{
    *r = (struct request){0};
    if (!fill(run, &r->template, call->url, TEXT_PLAIN) || !text_url(&r->url, buf_text(&r->template)))
        return false;
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

/* Send it; NULL when the run has failed. */
static sluice_exchange *send_call(sluice_run *run, const sluice_call *call)
{
    struct request r;
    sluice_exchange *exchange = NULL;
    bool made = make_request(run, &r, call);
    if (!made && helper_status(run) == SLUICE_OK)
        helper_run_full(run);
    if (made && run->host->send(run, &r.request, &exchange) != SLUICE_OK) {
        run->host->drop(run, exchange);
        exchange = NULL;
    }
    free_request(&r);
    return exchange;
}

/* ---- The answer ---- */

/* Keep the newest answers readable; forget the oldest of them for `b`. */
static void keep_answer(struct helper *h, struct sluice_body *b)
{
    struct sluice_body **place = &h->answers[h->answer_count++ % ANSWERS_OPEN];
    if (*place) {
        b->run->host->drop(b->run, (*place)->exchange);
        (*place)->exchange = NULL;
    }
    *place = b;
}

static sluice_body *make_body(sluice_run *run, sluice_exchange *exchange, const sluice_reply *reply, const char *hint)
{
    struct helper *h = helper_of(run);
    struct sluice_body *b = h ? region_alloc(&h->run_memory, sizeof *b) : NULL;
    const char *kept = b ? region_text(&h->run_memory, (sluice_str){hint, hint ? strlen(hint) : 0}) : NULL;
    if (!kept) {
        run->host->drop(run, exchange);
        return helper_run_full(run);
    }
    *b = (struct sluice_body){.run = run, .helper = h, .exchange = exchange, .hint = kept};
    b->size = reply->size;
    b->status = reply->status;
    keep_answer(h, b);
    return b;
}

sluice_body *sluice_ask(sluice_run *run, const sluice_call *call)
{
    sluice_exchange *exchange = helper_status(run) == SLUICE_OK ? send_call(run, call) : NULL;
    sluice_reply reply = {.struct_size = sizeof reply};
    if (!exchange)
        return NULL;
    if (run->host->wait(run, exchange, &reply) != SLUICE_OK) {
        run->host->drop(run, exchange);
        return NULL;
    }
    sluice_body *body = make_body(run, exchange, &reply, call->hint);
    return body && body_index(body) ? body : NULL;
}

/* ---- Keys at its top ---- */

static const char *keep(struct sluice_body *b, sluice_str text)
{
    const char *copy = region_text(&b->helper->run_memory, text);
    return copy ? copy : helper_run_full(b->run);
}

/* The text of a single value; NULL when the run has failed. */
static const char *read_single(struct sluice_body *b, const struct body_key *key)
{
    struct json j;
    struct json_value value;
    struct buf text = {0};
    if (!*key->value) {
        sluice_fail(b->run, SLUICE_E_REMOTE, "the value of \"%s\" is too long", key->name);
        return NULL;
    }
    if (!json_read(&j, (sluice_str){key->value, strlen(key->value)}, &value)) {
        sluice_fail(b->run, SLUICE_E_REMOTE, "the value of \"%s\" is not JSON: %s", key->name, j.error);
        return NULL;
    }
    if (value.kind == JSON_KIND_NULL)
        return "";
    json_unescape(&value, &text);
    const char *kept = keep(b, buf_str(&text));
    buf_free(&text);
    return kept;
}

int sluice_has(sluice_body *body, const char *key)
{
    const struct body_key *k = body ? body_find(body, key) : NULL;
    return k && k->first != 'n';
}

const char *sluice_value_of(sluice_body *body, const char *key)
{
    struct body_key *k = body ? body_find(body, key) : NULL;
    if (!k || k->first == '{' || k->first == '[')
        return "";
    if (!k->text)
        k->text = read_single(body, k);
    return k->text ? k->text : "";
}

int sluice_true_of(sluice_body *body, const char *key)
{
    const struct body_key *k = body ? body_find(body, key) : NULL;
    return k && k->first == 't' && strcmp(sluice_value_of(body, key), "true") == 0;
}

int64_t sluice_int_of(sluice_body *body, const char *key)
{
    const char *text = sluice_value_of(body, key);
    int64_t number;
    return integer_parse((sluice_str){text, strlen(text)}, &number) == NUMBER_OK ? number : -1;
}

/* ---- The list of records ---- */

/* Hand one record to map(), which must end in one verdict. False when the run is over. */
static bool map_one(sluice_run *run, struct helper *h, sluice_str record)
{
    h->verdicts = 0;
    int32_t rc = run->stream->map(run, record);
    if (helper_status(run) != SLUICE_OK)
        return false;
    if (rc != SLUICE_OK) {
        sluice_fail(run, rc, "map() gave up without a reason");
        return false;
    }
    if (h->verdicts != 1) {
        sluice_fail(run, SLUICE_E_BUG, "map() ended a record with %u verdicts", h->verdicts);
        return false;
    }
    return true;
}

/* Is there a list that can be read? Ends the run when not. */
static bool can_read(struct sluice_body *b, const struct body_key *list, const char *key)
{
    struct buf what = {0};
    if (list && list->first == '[' && b->exchange)
        return true;
    buf_printf(&what, "answer has no list \"%s\"", key);
    if (list && list->first == '[')
        sluice_fail(b->run, SLUICE_E_BUG, "the list \"%s\" is read after %d further answers", key, ANSWERS_OPEN);
    else
        body_refuse(b, buf_text(&what));
    buf_free(&what);
    return false;
}

int64_t sluice_each(sluice_run *run, sluice_body *body, const char *key)
{
    const struct body_key *list = body ? body_find(body, key) : NULL;
    if (!body || helper_status(run) != SLUICE_OK || !can_read(body, list, key))
        return 0;
    int64_t count = 0;
    uint64_t at = list->offset + 1;
    char next = body_next(body, &at);
    while (next != ']') {
        sluice_str record = body_value(body, at);
        if (!record.len)
            break;
        if (!map_one(run, body->helper, record))
            return count;
        count++;
        at += record.len;
        next = body_next(body, &at);
        if (next != ',')
            break;
        at++;
        body_next(body, &at);
    }
    if (next != ']')
        sluice_fail(run, SLUICE_E_REMOTE, "the list \"%s\" is broken at byte %llu of the answer", key,
                    (unsigned long long)at);
    return count;
}
