/* other_version.c - a connector for another version of the ABI. */
#include "sluice/sluice.h"

SLUICE_EXPORT const void *sluice_connector_v7(void);
const void *sluice_connector_v7(void)
{
    return "seven";
}
