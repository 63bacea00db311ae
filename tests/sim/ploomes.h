/* ploomes.h - the simulated CRM's place in the simulator. */
#ifndef SIM_PLOOMES_H
#define SIM_PLOOMES_H

#include "sim.h"

/* What of it is kept; NULL: no memory. */
struct ploomes *ploomes_open(const struct options *);
void ploomes_close(struct ploomes *);

/* Back to the generated rows. */
void ploomes_reset(struct sim *);

/* Answer POST /_sim/ploomes. */
void ploomes_control(struct sim *, const struct request *, struct reply *);

#endif
