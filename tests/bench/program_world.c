/* SPDX-License-Identifier: Apache-2.0 */
#include "program_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/plane.h"
#include "dataplane/ports.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "policy/policy.h"
#include "cordon.skel.h"

#define LO_IFINDEX 1
#define PORT 1
#define UPLINK 2
#define SEGMENTS 16
#define UNANSWERED_NS (40ULL * 1000000000) /* longer than a SYN without an answer lives */

unsigned world_cache_times = 2;

uint32_t world_mac(uint32_t device)
{
	return (device + 1) * 2654435761u; /* odd, so no two alike; vendors number their MACs, but each its own */
}

uint32_t world_address(uint32_t device)
{
	return 0x0a000100 + device;
}

uint32_t world_cloud(uint32_t peer)
{
	return 0xc6120000 + peer; /* 198.18.0.0/15, RFC 2544 */
}

static struct address address_make(uint32_t last, bool six)
{
	struct address a = {.byte = WORLD_NET6};

	if (!six)
		a = (struct address){.byte = {[10] = 0xff, [11] = 0xff}};
	for (int i = 0; i < 4; i++)
		a.byte[12 + i] = (uint8_t)(last >> (24 - 8 * i));
	return a;
}

static void policy_write(struct buf *text)
{
	buf_addf(text, "version: 1\nsite: {name: bench, mode: enforce}\nsegments:\n");
	for (int i = 0; i < SEGMENTS; i++)
		buf_addf(text, "  s%d: {}\n", i);
	buf_addf(text, "devices:\n");
	for (int i = 0; i < SEGMENTS; i++)
		buf_addf(text, "  - {id: d%d, segment: s%d, mac: \"02:fe:00:00:00:%02x\"}\n", i, i, i);
	buf_addf(text, "networks:\n  cloud: [198.18.0.0/15, \"2001:db8::/96\"]\nrules:\n");
	for (int i = 0; i < SEGMENTS; i++)
		buf_addf(text, "  - {id: cloud%d, from: segment:s%d, to: network:cloud, allow: [tcp/%d, tcp/%d]}\n", i, i, WORLD_ALLOWED_PORT, 8000 + i);
	for (int i = 0; i < SEGMENTS; i++)
		buf_addf(text, "  - {id: next%d, from: segment:s%d, to: segment:s%d, allow: [tcp/%d]}\n", i, i, (i + 1) % SEGMENTS, WORLD_ALLOWED_PORT);
}

static int policy_make(struct world *world, char **ret_why)
{
	_cleanup_buf_ struct buf text = {0};
	struct policy_source source = {.name = "bench.yaml"};
	struct address gateway = address_make(0x0a000001, false);
	struct policy_env env = {.gateway = &gateway, .n_gateway = 1};
	struct diagnostics d = {0};
	int r;

	policy_write(&text);
	source.text = buf_text(&text);
	source.size = text.size;
	r = policy_parse(&source, 1, &d, &world->policy);
	if (r == 0)
		r = policy_compile(world->policy, &env, &d, &world->image);
	if (r < 0)
		diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	return r < 0 ? why(ret_why, r, "compiling the bench's policy: %s", strerror(-r)) : 0;
}

static int devices_make(struct world *world)
{
	world->devices = calloc(world->n_devices, sizeof(*world->devices));
	world->addresses = calloc(world->n_devices, 2 * sizeof(*world->addresses));
	if (!world->devices || !world->addresses)
		return -ENOMEM;
	for (uint32_t i = 0; i < world->n_devices; i++) {
		const struct image_device *like = &world->image->devices[i % SEGMENTS];
		struct dataplane_address *address = &world->addresses[2 * i];

		address[0] = (struct dataplane_address){.address = address_make(world_address(i), false), .class = like->class};
		address[1] = (struct dataplane_address){.address = address_make(world_address(i), true), .class = like->class};
		world->devices[i] = (struct dataplane_device){
			.key = DEVICE_KEY(0x020000000000ULL | world_mac(i), 0),
			.class = like->class,
			.mode = CORDON_MODE_ENFORCE,
			.port = PORT,
			.flow_quota = world->max_flows,
			.addresses = address,
			.n_addresses = 2,
		};
	}
	return 0;
}

/* A test run must come in by an interface that exists: lo leads to the devices' port. */
static int ports_declare(struct dataplane *dp)
{
	struct dataplane_port port = {.number = PORT, .role = CORDON_ROLE_DEVICE, .mode = -1, .mac = WORLD_GATEWAY_MAC};
	struct dataplane_port uplink = {.number = UPLINK, .role = CORDON_ROLE_UPLINK, .mode = -1};
	int r = dataplane_port_declare(dp, &port);

	if (r == 0)
		r = dataplane_port_declare(dp, &uplink);
	if (r == 0)
		r = port_row_move(dp, PORT, LO_IFINDEX);
	return r < 0 ? r : port_row_move(dp, UPLINK, WORLD_UPLINK_IFINDEX);
}

int world_open(struct world *world, uint32_t n_devices, uint32_t max_flows, char **ret_why)
{
	struct dataplane_options options = {
		.max_devices = n_devices + SEGMENTS,
		.max_flows = max_flows,
		.cached = true,
		.cache_bytes = (uint64_t)world_cache_times * max_flows * sizeof(struct flow_bucket) * 5 / 4 / CORDON_BUCKET_ROWS,
	};
	int r;

	*world = (struct world){.n_devices = n_devices, .max_flows = max_flows};
	r = policy_make(world, ret_why);
	if (r == 0)
		r = dataplane_open(&options, &world->dp, ret_why);
	if (r < 0)
		return r;
	r = devices_make(world);
	if (r == 0)
		r = ports_declare(world->dp);
	return r < 0 ? why(ret_why, r, "making devices and ports: %s", strerror(-r)) : world_flip(world, ret_why);
}

void world_close(struct world *world)
{
	if (world->dp)
		dataplane_close(world->dp);
	if (world->image)
		image_free(world->image);
	if (world->policy)
		policy_free(world->policy);
	free(world->devices);
	free(world->addresses);
	*world = (struct world){0};
}

int world_flip(struct world *world, char **ret_why)
{
	struct dataplane_apply what = {.image = world->image, .devices = world->devices, .n_devices = world->n_devices};
	uint32_t generation;

	return dataplane_apply(world->dp, &what, &generation, ret_why);
}

int world_reasons(struct world *world, uint64_t ret[CORDON_REASON_COUNT])
{
	uint64_t counts[CORDON_REASON_COUNT][CORDON_VERDICT_COUNT] = {0};
	int r;

	world->dp->settled = 0; /* what was asked a moment ago is too old for us */
	r = dataplane_reasons(world->dp, counts);

	for (int i = 0; r == 0 && i < CORDON_REASON_COUNT; i++) {
		ret[i] = 0;
		for (int v = 0; v < CORDON_VERDICT_COUNT; v++)
			ret[i] += counts[i][v];
	}
	return r;
}

static void event_ignore(void *ctx, const struct event *event)
{
	(void)ctx;
	(void)event;
}

void world_drain(struct world *world)
{
	while (dataplane_events_poll(world->dp, event_ignore, NULL) > 0)
		;
}

int world_clear(struct world *world)
{
	__atomic_add_fetch(&world->dp->control->changes, 1, __ATOMIC_RELEASE); /* else lines of flows that are no more keep their places for 4 s */
	return dataplane_flows_clear(world->dp);
}

int world_forget_new(struct world *world)
{
	int r = dataplane_clock_advance(world->dp, UNANSWERED_NS);

	return r < 0 ? r : dataplane_flows_sweep(world->dp, NULL, NULL);
}

static uint64_t map_memory(int fd)
{
	_cleanup_free_ char *path = format_text("/proc/self/fdinfo/%d", fd);
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	uint64_t bytes = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1)
			break;
	return bytes;
}

static bool is_array(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_ARRAY || bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       bpf_map__type(map) == BPF_MAP_TYPE_ARRAY_OF_MAPS;
}

void world_maps_each(struct world *world, void (*each)(void *ctx, const struct world_map *map), void *ctx)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, world->dp->bpf->obj) {
		struct world_map told = {
			.name = bpf_map__name(map),
			.rows = bpf_map__max_entries(map),
			.key_bytes = is_array(map) ? 0 : bpf_map__key_size(map),
			.row_bytes = bpf_map__value_size(map),
			.memory = map_memory(bpf_map__fd(map)),
		};

		each(ctx, &told);
	}
}
