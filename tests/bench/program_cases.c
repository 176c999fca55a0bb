/* SPDX-License-Identifier: Apache-2.0 */
#include "program_cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

#define BATCH 8192
#define NEW_BATCH 2048     /* an event for each packet must fit into the ring */
#define NEW_FLOWS 16384    /* a run at most */
#define DENIED_PORT 23
#define LEAST_FLOWS 1024   /* room in the table at least */
#define SHORT_ORDER 16384
#define LONGEST_RUN (1 << 17)

/* Twice as many as there are flows: the table is half full. */
static uint32_t flows_room(const struct scenario *s)
{
	return 2 * s->flows > LEAST_FLOWS ? 2 * s->flows : LEAST_FLOWS;
}

static uint32_t new_flows(const struct scenario *s)
{
	return flows_room(s) / 8 < NEW_FLOWS ? flows_room(s) / 8 : NEW_FLOWS;
}

/* Rows of one scenario: the flows, each once; what comes first in them is what establishing needs. */
struct stage {
	const struct scenario *s;
	struct bench bench;
	struct bench_row *flows;
	uint32_t rows_used;
	struct outcome *out;
	uint64_t seed;
};

static uint32_t order_length(const struct scenario *s)
{
	uint32_t n = SHORT_ORDER;

	while (n < 2 * s->flows && n < 1 << 21)
		n *= 2;
	return s->flows <= 1024 ? SHORT_ORDER : n * 2 <= 1 << 21 ? n * 2 : n;
}

static struct contender *contender_add(struct stage *stage, const char *subject, const char *name, enum body body, uint32_t first, uint32_t count)
{
	struct contender *c = &stage->out->contenders[stage->out->n++];

	*c = (struct contender){
		.subject = subject,
		.name = name,
		.body = body,
		.first = first,
		.count = count,
		.packets = count < LONGEST_RUN ? count : LONGEST_RUN,
		.lead_in = (count < LONGEST_RUN ? count : LONGEST_RUN) / 2,
		.batch = BATCH,
		.tcp_flags = TCP_ACK,
		.passes = true,
		.reason = body == BODY_CORDON ? CORDON_REASON_ESTABLISHED : REASON_ANY,
	};
	return c;
}

static struct bench_row *rows_take(struct stage *stage, uint32_t count, uint32_t *ret_first)
{
	*ret_first = stage->rows_used;
	stage->rows_used += count;
	return stage->rows_used <= stage->bench.n_rows ? &stage->bench.rows[*ret_first] : NULL;
}

static int references_add(struct stage *stage, const char *subject, uint32_t *ret_first)
{
	const struct scenario *s = stage->s;
	uint32_t count = order_length(s);
	struct bench_row *rows = rows_take(stage, count, ret_first);
	int r = rows ? order_make(s->order, stage->flows, s->flows, stage->seed + 10, rows, count) : -ENOSPC;

	if (r < 0)
		return r;
	contender_add(stage, subject, "nothing", BODY_NOTHING, *ret_first, count);
	contender_add(stage, subject, "parse only", BODY_PARSE, *ret_first, count);
	contender_add(stage, subject, "one hash", BODY_HASH, *ret_first, count);
	contender_add(stage, subject, "one line", BODY_LINE, *ret_first, count);
	contender_add(stage, subject, "keyed line", BODY_KEYED, *ret_first, count);
	return 0;
}

static int established_add(struct stage *stage)
{
	const char *subject = stage->s->to_device ? "established, device to device" : "established";
	uint32_t first, count = order_length(stage->s);
	struct contender *c;
	int r = references_add(stage, subject, &first);

	if (r < 0)
		return r;
	c = contender_add(stage, subject, "cordon", BODY_CORDON, first, count);
	c->cached = true;
	c->lead_in = count; /* an idle flow's line is asked again after a while, and the others had their turn meanwhile; */
	c->meets = stage->s->flows; /* of a rare flow, which a turn may leave out, it is that of a contender before */
	c->practice = 2;
	c = contender_add(stage, subject, "cordon, cache off", BODY_CORDON, first, count);
	c->invalidate = true;
	return 0;
}

static int once_add(struct stage *stage, const char *subject, struct contender **ret)
{
	uint32_t first;
	struct bench_row *rows = rows_take(stage, stage->s->flows, &first);
	int r = rows ? order_make(ORDER_ONCE, stage->flows, stage->s->flows, stage->seed + 20, rows, stage->s->flows) : -ENOSPC;

	if (r < 0)
		return r;
	*ret = contender_add(stage, subject, "cordon", BODY_CORDON, first, stage->s->flows);
	(*ret)->packets = stage->s->flows;
	(*ret)->lead_in = 0;
	return 0;
}

static int new_add(struct stage *stage)
{
	const struct scenario *s = stage->s;
	struct flows_plan plan = {.n_devices = s->devices, .n = s->flows, .shape = s->shape, .seed = stage->seed};
	uint32_t first, n = new_flows(s);
	struct bench_row *rows = rows_take(stage, n, &first);
	struct contender *c;
	int r = rows ? flows_make(&plan, s->flows, n, rows) : -ENOSPC;

	if (r < 0)
		return r;
	c = contender_add(stage, "new flow, allowed", "cordon", BODY_CORDON, first, n);
	c->tcp_flags = TCP_SYN;
	c->batch = NEW_BATCH;
	c->lead_in = 0;
	c->reason = CORDON_REASON_RULE;
	c->before = BEFORE_FORGET;
	c = contender_add(stage, "new flow, cordon's rows alone", "cordon's rows", BODY_ROWS, first, n);
	c->tcp_flags = TCP_SYN;
	c->batch = NEW_BATCH;
	c->lead_in = 0;
	c->before = BEFORE_FORGET;
	c = contender_add(stage, "new flow, by the kernel's hashes", "kernel hashes", BODY_BEGIN, first, n);
	c->batch = NEW_BATCH;
	c->lead_in = 0;
	c->unhash = true;
	return 0;
}

static int drops_add(struct stage *stage, const char *subject, enum cordon_reason reason)
{
	const struct scenario *s = stage->s;
	uint32_t first, count = SHORT_ORDER;
	struct bench_row *rows = rows_take(stage, count, &first);
	struct contender *c;
	int r = rows ? order_make(ORDER_UNIFORM, stage->flows, s->flows, stage->seed + 30 + reason, rows, count) : -ENOSPC;

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		if (reason == CORDON_REASON_DEFAULT_DENY)
			row_retarget(&rows[i], DENIED_PORT);
		else if (reason == CORDON_REASON_SPOOFED_SOURCE)
			row_spoof(&rows[i], s->devices);
		else
			row_stranger(&rows[i], s->devices);
	}
	c = contender_add(stage, subject, "cordon", BODY_CORDON, first, count);
	c->tcp_flags = TCP_SYN;
	c->batch = NEW_BATCH;
	c->practice = 10;
	c->reason = reason;
	c->passes = false;
	return 0;
}

/* With few flows a packet of each is too short a run to be timed. */
static int changed_add(struct stage *stage)
{
	struct contender *c = NULL;
	int r = 0;

	if (stage->s->flows < SHORT_ORDER)
		return 0;
	r = once_add(stage, "established, met again after long", &c);
	if (r < 0)
		return r;
	c->invalidate = true;
	r = once_add(stage, "asked again after a flip of policy", &c);
	if (r == 0)
		c->before = BEFORE_FLIP;
	return r;
}

static int paths_add(struct stage *stage)
{
	uint32_t first;
	int r = references_add(stage, "references", &first);

	if (r == 0)
		r = changed_add(stage);
	if (r == 0)
		r = new_add(stage);
	if (r == 0)
		r = drops_add(stage, "denied by default", CORDON_REASON_DEFAULT_DENY);
	if (r == 0)
		r = drops_add(stage, "unknown device", CORDON_REASON_UNKNOWN_DEVICE);
	return r < 0 ? r : drops_add(stage, "spoofed source", CORDON_REASON_SPOOFED_SOURCE);
}

static uint32_t rows_needed(const struct scenario *s)
{
	if (s->kind == SCENARIO_ESTABLISHED)
		return s->flows * (s->to_device ? 2 : 1) + order_length(s);
	return 3 * s->flows + order_length(s) + new_flows(s) + 3 * SHORT_ORDER;
}

/* The flows in their order into the first rows, and behind them, where devices answer, the answers. */
static int stage_establish(struct stage *stage, char **ret_why)
{
	const struct scenario *s = stage->s;
	uint32_t first, n = s->flows * (s->to_device ? 2 : 1);
	struct bench_row *rows = rows_take(stage, n, &first);

	if (!rows)
		return -ENOSPC;
	memcpy(rows, stage->flows, s->flows * sizeof(*rows));
	for (uint32_t i = 0; s->to_device && i < s->flows; i++)
		flow_turn(&rows[i], (flow_device(&rows[i]) + 1) % s->devices, &rows[s->flows + i]);
	return bench_establish(&stage->bench, first, s->flows, s->to_device, ret_why);
}

static int world_prepare(const struct scenario *s, struct world *world, char **ret_why)
{
	uint32_t room = flows_room(s);

	if (world->dp && world->n_devices == s->devices && world->max_flows == room)
		return world_clear(world);
	world_close(world);
	return world_open(world, s->devices, room, ret_why);
}

/* The share of the wrapper, measured in the same round, is nobody's. */
static void wrapper_take_off(struct outcome *out)
{
	const struct contender *nothing = outcome_find(out, BODY_NOTHING);

	for (size_t i = 0; i < out->n; i++)
		for (unsigned run = 0; &out->contenders[i] != nothing && run < out->runs; run++)
			out->contenders[i].samples[run] -= nothing->samples[run];
}

static void bytes_take(void *ctx, const struct world_map *map)
{
	struct outcome *out = ctx;

	if (!strcmp(map->name, "flows"))
		out->flow_bytes = (uint64_t)map->rows * (map->key_bytes + map->row_bytes);
	else if (!strcmp(map->name, "cache"))
		out->cache_bytes = (uint64_t)map->rows * map->row_bytes;
}

static int stage_run(struct stage *stage, struct world *world, char **ret_why)
{
	const struct scenario *s = stage->s;
	struct flows_plan plan = {.n_devices = s->devices, .n = s->flows, .shape = s->shape, .to_device = s->to_device, .seed = stage->seed};
	int r = flows_make(&plan, 0, s->flows, stage->flows);

	if (r == 0)
		r = bench_open(&stage->bench, world, s->family, rows_needed(s), stage->flows, s->flows, ret_why);
	if (r == 0)
		r = stage_establish(stage, ret_why);
	if (r == 0)
		r = s->kind == SCENARIO_ESTABLISHED ? established_add(stage) : paths_add(stage);
	if (r == 0)
		r = bench_contend(&stage->bench, stage->out->contenders, stage->out->n, stage->out->runs, ret_why);
	return r;
}

int scenario_run(const struct scenario *scenario, struct world *world, unsigned runs, uint64_t seed, struct outcome *ret, char **ret_why)
{
	struct stage stage = {.s = scenario, .out = ret, .seed = seed, .flows = calloc(scenario->flows, sizeof(struct bench_row))};
	int r = stage.flows ? world_prepare(scenario, world, ret_why) : -ENOMEM;

	*ret = (struct outcome){.runs = runs};
	if (r >= 0)
		r = stage_run(&stage, world, ret_why);
	bench_close(&stage.bench);
	free(stage.flows);
	if (r < 0)
		return *ret_why ? r : why(ret_why, r, "%s: %s", scenario_text(scenario), strerror(-r));
	wrapper_take_off(ret);
	world_maps_each(world, bytes_take, ret);
	return 0;
}

const char *scenario_text(const struct scenario *s)
{
	const char *kind = s->kind == SCENARIO_PATHS ? "paths" : s->to_device ? "device to device" : "established";
	static char text[160];

	snprintf(text, sizeof(text), "%s ipv%d devices=%u flows=%u %s %s", kind, s->family, s->devices, s->flows, order_names[s->order],
		 shape_names[s->shape]);
	return text;
}

struct contender *outcome_find(struct outcome *outcome, enum body body)
{
	for (size_t i = 0; i < outcome->n; i++)
		if (outcome->contenders[i].body == body)
			return &outcome->contenders[i];
	return NULL;
}
