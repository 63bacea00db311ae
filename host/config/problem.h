/* problem.h - what config/ does with problems besides adding them. */
#ifndef SLUICE_CONFIG_PROBLEM_H
#define SLUICE_CONFIG_PROBLEM_H

#include "config.h"

/* How many there are, counted ones included. */
size_t problems_total(const struct config_problems *p);

/* Sort the problems from number `first` on by the order of `files` and by line; those of one line keep the order in
 * which they were found. Files that are not among `files` come last. */
void problems_sort(struct config_problems *p, size_t first, const char *const *files, size_t file_count);

#endif
