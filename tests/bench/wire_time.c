/* SPDX-License-Identifier: Apache-2.0 */
/* A case: frames of one kind, contenders in turns, each turn beginning with another one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

#define RUN_IN 16384 /* frames at least */

struct timed_case {
	const char *name;
	enum frame_kind kind;
	bool at_xdp;    /* what passes XDP ends right behind it; nftables has no say there */
	uint32_t flows; /* 0: one a device */
	uint32_t only;  /* with so many devices; 0: any number */
};

static const struct timed_case cases[] = {
	{"drop denied", FRAME_DENIED, false, 0, 0},
	{"drop denied", FRAME_DENIED, false, 1000, 16},
	{"drop spoofed", FRAME_SPOOFED, false, 0, 0},
	{"drop unknown", FRAME_UNKNOWN, false, 0, 0},
	{"pass and route", FRAME_ALLOWED, false, 0, 0},
	{"pass to the stack", FRAME_ALLOWED, true, 0, 0},
};
#define N_CASES (sizeof(cases) / sizeof(*cases))

static bool takes_part(const struct contender *c, const struct timed_case *t)
{
	if (t->at_xdp && c->kind->nft)
		return false;
	if (t->kind == FRAME_ALLOWED)
		return c->kind != &contender_xdp_filter && c->kind != &contender_line;
	return c->kind != &contender_pass;
}

static void verdict_check(const struct contender *c, const struct timed_case *t, const struct sample *s)
{
	bool passes = t->kind == FRAME_ALLOWED && c->kind != &contender_drop;

	if (s->passed != (passes ? s->judged : 0))
		die("%s, %s, %u devices: %llu of %llu frames passed", c->kind->name, t->name, c->devices, (unsigned long long)s->passed,
		    (unsigned long long)s->judged);
}

/* So many frames that every flow has its turn, each as often. */
static uint64_t rounds_of(uint32_t flows, double frames)
{
	uint64_t rounds = (uint64_t)(frames / flows);

	return (rounds ? rounds : 1) * flows;
}

/* Where somebody keeps state, what is timed are established flows. */
static void warm_up(struct timing *g, const struct timed_case *t, const struct wire_frame *frames, uint32_t flows)
{
	struct sample s;

	if (g->c->kind == &contender_xdp_filter)
		xdp_filter_list(g->c, t->kind == FRAME_UNKNOWN, g->c->devices);
	g->behind = t->at_xdp ? attach_tc(g->c->lane.ns, g->c->lane.port, "wire_through", false) : -1;
	lane_run(&g->c->lane, flows, &s);
	verdict_check(g->c, t, &s);
	if (t->kind == FRAME_ALLOWED && g->c->kind->stateful)
		lane_answer(&g->c->lane, frames, flows);
}

static uint64_t events_told(const struct contender *c)
{
	return c->kind == &contender_cordon ? cordon_events(c->own) : 0;
}

/*
 * What is asked is a flood, or traffic, that goes on. So the first rounds, in which caches of any kind fill again after the
 * others' turns, are not timed, but tell how many frames a sample takes.
 */
static void time_once(struct timing *g, const struct timed_case *t, uint32_t flows, const struct plan *plan, uint32_t run)
{
	double seconds = g->c->kind == &contender_cordon ? plan->longer : plan->seconds;
	uint64_t round = rounds_of(flows, RUN_IN), told;
	struct sample s;

	lane_run(&g->c->lane, round, &s);
	lane_run(&g->c->lane, round, &s);
	told = events_told(g->c);
	lane_run(&g->c->lane, rounds_of(flows, (double)s.judged / s.cpu * seconds), &s);
	verdict_check(g->c, t, &s);
	g->events += events_told(g->c) - told;
	g->counted += s.judged;
	g->rate[run] = (double)s.judged / s.cpu;
	g->wall[run] = (double)s.judged / s.wall;
	g->lost += s.sent - s.judged;
}

static void case_time(struct world *world, const struct timed_case *t, uint32_t flows, const struct plan *plan)
{
	struct wire_frame *frames = frames_of_kind(t->kind, world->devices, flows, plan->seed);
	struct timing *all = calloc(MAX_CONTENDERS, sizeof(*all));
	struct timed timed = {.name = t->name, .devices = world->devices, .flows = flows, .runs = plan->runs, .all = all};

	if (!all)
		die("no memory");
	frames_load(frames, flows);
	for (size_t i = 0; i < world->n; i++)
		if (takes_part(&world->contenders[i], t))
			all[timed.n++].c = &world->contenders[i];
	for (size_t i = 0; i < timed.n; i++)
		warm_up(&all[i], t, frames, flows);
	for (uint32_t run = 0; run < plan->runs; run++)
		for (size_t i = 0; i < timed.n; i++)
			time_once(&all[(i + run) % timed.n], t, flows, plan, run);
	timed_print(&timed, plan->results);
	for (size_t i = 0; i < timed.n; i++)
		if (all[i].behind >= 0)
			close(all[i].behind);
	free(frames);
	free(all);
}

static bool case_is_wanted(const struct timed_case *t, uint32_t devices, const struct plan *plan)
{
	char line[96];

	snprintf(line, sizeof(line), "%s %u devices %u flows", t->name, devices, t->flows ? t->flows : devices);
	return (!t->only || t->only == devices) && plan->wanted(line);
}

bool world_is_wanted(uint32_t devices, const struct plan *plan)
{
	for (size_t i = 0; i < N_CASES; i++)
		if (case_is_wanted(&cases[i], devices, plan))
			return true;
	return false;
}

void world_time(struct world *world, const struct plan *plan)
{
	for (size_t i = 0; i < N_CASES; i++)
		if (case_is_wanted(&cases[i], world->devices, plan))
			case_time(world, &cases[i], cases[i].flows ? cases[i].flows : world->devices, plan);
}
