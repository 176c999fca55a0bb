/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the sections of gateway.yaml that name interfaces and routers.
 * Out: value parsers (form.h) for its table; their field is the struct gateway_config.
 * Never: seen outside this room.
 */
#ifndef CORDON_CONFIG_PARSE_H
#define CORDON_CONFIG_PARSE_H

#include "../lib/form.h"
#include "config.h"

void config_parse_ports(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void config_parse_uplinks(struct form *f, const struct yaml_node *value, void *field, const void *arg);
void config_parse_routers(struct form *f, const struct yaml_node *value, void *field, const void *arg);

/* A key that is an interface name, or a glob over them where `globs`; else told. */
bool config_interface_ok(struct form *f, const struct yaml_node *key, bool globs);

#endif
