/* ask.c - the asking helpers of sluice.h: an answer and the keys at its top. */
#include "body.h"

#include "decimal.h"
#include "request.h"

#include <string.h>

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
    struct sluice_body *b = h ? body_make(run, exchange, reply, hint, &h->run_memory) : NULL;
    if (!b) {
        run->host->drop(run, exchange);
        return NULL;
    }
    keep_answer(h, b);
    return b;
}

sluice_body *sluice_ask(sluice_run *run, const sluice_call *call)
{
    sluice_exchange *exchange = helper_status(run) == SLUICE_OK ? request_send(run, call, NULL, 0) : NULL;
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
    const char *copy = region_text(b->memory, text);
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
