/* saved.h - structs of a configuration as JSON and back, member by member as the table of keys says.
 *
 * A group is an object with a member for each of its keys, but for those that fill no struct. A key that tells whether
 * it was set has a second one, "rate?". Texts that are not UTF-8, as paths may be, are {"hex": their bytes}.
 */
#ifndef SLUICE_CONFIG_SAVED_H
#define SLUICE_CONFIG_SAVED_H

#include "key.h"

/* New references; NULL without memory. */
json_t *saved_group(const struct key_group *group, const void *object);
json_t *saved_value(const struct key *key, const void *object);
json_t *saved_text(const char *text);
json_t *saved_bytes(const char *bytes, size_t len);

/* Put a member into `object`; takes the value's reference. False without memory, as when the value is NULL. */
bool saved_put(json_t *object, const char *name, json_t *value);

/* ---- And back ---- */

/* Fill the zeroed `object` from what saved_group() gave. SLUICE_E_BUG with the key that is missing or wrong. */
int restored_group(struct pool *pool, const json_t *json, const struct key_group *group, void *object, struct err *err);

/* The text, in the pool; NULL when it is none. */
char *restored_text(struct pool *pool, const json_t *json);

/* The bytes that saved_bytes() wrote; NULL when it did not. */
char *restored_bytes(struct pool *pool, const json_t *json, size_t *len);

#endif
