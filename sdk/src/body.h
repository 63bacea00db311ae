/* body.h - an answer that is one JSON object: its bytes through windows, and where its keys stand.
 *
 * A body is walked once when it comes: that proves it whole and finds the keys at its top, wherever they stand. Texts
 * and numbers among their values are kept; a list stays where it is and is read through windows, one element at a time
 * in one piece.
 */
#ifndef SLUICE_SDK_BODY_H
#define SLUICE_SDK_BODY_H

#include "helper.h"

/* A key at the top of an answer. */
struct body_key {
    const char *name;
    char first;        /* byte of its value: tells what it is */
    uint64_t offset;   /* of its value */
    const char *value; /* the value's JSON, not checked, where it is small and single; else "" */
    const char *text;  /* what sluice_value_of() made of it; NULL: nothing yet */
    struct body_key *before;
};

struct sluice_body {
    sluice_run *run;
    struct helper *helper;
    struct region *memory;     /* its keys and their texts lie here */
    sluice_exchange *exchange; /* NULL: too old, see ANSWERS_OPEN */
    uint64_t size;
    bool may_be_list;      /* an answer that is a list will do as well as an object */
    bool is_list;          /* it is one: its only key is "" */
    int32_t status;        /* of HTTP */
    const char *hint;      /* "" when there is none */
    struct body_key *last; /* of its keys */
    uint64_t at;           /* where the window stands */
    sluice_str window;     /* the bytes last read */
};

/* The body of an answered exchange, which stays the caller's; it lies in `memory`. NULL when the run has failed. */
struct sluice_body *body_make(sluice_run *run, sluice_exchange *exchange, const sluice_reply *reply, const char *hint,
                              struct region *memory);

/* The body's bytes from `offset`: `want` of them or more, fewer only at its end. None when the run has failed. They
 * live until the next call. */
sluice_str body_bytes(struct sluice_body *b, uint64_t offset, size_t want);

/* The first byte at or behind *at that is not white space, and *at moves to it; 0 at the end of the body. */
char body_next(struct sluice_body *b, uint64_t *at);

/* The whole value that begins at `at`, in one piece; empty when there is none or the run has failed. */
sluice_str body_value(struct sluice_body *b, uint64_t at);

/* Walk the body and note its keys. False, and the run has failed, when it is not one whole JSON object (or list). */
bool body_index(struct sluice_body *b);

/* The last key of that name; NULL when there is none. */
struct body_key *body_find(struct sluice_body *b, const char *name);

/* End the run: `what` is wrong with this answer. Quotes its beginning and its hint. */
void body_refuse(struct sluice_body *b, const char *what);

#endif
