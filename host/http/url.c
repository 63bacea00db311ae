#include "url.h"

#include "late_curl.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The parts of a URL that say where it leads; each is NULL or to be freed with place_free(). */
struct place {
    char *scheme, *host, *port;
};

static void place_free(struct place *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    *p = (struct place){0};
}

static bool place_of(const char *url, struct place *p)
{
    *p = (struct place){0};
    CURLU *parsed = curl_url();
    if (!parsed)
        return false;
    bool good = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_HOST, &p->host, 0) == CURLUE_OK;
    if (good) /* fails for schemes without a port of their own: then it stays NULL */
        curl_url_get(parsed, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT);
    curl_url_cleanup(parsed);
    if (!good)
        place_free(p);
    return good;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static int check_place(const struct place *p, const char *shown, bool insecure, struct err *err)
{
    if (strcmp(p->scheme, "https") == 0)
        return 0;
    if (strcmp(p->scheme, "http") != 0)
        return err_set(err, SLUICE_E_CONFIG, "%s: only https:// and http:// can be asked", shown);
    if (!insecure && !is_loopback(p->host))
        return err_set(err, SLUICE_E_CONFIG,
                       "%s: http:// would send credentials unencrypted: use https://, or say insecure = true", shown);
    return 0;
}

int url_check(const char *url, bool insecure, struct err *err)
{
    char shown[256];
    struct place p;
    url_show(url, shown, sizeof shown);
    if (!strstr(url, "://") || !place_of(url, &p))
        return err_set(err, SLUICE_E_CONFIG, "%s: not a URL", shown[0] ? shown : "\"\"");
    int rc = check_place(&p, shown, insecure, err);
    place_free(&p);
    return rc;
}

bool url_is_local(const char *url)
{
    struct place p;
    bool local = place_of(url, &p) && is_loopback(p.host);
    place_free(&p);
    return local;
}

bool url_same_origin(const char *a, const char *b)
{
    struct place x = {0};
    struct place y = {0};
    bool same = place_of(a, &x) && place_of(b, &y) && strcmp(x.scheme, y.scheme) == 0 &&
                strcasecmp(x.host, y.host) == 0 && x.port && y.port && strcmp(x.port, y.port) == 0;
    place_free(&x);
    place_free(&y);
    return same;
}

/* Text with a size that is never exceeded and always terminated; what had no room is told by "..." at the end. */
struct out {
    char *ptr;
    size_t len, size;
    bool cut;
};

static void put_byte(struct out *o, char c)
{
    o->cut = o->cut || o->len + 1 == o->size;
    if (!o->cut)
        o->ptr[o->len++] = c;
}

/* What cannot be seen, or is more than a byte, is written as in any URL. */
static void put(struct out *o, const char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 0x20 && c < 0x7F) {
            put_byte(o, (char)c);
            continue;
        }
        put_byte(o, '%');
        put_byte(o, digits[c >> 4]);
        put_byte(o, digits[c & 15]);
    }
}

static void end(struct out *o)
{
    static const char mark[] = "...";
    o->ptr[o->len] = '\0';
    if (o->cut && o->size >= sizeof mark)
        memcpy(o->ptr + o->size - sizeof mark, mark, sizeof mark);
}

/* "a=1&b=2" as "a=...&b=...". */
static void put_query(struct out *o, const char *query)
{
    while (*query) {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        if (equals) {
            put(o, query, (size_t)(equals - query));
            put(o, "=...", 4);
        } else {
            put(o, "...", 3); /* no name: all of it may be a value */
        }
        query += len;
        if (*query == '&')
            put(o, query++, 1);
    }
}

/* Where the host begins, behind any credentials. A password that holds a "/" unescaped ends the authority early, in
 * what cannot be a port: then the last "@" of all ends the credentials. */
static const char *find_host(const char *authority, size_t len)
{
    const char *at = memrchr(authority, '@', len);
    const char *colon = memrchr(authority, ':', len);
    bool port = !colon || authority[0] == '[' || colon + 1 + strspn(colon + 1, "0123456789") == authority + len;
    if (!at && !port)
        at = strrchr(authority, '@');
    return at ? at + 1 : authority;
}

void url_show(const char *url, char *out, size_t size)
{
    struct out o = {out, 0, size, false};
    const char *colon = strstr(url, "://");
    const char *authority = colon ? colon + 3 : url;
    put(&o, url, (size_t)(authority - url));

    const char *host = find_host(authority, strcspn(authority, "/?#"));
    const char *path = host + strcspn(host, "/?#");
    put(&o, host, (size_t)(path - host));
    const char *query = path + strcspn(path, "?#");
    put(&o, path, (size_t)(query - path));
    if (*query == '?') {
        put(&o, "?", 1);
        put_query(&o, query + 1);
    }
    end(&o);
}
