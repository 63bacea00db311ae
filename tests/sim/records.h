/* records.h - the records of all streams: generated ones with their changes, or a text that a test put in their place.
 */
#ifndef SIM_RECORDS_H
#define SIM_RECORDS_H

#include "data.h"

struct dataset *dataset_open(const struct options *, time_t now);
void dataset_close(struct dataset *);

/* Back to the generated records, unchanged, as of `now`. */
void dataset_reset(struct dataset *, time_t now);

/* Serve `text` (UTF-8, sent as it is) in place of a stream's list. `total` < 0: count its objects. */
void dataset_replace(struct dataset *, uint32_t stream, sluice_str text, int64_t total);

/* Change the phone number of a share of the generated records at the time `now`; how many that were. */
uint64_t dataset_touch(struct dataset *, double percent, uint64_t seed, time_t now);

/* What of a stream is asked for. */
struct selection {
    uint32_t stream;
    bool windowed; /* only records with from < UPDDATE <= to */
    time_t from, to;
    const char *tail; /* text that closes the answer after the list */
};

/* Let `r` go on with the selected records, as a JSON list in r->charset, and the tail; how many records that will be.
 */
uint64_t dataset_answer(struct dataset *, const struct selection *, struct reply *r);

#endif
