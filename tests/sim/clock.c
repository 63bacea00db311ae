/* The source's clock: the real one with an offset, or one that stands still until a test moves it. */
#include "sim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clock {
    pthread_mutex_t lock;
    bool real;
    time_t start; /* of a scripted clock */
    time_t shift; /* added to the start or to the real time */
};

static bool parse_local(const char *text, time_t *out)
{
    struct tm tm = {.tm_isdst = -1};
    int used = 0;
    int got = sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                     &tm.tm_sec, &used);
    if (got != 6 || text[used])
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *out = mktime(&tm);
    return *out != (time_t)-1;
}

struct clock *clock_open(const char *start)
{
    struct clock *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->real = strcmp(start, "real") == 0;
    if (!c->real && !parse_local(start, &c->start)) {
        free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void clock_close(struct clock *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void clock_reset(struct clock *c)
{
    pthread_mutex_lock(&c->lock);
    c->shift = 0;
    pthread_mutex_unlock(&c->lock);
}

static time_t now_locked(const struct clock *c)
{
    return (c->real ? time(NULL) : c->start) + c->shift;
}

time_t clock_now(struct clock *c)
{
    pthread_mutex_lock(&c->lock);
    time_t now = now_locked(c);
    pthread_mutex_unlock(&c->lock);
    return now;
}

void clock_advance(struct clock *c, int64_t seconds)
{
    pthread_mutex_lock(&c->lock);
    c->shift += (time_t)seconds;
    pthread_mutex_unlock(&c->lock);
}

bool clock_set(struct clock *c, const char *local)
{
    time_t wanted = 0;
    if (!parse_local(local, &wanted))
        return false;
    pthread_mutex_lock(&c->lock);
    c->shift += wanted - now_locked(c);
    pthread_mutex_unlock(&c->lock);
    return true;
}

void clock_text(time_t at, char out[static 32])
{
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

void clock_http_date(time_t at, char out[static 32])
{
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(out, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
