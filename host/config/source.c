#include "source.h"

#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Owner and mode ---- */

static bool is_ours(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

/* A group of one's own, as a umask of 002 goes with. */
static bool is_our_group(const struct stat *st)
{
    return st->st_gid == 0 || st->st_gid == getegid();
}

struct fault {
    const char *what; /* NULL: none */
    const char *fix;  /* a command, but for the path */
};

static struct fault find_fault(const struct stat *st, enum source_guard guard)
{
    if (guard == GUARD_OTHERS && st->st_mode & S_IWOTH)
        return (struct fault){"can be changed by anyone", "chmod o-w"};
    if (guard == GUARD_OTHERS)
        return (struct fault){NULL, NULL};
    if (guard == GUARD_REPLACE && is_ours(st) && st->st_mode & S_ISVTX)
        return (struct fault){NULL, NULL};
    if (!is_ours(st))
        return (struct fault){"belongs to neither root nor the user that runs sluice", "chown root"};
    if (st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && !is_our_group(st)))
        return (struct fault){"can be changed by others", "chmod go-w"};
    return (struct fault){NULL, NULL};
}

bool source_guard(const char *path, const char *what, enum source_guard guard, const struct source_place *place)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return true; /* whoever reads it says so */
    struct fault fault = find_fault(&st, guard);
    if (fault.what)
        config_problem(place->problems, place->file, place->line, "%s %s: %s %s", what, fault.what, fault.fix, path);
    else if (guard == GUARD_READ && st.st_mode & S_IROTH)
        log_line(LOG_WARN, NULL, "%s: anyone can read this file, and it holds secrets: chmod 640 %s", path, path);
    return fault.what == NULL;
}

/* ---- Paths ---- */

const char *source_reason(const struct err *err, const char *path)
{
    size_t len = strlen(path);
    bool names_path = strncmp(err->msg, path, len) == 0 && strncmp(err->msg + len, ": ", 2) == 0;
    return names_path ? err->msg + len + 2 : err->msg;
}

char *source_beside(struct pool *pool, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return pool_text(pool, path);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return pool_printf(pool, "%.*s/%s", (int)(slash - file), file, path);
}

char *source_absolute(struct pool *pool, const char *file, const char *path)
{
    char *beside = source_beside(pool, file, path);
    if (beside[0] == '/')
        return beside;
    char *here = getcwd(NULL, 0);
    if (!here)
        return beside;
    while (beside[0] == '.' && beside[1] == '/')
        beside += 2;
    char *absolute = pool_printf(pool, "%s/%s", strcmp(here, "/") == 0 ? "" : here, beside);
    free(here);
    return absolute;
}

/* ---- Directories ---- */

static bool is_wanted(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".cfg") == 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool source_list(struct pool *pool, const char *dir, char ***paths, size_t *count)
{
    *paths = NULL;
    *count = 0;
    DIR *d = opendir(dir);
    if (!d)
        return false;
    size_t dir_len = strlen(dir);
    while (dir_len > 0 && dir[dir_len - 1] == '/')
        dir_len--;
    errno = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL; errno = 0) {
        if (!is_wanted(e->d_name))
            continue;
        *paths = pool_append(pool, *paths, *count, sizeof **paths);
        (*paths)[(*count)++] = pool_printf(pool, "%.*s/%s", (int)dir_len, dir, e->d_name);
    }
    int failed = errno;
    closedir(d);
    if (*count > 0)
        qsort(*paths, *count, sizeof **paths, by_bytes);
    errno = failed;
    return failed == 0;
}
