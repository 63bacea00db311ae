/* late_pq.h - libpq, loaded by the process that opens a PostgreSQL store and by no other. Stands for <libpq-fe.h>.
 *
 * libpq brings thirty libraries along, as late_curl.h says of libcurl: who keeps an SQLite store does not pay for them.
 * A function that is not in both lists does not link.
 */
#ifndef SLUICE_STORE_LATE_PQ_H
#define SLUICE_STORE_LATE_PQ_H

#include "err.h"

#include <libpq-fe.h>

#define LATE_PQ_FUNCTIONS(X)                                                                                           \
    X(PQbackendPID) X(PQclear) X(PQcmdStatus) X(PQcmdTuples) X(PQconnectPoll) X(PQconnectStartParams)                  \
    X(PQconninfoFree) X(PQconninfoParse) X(PQconsumeInput) X(PQenterPipelineMode) X(PQerrorMessage)                    \
    X(PQexitPipelineMode) X(PQfinish) X(PQflush) X(PQfreemem) X(PQftype) X(PQgetCopyData) X(PQgetResult)               \
    X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQhost) X(PQisBusy) X(PQlibVersion) X(PQntuples) X(PQpipelineSync)   \
    X(PQputCopyData) X(PQputCopyEnd) X(PQresultErrorField) X(PQresultStatus) X(PQsendPrepare) X(PQsendQuery)           \
    X(PQsendQueryParams) X(PQsendQueryPrepared) X(PQserverVersion) X(PQsetNoticeProcessor) X(PQsetnonblocking)         \
    X(PQsocket) X(PQstatus) X(PQtransactionStatus)

#define LATE_PQ_MEMBER(name) __typeof__(name) *name##_;
struct late_pq {
    LATE_PQ_FUNCTIONS(LATE_PQ_MEMBER)
};

/* Load libpq, unless that was done. E_SYSTEM when it is not possible. Any thread. */
int late_pq_load(struct err *err);

/* Its functions, once late_pq_load() has succeeded. Any thread. */
const struct late_pq *late_pq(void);

#define PQbackendPID         late_pq()->PQbackendPID_
#define PQclear              late_pq()->PQclear_
#define PQcmdStatus          late_pq()->PQcmdStatus_
#define PQcmdTuples          late_pq()->PQcmdTuples_
#define PQconnectPoll        late_pq()->PQconnectPoll_
#define PQconnectStartParams late_pq()->PQconnectStartParams_
#define PQconninfoFree       late_pq()->PQconninfoFree_
#define PQconninfoParse      late_pq()->PQconninfoParse_
#define PQconsumeInput       late_pq()->PQconsumeInput_
#define PQenterPipelineMode  late_pq()->PQenterPipelineMode_
#define PQerrorMessage       late_pq()->PQerrorMessage_
#define PQexitPipelineMode   late_pq()->PQexitPipelineMode_
#define PQfinish             late_pq()->PQfinish_
#define PQflush              late_pq()->PQflush_
#define PQfreemem            late_pq()->PQfreemem_
#define PQftype              late_pq()->PQftype_
#define PQgetCopyData        late_pq()->PQgetCopyData_
#define PQgetResult          late_pq()->PQgetResult_
#define PQgetisnull          late_pq()->PQgetisnull_
#define PQgetlength          late_pq()->PQgetlength_
#define PQgetvalue           late_pq()->PQgetvalue_
#define PQhost               late_pq()->PQhost_
#define PQisBusy             late_pq()->PQisBusy_
#define PQlibVersion         late_pq()->PQlibVersion_
#define PQntuples            late_pq()->PQntuples_
#define PQpipelineSync       late_pq()->PQpipelineSync_
#define PQputCopyData        late_pq()->PQputCopyData_
#define PQputCopyEnd         late_pq()->PQputCopyEnd_
#define PQresultErrorField   late_pq()->PQresultErrorField_
#define PQresultStatus       late_pq()->PQresultStatus_
#define PQsendPrepare        late_pq()->PQsendPrepare_
#define PQsendQuery          late_pq()->PQsendQuery_
#define PQsendQueryParams    late_pq()->PQsendQueryParams_
#define PQsendQueryPrepared  late_pq()->PQsendQueryPrepared_
#define PQserverVersion      late_pq()->PQserverVersion_
#define PQsetNoticeProcessor late_pq()->PQsetNoticeProcessor_
#define PQsetnonblocking     late_pq()->PQsetnonblocking_
#define PQsocket             late_pq()->PQsocket_
#define PQstatus             late_pq()->PQstatus_
#define PQtransactionStatus  late_pq()->PQtransactionStatus_

#endif
