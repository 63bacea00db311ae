/* null_table.c - has an entry function that has nothing to give. */
#include "sluice/sluice.h"

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    return NULL;
}
