/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one policy for another costs the dataplane: fresh tables, the idle side of every row, the flip and its grace period. No
 * compiler, no daemon, no traffic. "first" puts every device into empty tables, "again" the same devices under the next
 * generation, "others" as many different ones; each run begins with a dataplane of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/dataplane.h"
#include "lib/cleanup.h"
#include "results.h"
#include "table.h"

#define RUNS 11
#define ADDRESSES 2
#define SERVICE_CLASSES 32

static const struct size {
	uint32_t devices, pairs, networks;
	bool quick;
} sizes[] = {
	{16, 16, 4, true},
	{1000, 100, 10, true},
	{10000, 1000, 100, true},
	{100000, 10000, 1000, false},
};

enum step { STEP_FIRST, STEP_AGAIN, STEP_OTHERS, STEP_COUNT };
static const char *const step_names[STEP_COUNT] = {"apply first", "apply again", "apply others"};

struct world {
	struct image image;
	struct dataplane_device *devices;
	struct dataplane_address *addresses;
	uint32_t n;
};

static void die(const char *what, int r)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static void *some(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("memory", -ENOMEM);
	return p;
}

static struct address address_v4(uint32_t host)
{
	struct address a = {.byte = {[10] = 0xff, [11] = 0xff, 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host}};

	return a;
}

static struct address address_v6(uint32_t host)
{
	struct address a = {.byte = {0xfd, [12] = (uint8_t)(host >> 24), (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host}};

	return a;
}

static void networks_make(struct image *image, uint32_t n)
{
	image->networks = some(n + 2, sizeof(*image->networks));
	image->networks[0].value.class = 1;
	image->networks[1].key = (struct network_key){.prefixlen = 96, .address = {.byte = {[10] = 0xff, [11] = 0xff}}};
	image->networks[1].value.class = 1;
	for (uint32_t i = 0; i < n; i++) {
		image->networks[i + 2].key = (struct network_key){.prefixlen = 120, .address = address_v4((i + 1) << 8)};
		image->networks[i + 2].key.address.byte[12] = 172;
		image->networks[i + 2].value.class = 2 + i % 60000;
	}
	image->n_networks = n + 2;
}

static void rules_make(struct image *image, uint32_t pairs)
{
	image->head = (struct policy_head){.service_classes = SERVICE_CLASSES, .unknown_class = 1, .site_mode = CORDON_MODE_ENFORCE,
					   .unknown_mode = CORDON_MODE_ENFORCE};
	image->services = some(CORDON_SERVICE_COUNT, sizeof(*image->services));
	for (uint32_t i = 1; i < SERVICE_CLASSES; i++)
		image->services[CORDON_SERVICE_TCP + 1000 * i] = (uint16_t)i;
	image->n_cells = pairs;
	image->verdicts = some((size_t)pairs * SERVICE_CLASSES, sizeof(*image->verdicts));
	image->pairs = some(pairs, sizeof(*image->pairs));
	image->n_pairs = pairs;
	for (uint32_t i = 0; i < pairs; i++) {
		image->pairs[i] = (struct image_pair){.key = {.from = (uint16_t)(1 + i % 997), .to = (uint16_t)(1 + i / 997)},
						      .value = {.cell = i, .flags = PAIR_TALKS}};
		for (uint32_t s = 0; s < SERVICE_CLASSES; s++)
			image->verdicts[i * SERVICE_CLASSES + s] = (struct verdict){.rule = i, .action = CORDON_ACTION_ALLOW};
	}
}

/* In no order that the tables could like: as names would come. */
static void devices_make(struct world *world, uint32_t n, uint32_t from)
{
	world->n = n;
	world->devices = some(n, sizeof(*world->devices));
	world->addresses = some((size_t)n * ADDRESSES, sizeof(*world->addresses));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t host = from + (uint32_t)((uint64_t)i * 7919 % n);
		struct dataplane_address *at = &world->addresses[(size_t)i * ADDRESSES];

		at[0] = (struct dataplane_address){.address = address_v4(host), .class = (uint16_t)(1 + host % 1000)};
		at[1] = (struct dataplane_address){.address = address_v6(host), .class = (uint16_t)(1 + host % 1000)};
		world->devices[i] = (struct dataplane_device){.key = DEVICE_KEY(0x020000000000ULL + host, 0), .class = (uint16_t)(1 + host % 1000),
							      .mode = CORDON_MODE_ENFORCE, .port = CORDON_PORT_NONE, .addresses = at,
							      .n_addresses = ADDRESSES};
	}
}

static void world_done(struct world *world)
{
	free(world->image.services);
	free(world->image.verdicts);
	free(world->image.pairs);
	free(world->image.networks);
	free(world->devices);
	free(world->addresses);
}

static double now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Peak of the process's own memory in KiB, without the tables that it shares with the kernel. */
static double memory_peak(bool reset)
{
	_cleanup_fclose_ FILE *file = fopen(reset ? "/proc/self/clear_refs" : "/proc/self/status", reset ? "we" : "re");
	double kib = 0;
	char line[256];

	if (file && reset)
		fputs("5", file);
	while (file && !reset && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %lf", &kib) == 1)
			break;
	return kib;
}

struct sample {
	double ms[STEP_COUNT], cpu_ms[STEP_COUNT], kib[STEP_COUNT];
};

static void apply_once(struct dataplane *dp, const struct world *world, const struct world *devices, enum step step, struct sample *ret)
{
	struct dataplane_apply what = {.image = &world->image, .devices = devices->devices, .n_devices = devices->n};
	_cleanup_free_ char *told = NULL;
	double before, begun, cpu;
	uint32_t generation;
	int r;

	memory_peak(true);
	before = memory_peak(false);
	begun = now_ms(CLOCK_MONOTONIC);
	cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
	r = dataplane_apply(dp, &what, &generation, &told);
	ret->ms[step] = now_ms(CLOCK_MONOTONIC) - begun;
	ret->cpu_ms[step] = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	ret->kib[step] = memory_peak(false) - before;
	if (r < 0)
		die(told ? told : "apply", r);
}

/* Twice the rows, so that others fit beside the first. */
static struct dataplane *plane_for(uint32_t devices)
{
	struct dataplane_options options = {.max_devices = devices * 2, .max_flows = 1024, .trace = true};
	struct dataplane *dp = NULL;
	char *told = NULL;
	int r = dataplane_open(&options, &dp, &told);

	if (r < 0)
		die(told ? told : "dataplane_open", r);
	return dp;
}

static void run(const struct size *size, const struct world *world, const struct world *others, struct sample *ret)
{
	struct dataplane *dp = plane_for(size->devices);

	apply_once(dp, world, world, STEP_FIRST, ret);
	apply_once(dp, world, world, STEP_AGAIN, ret);
	apply_once(dp, world, others, STEP_OTHERS, ret);
	dataplane_close(dp);
}

static void report(struct results *results, struct table *table, const struct size *size, const struct sample *samples, size_t n)
{
	for (size_t step = 0; step < STEP_COUNT; step++) {
		double ms[RUNS], cpu_ms[RUNS], kib[RUNS];
		struct summary time, cpu, memory;

		for (size_t i = 0; i < n; i++) {
			ms[i] = samples[i].ms[step];
			cpu_ms[i] = samples[i].cpu_ms[step];
			kib[i] = samples[i].kib[step];
		}
		time = summary_of(ms, n);
		cpu = summary_of(cpu_ms, n);
		memory = summary_of(kib, n);
		results_add(results, &(struct result){.subject = step_names[step], .family = "", .devices = size->devices, .order = "", .shape = "",
						      .contender = "cordon", .unit = "ms", .samples = ms, .n_samples = n,
						      .extra = json_pack("{s:i, s:i, s:i, s:i, s:f, s:f}", "addresses", (int)size->devices * ADDRESSES,
									 "pairs", (int)size->pairs, "verdicts",
									 (int)(size->pairs * SERVICE_CLASSES), "networks", (int)size->networks,
									 "peak_kib", memory.median, "cpu_ms", cpu.median)});
		table_cell(table, "%s", step_names[step]);
		table_cell(table, "%u", size->devices);
		table_cell(table, "%.1f", time.median);
		table_cell(table, "%.1f-%.1f", time.low, time.high);
		table_cell(table, "%.1f", cpu.median);
		table_cell(table, "%.0f", memory.median);
	}
}

static void measure(struct results *results, struct table *table, const struct size *size, size_t runs)
{
	struct sample samples[RUNS] = {0};
	struct world world = {0}, others = {0};

	rules_make(&world.image, size->pairs);
	networks_make(&world.image, size->networks);
	devices_make(&world, size->devices, 1);
	devices_make(&others, size->devices, 1 + size->devices);
	for (size_t i = 0; i < runs; i++)
		run(size, &world, &others, &samples[i]);
	report(results, table, size, samples, runs);
	world_done(&world);
	world_done(&others);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"out", required_argument, NULL, 'o'}, {"quick", no_argument, NULL, 'q'},
						{"only", required_argument, NULL, 'n'}, {0}};
	static const char *const heads[] = {"case", "devices", "ms", "95 %", "CPU ms", "peak KiB", NULL};
	const char *out = "build/bench.json";
	struct results *results = NULL;
	struct table table = {0};
	bool quick = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return 2;
		if (c == 'n' && !strstr("apply", optarg))
			return 0;
		quick |= c == 'q';
		out = c == 'o' ? optarg : out;
	}
	r = results_open(out, "apply", &results);
	if (r < 0)
		die(out, r);
	table_begin(&table, heads);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!quick || sizes[i].quick)
			measure(results, &table, &sizes[i], quick ? 6 : RUNS);
	table_print(&table, stdout);
	table_done(&table);
	r = results_save(results);
	results_free(results);
	return r < 0;
}
