/* path.h - where columns come from in a source's record: "a", "a.b", "a[].b", "a|b".
 *
 * The paths of all columns are merged into one tree of keys, so that a record is walked once and only along the keys
 * that somebody wants. Keys usually come in the same order in each record: every key remembers which one followed it
 * the last time, and only a wrong guess costs a search.
 *
 * A path may stop at a list ("a.b[].c"): the tree then ends at "a.b", and the rest is the path's tail.
 *
 * Memory:  all of it lies in the region given to paths_init(). Found values point into the record that was read.
 */
#ifndef SLUICE_SDK_PATH_H
#define SLUICE_SDK_PATH_H

#include "json.h"
#include "region.h"

/* A key of the tree. */
struct path_node {
    sluice_str key;
    struct path_node *parent;  /* NULL: the record itself */
    struct path_node *child;   /* the first one */
    struct path_node *sibling; /* the next one */
    struct path_node *first;   /* the wanted child that came first in the last object that was read here */
    struct path_node *follows; /* the wanted sibling that followed in the last object */
    struct json_value found;   /* of the record `seen` */
    uint64_t seen;             /* number of the record that had this key last */
};

/* One place to look: a column has one, or several that are tried in order. */
struct path {
    struct path_node *node;
    sluice_str text;   /* as written, for people */
    sluice_str tail;   /* what follows "[]", without the dot; "" when nothing does */
    bool list;         /* has a "[]" */
    struct path *next; /* the alternative behind "|" */
};

struct paths {
    struct region *memory;
    struct path_node root;
    uint64_t record; /* number of the one that is being read */
};

/* What became of a path in the record. */
#define PATH_ABSENT 0
#define PATH_FOUND  1
#define PATH_WRONG  2 /* a key on the way there is neither an object nor null */

void paths_init(struct paths *p, struct region *memory);

/* Add what a column names; `text` must outlive the paths. NULL when it is not a path or memory ran out. */
struct path *paths_add(struct paths *p, const char *text);

/* Add a key at the top of the record, which may hold any character. NULL when memory ran out. */
struct path_node *paths_add_key(struct paths *p, sluice_str key);

/* Read one record; of a repeated key the last one counts. False when it is not an object that is JSON to its last byte;
 * json_read() can tell why. */
bool paths_read(struct paths *p, sluice_str record);

/* What the path led to in that record: *value, for PATH_WRONG the one that stood in the way. Below a null is a null. */
int path_find(const struct paths *p, const struct path *path, struct json_value *value);

/* Split the first key off a tail; *list says whether "[]" followed it. False when the tail is empty. */
bool path_step(sluice_str *tail, sluice_str *key, bool *list);

#endif
