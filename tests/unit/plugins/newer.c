/* newer.c - works only with a host that is newer than this one. */
#include "sluice/sluice.h"

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    static const sluice_connector connector = {.struct_size = sizeof(connector),
                                               .abi_minor = SLUICE_ABI_MINOR + 3,
                                               .needs_minor = SLUICE_ABI_MINOR + 2,
                                               .name = "newer",
                                               .version = "1"};
    return &connector;
}
