/* request.h - what a sluice_call says, made into a request and sent. */
#ifndef SLUICE_SDK_REQUEST_H
#define SLUICE_SDK_REQUEST_H

#include "helper.h"

/* Send what `call` says, with the `count` arguments of `more` behind its own query; NULL when the run has failed. */
sluice_exchange *request_send(sluice_run *run, const sluice_call *call, const sluice_pair *more, size_t count);

#endif
