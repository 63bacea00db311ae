/* reexec.c - see reexec.h. */
#include "reexec.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FDS_MAX 4

int reexec_sealed(const json_t *json)
{
    int fd = memfd_create("sluice-job", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || !json || json_dumpfd(json, fd, JSON_COMPACT) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* What libraries need to work here, and no secret. */
static void clean_environment(char **out, size_t max)
{
    static const char *const kept[] = {"PATH", "TZDIR", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR",
                                       "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", LOG_VARIABLE};
    size_t n = 0;

    for (char **e = environ; *e && n + 1 < max; e++) {
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
            size_t len = strlen(kept[i]);
            if (strncmp(*e, kept[i], len) == 0 && (*e)[len] == '=')
                out[n++] = *e;
        }
    }
    out[n] = NULL;
}

/* Copies of `fds` above the numbers that they are to have there, so that none is overwritten before it is moved. */
static int move_up(const int *fds, size_t count, int *moved)
{
    for (size_t i = 0; i < count; i++)
        moved[i] = -1;
    for (size_t i = 0; i < count; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, REEXEC_FD + FDS_MAX);
        if (moved[i] < 0)
            return errno;
    }
    return 0;
}

static int spawn(char *const argv[], const int *fds, size_t count, char **envp, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0); /* ours is for results */
    for (size_t i = 0; i < count; i++)
        posix_spawn_file_actions_adddup2(&files, fds[i], REEXEC_FD + (int)i);
    posix_spawn_file_actions_addclosefrom_np(&files, REEXEC_FD + (int)count);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    int rc = posix_spawn(pid, "/proc/self/exe", &files, &attr, argv, envp);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

int reexec_start(char *const argv[], const int *fds, size_t fd_count, bool variables, pid_t *pid, struct err *err)
{
    char *clean[32];
    int moved[FDS_MAX];

    clean_environment(clean, sizeof(clean) / sizeof(clean[0]));
    int rc = move_up(fds, fd_count, moved);
    if (!rc)
        rc = spawn(argv, moved, fd_count, variables ? environ : clean, pid);
    for (size_t i = 0; i < fd_count; i++) {
        if (moved[i] >= 0)
            close(moved[i]);
    }
    return rc ? err_set(err, E_SYSTEM, "cannot start a process: %s", strerror(rc)) : SLUICE_OK;
}
