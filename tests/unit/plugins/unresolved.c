/* unresolved.c - needs a function that nobody has. */
#include "sluice/sluice.h"

extern const sluice_connector *a_function_that_nobody_has(void);

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    return a_function_that_nobody_has();
}
