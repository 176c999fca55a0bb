/* SPDX-License-Identifier: Apache-2.0 */
#include "program_memory.h"

#include <errno.h>
#include <string.h>

#include "program_world.h"
#include "table.h"

#define MAX_MAPS 64

/* The differences of these three tell what a device and what a flow costs. */
static const struct {
	uint32_t devices, flows;
} sizes[] = {{1000, 65536}, {100000, 65536}, {1000, 1048576}};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct memory {
	struct {
		char name[32];
		uint64_t bytes[SIZES];
	} maps[MAX_MAPS];
	size_t n;
	size_t size; /* which of sizes[] is being read */
};

static void map_take(void *ctx, const struct world_map *map)
{
	struct memory *m = ctx;
	size_t i = 0;

	while (i < m->n && strcmp(m->maps[i].name, map->name))
		i++;
	if (i == MAX_MAPS)
		return;
	if (i == m->n)
		snprintf(m->maps[m->n++].name, sizeof(m->maps[i].name), "%s", map->name);
	m->maps[i].bytes[m->size] = map->memory;
}

static double slope(const uint64_t bytes[SIZES], size_t size, uint32_t more)
{
	return ((double)bytes[size] - (double)bytes[0]) / more;
}

static int row_add(struct results *results, const char *subject, const char *name, const char *unit, double value)
{
	struct result row = {.subject = subject, .family = "", .order = "", .shape = "", .contender = name, .unit = unit, .samples = &value, .n_samples = 1};

	return results_add(results, &row);
}

static int memory_tell(const struct memory *m, struct results *results)
{
	static const char *const heads[] = {"table", "a device", "a flow", "KiB at 1,000 devices, 65,536 flows", NULL};
	const uint32_t devices = sizes[1].devices - sizes[0].devices, flows = sizes[2].flows - sizes[0].flows;
	double a_device = 0, a_flow = 0, whole = 0;
	struct table table;
	int r = 0;

	table_begin(&table, heads);
	for (size_t i = 0; i < m->n; i++) {
		const uint64_t *bytes = m->maps[i].bytes;

		a_device += slope(bytes, 1, devices);
		a_flow += slope(bytes, 2, flows);
		whole += (double)bytes[0];
		if (bytes[0] < 65536 && bytes[1] == bytes[0] && bytes[2] == bytes[0])
			continue;
		table_cell(&table, "%s", m->maps[i].name);
		table_cell(&table, "%.1f", slope(bytes, 1, devices));
		table_cell(&table, "%.1f", slope(bytes, 2, flows));
		table_cell(&table, "%.0f", (double)bytes[0] / 1024);
	}
	table_cell(&table, "all");
	table_cell(&table, "%.1f", a_device);
	table_cell(&table, "%.1f", a_flow);
	table_cell(&table, "%.0f", whole / 1024);
	printf("\nKernel memory by table, in bytes: what room for one more device and for one more flow costs\n\n");
	table_print(&table, stdout);
	table_done(&table);
	r = row_add(results, "memory", "a device", "bytes", a_device);
	if (r == 0)
		r = row_add(results, "memory", "a flow", "bytes", a_flow);
	return r < 0 ? r : results_save(results);
}

int memory_run(struct results *results, char **ret_why)
{
	struct memory memory = {.n = 0};

	for (memory.size = 0; memory.size < SIZES; memory.size++) {
		struct world world = {0};
		int r = world_open(&world, sizes[memory.size].devices, sizes[memory.size].flows, ret_why);

		if (r == 0)
			world_maps_each(&world, map_take, &memory);
		world_close(&world);
		if (r < 0)
			return r;
	}
	return memory_tell(&memory, results);
}
