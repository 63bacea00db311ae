/* no_entry.c - a shared object, but not a connector. */
#include "sluice/sluice.h"

SLUICE_EXPORT int no_entry(void);
int no_entry(void)
{
    return 0;
}
