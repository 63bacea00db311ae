/* late_curl.h - libcurl, loaded by the process that asks the source and by no other. Stands for <curl/curl.h>.
 *
 * libcurl brings thirty libraries along: linked with the program they cost 3 ms of CPU and 5 MiB at every start, of the
 * writer and of each command too. So the functions that are used here are pointers, and their names lead to them.
 * Another one that is used must be added to both lists, or the program does not link.
 */
#ifndef SLUICE_HTTP_LATE_CURL_H
#define SLUICE_HTTP_LATE_CURL_H

#include "err.h"

#include <curl/curl.h>

/* Macros of libcurl's own that stand for functions. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

#define LATE_CURL_FUNCTIONS(X)                                                                                         \
    X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_perform) X(curl_easy_reset)                \
    X(curl_easy_setopt) X(curl_easy_strerror) X(curl_free) X(curl_getdate) X(curl_global_init)                         \
    X(curl_multi_add_handle) X(curl_multi_cleanup) X(curl_multi_info_read) X(curl_multi_init)                          \
    X(curl_multi_perform) X(curl_multi_poll) X(curl_multi_remove_handle) X(curl_multi_setopt) X(curl_slist_append)     \
    X(curl_slist_free_all) X(curl_url) X(curl_url_cleanup) X(curl_url_get) X(curl_url_set) X(curl_version)

#define LATE_CURL_MEMBER(name) __typeof__(name) *name##_;
struct late_curl {
    LATE_CURL_FUNCTIONS(LATE_CURL_MEMBER)
};

/* Load libcurl, unless that was done. E_SYSTEM when it is not possible. Any thread. */
int late_curl_load(struct err *err);

/* Its functions; loads it, and ends the process where that is not possible and nobody asked before. Any thread. */
const struct late_curl *late_curl(void);

#define curl_easy_cleanup        late_curl()->curl_easy_cleanup_
#define curl_easy_getinfo        late_curl()->curl_easy_getinfo_
#define curl_easy_init           late_curl()->curl_easy_init_
#define curl_easy_perform        late_curl()->curl_easy_perform_
#define curl_easy_reset          late_curl()->curl_easy_reset_
#define curl_easy_setopt         late_curl()->curl_easy_setopt_
#define curl_easy_strerror       late_curl()->curl_easy_strerror_
#define curl_free                late_curl()->curl_free_
#define curl_getdate             late_curl()->curl_getdate_
#define curl_global_init         late_curl()->curl_global_init_
#define curl_multi_add_handle    late_curl()->curl_multi_add_handle_
#define curl_multi_cleanup       late_curl()->curl_multi_cleanup_
#define curl_multi_info_read     late_curl()->curl_multi_info_read_
#define curl_multi_init          late_curl()->curl_multi_init_
#define curl_multi_perform       late_curl()->curl_multi_perform_
#define curl_multi_poll          late_curl()->curl_multi_poll_
#define curl_multi_remove_handle late_curl()->curl_multi_remove_handle_
#define curl_multi_setopt        late_curl()->curl_multi_setopt_
#define curl_slist_append        late_curl()->curl_slist_append_
#define curl_slist_free_all      late_curl()->curl_slist_free_all_
#define curl_url                 late_curl()->curl_url_
#define curl_url_cleanup         late_curl()->curl_url_cleanup_
#define curl_url_get             late_curl()->curl_url_get_
#define curl_url_set             late_curl()->curl_url_set_
#define curl_version             late_curl()->curl_version_

#endif
