/* late_mhd.h - libmicrohttpd, loaded by the daemon and by no other process. Stands for <microhttpd.h>.
 *
 * libmicrohttpd brings GnuTLS and ten libraries along, which no worker and no command should pay for at its start. So
 * the functions that are used here are pointers, and their names lead to them. Another one that is used must be added
 * to both lists, or the program does not link.
 */
#ifndef SLUICE_CONTROL_LATE_MHD_H
#define SLUICE_CONTROL_LATE_MHD_H

#include "err.h"

#include <microhttpd.h>

#define LATE_MHD_FUNCTIONS(X)                                                                                          \
    X(MHD_add_response_header) X(MHD_create_response_from_buffer) X(MHD_destroy_response) X(MHD_get_connection_info)   \
    X(MHD_get_connection_values) X(MHD_get_daemon_info) X(MHD_get_timeout) X(MHD_lookup_connection_value)              \
    X(MHD_queue_response) X(MHD_quiesce_daemon) X(MHD_resume_connection) X(MHD_run) X(MHD_start_daemon)                \
    X(MHD_stop_daemon) X(MHD_suspend_connection)

#define LATE_MHD_MEMBER(name) __typeof__(name) *name##_;
struct late_mhd {
    LATE_MHD_FUNCTIONS(LATE_MHD_MEMBER)
};

/* Load libmicrohttpd, unless that was done. E_SYSTEM when it is not possible. The loop's thread only. */
int late_mhd_load(struct err *err);

/* Its functions, once it is loaded. */
const struct late_mhd *late_mhd(void);

#define MHD_add_response_header         late_mhd()->MHD_add_response_header_
#define MHD_create_response_from_buffer late_mhd()->MHD_create_response_from_buffer_
#define MHD_destroy_response            late_mhd()->MHD_destroy_response_
#define MHD_get_connection_info         late_mhd()->MHD_get_connection_info_
#define MHD_get_connection_values       late_mhd()->MHD_get_connection_values_
#define MHD_get_daemon_info             late_mhd()->MHD_get_daemon_info_
#define MHD_get_timeout                 late_mhd()->MHD_get_timeout_
#define MHD_lookup_connection_value     late_mhd()->MHD_lookup_connection_value_
#define MHD_queue_response              late_mhd()->MHD_queue_response_
#define MHD_quiesce_daemon              late_mhd()->MHD_quiesce_daemon_
#define MHD_resume_connection           late_mhd()->MHD_resume_connection_
#define MHD_run                         late_mhd()->MHD_run_
#define MHD_start_daemon                late_mhd()->MHD_start_daemon_
#define MHD_stop_daemon                 late_mhd()->MHD_stop_daemon_
#define MHD_suspend_connection          late_mhd()->MHD_suspend_connection_

#endif
