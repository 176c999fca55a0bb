/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  links, `ports:` and `uplinks:` of gateway.yaml, stable numbers from the state.
 * Out: logical ports in the dataplane that follow interfaces as they appear, vanish and come back; places; the gateway's own addresses.
 * Never: who a device is.
 */
#ifndef CORDOND_PORTS_H
#define CORDOND_PORTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "../config/config.h"
#include "../dataplane/dataplane.h"
#include "../config/env.h"

struct engine;
struct link;

struct gateway_port {
	char name[IFNAMSIZ];
	uint32_t number;
	uint32_t ifindex;
	uint32_t bridge; /* ifindex of the bridge it is part of, 0: none */
	enum cordon_role role;
	const struct config_port *config; /* of a device port */
	uint8_t mac[6];  /* the gateway's own as devices of this port address it */
	enum dataplane_attach hook;
	char *error;     /* why it has no row or no program, or what escapes them (then in_kernel); NULL: all well */
	uint32_t restored; /* how often something of it had to be put right */
	char *tampered;  /* what that was the last time; NULL: nothing yet */
	bool in_kernel;  /* the dataplane has this row as it is here */
};

struct ports {
	struct gateway_port *items;
	size_t n;
	bool was_attached[CORDON_MAX_PORTS]; /* by number: live flows are adopted at the first attach only */
	bool incomplete;                     /* an interface has no number yet: which rows are left over is not known */
	bool leftovers;                      /* rows of an earlier start may lead to interfaces that are no ports any more */
	bool live;                           /* rows are written; before the first policy they are only listed */
};

/*
 * Lists what the links offer; once live, also writes and clears rows. True if a device port came, went or moved. Errors
 * stay with their port and are tried again by ports_watch().
 */
bool ports_follow(struct engine *engine);
/* From here on rows are written, programs attached. */
void ports_go_live(struct engine *engine);
/* Every second: puts right what was changed behind our back (programs, pins, the card's features), tries again what failed. */
void ports_watch(struct engine *engine);
/* NULL: all well. */
void port_set_error(struct gateway_port *port, const char *text);
void ports_done(struct ports *ports);

const struct gateway_port *ports_by_number(const struct ports *ports, uint32_t number);
/* Name of the port, also of one that is gone; NULL: never heard of. */
const char *ports_name(const struct ports *ports, uint32_t number);
/* Logical port of a place; CORDON_PORT_NONE if it is not of this gateway, or several ports share it. `ctx` is the engine. */
uint32_t ports_of_place(void *ctx, const char *place);
/* The gateway's own addresses and the prefixes of its device ports, as links and `addresses:` have them. */
int ports_env(struct engine *engine, struct env *ret);
/* What an interface is to cordon: role of a port, BRIDGE for one with device ports in it, NONE for what nobody named. */
enum cordon_role ports_role(const struct engine *engine, const struct link *link);
/* "native", "generic", "tc", or NULL */
const char *attach_name(enum dataplane_attach how);

#endif
