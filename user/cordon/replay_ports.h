/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  names of interfaces, from gateway.yaml, --place, `location` facts and the frames themselves.
 * Out: logical port numbers in the order of appearance, declared to a private dataplane with their role.
 * Never: interfaces of this machine.
 *
 * What a name is: an uplink or a port as gateway.yaml sorts it; else a device port if a frame names it as "port", a --place
 * or a location puts a device there; else a bridge if it begins with "br"; else an uplink.
 */
#ifndef CORDON_REPLAY_PORTS_H
#define CORDON_REPLAY_PORTS_H

#include "../config/config.h"
#include "../dataplane/dataplane.h"

struct replay_port {
	char *name;
	bool faces_devices; /* known as a device port */
	uint32_t number;    /* CORDON_PORT_NONE: noted, not yet declared */
	enum cordon_role role;
};

struct replay_ports {
	const struct gateway_config *config; /* borrowed */
	struct dataplane *dp;                /* borrowed; NULL: names are only noted */
	struct replay_port *items;
	size_t n;
	uint32_t next;
};

void replay_ports_done(struct replay_ports *ports);
/* This name is a device port. */
int replay_ports_note(struct replay_ports *ports, const char *name);
/* Whether its prefixes are local; an env_faces_fn with the ports as ctx. */
bool replay_ports_face(void *ctx, const struct gateway_config *config, const char *name);
/* Number of a device port, declared when it is new. -EINVAL: it is an uplink. */
int replay_ports_device(struct replay_ports *ports, const char *name, uint32_t *ret, char **ret_why);
/* Number of whatever a frame came in by. */
int replay_ports_any(struct replay_ports *ports, const char *name, uint32_t *ret, char **ret_why);
/* The port that a place means: a port of that name or `place:`; without ports in gateway.yaml every place is a port's name. */
uint32_t replay_ports_of_place(void *ctx, const char *place);

#endif
