/* key.h - how the table of all keys (keys.c) is made up, and the reading of nodes by it.
 *
 * Each key says which member of which struct it fills, so a key that is in the table is read, checked and documented.
 */
#ifndef SLUICE_CONFIG_KEY_H
#define SLUICE_CONFIG_KEY_H

#include "node.h"

enum key_type {
    KEY_TEXT,     /* char * */
    KEY_NAME,     /* char *: letters, digits, _ and - */
    KEY_COLUMN,   /* char *: an identifier of the store, at most 63 bytes */
    KEY_PATH,     /* char *: beside the file it stands in, absolute */
    KEY_WORDS,    /* char *: names, split by blanks or as a list */
    KEY_CRON,     /* char *: a cron line that fires */
    KEY_ZONE,     /* char *: an IANA time zone */
    KEY_LEVEL,    /* char *: one of `choices` */
    KEY_CHOICE,   /* int or uint32_t: `min` + the place among `choices` */
    KEY_TRUTH,    /* bool */
    KEY_COUNT,    /* uint32_t */
    KEY_DURATION, /* int64_t, microseconds */
    KEY_SIZE,     /* uint64_t, bytes */
    KEY_RATE,     /* uint32_t, a minute */
    KEY_TEXTS,    /* char ** and count: a list of texts, each one of `choices` if there are any */
    KEY_RENAMES,  /* struct config_rename * and count: a group of any names */
    KEY_GROUP,    /* its keys fill a struct in the struct */
    KEY_GROUPS,   /* pointer to structs and count: a list of groups */
    KEY_NODE,     /* struct config_node *: a group that is checked later */
};

#define KEY_REQUIRED 1u /* must be there and not empty */
#define KEY_SECRET   2u /* never quoted */
#define KEY_EARLY    4u /* config_load() reads it itself, before the rest */
#define KEY_FIXED    8u /* a reload cannot change it */

struct key_group;

struct key {
    const char *name;
    enum key_type type;
    size_t at;           /* of the member in the struct */
    size_t count_at;     /* lists: of their size_t */
    size_t set_at;       /* of a bool that says it was there; 0: none */
    const char *preset;  /* as text; NULL: zero, false, "" or none */
    int64_t min, max;    /* numbers, durations, sizes */
    const char *choices; /* split by blanks */
    uint32_t flags;
    const struct key_group *group;
    const char *help; /* one line for the manual */
};

struct reader;

struct key_group {
    const char *what; /* "a job", for problems */
    const struct key *keys;
    size_t key_count;
    size_t size; /* of the struct */
    /* Look at a struct that was read, as a whole; NULL: nothing to look at. False leaves it out of its list. */
    bool (*check)(struct reader *r, void *object, const struct config_node *node);
};

/* The file itself: struct config. Its keys lead to all others. */
extern const struct key_group keys_root;

/* One of its connectors, and one job of such a one. */
extern const struct key_group keys_connector, keys_job;

struct reader {
    struct pool *pool;
    struct config_problems *problems;
    struct config_files *files;
};

/* Read a group into the zeroed `object` by its keys: presets where nothing is written; unknown, missing and wrong ones
 * are problems. Gives what the group's check gives. */
bool key_read_group(struct reader *r, const struct config_node *node, const struct key_group *group, void *object);

/* Read `node` as the value of one key into `object`. */
void key_read(struct reader *r, const struct config_node *node, const struct key *key, void *object);

/* Add a problem with the place of `node`. */
void key_problem(struct reader *r, const struct config_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What a value of the key may be, for a sentence: "a whole number from 1 to 20". Lives in the pool. */
const char *key_wanted(struct pool *pool, const struct key *key);

#endif
