/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a policy, gateway.yaml, places; then frames and what happens between them.
 * Out: verdicts of the real programs over private maps, with the names of rules and devices.
 * Never: anything pinned or attached; a decision of its own.
 *
 * Every device is authenticated and in mode `enforce`, and so is what belongs to no device.
 */
#ifndef CORDON_REPLAY_WORLD_H
#define CORDON_REPLAY_WORLD_H

#include "../identity/identity.h"
#include "compiled.h"
#include "replay_input.h"
#include "replay_ports.h"

/* --place DEVICE=PORT */
struct replay_place {
	char *device;
	char *port;
	uint64_t key; /* in the policy in force; 0: it names no such device, or one without a MAC */
};

struct replay_world {
	struct gateway_view view;
	struct replay_ports ports;
	struct replay_place *places;
	size_t n_places;
	const char *beside;  /* folder or file beside which policies of "do": "apply" may stand, or NULL */
	struct dataplane *dp;
	struct identity *identity;
	struct compiled compiled; /* in force */
};

/* view, ports (noted) and places are filled; applies the first policy. */
int replay_world_open(struct replay_world *world, const char *policy, struct diagnostics *d, char **ret_why);
void replay_world_done(struct replay_world *world);

/* Rule and device are borrowed until the next call, NULL where there is none. */
struct replay_result {
	struct dataplane_verdict verdict;
	const char *rule;
	const char *device;
};
int replay_world_frame(struct replay_world *world, const struct replay_item *item, struct replay_result *ret, char **ret_why);
/* Everything but frames. */
int replay_world_do(struct replay_world *world, const struct replay_item *item, struct diagnostics *d, char **ret_why);

/* "cam-door=p1,hub-1=p2" */
int replay_places_add(struct replay_world *world, const char *text, char **ret_why);

#endif
