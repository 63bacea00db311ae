/* zone_rule.h - the POSIX TZ rule at the end of a zone's file: when daylight saving begins and ends in any year. */
#ifndef SLUICE_SDK_ZONE_RULE_H
#define SLUICE_SDK_ZONE_RULE_H

#include "sluice/abi.h"

#include <stdbool.h>

/* When in a year a rule begins or ends daylight saving. */
struct zone_rule_date {
    char form; /* 'J': day 1 to 365, without 29 February; 'n': day 0 to 365; 'M': month, week, weekday */
    int month, week, day;
    int32_t time; /* seconds after midnight of the wall clock before the change; may be negative or beyond a day */
};

struct zone_rule {
    bool present;  /* false: the last transition's offset stays */
    bool daylight; /* has start and end */
    int32_t standard, summer; /* offsets */
    struct zone_rule_date start, end;
};

/* From an instant on, seconds since 1970 UTC, another offset. */
struct zone_transition {
    int64_t at;
    int32_t offset; /* from then on */
};

/* Read a rule as a zone's footer has it: "EET-2EEST,M3.5.0/3,M10.5.0/4". False when it is none. */
bool zone_rule_parse(sluice_str text, struct zone_rule *out);

/* Seconds east of UTC at `utc`. */
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc);

/* The next instant after `utc` at which the offset changes; false when there is none. */
bool zone_rule_next_change(const struct zone_rule *r, int64_t utc, int64_t *at);

#endif
