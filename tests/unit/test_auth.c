/* Who may ask. The exchange is one of the test's own: what auth.c asks of it is told by a table. */
#include "auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <strings.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

struct exchange {
    const char *authorization, *tenant, *host, *site;
    bool local, elsewhere;
};

const char *exchange_header(const struct exchange *x, const char *name)
{
    if (strcasecmp(name, "Authorization") == 0)
        return x->authorization;
    if (strcasecmp(name, "X-Tenant-ID") == 0)
        return x->tenant;
    if (strcasecmp(name, "Host") == 0)
        return x->host;
    return strcasecmp(name, "Sec-Fetch-Site") == 0 ? x->site : NULL;
}

bool exchange_is_local(const struct exchange *x)
{
    return x->local;
}

bool exchange_is_loopback(const struct exchange *x)
{
    return !x->elsewhere;
}

static struct config_token tokens[] = {
    {(char[]){"ops"}, (char[]){"s3cret"}, (char[]){""}},
    {(char[]){"acme"}, (char[]){"s3cretacme"}, (char[]){"t-1"}},
};
static const struct config with_tokens = {.tokens = tokens, .token_count = 2};
static const struct config without = {0};

struct auth_case {
    const char *name;
    struct exchange x;
    int status; /* 0: allowed */
    const char *tenant;
};

static void check(const struct config *config, const struct auth_case *c)
{
    struct auth a = auth_check(config, &c->x);

    if (a.allowed != (c->status == 0) || a.status != c->status)
        fail_msg("%s: status %d instead of %d", c->name, a.status, c->status);
    if (a.allowed && strcmp(a.tenant, c->tenant ? c->tenant : "") != 0)
        fail_msg("%s: tenant \"%s\"", c->name, a.tenant);
    if (!a.allowed && (!a.error || !*a.error))
        fail_msg("%s: says nothing", c->name);
    if (a.status == 401)
        assert_string_equal(a.error, "Unauthorized");
    assert_non_null(a.tenant);
    assert_non_null(a.name);
}

static void a_token_says_who_may_ask_and_what_it_sees(void **state)
{
    static const struct auth_case cases[] = {
        {"nothing sent", {.host = "localhost"}, 401, NULL},
        {"the secret", {.authorization = "Bearer s3cret"}, 0, ""},
        {"scheme in capitals", {.authorization = "BEARER s3cret"}, 0, ""},
        {"two blanks", {.authorization = "bearer  s3cret"}, 0, ""},
        {"no scheme", {.authorization = "s3cret"}, 401, NULL},
        {"another scheme", {.authorization = "Basic s3cret"}, 401, NULL},
        {"only the scheme", {.authorization = "Bearer"}, 401, NULL},
        {"an empty secret", {.authorization = "Bearer "}, 401, NULL},
        {"its beginning", {.authorization = "Bearer s3cre"}, 401, NULL},
        {"more than it", {.authorization = "Bearer s3cret1"}, 401, NULL},
        {"more than it, repeated", {.authorization = "Bearer s3crets3cret"}, 401, NULL},
        {"its first letter over and over", {.authorization = "Bearer ssssss"}, 401, NULL},
        {"other letters", {.authorization = "Bearer S3CRET"}, 401, NULL},
        {"something behind it", {.authorization = "Bearer s3cret x"}, 401, NULL},
        {"foreign host, which a token makes good", {.authorization = "Bearer s3cret", .host = "evil.example"}, 0, ""},
        {"cross-site, which a token makes good", {.authorization = "Bearer s3cret", .site = "cross-site"}, 0, ""},
        {"open listener", {.authorization = "Bearer s3cret", .elsewhere = true}, 0, ""},
        {"a tenant with a token for all", {.authorization = "Bearer s3cret", .tenant = "t-9"}, 0, ""},
        {"a tenant's token", {.authorization = "Bearer s3cretacme"}, 0, "t-1"},
        {"a tenant's token and its tenant", {.authorization = "Bearer s3cretacme", .tenant = "t-1"}, 0, "t-1"},
        {"a tenant's token and another", {.authorization = "Bearer s3cretacme", .tenant = "t-2"}, 403, NULL},
        {"a tenant's token and none", {.authorization = "Bearer s3cretacme", .tenant = ""}, 403, NULL},
        {"a tenant without a token", {.tenant = "t-1"}, 401, NULL},
        {"over the unix socket", {.local = true, .host = "whatever"}, 0, ""},
        {"over the unix socket with a wrong token", {.local = true, .authorization = "Bearer no"}, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++)
        check(&with_tokens, &cases[i]);
}

static void without_a_token_only_this_machine_may_ask(void **state)
{
    static const struct auth_case cases[] = {
        {"localhost", {.host = "localhost"}, 0, ""},
        {"localhost and port", {.host = "LocalHost:8480"}, 0, ""},
        {"127.0.0.1", {.host = "127.0.0.1"}, 0, ""},
        {"127.9.8.7 and port", {.host = "127.9.8.7:1"}, 0, ""},
        {"::1", {.host = "[::1]"}, 0, ""},
        {"::1 and port", {.host = "[::1]:8480"}, 0, ""},
        {"HTTP/1.0 without Host", {.host = NULL}, 0, ""},
        {"another host", {.host = "example.com"}, 403, NULL},
        {"one that begins alike", {.host = "localhost.example.com"}, 403, NULL},
        {"an address that begins alike", {.host = "127.0.0.1.example.com"}, 403, NULL},
        {"this machine's other address", {.host = "192.168.1.1:8480"}, 403, NULL},
        {"another IPv6 address", {.host = "[::2]:8480"}, 403, NULL},
        {"a bracket that stays open", {.host = "[::1"}, 403, NULL},
        {"no port behind the colon is none", {.host = "localhost:"}, 0, ""},
        {"a port that is none", {.host = "localhost:80@example.com"}, 403, NULL},
        {"a user", {.host = "localhost@example.com"}, 403, NULL},
        {"nothing", {.host = ""}, 403, NULL},
        {"a very long one",
         {.host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
         403,
         NULL},
        {"a page of another site", {.host = "localhost", .site = "cross-site"}, 403, NULL},
        {"a page of another site, in capitals", {.host = "localhost", .site = "Cross-Site"}, 403, NULL},
        {"a page of ours", {.host = "localhost", .site = "same-origin"}, 0, ""},
        {"typed by hand", {.host = "localhost", .site = "none"}, 0, ""},
        {"a token that nobody asked for", {.host = "localhost", .authorization = "Bearer x"}, 0, ""},
        {"open listener", {.host = "localhost", .elsewhere = true}, 403, NULL},
        {"over the unix socket", {.local = true, .host = "example.com", .site = "cross-site"}, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++)
        check(&without, &cases[i]);
}

static void an_open_listener_needs_a_token(void **state)
{
    static const struct {
        const char *listen;
        bool token, allowed;
    } cases[] = {
        {"127.0.0.1:8480", false, true}, {"localhost:8480", false, true},
        {"[::1]:8480", false, true},     {"", false, true},
        {"0.0.0.0:8480", false, false},  {"[::]:8480", false, false},
        {"10.0.0.1:80", false, false},   {"0.0.0.0:8480", true, true},
        {"[::]:8480", true, true},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        char listen[32];
        struct err err = {0};
        memcpy(listen, cases[i].listen, strlen(cases[i].listen) + 1);
        struct config config = {.listen = listen, .tokens = tokens, .token_count = cases[i].token ? 1 : 0};
        int rc = auth_check_listener(&config, &err);
        if (rc != (cases[i].allowed ? SLUICE_OK : SLUICE_E_CONFIG))
            fail_msg("%s: %d %s", listen, rc, err.msg);
        if (rc)
            assert_non_null(strstr(err.msg, "control.tokens"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_who_may_ask_and_what_it_sees),
        cmocka_unit_test(without_a_token_only_this_machine_may_ask),
        cmocka_unit_test(an_open_listener_needs_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
