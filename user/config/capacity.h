/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  `capacity:` of gateway.yaml, the memory and the CPUs of the machine.
 * Out: how many devices and flows the kernel's tables get, and how large the flow cache is.
 * Never: the machine itself; the caller asks it (lib/memory.h).
 *
 * The rule of `auto`: all tables together take at most an eighth of the memory. Of the memory a 128th is for flows, a 64th for
 * devices, a 256th for the flow cache; what is left of the eighth is for the policy's own tables, which stand twice while one
 * policy replaces another. Never less than the floors, never more than the ceilings. Unknown memory (0) gets the floors.
 *
 *   memory    devices*      flows      cache         *) with 2 CPUs; each CPU counts for itself
 *   256 MiB     3,288     11,522      1 MiB
 *     4 GiB    52,696    184,365     16 MiB
 *    64 GiB   100,000  2,949,840    256 MiB
 */
#ifndef CORDON_CONFIG_CAPACITY_H
#define CORDON_CONFIG_CAPACITY_H

#include "config.h"

#define CAPACITY_MIN_DEVICES 256u
#define CAPACITY_MIN_FLOWS 4096u
#define CAPACITY_MIN_CACHE (1ull << 20)
#define CAPACITY_MAX_CACHE (256ull << 20)

struct capacity {
	uint32_t devices, flows;
	uint64_t cache_bytes; /* over all CPUs */
};

struct capacity capacity_fit(uint64_t memory, uint32_t cpus);
/* What the file says, and `auto` where it says nothing. */
struct capacity capacity_of(const struct gateway_config *config, uint64_t memory, uint32_t cpus);

#endif
