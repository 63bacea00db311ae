/* owner.c - see owner.h; all of it comes from /proc. */
#include "owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_text(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return false;
    size_t n = fread(out, 1, size - 1, f);
    fclose(f);
    out[n] = '\0';
    return n > 0;
}

/* Field 22 of /proc/pid/stat, counted behind the name, which may hold anything. False for a zombie too. */
static bool start_time(pid_t pid, unsigned long long *ticks)
{
    char path[64];
    char text[1024];
    char state;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (!read_text(path, text, sizeof(text)))
        return false;
    const char *p = strrchr(text, ')');
    if (!p)
        return false;
    if (sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
               ticks) != 2)
        return false;
    return state != 'Z' && state != 'X';
}

static void boot_id(char out[9])
{
    char text[64];

    memcpy(out, "noboot--", 9);
    if (read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)) && strlen(text) >= 8)
        memcpy(out, text, 8);
}

bool owner_of(pid_t pid, char out[OWNER_SIZE])
{
    char host[65] = "localhost";
    char boot[9];
    unsigned long long ticks;

    if (!start_time(pid, &ticks))
        return false;
    gethostname(host, sizeof(host) - 1);
    for (char *p = host; *p; p++) {
        if (*p == '/')
            *p = '_';
    }
    boot_id(boot);
    snprintf(out, OWNER_SIZE, "%s/%s/%ld.%llu", host, boot, (long)pid, ticks);
    return true;
}

static bool parse(const char *owner, char boot[9], long *pid, unsigned long long *ticks)
{
    return sscanf(owner, "%*[^/]/%8[^/]/%ld.%llu", boot, pid, ticks) == 3;
}

bool owner_alive(const char *owner)
{
    char boot[9], mine[9];
    long pid;
    unsigned long long ticks, now;

    if (!parse(owner, boot, &pid, &ticks))
        return false;
    boot_id(mine);
    return strcmp(boot, mine) == 0 && start_time((pid_t)pid, &now) && now == ticks;
}

bool owner_host(const char *owner, char out[OWNER_SIZE])
{
    char boot[9];
    long pid;
    unsigned long long ticks;
    const char *end = strrchr(owner, '/');

    if (!parse(owner, boot, &pid, &ticks) || (size_t)(end - owner) >= OWNER_SIZE)
        return false;
    memcpy(out, owner, (size_t)(end - owner));
    out[end - owner] = '\0';
    return true;
}

bool owner_is_here(const char *owner)
{
    char self[OWNER_SIZE], mine[OWNER_SIZE], its[OWNER_SIZE];

    return owner_of(getpid(), self) && owner_host(self, mine) && owner_host(owner, its) && strcmp(mine, its) == 0;
}

void owner_tell(const char *owner, char *out, size_t size)
{
    char boot[9];
    long pid;
    unsigned long long ticks;

    if (parse(owner, boot, &pid, &ticks))
        snprintf(out, size, "process %ld on %.*s", pid, (int)strcspn(owner, "/"), owner);
    else
        snprintf(out, size, "%s", owner);
}
