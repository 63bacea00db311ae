/* garbage.c - writes what it should not where it should not, and goes on. */
#include "sluice/sluice.h"

#include <unistd.h>

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    static const char text[] = "{\"connector\": ";
    for (int fd = 3; fd < 64; fd++) {
        if (write(fd, text, sizeof(text) - 1) < 0)
            continue;
    }
    return NULL;
}
