/* events.h - what a worker tells the process that started it: JSON texts of one line each, on a pipe.
 *
 *   {"event":"starting","run":id}      the run's row comes next: whoever started us can close it whenever we die
 *   {"event":"started","run":id}       it is in the ledger
 *   {"event":"progress","processed":n,"created":…,"updated":…,"skipped":…,"errors":…}   a few times a second; over
 *                                      partitions the sums, "partition":id, "partitions_ended", "partitions_total"
 *   {"event":"row","values":{…}}       preview: a mapped record; "rejected":{"key","reason"}, "skipped":why; "partition"
 *   {"event":"table","fits":…,"text":…}   what there is to say about the job's table, when that was asked
 *   {"event":"log","level":n,"text":…}
 *   {"event":"result","code":n,"message":…,"run":{…,"partitions":[{"id",…}…]}|null,
 *    "http":{"requests":n,"retries":n,"throttled_us":n,"bytes":n}}   the last one; a connector that was ended or died
 *                                      has not told what its requests cost: zeros
 */
#ifndef SLUICE_WORKER_EVENTS_H
#define SLUICE_WORKER_EVENTS_H

#include <jansson.h>

/* Send one; takes the reference. A reader that is gone is ignored: the run goes on. Secrets are masked in the texts that
 * are for people; what the reader acts on goes as it is, so that a secret which is a word of ours spoils nothing. */
void event_send(int fd, json_t *event);

/* The same for what is only good to know: it is dropped when nobody has been reading for a while, so that a run never
 * waits for its starter. */
void event_offer(int fd, json_t *event);

#endif
