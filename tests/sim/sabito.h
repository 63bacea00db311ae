/* sabito.h - what the simulator keeps of Sabito. */
#ifndef SIM_SABITO_H
#define SIM_SABITO_H

#include "sim.h"

struct sabito *sabito_open(const struct options *, time_t now); /* NULL: no memory */
void sabito_close(struct sabito *);
void sabito_reset(struct sim *);
void sabito_control(struct sim *, const struct request *, struct reply *);

#endif
