/* hangs.c - never comes back, and leaves a process of its own behind. */
#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void)
{
    signal(SIGTERM, SIG_IGN);
    fork();
    for (;;)
        pause();
}
