/* events.h - what a worker tells the process that started it: JSON texts of one line each, on a pipe.
 *
 *   {"event":"started","run":id}       the run's row is in the ledger
 *   {"event":"progress","processed":n,"created":…,"updated":…,"skipped":…,"errors":…}   a few times a second
 *   {"event":"row","values":{…}}       preview: a mapped record; "rejected":{"key","reason"}, "skipped":why
 *   {"event":"log","level":n,"text":…}
 *   {"event":"result","code":n,"message":…,"run":{…}|null}   the last one
 */
#ifndef SLUICE_WORKER_EVENTS_H
#define SLUICE_WORKER_EVENTS_H

#include <jansson.h>

/* Send one; takes the reference. A reader that is gone is ignored: the run goes on. Secrets are masked. */
void event_send(int fd, json_t *event);

#endif
