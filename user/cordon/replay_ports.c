/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_ports.h"

#include <errno.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "compiled.h"

#define GLOB_CHARACTERS "*?["

/* Where no `addresses:` says otherwise, frames to the gateway carry this locally administered MAC. */
static const uint8_t default_mac[6] = {0x02, 0, 0, 0, 0, 0x01};

void replay_ports_done(struct replay_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		free(ports->items[i].name);
	free(ports->items);
	*ports = (struct replay_ports){};
}

static struct replay_port *port_find(const struct replay_ports *ports, const char *name)
{
	for (size_t i = 0; i < ports->n; i++) {
		if (!strcmp(ports->items[i].name, name))
			return &ports->items[i];
	}
	return NULL;
}

/* NULL without memory. The result is good until the next one. */
static struct replay_port *port_get(struct replay_ports *ports, const char *name)
{
	struct replay_port *items, *port = port_find(ports, name);

	if (port)
		return port;
	items = reallocarray(ports->items, ports->n + 1, sizeof(*items));
	if (!items)
		return NULL;
	ports->items = items;
	items[ports->n] = (struct replay_port){.name = strdup(name)};
	return items[ports->n].name ? &items[ports->n++] : NULL;
}

int replay_ports_note(struct replay_ports *ports, const char *name)
{
	struct replay_port *port = port_get(ports, name);

	if (!port)
		return -ENOMEM;
	port->faces_devices = true;
	return 0;
}

bool replay_ports_face(void *ctx, const struct gateway_config *config, const char *name)
{
	const struct replay_port *port = port_find(ctx, name);

	if (!config_is_uplink(config, name) && port && port->faces_devices)
		return true;
	return faces_devices(NULL, config, name);
}

static enum cordon_role role_of(const struct replay_ports *ports, const struct replay_port *port)
{
	if (config_is_uplink(ports->config, port->name))
		return CORDON_ROLE_UPLINK;
	if (port->faces_devices || config_port_for(ports->config, port->name))
		return CORDON_ROLE_DEVICE;
	return strncmp(port->name, "br", 2) ? CORDON_ROLE_UPLINK : CORDON_ROLE_BRIDGE;
}

/* The MAC by which devices of a port know the gateway: the port's, else that of a bridge, else the default. */
static const uint8_t *gateway_mac(const struct gateway_config *config, const char *name)
{
	const struct config_addresses *own = config_addresses_of(config, name);

	if (own && own->has_mac)
		return own->mac;
	for (size_t i = 0; i < config->n_addresses; i++) {
		if (config->addresses[i].has_mac && !strncmp(config->addresses[i].port, "br", 2))
			return config->addresses[i].mac;
	}
	return default_mac;
}

/* Ports with the same `group:` share a number. */
static uint32_t group_number(const struct gateway_config *config, const char *group)
{
	for (size_t i = 0; group && i < config->n_ports; i++) {
		if (config->ports[i].group && !strcmp(config->ports[i].group, group))
			return (uint32_t)i + 1;
	}
	return 0;
}

static int port_declare(struct replay_ports *ports, struct replay_port *port, enum cordon_role role, char **ret_why)
{
	const struct config_port *config = config_port_for(ports->config, port->name);
	uint32_t number = port->number ? port->number : ports->next + 1;
	struct dataplane_port row = {
		.number = number,
		.ifindex = number,
		.role = role,
		.mode = -1,
		.priority_tag = config && config->priority_tag,
		.group = config ? group_number(ports->config, config->group) : 0,
	};
	int r;

	if (number >= CORDON_MAX_PORTS)
		return why(ret_why, -ENOSPC, "more than %u ports", CORDON_MAX_PORTS - 1);
	memcpy(row.mac, gateway_mac(ports->config, port->name), sizeof(row.mac));
	r = dataplane_port_declare(ports->dp, &row);
	if (r < 0)
		return why(ret_why, r, "cannot declare port %s: %s", port->name, strerror(-r));
	if (!port->number)
		ports->next = number;
	port->number = number;
	port->role = role;
	return 0;
}

int replay_ports_any(struct replay_ports *ports, const char *name, uint32_t *ret, char **ret_why)
{
	struct replay_port *port = port_get(ports, name);
	enum cordon_role role;
	int r = 0;

	if (!port)
		return -ENOMEM;
	role = role_of(ports, port);
	if (!port->number || port->role != role)
		r = port_declare(ports, port, role, ret_why);
	if (r >= 0)
		*ret = port->number;
	return r;
}

int replay_ports_device(struct replay_ports *ports, const char *name, uint32_t *ret, char **ret_why)
{
	int r;

	if (config_is_uplink(ports->config, name))
		return why(ret_why, -EINVAL, "%s is an uplink: programs run on device ports only", name);
	r = replay_ports_note(ports, name);
	return r < 0 ? r : replay_ports_any(ports, name, ret, ret_why);
}

static const char *port_name_of_place(const struct gateway_config *config, const char *place)
{
	const struct config_port *named = config_port_for(config, place);

	if (!config->n_ports || (named && !strcmp(config_place(named, place), place)))
		return place;
	for (size_t i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];

		if (port->place && !strcmp(port->place, place) && !port->pattern[strcspn(port->pattern, GLOB_CHARACTERS)])
			return port->pattern;
	}
	return NULL;
}

uint32_t replay_ports_of_place(void *ctx, const char *place)
{
	struct replay_ports *ports = ctx;
	const char *name = port_name_of_place(ports->config, place);
	uint32_t number = CORDON_PORT_NONE;

	if (!name || replay_ports_device(ports, name, &number, NULL) < 0)
		return CORDON_PORT_NONE;
	return number;
}
