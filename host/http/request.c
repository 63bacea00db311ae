/* A request as it was asked for: checked, copied, and in the form curl wants its headers. */
#include "inner.h"
#include "url.h"

#include "charset.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *p = text; *p; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!letter && !strchr(others, *p))
            return false;
    }
    return text[0];
}

static bool has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7F)
            return true;
    return false;
}

static bool add_header(struct request *r, const char *name, const char *value)
{
    struct buf line = {0};
    /* curl sends a header without a value only when it is written with a semicolon */
    buf_printf(&line, value[0] ? "%s: %s" : "%s;%s", name, value);
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(r->headers, line.ptr);
    buf_free(&line);
    if (longer)
        r->headers = longer;
    return longer;
}

/* Keep curl from adding a header of its own. */
static bool drop_header(struct request *r, const char *line)
{
    struct curl_slist *longer = curl_slist_append(r->headers, line);
    if (longer)
        r->headers = longer;
    return longer;
}

static int copy_headers(struct request *to, const sluice_request *from, struct err *err)
{
    bool typed = false;
    bool good = true;
    for (uint32_t i = 0; i < from->header_count; i++) {
        const sluice_pair *h = &from->headers[i];
        if (!is_token(h->name))
            return err_set(err, SLUICE_E_BUG, "not a header's name: \"%.40s\"", h->name);
        if (has_control(h->value))
            return err_set(err, SLUICE_E_CONFIG, "header %s: its value has a line break or control character in it",
                           h->name);
        typed = typed || strcasecmp(h->name, "Content-Type") == 0;
        good = good && add_header(to, h->name, h->value);
    }
    good = good && (typed || drop_header(to, "Content-Type:")) && drop_header(to, "Expect:") &&
           add_header(to, "Accept-Encoding", "gzip");
    return good ? 0 : err_set(err, E_SYSTEM, "out of memory");
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

int request_copy(struct request *to, const sluice_request *from, struct err *err)
{
    const char *method = from->method ? from->method : "GET";
    if (!is_token(method))
        return err_set(err, SLUICE_E_BUG, "not a method: \"%.40s\"", method);
    if (!from->url)
        return err_set(err, SLUICE_E_BUG, "a request without a URL");
    if (from->charset && !charset_known(from->charset))
        return err_set(err, SLUICE_E_CONFIG, "charset %.40s is not known", from->charset);
    to->flags = from->flags;
    if (!copy_text(&to->method, method) || !copy_text(&to->url, from->url) || !copy_text(&to->charset, from->charset) ||
        !copy_text(&to->hint, from->hint) || !buf_add(&to->body, from->body.ptr, from->body.len))
        return err_set(err, E_SYSTEM, "out of memory");
    return copy_headers(to, from, err);
}

void request_free(struct request *r)
{
    free(r->method);
    free(r->url);
    free(r->charset);
    free(r->hint);
    curl_slist_free_all(r->headers);
    buf_free(&r->body);
    *r = (struct request){0};
}
