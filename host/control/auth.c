/* auth.c - see auth.h. */
#include "auth.h"

#include "listen.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* ---- Tokens ---- */

/* Takes a time that depends on the length of `sent` alone, which who sent it knows. */
static bool same_secret(const char *sent, const char *secret)
{
    size_t len = strlen(sent), secret_len = strlen(secret);
    unsigned char differs = len != secret_len;

    for (size_t i = 0; i < len; i++) {
        size_t at = i & (size_t) - (i < secret_len); /* 0 behind its end, where they differ anyway */
        differs |= (unsigned char)(sent[i] ^ secret[at]);
    }
    return !differs;
}

/* What follows "Bearer "; NULL when it is another scheme or nothing was sent. */
static const char *sent_secret(const struct exchange *x)
{
    const char *header = exchange_header(x, "Authorization");

    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    return header + 7 + strspn(header + 7, " ");
}

/* The token whose secret was sent. All are compared, so that the time does not tell which it was. */
static const struct config_token *find_token(const struct config *config, const char *sent)
{
    const struct config_token *found = NULL;

    for (size_t i = 0; i < config->token_count; i++) {
        bool same = same_secret(sent, config->tokens[i].secret);
        if (same && !found)
            found = &config->tokens[i];
    }
    return found;
}

static struct auth check_token(const struct config *config, const struct exchange *x)
{
    const char *sent = sent_secret(x), *tenant = exchange_header(x, "X-Tenant-ID");
    const struct config_token *token = sent ? find_token(config, sent) : NULL;

    if (!token)
        return (struct auth){.status = 401, .error = "Unauthorized", .tenant = "", .name = ""};
    struct auth auth = {.allowed = true, .tenant = token->tenant, .name = token->name};
    if (*token->tenant && tenant && strcmp(tenant, token->tenant) != 0) {
        auth.allowed = false;
        auth.status = 403;
        auth.error = "X-Tenant-ID names another tenant than the token's";
    }
    return auth;
}

/* ---- Without a token ---- */

/* Does the Host header, with or without a port, name this machine to itself? */
static bool is_own_host(const char *host)
{
    char name[64];
    struct in_addr v4;
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

    if (len >= sizeof(name) || strlen(host) < len)
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    const char *port = host + len;
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
        return false;
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* A page from elsewhere can make a browser on this machine ask, either across sites or under a name of its own that
 * it lets point here. */
static const char *foreign(const struct exchange *x)
{
    const char *host = exchange_header(x, "Host"), *site = exchange_header(x, "Sec-Fetch-Site");

    if (!exchange_is_loopback(x))
        return "no token is configured, and this listener is open to other hosts";
    if (host && !is_own_host(host))
        return "without a token in control.tokens, requests must be sent to localhost or a loopback address";
    if (site && strcasecmp(site, "cross-site") == 0)
        return "without a token in control.tokens, requests from other sites are refused";
    return NULL;
}

struct auth auth_check(const struct config *config, const struct exchange *x)
{
    if (exchange_is_local(x))
        return (struct auth){.allowed = true, .tenant = "", .name = ""};
    if (config->token_count)
        return check_token(config, x);
    const char *why = foreign(x);
    return (struct auth){.allowed = !why, .status = why ? 403 : 0, .error = why, .tenant = "", .name = ""};
}

int auth_check_listener(const struct config *config, struct err *err)
{
    bool loopback = false;

    if (!*config->listen || config->token_count)
        return SLUICE_OK;
    if (listen_parse(config->listen, &loopback) && loopback)
        return SLUICE_OK;
    return err_set(
        err, SLUICE_E_CONFIG,
        "control.listen: %s is open to other hosts: that needs a token in control.tokens whose secret is not "
        "empty; or listen on 127.0.0.1",
        config->listen);
}
