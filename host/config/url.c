#include "url.h"

#include "hex.h"
#include "secret.h"
#include "value.h"

#include <string.h>
#include <strings.h>

#define PASSWORD_MAX 1024

bool url_has_scheme(const char *url, const char *schemes)
{
    const char *colon = strstr(url, "://");
    size_t len = 0;
    if (!colon)
        return false;
    size_t wanted = (size_t)(colon - url);
    for (const char *word; (word = value_word(&schemes, &len)) != NULL;)
        if (len == wanted && strncasecmp(word, url, len) == 0)
            return colon[3] != '\0';
    return false;
}

/* Percent-decode into `out`; gives the length. */
static size_t decode(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < len; at++) {
        int high = text[at] == '%' && len - at > 2 ? hex_digit(text[at + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            at += 2;
        } else {
            out[n++] = text[at];
        }
    }
    return n;
}

/* Whom to tell of a secret. */
struct listener {
    void (*each)(void *context, const char *secret, size_t len);
    void *context;
};

static void tell_both(const struct listener *l, const char *secret, size_t len)
{
    l->each(l->context, secret, len);
    if (len > PASSWORD_MAX)
        return;
    char plain[PASSWORD_MAX];
    size_t n = decode(secret, len, plain);
    l->each(l->context, plain, n);
    explicit_bzero(plain, sizeof plain);
}

/* user:password@ before the host; a password may hold an unescaped @, and by mistake a "/", "?" or "#", which end the
 * authority too early: in what is no port. Of such a one everything up to the last @ is taken for the password. */
static void tell_user(const struct listener *l, const char *authority, size_t len)
{
    const char *colon = memchr(authority, ':', len);
    const char *at = memrchr(authority, '@', len);
    bool port = !colon || authority[0] == '[' || colon + 1 + strspn(colon + 1, "0123456789") == authority + len;
    if (!at && !port)
        at = strrchr(authority, '@');
    if (colon && at && colon < at)
        tell_both(l, colon + 1, (size_t)(at - colon - 1));
}

void url_each_secret(const char *url, void (*each)(void *context, const char *secret, size_t len), void *context)
{
    static const char *const names[] = {"password=", "sslpassword="};
    const struct listener l = {each, context};
    const char *authority = strstr(url, "://");
    if (!authority)
        return;
    authority += 3;
    tell_user(&l, authority, strcspn(authority, "/?#"));

    const char *query = strchr(authority, '?');
    while (query) {
        query++;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t len = strlen(names[i]);
            if (strncmp(query, names[i], len) == 0)
                tell_both(&l, query + len, strcspn(query + len, "&#"));
        }
        query = strchr(query, '&');
    }
}

static void keep(void *context, const char *secret, size_t len)
{
    secret_keep(context, secret, len);
}

void url_keep_secrets(struct config_files *files, const char *url)
{
    url_each_secret(url, keep, files);
}
