/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  how many devices, how many flows there is room for.
 * Out: a private dataplane with a compiled policy in force, all devices on one port that lo leads to; names of its ends.
 * Never: flows: those come by frames (program_frames.h).
 *
 * Device d has the MAC 02:00 + world_mac(d), the addresses world_address(d) as IPv4 and WORLD_NET6 + the same four bytes. Its
 * policy: tcp/443 to the cloud and to device d + 1, nothing else.
 */
#ifndef CORDON_BENCH_PROGRAM_WORLD_H
#define CORDON_BENCH_PROGRAM_WORLD_H

#include <stdbool.h>

#include "dataplane/dataplane.h"

#define WORLD_GATEWAY_MAC {0x02, 0xff, 0, 0, 0, 1}
#define WORLD_NET6 {0xfd, 0}              /* fd00::/96 */
#define WORLD_CLOUD6 {0x20, 0x01, 0x0d, 0xb8} /* 2001:db8::/96 */
#define WORLD_ALLOWED_PORT 443
#define WORLD_UPLINK_IFINDEX 2000

struct world {
	struct dataplane *dp;
	struct policy *policy;
	struct image *image;
	struct dataplane_device *devices;
	struct dataplane_address *addresses;
	uint32_t n_devices;
	uint32_t max_flows;
};

/* How many bytes of flow cache, over all CPUs, a byte of flow table gets; 2 unless set before a world is opened. */
extern unsigned world_cache_times;
int world_open(struct world *world, uint32_t n_devices, uint32_t max_flows, char **ret_why);
void world_close(struct world *world);
/* The same policy again, as a new generation. */
int world_flip(struct world *world, char **ret_why);

/* Host order; any number, also of devices that are not there. */
uint32_t world_mac(uint32_t device);
uint32_t world_address(uint32_t device);
uint32_t world_cloud(uint32_t peer); /* peer < 131072 */

/* Everything a run has counted, by reason. */
int world_reasons(struct world *world, uint64_t ret[CORDON_REASON_COUNT]);
/* Events out of the ring, as a daemon would. */
void world_drain(struct world *world);
/* No flow, and no verdict kept. */
int world_clear(struct world *world);
/* Forgets flows begun in the last runs that nobody answered; those established stay. */
int world_forget_new(struct world *world);

struct world_map {
	const char *name;
	uint32_t rows, key_bytes, row_bytes; /* key_bytes 0: an array */
	uint64_t memory; /* what the kernel says it holds for it (fdinfo's memlock) */
};
void world_maps_each(struct world *world, void (*each)(void *ctx, const struct world_map *map), void *ctx);

#endif
