/* plugin_check.h - is what a connector's tables say possible? Everything that names something else is looked up, so
 * that a typo is an error when the plugin is loaded and not a wrong result later.
 *
 * All of it works on plugin.c's copies; errors are SLUICE_E_BUG, the innermost place last: "stream customers: column
 * afm: …".
 */
#ifndef SLUICE_WORKER_PLUGIN_CHECK_H
#define SLUICE_WORKER_PLUGIN_CHECK_H

#include "err.h"
#include "sluice/abi.h"

#include <stdbool.h>

/* Longest name of anything: what a database takes as an identifier. */
#define PLUGIN_NAME_MAX 63

/* Check all of it. */
int plugin_check(const sluice_connector *c, struct err *err);

/* The parts: the settings; one stream with its columns and rules; the routes. */
int plugin_check_options(const sluice_connector *c, struct err *err);
int plugin_check_stream(const sluice_connector *c, const sluice_stream *s, struct err *err);
int plugin_check_routes(const sluice_connector *c, struct err *err);

/* Is it a letter or "_", then letters, digits, "_" and what is in `more`, and not longer than PLUGIN_NAME_MAX? */
bool plugin_name_legal(sluice_str name, const char *more);

/* Texts for people and for JSON: valid UTF-8. A NULL one is fine unless it is `needed`. */
int plugin_check_text(const char *what, const char *text, bool needed, struct err *err);

/* Look a name up; NULL when there is none. A `name` of length 0 is never there. */
const sluice_option *plugin_find_option(const sluice_connector *c, sluice_str name);
const sluice_stream *plugin_find_stream(const sluice_connector *c, sluice_str name);
const sluice_column *plugin_find_column(const sluice_stream *s, sluice_str name);

/* A setting whose value is put into rows and answers of stream `s`: it exists, has one value there, is no secret. */
int plugin_check_setting(const sluice_connector *c, const sluice_stream *s, sluice_str name, struct err *err);

/* Text of a terminated string; "" for NULL. */
sluice_str plugin_str(const char *text);

#endif
