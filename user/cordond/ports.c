/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/clock.h"
#include "../lib/log.h"
#include "engine.h"
#include "integrity.h"

#define ADOPT_FOR (60 * NS_PER_S)

const char *attach_name(enum dataplane_attach how)
{
	static const char *const names[] = {
		[DATAPLANE_ATTACH_NATIVE] = "native",
		[DATAPLANE_ATTACH_GENERIC] = "generic",
		[DATAPLANE_ATTACH_TC] = "tc",
	};

	return (size_t)how < ARRAY_SIZE(names) ? names[how] : NULL;
}

static bool is_master_of_port(const struct engine *e, const struct link *bridge)
{
	const struct link *links;
	size_t n = links_all(e->links, &links);

	for (size_t i = 0; i < n; i++)
		if (links[i].master == bridge->ifindex && config_port_for(e->config, links[i].name))
			return true;
	return false;
}

enum cordon_role ports_role(const struct engine *e, const struct link *link)
{
	if (link->loopback)
		return CORDON_ROLE_NONE;
	if (config_port_for(e->config, link->name))
		return CORDON_ROLE_DEVICE;
	if (config_is_uplink(e->config, link->name))
		return CORDON_ROLE_UPLINK;
	return is_master_of_port(e, link) ? CORDON_ROLE_BRIDGE : CORDON_ROLE_NONE;
}

/* The gateway's MAC as devices of this link see it: as configured, else its bridge's, else its own. */
static void own_mac(const struct engine *e, const struct link *link, uint8_t ret[6])
{
	const struct config_addresses *given = config_addresses_of(e->config, link->name);
	const struct link *bridge = link->master ? links_find(e->links, link->master) : NULL;

	if (!(given && given->has_mac) && bridge)
		given = config_addresses_of(e->config, bridge->name);
	if (given && given->has_mac)
		memcpy(ret, given->mac, 6);
	else
		memcpy(ret, bridge ? bridge->mac : link->mac, 6);
}

/* Groups are numbered by their first port in the file; 0 is none. */
static uint32_t group_number(const struct gateway_config *config, const struct config_port *port)
{
	if (!port || !port->group)
		return 0;
	for (size_t i = 0; i < config->n_ports; i++)
		if (config->ports[i].group && strcmp(config->ports[i].group, port->group) == 0)
			return (uint32_t)i + 1;
	return 0;
}

static struct gateway_port *find_by_name(struct ports *ports, const char *name)
{
	for (size_t i = 0; i < ports->n; i++)
		if (strcmp(ports->items[i].name, name) == 0)
			return &ports->items[i];
	return NULL;
}

static struct gateway_port *refuse_port(struct engine *e, const char *name, const char *reason)
{
	if (!e->health.text[TROUBLE_PORT_NUMBER])
		log_error("no number for port=%s error='%s'", name, reason);
	trouble_set(&e->health, TROUBLE_PORT_NUMBER, "the interface %s has no number yet, and without one it cannot be enforced: %s", name, reason);
	e->ports.incomplete = true;
	return NULL;
}

static struct gateway_port *add_port(struct engine *e, const char *name)
{
	struct ports *ports = &e->ports;
	struct gateway_port *grown;
	uint32_t number;
	int r;

	r = state_port_number(e->state, name, &number);
	if (r < 0 || number == CORDON_PORT_NONE || number >= CORDON_MAX_PORTS)
		return refuse_port(e, name, r < 0 ? strerror(-r) : "all numbers are taken");
	grown = reallocarray(ports->items, ports->n + 1, sizeof(*grown));
	if (!grown)
		return refuse_port(e, name, "no memory");
	ports->items = grown;
	ports->items[ports->n] = (struct gateway_port){ .number = number };
	snprintf(ports->items[ports->n].name, sizeof(ports->items->name), "%s", name);
	return &ports->items[ports->n++];
}

void port_set_error(struct gateway_port *port, const char *text)
{
	free(port->error);
	port->error = text ? strdup(text) : NULL;
}

static void clear_row(struct engine *e, struct gateway_port *port)
{
	if (!port->in_kernel && port->hook == DATAPLANE_ATTACH_NONE)
		return;
	dataplane_port_clear(e->dp, port->number);
	port->in_kernel = false;
	port->hook = DATAPLANE_ATTACH_NONE;
}

static struct dataplane_port row_of(const struct engine *e, const struct gateway_port *port)
{
	struct dataplane_port row = {
		.number = port->number,
		.ifindex = port->ifindex,
		.role = port->role,
		.mode = port->config ? port->config->mode : -1,
		.priority_tag = port->config && port->config->priority_tag,
		.bounded = port->config && port->config->max_devices,
		.group = group_number(e->config, port->config),
		.adopt_for = e->adopted || e->ports.was_attached[port->number] ? 0 : ADOPT_FOR,
	};

	memcpy(row.mac, port->mac, sizeof(row.mac));
	return row;
}

static void write_row(struct engine *e, struct gateway_port *port)
{
	_cleanup_free_ char *reason = NULL;
	struct dataplane_port row = row_of(e, port);
	enum dataplane_attach hook = DATAPLANE_ATTACH_NONE, before = port->hook;
	bool retried = port->error != NULL;
	int r;

	r = dataplane_port_set(e->dp, &row, &hook, &reason);
	if (r < 0) {
		if (!retried)
			log_warning("not attached port=%s role=%u error='%s'", port->name, port->role, reason ? reason : strerror(-r));
		port_set_error(port, reason ? reason : strerror(-r));
		return;
	}
	if (reason && !retried)
		log_warning("attached, but not well port=%s error='%s'", port->name, reason);
	port_set_error(port, reason);
	port->in_kernel = true;
	port->hook = hook;
	e->ports.was_attached[port->number] = true;
	if (port->role == CORDON_ROLE_DEVICE && (hook != before || retried))
		log_info("attached port=%s number=%u ifindex=%u hook=%s", port->name, port->number, port->ifindex, attach_name(hook));
}

static bool row_differs(const struct gateway_port *a, const struct gateway_port *b)
{
	return a->ifindex != b->ifindex || a->role != b->role || a->config != b->config || memcmp(a->mac, b->mac, sizeof(a->mac));
}

/* What one link is to us now. True if a device port came or moved. */
static bool follow_link(struct engine *e, const struct link *link)
{
	enum cordon_role role = ports_role(e, link);
	struct gateway_port *port = find_by_name(&e->ports, link->name);
	struct gateway_port wanted;
	bool moved;

	if (role == CORDON_ROLE_NONE)
		return false;
	if (!port)
		port = add_port(e, link->name);
	if (!port)
		return false;

	wanted = *port;
	wanted.ifindex = link->ifindex;
	wanted.bridge = link->master;
	wanted.role = role;
	wanted.config = role == CORDON_ROLE_DEVICE ? config_port_for(e->config, link->name) : NULL;
	own_mac(e, link, wanted.mac);
	port->bridge = wanted.bridge;
	if (!row_differs(&wanted, port))
		return false;

	moved = wanted.ifindex != port->ifindex || wanted.role != port->role;
	if (moved)
		clear_row(e, port);
	wanted.hook = port->hook;
	wanted.in_kernel = false;
	*port = wanted;
	if (e->ports.live)
		write_row(e, port);
	return moved && role == CORDON_ROLE_DEVICE;
}

static const struct link *link_by_name(const struct engine *e, const char *name)
{
	const struct link *links;
	size_t n = links_all(e->links, &links);

	for (size_t i = 0; i < n; i++)
		if (strcmp(links[i].name, name) == 0)
			return &links[i];
	return NULL;
}

/* A port whose interface vanished, or that gateway.yaml no longer names, keeps its number and name but no row. */
static bool follow_gone(struct engine *e, struct gateway_port *port)
{
	const struct link *link = link_by_name(e, port->name);
	bool device = port->role == CORDON_ROLE_DEVICE;

	if (!port->ifindex || (link && ports_role(e, link) != CORDON_ROLE_NONE))
		return false;
	log_info("gone port=%s number=%u", port->name, port->number);
	clear_row(e, port);
	port_set_error(port, NULL);
	port->ifindex = 0;
	port->bridge = 0;
	port->role = CORDON_ROLE_NONE;
	port->config = NULL;
	return device;
}

bool ports_follow(struct engine *e)
{
	const struct link *links;
	size_t n = links_all(e->links, &links);
	bool changed = false;

	e->ports.incomplete = false;
	for (size_t i = 0; i < e->ports.n; i++)
		changed |= follow_gone(e, &e->ports.items[i]);
	for (size_t i = 0; i < n; i++)
		changed |= follow_link(e, &links[i]);
	if (!e->ports.incomplete)
		trouble_clear(&e->health, TROUBLE_PORT_NUMBER);
	return changed;
}

/*
 * Rows of interfaces that went while nobody watched: their index may be another's by now. Not while a port is without its number,
 * for one of these rows may be what enforces it.
 */
static void clear_leftovers(struct engine *e)
{
	if (!e->ports.leftovers || e->ports.incomplete)
		return;
	e->ports.leftovers = false;
	for (uint32_t number = 1; number < CORDON_MAX_PORTS; number++) {
		const struct gateway_port *port = ports_by_number(&e->ports, number);

		if (!port || !port->ifindex)
			dataplane_port_clear(e->dp, number);
	}
}

/* What fails here is told when the second round meets it. */
static void write_ingress(struct engine *e, const struct gateway_port *port)
{
	_cleanup_free_ char *reason = NULL;
	struct dataplane_port row = row_of(e, port);
	enum dataplane_attach hook;

	row.ingress_only = true;
	dataplane_port_set(e->dp, &row, &hook, &reason);
}

/* All senders first, then the receivers: see ingress_only. */
void ports_go_live(struct engine *e)
{
	e->ports.live = true;
	e->ports.leftovers = e->adopted;
	clear_leftovers(e);
	for (size_t i = 0; i < e->ports.n; i++)
		if (e->ports.items[i].ifindex && !e->ports.items[i].in_kernel)
			write_ingress(e, &e->ports.items[i]);
	for (size_t i = 0; i < e->ports.n; i++)
		if (e->ports.items[i].ifindex && !e->ports.items[i].in_kernel)
			write_row(e, &e->ports.items[i]);
}

void ports_watch(struct engine *e)
{
	integrity_watch_pins(e);
	if (e->ports.incomplete && ports_follow(e))
		engine_recompile_soon(e);
	if (e->ports.live)
		clear_leftovers(e);
	for (size_t i = 0; i < e->ports.n; i++) {
		struct gateway_port *port = &e->ports.items[i];

		if (!e->ports.live || !port->ifindex)
			continue;
		if (!port->in_kernel)
			write_row(e, port);
		else if (port->role == CORDON_ROLE_DEVICE)
			integrity_watch_port(e, port);
	}
}

void ports_done(struct ports *ports)
{
	for (size_t i = 0; i < ports->n; i++) {
		free(ports->items[i].error);
		free(ports->items[i].tampered);
	}
	free(ports->items);
	ports->items = NULL;
	ports->n = 0;
}

const struct gateway_port *ports_by_number(const struct ports *ports, uint32_t number)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->items[i].number == number)
			return &ports->items[i];
	return NULL;
}

const char *ports_name(const struct ports *ports, uint32_t number)
{
	const struct gateway_port *port = number ? ports_by_number(ports, number) : NULL;

	return port ? port->name : NULL;
}

/* Ports that are not there yet count: a place named exactly has its number before its interface comes. */
uint32_t ports_of_place(void *ctx, const char *place)
{
	struct engine *e = ctx;
	const struct config_port *config;
	uint32_t found = CORDON_PORT_NONE;

	for (size_t i = 0; i < e->ports.n; i++) {
		const struct gateway_port *port = &e->ports.items[i];

		config = config_port_for(e->config, port->name);
		if (!config || strcmp(config_place(config, port->name), place))
			continue;
		if (found != CORDON_PORT_NONE)
			return CORDON_PORT_NONE;
		found = port->number;
	}
	if (found != CORDON_PORT_NONE)
		return found;

	for (size_t i = 0; i < e->config->n_ports; i++) {
		config = &e->config->ports[i];
		if (!strpbrk(config->pattern, "*?[") && strcmp(config_place(config, config->pattern), place) == 0)
			return state_port_number(e->state, config->pattern, &found) == 0 ? found : CORDON_PORT_NONE;
	}
	return CORDON_PORT_NONE;
}

/* What gateway.yaml says of an interface counts as a device port's unless it calls it an uplink. */
static bool faces_devices(void *ctx, const struct gateway_config *config, const char *interface)
{
	(void)ctx;
	return !config_is_uplink(config, interface);
}

/* One address of the kernel. Link-local ones count only where devices are: elsewhere they are not reachable by them. */
static int env_add_kernel(struct engine *e, struct env *env, const struct link_address *address)
{
	const struct link *link = links_find(e->links, address->ifindex);
	bool local;
	int r;

	if (!link || link->loopback || config_addresses_of(e->config, link->name))
		return 0;
	local = ports_role(e, link) == CORDON_ROLE_DEVICE || ports_role(e, link) == CORDON_ROLE_BRIDGE;
	if (address->link_local && !local)
		return 0;
	r = env_add_gateway(env, &address->address, address->length);
	return r == 0 && local ? env_add_local(env, &address->address, address->length) : r;
}

int ports_env(struct engine *e, struct env *ret)
{
	const struct link_address *addresses;
	size_t n = links_addresses(e->links, &addresses);
	struct env env = { 0 };
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = env_add_kernel(e, &env, &addresses[i]);
	if (r == 0)
		r = env_add_config(&env, e->config, faces_devices, NULL);
	if (r < 0) {
		env_done(&env);
		return r;
	}
	env_settle(&env);
	*ret = env;
	return 0;
}
