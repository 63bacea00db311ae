/* check.h - what the groups of a configuration must be as a whole. Each is a key_group's check. */
#ifndef SLUICE_CONFIG_CHECK_H
#define SLUICE_CONFIG_CHECK_H

#include "key.h"

bool check_token(struct reader *r, void *object, const struct config_node *node);
bool check_alert(struct reader *r, void *object, const struct config_node *node);
bool check_http(struct reader *r, void *object, const struct config_node *node);
bool check_match(struct reader *r, void *object, const struct config_node *node);
bool check_job(struct reader *r, void *object, const struct config_node *node);
bool check_connector(struct reader *r, void *object, const struct config_node *node);
bool check_config(struct reader *r, void *object, const struct config_node *node);

#endif
