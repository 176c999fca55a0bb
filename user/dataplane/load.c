/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "kernel.h"
#include "pins.h"
#include "tables.h"
#include "widen.h"
#include "cordon.skel.h"

#define DEFAULT_DEVICES 4096
#define DEFAULT_FLOWS 65536
#define DEFAULT_CACHE_BYTES (8ULL << 20)
#define BINDINGS_A_DEVICE 4
#define DROPS_A_DEVICE 16

/* libbpf prints; we keep what it says and hand the end of it on with the error: that is where the verifier gives up. */
#define HEARD_LIMIT (1 << 20)
#define TOLD_LIMIT 4000

static struct buf heard;

static int hear(enum libbpf_print_level level, const char *format, va_list ap)
{
	if (level != LIBBPF_WARN)
		return 0;
	if (heard.size > HEARD_LIMIT)
		buf_drop(&heard, heard.size - TOLD_LIMIT);
	buf_vaddf(&heard, format, ap);
	return 0;
}

static const char *heard_end(void)
{
	const char *text = buf_text(&heard);

	return heard.size > TOLD_LIMIT ? text + heard.size - TOLD_LIMIT : text;
}

/* A map whose size the caller or an earlier start chose; of the others the size is part of their meaning. */
enum capacity_of { CAPACITY_DEVICES, CAPACITY_COUNTERS, CAPACITY_BUCKETS, CAPACITY_PAIRS, CAPACITY_CPUS, CAPACITY_COUNT };

static const struct capacity {
	const char *map;
	enum capacity_of of;
	uint32_t rows, and_more;
	uint32_t a_line; /* an index: rows for which there is a line; else 0 */
} capacities[] = {
	{"device_index", CAPACITY_DEVICES, 1, CORDON_DEVICE_FIRST, CORDON_DEVICES_A_LINE},
	{"devices", CAPACITY_DEVICES, 1, CORDON_DEVICE_FIRST, 0},
	{"counters", CAPACITY_COUNTERS, 1, 0, 0},
	{"limits", CAPACITY_DEVICES, 1, CORDON_DEVICE_FIRST, 0},
	{"limit_shares", CAPACITY_DEVICES, 1, CORDON_DEVICE_FIRST, 0},
	{"binding_index", CAPACITY_DEVICES, BINDINGS_A_DEVICE, 1, CORDON_ADDRESSES_A_LINE},
	{"bindings", CAPACITY_DEVICES, BINDINGS_A_DEVICE, 1, 0},
	{"drops", CAPACITY_DEVICES, DROPS_A_DEVICE, 0, 0},
	{"flows", CAPACITY_BUCKETS, 1, 0, 0},
	{"cache", CAPACITY_PAIRS, 1, 0, 0},
	{"event_counts", CAPACITY_CPUS, 1, 1, 0},
};

static const struct capacity *capacity_of(const char *map)
{
	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++)
		if (!strcmp(capacities[i].map, map))
			return &capacities[i];
	return NULL;
}

/* A quarter more rows than flows: then a flow finds room in one of its two buckets. */
static uint32_t buckets_for(uint32_t flows)
{
	return (uint32_t)(((uint64_t)flows * 5 / 4 + CORDON_BUCKET_ROWS - 1) / CORDON_BUCKET_ROWS);
}

/* Whole sets of eight a CPU: a flow has those to choose from, side by side (bpf/cache.h). */
static uint32_t pairs_for(uint64_t bytes)
{
	uint64_t pairs = bytes / kernel_cpu_rows() / sizeof(struct cache_pair) & ~7ULL;

	return (uint32_t)(pairs < 8 ? 8 : pairs) * kernel_cpu_rows();
}

static uint32_t entries_of(const struct capacity *c, uint32_t size)
{
	uint32_t rows = c->rows * size + c->and_more;

	return c->a_line ? (rows + c->a_line - 1) / c->a_line + CORDON_INDEX_SPARE : rows;
}

static uint32_t flows_wanted(const struct dataplane_options *options)
{
	return options->max_flows ? options->max_flows : DEFAULT_FLOWS;
}

static int capacities_set(struct bpf_object *object, const struct dataplane_options *options)
{
	uint32_t devices = options->max_devices ? options->max_devices : DEFAULT_DEVICES;
	const uint32_t sizes[CAPACITY_COUNT] = {
		[CAPACITY_DEVICES] = devices,
		[CAPACITY_COUNTERS] = (devices + CORDON_DEVICE_FIRST) * kernel_cpu_rows(),
		[CAPACITY_BUCKETS] = buckets_for(flows_wanted(options)),
		[CAPACITY_PAIRS] = pairs_for(options->cache_bytes ? options->cache_bytes : DEFAULT_CACHE_BYTES),
		[CAPACITY_CPUS] = kernel_cpu_rows(),
	};

	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
		const struct capacity *c = &capacities[i];
		struct bpf_map *map = bpf_object__find_map_by_name(object, c->map);
		int r = map ? bpf_map__set_max_entries(map, entries_of(c, sizes[c->of])) : -ENOENT;

		if (r < 0)
			return r;
	}
	return 0;
}

static bool map_is_like(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == (uint32_t)bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) && info->map_flags == bpf_map__map_flags(map) &&
	       (capacity_of(bpf_map__name(map)) || info->max_entries == bpf_map__max_entries(map));
}

static int layout_differs(const char *bpffs, const char *what, char **ret_why)
{
	return why(ret_why, -EPROTO,
		   "what is pinned under %s was made by another version (%s): it goes on enforcing untouched. Start the version that made it, "
		   "or take it off first (rm -r %s); ports forward unjudged from then until the next start",
		   bpffs, what, bpffs);
}

static int layout_check(const char *bpffs, int control_fd, char **ret_why)
{
	_cleanup_free_ char *what = NULL;
	struct control control;
	uint32_t zero = 0;
	int r = bpf_map_lookup_elem(control_fd, &zero, &control);

	if (r < 0)
		return why(ret_why, r, "reading the pinned map control: %s", strerror(-r));
	if (control.layout == CORDON_LAYOUT)
		return 0;
	what = format_text("its tables have layout %u, these %d", control.layout, CORDON_LAYOUT);
	return layout_differs(bpffs, what ? what : "another layout", ret_why);
}

static int map_reuse(const char *bpffs, struct bpf_map *map, int fd, char **ret_why)
{
	struct bpf_map_info info;
	int r = kernel_map_info(fd, &info);

	if (r == 0 && !map_is_like(map, &info)) {
		_cleanup_free_ char *what = format_text("its map %s is of another kind or size", bpf_map__name(map));

		return layout_differs(bpffs, what ? what : bpf_map__name(map), ret_why);
	}
	if (r == 0)
		r = bpf_map__reuse_fd(map, fd);
	return r < 0 ? why(ret_why, r, "taking up the pinned map %s: %s", bpf_map__name(map), strerror(-r)) : 0;
}

/* Which of the maps that should be pinned are not; the first of them in *ret_missing. */
static size_t maps_missing(const char *bpffs, struct bpf_object *object, const char **ret_missing)
{
	struct bpf_map *map;
	size_t n = 0;

	bpf_object__for_each_map(map, object) {
		_cleanup_free_ char *path = pin_path(bpffs, "maps", bpf_map__name(map));

		if (!pins_keep_map(map) || (path && access(path, F_OK) == 0))
			continue;
		*ret_missing = bpf_map__name(map);
		n++;
	}
	return n;
}

static int maps_reuse(const char *bpffs, struct bpf_object *object, char **ret_why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		_cleanup_free_ char *path = pin_path(bpffs, "maps", bpf_map__name(map));
		_cleanup_close_ int fd = -1;
		int r;

		if (!pins_keep_map(map))
			continue;
		fd = path ? kernel_open_pin(path) : -ENOMEM;
		if (fd < 0)
			return why(ret_why, fd, "opening the pinned map %s: %s", bpf_map__name(map), strerror(-fd));
		/* In this order: the kernel writes as much of a row as the pinned map has. */
		r = map_reuse(bpffs, map, fd, ret_why);
		if (r == 0 && strcmp(bpf_map__name(map), "control") == 0)
			r = layout_check(bpffs, fd, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A first start that died while it pinned leaves some maps and no link: nothing was enforced, all is made anew. With a
 * link, a missing map was taken away by someone: what runs is left running, for replacing its maps would judge frames by
 * empty ones.
 */
static int maps_adopt(struct dataplane *dp, char **ret_why)
{
	const char *missing = NULL;
	size_t n = maps_missing(dp->bpffs, dp->bpf->obj, &missing);
	int r;

	if (n && pins_have_links(dp->bpffs))
		return why(ret_why, -EPROTO,
			   "the pin of map %s is gone from %s/maps while ports are enforced: what runs is left alone. To start anew take it off "
			   "(rm -r %s); ports forward unjudged from then until the next start",
			   missing, dp->bpffs, dp->bpffs);
	if (n) {
		pins_clear(dp->bpffs);
		return 0;
	}
	r = maps_reuse(dp->bpffs, dp->bpf->obj, ret_why);
	if (r < 0)
		return r;
	dp->adopted = true;
	return 0;
}

static int load_refused(int r, char **ret_why)
{
	if (r == -EPERM)
		return why(ret_why, r, "the kernel does not let this process load programs: run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return why(ret_why, r, "this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF");
	return why(ret_why, r, "loading the programs: %s\n%s", strerror(-r), heard_end());
}

int load_object(struct dataplane *dp, const struct dataplane_options *options, char **ret_why)
{
	int r;

	libbpf_set_print(hear);
	buf_done(&heard);
	heard = (struct buf){0};
	dp->bpf = cordon_bpf__open();
	if (!dp->bpf)
		return load_refused(-errno, ret_why);
	tables_learn(dp);
	r = capacities_set(dp->bpf->obj, options);
	if (r < 0)
		return why(ret_why, r, "setting capacities: %s", strerror(-r));
	if (dp->bpffs) {
		r = maps_adopt(dp, ret_why);
		if (r < 0)
			return r;
	}
#ifdef CORDON_WIDEN
	dp->bpf->rodata->trust = widen_trust;
#endif
	dp->bpf->rodata->trace = dp->trace;
	dp->bpf->rodata->flow_buckets = bpf_map__max_entries(dp->bpf->maps.flows);
	dp->bpf->rodata->device_lines = bpf_map__max_entries(dp->bpf->maps.device_index);
	dp->bpf->rodata->binding_lines = bpf_map__max_entries(dp->bpf->maps.binding_index);
	dp->bpf->rodata->counter_cpus = kernel_cpu_rows();
	dp->bpf->rodata->cache_pairs = bpf_map__max_entries(dp->bpf->maps.cache) / kernel_cpu_rows();
	r = cordon_bpf__load(dp->bpf);
	return r < 0 ? load_refused(r, ret_why) : 0;
}

int load_tables(struct dataplane *dp)
{
	const struct {
		const struct bpf_map *map;
		void *ret; /* where its rows begin */
	} shared[VIEW_COUNT] = {
		[VIEW_CONTROL] = {dp->bpf->maps.control, &dp->control},
		[VIEW_PORTS] = {dp->bpf->maps.ports, &dp->ports},
		[VIEW_PORT_SLOTS] = {dp->bpf->maps.port_slots, &dp->port_slots},
		[VIEW_WINDOWS] = {dp->bpf->maps.windows, &dp->windows},
		[VIEW_USAGE] = {dp->bpf->maps.usage, &dp->usage},
		[VIEW_WALKED] = {dp->bpf->maps.walked, &dp->walked},
		[VIEW_EVENT_COUNTS] = {dp->bpf->maps.event_counts, &dp->event_counts},
		[VIEW_DEVICE_LINES] = {dp->bpf->maps.device_index, &dp->device_lines},
		[VIEW_BINDING_LINES] = {dp->bpf->maps.binding_index, &dp->binding_lines},
		[VIEW_DEVICES] = {dp->bpf->maps.devices, &dp->devices},
		[VIEW_LIMITS] = {dp->bpf->maps.limits, &dp->limits},
		[VIEW_BINDINGS] = {dp->bpf->maps.bindings, &dp->bindings},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < VIEW_COUNT; i++) {
		const struct bpf_map *map = shared[i].map;
		struct view *view = &dp->views[i];

		r = view_open(view, bpf_map__fd(map), bpf_map__max_entries(map), bpf_map__value_size(map));
		if (r == 0 && i < VIEW_DEVICES)
			r = view_show(view, view->rows);
		if (r == 0)
			memcpy(shared[i].ret, &view->at, sizeof(void *));
	}
	return r;
}

/* The secret of the hashes lives as long as the tables that are built on it. */
int load_new_tables(struct dataplane *dp, const struct dataplane_options *options)
{
	struct control *c = dp->control;

	if (getrandom(c->hash_key, sizeof(c->hash_key), 0) != sizeof(c->hash_key) ||
	    getrandom(c->hash_multiplier, sizeof(c->hash_multiplier), 0) != sizeof(c->hash_multiplier))
		return -errno;
	for (size_t i = 0; i < CORDON_HASH_TABLES; i++)
		c->hash_multiplier[i] |= 1;
	dp->usage->max_flows = flows_wanted(options);
	c->layout = CORDON_LAYOUT;
	return 0;
}
