/* blame.h - which value of a record it was that a column does not take. */
#ifndef SLUICE_STORE_BLAME_H
#define SLUICE_STORE_BLAME_H

#include "cell.h"
#include "ddl.h"

/* A record was refused with `err`, E_REFUSED. When a value is to blame that its column does not take (a type, a length,
 * the rule of a domain), let the message name both. `cells` by column of `table`; NULL, or one without a value, was not
 * written. Returns err->code: it stays E_REFUSED unless the store fails. */
int blame(struct db *db, const struct table *table, const struct ddl_state *state, const struct cell *const *cells,
          struct err *err);

#endif
