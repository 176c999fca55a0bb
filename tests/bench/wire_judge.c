/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever is timed has judged the same frames first, and agrees on every verdict; what it cannot say is printed beside it. */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define MIXED 10000

static const struct contender_kind *const kinds[] = {&contender_drop,	     &contender_line,	      &contender_pass,	      &contender_cordon,
						     &contender_nft_netdev, &contender_nft_interval, &contender_nft_forward, &contender_xdp_filter};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static bool is_filter(const struct contender *c)
{
	return c->kind == &contender_xdp_filter;
}

void contenders_describe(void)
{
	for (size_t i = 0; i < N_KINDS; i++)
		printf("  %-20s  %s\n", kinds[i]->name, kinds[i]->what);
	printf("  %-20s  nft forward has %s\n", "",
	       nft_has_flowtable() ? "a flowtable" : "no flowtable: this kernel is built without (NF_FLOW_TABLE)");
}

/* Answers must find their device without asking. */
static void neighbours_know(const struct contender *c)
{
	FILE *f;

	lane_enter(&c->lane);
	f = popen("ip -batch -", "w");
	for (uint32_t i = 0; f && i < c->devices; i++)
		fprintf(f, "neigh add %s lladdr %s dev port nud permanent\n", device_ip(i).text, device_mac(i).text);
	if (!f || pclose(f) != 0)
		die("ip neigh add failed");
	lane_leave();
}

void world_make(struct world *ret, uint32_t devices)
{
	*ret = (struct world){.devices = devices};
	for (size_t i = 0; i < N_KINDS; i++) {
		struct contender *c = &ret->contenders[ret->n];

		if (kinds[i] == &contender_xdp_filter && devices > XDP_FILTER_MAX)
			continue;
		*c = (struct contender){.kind = kinds[i], .devices = devices};
		lane_make(&c->lane);
		if (kinds[i]->stateful)
			neighbours_know(c);
		c->kind->setup(c);
		ret->n++;
	}
}

void world_free(struct world *world)
{
	for (size_t i = 0; i < world->n; i++) {
		world->contenders[i].kind->done(&world->contenders[i]);
		lane_free(&world->contenders[i].lane);
	}
}

/* The policy, or as much of it as a list of strangers' MACs can say. */
static bool should_pass(const struct contender *c, enum frame_kind kind)
{
	return is_filter(c) ? kind != FRAME_UNKNOWN : kind == FRAME_ALLOWED;
}

/* How many frames it let through that the policy forbids, because it knows no better. */
static uint32_t judge(struct contender *c, const enum frame_kind *of_frame, uint64_t seed)
{
	uint32_t before[MIXED], weaker = 0;
	const uint32_t *counts = through_counts();
	struct sample s;

	memcpy(before, counts, sizeof(before));
	if (is_filter(c))
		xdp_filter_list(c, true, c->devices);
	lane_run(&c->lane, MIXED, &s);
	if (s.judged != MIXED)
		die("%s: %llu of %u frames were judged", c->kind->name, (unsigned long long)s.judged, MIXED);
	counts = through_counts();
	for (uint32_t i = 0; i < MIXED; i++) {
		bool passed = counts[i] != before[i];

		if (passed != should_pass(c, of_frame[i]))
			die("%s, %u devices, seed %llu: frame %u (%s) %s", c->kind->name, c->devices, (unsigned long long)seed, i,
			    frame_kind_names[of_frame[i]], passed ? "passed" : "was dropped");
		weaker += passed && of_frame[i] != FRAME_ALLOWED;
	}
	return weaker;
}

void world_judge(struct world *world, uint64_t seed)
{
	enum frame_kind *of_frame;
	struct wire_frame *frames = frames_mixed(world->devices, MIXED, seed, &of_frame);
	uint32_t of_kind[FRAME_KINDS] = {0};

	for (uint32_t i = 0; i < MIXED; i++)
		of_kind[of_frame[i]]++;
	printf("\n%u devices. Verdicts on the same %u frames (seed %llu:", world->devices, MIXED, (unsigned long long)seed);
	for (int kind = 0; kind < FRAME_KINDS; kind++)
		printf(" %u %s%s", of_kind[kind], frame_kind_names[kind], kind + 1 < FRAME_KINDS ? "," : ")\n");
	frames_load(frames, MIXED);
	for (size_t i = 0; i < world->n; i++) {
		struct contender *c = &world->contenders[i];
		uint32_t weaker;

		if (c->kind->reference)
			continue;
		weaker = judge(c, of_frame, seed);
		if (weaker)
			printf("  %-20s  as its list says; lets %u pass that the policy forbids\n", c->kind->name, weaker);
		else
			printf("  %-20s  agrees on all\n", c->kind->name);
	}
	free(frames);
	free(of_frame);
}
