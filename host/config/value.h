/* value.h - a node as a value of the wanted type. Texts convert; what does not fit is UNITS_*. */
#ifndef SLUICE_CONFIG_VALUE_H
#define SLUICE_CONFIG_VALUE_H

#include "node.h"
#include "units.h"

int value_integer(const struct config_node *node, int64_t *value);
int value_truth(const struct config_node *node, bool *value);
int value_duration(const struct config_node *node, int64_t *us);
int value_size(const struct config_node *node, int64_t *bytes);
int value_rate(const struct config_node *node, int64_t *per_min);

/* Which of the blank-separated `choices` the text is, from 0; -1: none. */
int value_choice(const struct config_node *node, const char *choices);

/* The next word of a blank-separated list: *len bytes at the result, NULL at its end. *list moves behind it. */
const char *value_word(const char **list, size_t *len);

/* The blank-separated words with ", " between them, in the pool. */
char *value_list_words(struct pool *pool, const char *words);

#endif
