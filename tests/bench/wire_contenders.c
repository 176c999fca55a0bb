/* SPDX-License-Identifier: Apache-2.0 */
/* The references, and xdp-filter as Debian packages it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "wire.h"

static void reference_setup(struct contender *c)
{
	c->link = attach_xdp(c->lane.ns, c->lane.port, c->kind->reference);
}

static void link_done(struct contender *c)
{
	close(c->link);
}

const struct contender_kind contender_drop = {
	.name = "XDP_DROP",
	.what = "a program that drops all: the ceiling",
	.reference = "wire_drop",
	.setup = reference_setup,
	.done = link_done,
};

const struct contender_kind contender_pass = {
	.name = "XDP_PASS",
	.what = "a program that passes all",
	.reference = "wire_pass",
	.setup = reference_setup,
	.done = link_done,
};

const struct contender_kind contender_line = {
	.name = "one line",
	.what = "a program that counts in one line of memory a flow, and drops: the floor of whoever remembers a sender",
	.reference = "wire_line",
	.setup = reference_setup,
	.done = link_done,
};

#define FILTER_MAP "/sys/fs/bpf/xdp-filter/filter_ethernet"


static void filter_setup(struct contender *c)
{
	lane_enter(&c->lane);
	shell("xdp-filter load -m native -p allow -f ethernet port");
	lane_leave();
}

static void filter_done(struct contender *c)
{
	lane_enter(&c->lane);
	shell("xdp-filter unload port");
	lane_leave();
}

static void filter_empty(int map, uint8_t key[6])
{
	while (bpf_map_get_next_key(map, NULL, key) == 0)
		bpf_map_delete_elem(map, key);
}

/* One entry by its own command shows how it writes them; the rest go straight into its table, or 10,000 would take minutes. */
void xdp_filter_list(struct contender *c, bool strangers, uint32_t n)
{
	int map = bpf_obj_get(FILTER_MAP), cpus = libbpf_num_possible_cpus();
	uint64_t *value = calloc((size_t)cpus, sizeof(*value));
	uint8_t key[6];

	if (map < 0 || cpus < 1 || !value)
		die("xdp-filter's table at %s: %s", FILTER_MAP, strerror(errno));
	if (n > XDP_FILTER_MAX)
		die("xdp-filter holds %u MACs, not %u", XDP_FILTER_MAX, n);
	filter_empty(map, key);
	lane_enter(&c->lane);
	shell("xdp-filter ether -m src %s", strangers ? stranger_mac(0).text : device_mac(0).text);
	lane_leave();
	mac_bytes(strangers, 0, key);
	if (bpf_map_lookup_elem(map, key, value) < 0)
		die("xdp-filter did not write what it was told: %s", strerror(errno));
	for (uint32_t i = 1; i < n; i++) {
		mac_bytes(strangers, i, key);
		if (bpf_map_update_elem(map, key, value, BPF_ANY) < 0)
			die("xdp-filter's table: %s", strerror(errno));
	}
	free(value);
	close(map);
}

const struct contender_kind contender_xdp_filter = {
	.name = "xdp-filter",
	.what = "xdp-filter load -p allow -f ethernet, a list of source MACs",
	.weaker = "whose address it is, where to, which service; state",
	.setup = filter_setup,
	.done = filter_done,
};
