/* hides.c - closes every descriptor, as programs do that become daemons, and then never comes back. */
#include <unistd.h>

__attribute__((constructor)) static void hide(void)
{
    for (int fd = 0; fd < 64; fd++)
        close(fd);
    for (;;)
        pause();
}
