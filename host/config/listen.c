#include "listen.h"

#include "units.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_port(const char *text)
{
    int64_t port = 0;
    return text[0] >= '0' && text[0] <= '9' && units_integer(text, &port) == UNITS_OK && port >= 1 && port <= 65535;
}

static bool host_v6(const char *host, bool *loopback)
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, host, &a) != 1)
        return false;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&a) && a.s6_addr[12] == 127;
    *loopback = IN6_IS_ADDR_LOOPBACK(&a) || mapped;
    return true;
}

static bool host_v4(const char *host, bool *loopback)
{
    struct in_addr a;
    if (inet_pton(AF_INET, host, &a) != 1)
        return false;
    *loopback = (ntohl(a.s_addr) >> 24) == 127;
    return true;
}

bool listen_parse(const char *text, bool *loopback)
{
    char host[128];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len == 0 || len >= sizeof host || !is_port(colon + 1))
        return false;

    bool brackets = text[0] == '[' && text[len - 1] == ']';
    memcpy(host, text + brackets, len - 2 * (size_t)brackets);
    host[len - 2 * (size_t)brackets] = '\0';
    if (brackets)
        return host_v6(host, loopback);
    if (strcmp(host, "localhost") == 0) {
        *loopback = true;
        return true;
    }
    return host_v4(host, loopback);
}
