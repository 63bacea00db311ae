/* alert_text.h - an alert as JSON for programs, with a sentence for people: no record's text or key, no secret. */
#ifndef SLUICE_SUPERVISOR_ALERT_TEXT_H
#define SLUICE_SUPERVISOR_ALERT_TEXT_H

#include "alert_state.h"

/* {"alert","id","job","at","host","text"} and, of a run, "run","status","failures","errors"; of a gap "gap_seconds" and
 * "interval":{"from","to"} (as the source's clock said; null what is not known); of a stale job "since" (null: no good
 * run is known). Of hosts that differ "job" is null. `now` is wall time. New reference; NULL without memory. */
json_t *alert_json(const struct alert_event *event, const char *job, int64_t now);

/* The warning of a run that found a gap; NULL when it has none. */
const char *alert_gap_warning(const json_t *run);

/* How many rejects the cursor left behind in this run, since it could not be held back any longer. */
int64_t alert_left_behind(const json_t *run);

#endif
