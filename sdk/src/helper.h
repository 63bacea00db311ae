/* helper.h - what the files behind sluice.h share: the state that the library keeps for a run.
 *
 * It is made when the first helper needs it and hangs at run->helper, until the next partition's run needs one. A
 * connector's process ends with its last run, so nobody has to free that there; tests do, with sluice_helper_free().
 *
 * Memory:  one region for what lives as long as the run, one for the record that is being mapped. Both have a limit;
 *          reaching it ends the run. Of the answers the newest ANSWERS_OPEN stay readable; of older ones only the keys
 *          at the top are kept, so that a run of many pages does not grow.
 */
#ifndef SLUICE_SDK_HELPER_H
#define SLUICE_SDK_HELPER_H

#include "mapping.h"
#include "sluice/sluice.h"

#define RUN_MEMORY_MAX    ((size_t)16 << 20)
#define RECORD_MEMORY_MAX ((size_t)64 << 20)
#define ANSWERS_OPEN      8
#define WINDOW            ((size_t)256 << 10) /* bytes of a body that are asked for at once */

/* A setting that was asked for as text. */
struct setting {
    const char *name, *text;
    struct setting *next;
};

/* The record between sluice_map() and its verdict. */
struct sluice_record {
    sluice_run *run;
    struct helper *helper;
    struct mapping mapping;
    bool made; /* the mapping is */
    bool open; /* waits for its verdict */
};

struct helper {
    const char *partition; /* the run's, as a pointer: with another one it is the next run */
    struct region run_memory, record_memory;
    struct setting *settings;
    struct zone *zone; /* of the stream's times; NULL: UTC */
    struct sluice_record record;
    struct sluice_scan *scans; /* all that were opened */
    struct sluice_ids *ids;    /* all sets that were made */
    uint32_t verdicts;                         /* since the record was handed to map() */
    size_t window;                             /* bytes, see WINDOW */
    struct sluice_body *answers[ANSWERS_OPEN]; /* the newest ones, in a ring */
    size_t answer_count;
};

/* The state of `run`; NULL when memory ran out, and then the run has failed. */
struct helper *helper_of(sluice_run *run);

/* Why the run is over, SLUICE_OK while it is not. */
int32_t helper_status(sluice_run *run);

/* End the run: the connector keeps too much; the record is too large. Both return NULL. */
void *helper_run_full(sluice_run *run);
void *helper_record_full(sluice_run *run);

/* Setting `name` of the run `context`; a text_setting. False: there is none, and the run has failed. */
bool helper_setting(void *context, const char *name, sluice_value *value);

/* Close the mapping and all that hangs at it. */
void helper_record_free(struct sluice_record *rec);

/* May this record be looked at and changed? NULL is fine. */
bool helper_record_open(const struct sluice_record *rec);

/* The number of the record's column of that name; -1 when there is none, which fails the run. */
int64_t helper_record_column(struct sluice_record *rec, const char *name);

/* A terminated copy of `text` that lives as long as the record; "" without memory, and then the run has failed. */
const char *helper_record_text(struct sluice_record *rec, sluice_str text);

/* Give back what all scans and all sets hold. */
void helper_scans_free(struct helper *h);
void helper_ids_free(struct helper *h);

/* Free the library's state of `run`; what it handed out is gone. */
void sluice_helper_free(sluice_run *run);

#endif
