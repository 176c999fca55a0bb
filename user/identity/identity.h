/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  an image and its policy, what is known of devices (places, quarantine, authentication), MACs seen on ports.
 * Out: the rows of the device table. The only room that decides them.
 * Never: policy evaluation (the image has the classes), sockets, disk.
 */
#ifndef CORDON_IDENTITY_H
#define CORDON_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../dataplane/dataplane.h"
#include "../policy/policy.h"

struct identity;

struct identity_options {
	/* Logical port of a place (`location` fact, `--place`) or port name, CORDON_PORT_NONE if there is none here. */
	uint32_t (*port_of_place)(void *ctx, const char *place);
	void *ctx;
	uint32_t max_unknown_per_port; /* rows the engine makes for MACs that no file names; 0: 64 */
	uint32_t max_unknown;          /* the same over all ports, so that declared devices keep their room; 0: no limit */
};

int identity_new(const struct identity_options *options, struct identity **ret);
void identity_free(struct identity *identity);

/*
 * All rows that shall exist under `policy`/`image`: its devices in their present state, and unknown ones seen so far.
 * Borrowed until the next call on this identity; what dataplane_apply() wants.
 */
int identity_assign(struct identity *identity, const struct policy *policy, const struct image *image,
		    const struct dataplane_device **ret, size_t *ret_n);
/* After a successful apply: the policy and image that names and single rows come from. Borrowed until replaced. */
void identity_commit(struct identity *identity, const struct policy *policy, const struct image *image);

/* One device's row as it should be now, for dataplane_device_set(). -ENOENT. Borrowed until the next call. */
int identity_device(struct identity *identity, uint64_t key, const struct dataplane_device **ret);

/*
 * A MAC that no row knows spoke: makes a row in segment `unknown`. `most`: unknown ones that this port may have in all; IDENTITY_MOST:
 * as the options say. 0 made, -EEXIST known, -ENOSPC the port or the gateway has its fill, or the MAC as many tags as a stranger may try.
 */
#define IDENTITY_MOST UINT32_MAX
int identity_seen(struct identity *identity, uint64_t key, uint32_t port, uint32_t most);
/* No file names it, and it has a row. */
bool identity_is_unknown(const struct identity *identity, uint64_t key);
int identity_forget_unknown(struct identity *identity);

/* By id as policies write it, or "mac-aabbcc001122" for unknown ones. -ENOENT. */
int identity_key(const struct identity *identity, const char *id, uint64_t *ret_key);
/* Never NULL: the id, or the MAC as "mac-…". Borrowed. */
const char *identity_name(const struct identity *identity, uint64_t key);
const char *identity_segment(const struct identity *identity, uint64_t key);
/* Device that owns an address under the committed image, 0: none. */
uint64_t identity_owner(const struct identity *identity, const struct address *address);

/* `until`: boot clock ns at which the kernel ends it, 0: never. Who asks here is told of it as on until it is set to off. */
int identity_set_quarantined(struct identity *identity, uint64_t key, bool on, uint64_t until);
int identity_set_authenticated(struct identity *identity, uint64_t key, bool on);
int identity_set_place(struct identity *identity, uint64_t key, uint32_t port); /* fixes it; CORDON_PORT_NONE frees it */
int identity_set_all_authenticated(struct identity *identity, bool on);         /* replay starts so */

struct identity_view {
	uint64_t key;
	const char *id;
	const char *segment;
	enum cordon_mode mode;
	bool declared;      /* by the policy; else seen on a port */
	bool quarantined;
	uint64_t quarantine_until;
	bool authenticated;
	uint32_t fixed_port; /* CORDON_PORT_NONE: learnt by the dataplane */
	const struct policy_device *device; /* NULL for unknown ones */
};
int identity_each(const struct identity *identity, int (*each)(void *ctx, const struct identity_view *view), void *ctx);

#endif
