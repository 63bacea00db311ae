/* small_struct.c - says that its table is too small to hold what version 0 needs. */
#include "sluice/sluice.h"

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    static const sluice_connector connector = {.struct_size = 16, .name = "small"};
    return &connector;
}
