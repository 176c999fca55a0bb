/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a scenario: devices, flows, how they come.
 * Out: its contenders run against each other; each one's ns a packet, the wrapper's share taken off.
 * Never: files, tables.
 */
#ifndef CORDON_BENCH_PROGRAM_CASES_H
#define CORDON_BENCH_PROGRAM_CASES_H

#include "program_run.h"
#include "results.h"

enum scenario_kind {
	SCENARIO_ESTABLISHED,
	SCENARIO_PATHS, /* everything that is not an established flow: new, denied, stranger, spoofed, after a flip */
};

struct scenario {
	enum scenario_kind kind;
	int family;
	uint32_t devices, flows;
	enum order order;
	enum shape shape;
	bool to_device;
	bool quick; /* also where time is short */
};

#define MAX_CONTENDERS 16
struct outcome {
	struct contender contenders[MAX_CONTENDERS]; /* samples are net */
	size_t n;
	unsigned runs;
	uint64_t flow_bytes, cache_bytes; /* of the flow table, and of the flow cache of all CPUs */
};

/* Opens the scenario's world where `world` is of another kind; the caller closes the last one. */
int scenario_run(const struct scenario *scenario, struct world *world, unsigned runs, uint64_t seed, struct outcome *ret, char **ret_why);
/* "established ipv4 devices=100000 flows=65536 uniform many devices", valid until the next call. */
const char *scenario_text(const struct scenario *scenario);
struct contender *outcome_find(struct outcome *outcome, enum body body);

#endif
