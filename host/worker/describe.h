/* describe.h - a plugin's tables as JSON, for those who must not load it (config, check, help pages).
 *
 *   {"abi":"0.0","name","version","help","rate_per_min","parallel",
 *    "options":[{"name","type":"text|integer|boolean|duration|zone|charset|group","required","secret","list","unique",
 *                "preset":text|null,"choices":text|null,"help":text|null}],
 *    "streams":[{"name","table","help","scope","partition","needs","zone","gone","incremental","windowed",
 *                "columns":[{"name","type":number,"flags":number,"scale","path","value","preset","empty","help"}],
 *                "matches":[{"rule":number,"columns","never"}]}],
 *    "routes":[{"methods","path","action":number,"stream","full_key","under","message","keys"}]}
 *
 * Texts that the table leaves out are null. Numbers of type, flags, rule and action are those of abi.h.
 */
#ifndef SLUICE_WORKER_DESCRIBE_H
#define SLUICE_WORKER_DESCRIBE_H

#include "err.h"
#include "sluice/abi.h"

#include <jansson.h>

/* The JSON of tables that plugin_load() has checked. New reference; NULL when memory ran out. */
json_t *describe_connector(const sluice_connector *connector);
json_t *describe_stream(const sluice_stream *stream);

#define DESCRIBE_TIMEOUT_MS 10000

/* Load `file` in a child process of its own and bring back its description. A plugin that crashes, hangs or is refused
 * costs only that child; err says why, with the code of plugin_load() when it was refused. New reference, NULL on
 * failure. The caller has one thread and no children of its own: all there are afterwards are the plugin's, and are
 * killed. */
json_t *describe_file(const char *file, struct err *err);

/* The same with another time limit than DESCRIBE_TIMEOUT_MS. */
json_t *describe_file_within(const char *file, int timeout_ms, struct err *err);

#endif
