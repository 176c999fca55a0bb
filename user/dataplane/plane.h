/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the room's own files.
 * Out: struct dataplane: all that one open dataplane holds.
 * Never: seen outside user/dataplane.
 *
 * Every pointer into a table is memory shared with programs that run at this moment: words are stored whole, in an order
 * that a reader between two stores survives.
 */
#ifndef CORDON_DATAPLANE_PLANE_H
#define CORDON_DATAPLANE_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane.h"
#include "index.h"
#include "view.h"

struct cordon_bpf;
struct ring_buffer;

/* A table of rows that programs find by an index. A row goes free -> used -> leaving -> draining -> free. */
enum row_state {
	ROW_FREE,
	ROW_USED,     /* the index leads to it, or will in a moment */
	ROW_LEAVING,  /* out of the index; a program that began before may still hold its number */
	ROW_DRAINING, /* no program holds it; flows, counters and drops may still name it */
};

struct rows {
	uint32_t first; /* rows below are never given out */
	uint32_t max;
	uint32_t reach; /* rows from here on were never given out, and no table shows them */
	struct view *tables; /* that have these rows; the first has their keys */
	size_t n_tables;
	uint8_t *state; /* enum row_state */
	uint32_t count[ROW_DRAINING + 1];
	uint32_t next;  /* where the search for a free row begins */
};

struct port_links {
	int xdp; /* descriptors, -1: none */
	int tc;  /* -1 also where the filter is a clsact one */
	enum dataplane_attach how;
};

/* What an inner map must be like to stand in its slot; libbpf forgets its templates once they are loaded. */
struct table_like {
	uint32_t type, key_size, value_size, flags;
	uint32_t key_type, value_type; /* in the object's BTF */
};
#define PLANE_TABLES 4 /* pairs, services, verdicts, networks */

/* Tables that are shared: small ones whole, those of rows as far as these are given out. */
enum plane_view {
	VIEW_CONTROL,
	VIEW_PORTS,
	VIEW_PORT_SLOTS,
	VIEW_WINDOWS,
	VIEW_USAGE,
	VIEW_WALKED,
	VIEW_EVENT_COUNTS,
	VIEW_DEVICE_LINES,
	VIEW_BINDING_LINES,
	VIEW_DEVICES,
	VIEW_LIMITS,
	VIEW_BINDINGS,
	VIEW_COUNT
};

struct dataplane {
	struct cordon_bpf *bpf; /* owns the maps' descriptors */
	char *bpffs;            /* NULL: private */
	bool adopted;
	bool trace;
	bool fail_open;
	bool tcx;
	bool unpinned;  /* there is no bpffs for the pins: ports are enforced as long as this process lives */
	bool grace_due; /* a flip was not followed by its grace period: the idle side may still be read */
	enum dataplane_xdp xdp;

	struct table_like tables[PLANE_TABLES];
	struct view views[VIEW_COUNT];
	struct control *control;
	struct port *ports;
	struct port_slot *port_slots;
	struct device *devices;
	struct binding *bindings;
	struct window *windows; /* both sides */
	struct limit *limits;
	struct flow *walked; /* what the last walk over the flows met */
	struct usage *usage;
	struct event_counts *event_counts; /* a row a CPU, and then ours */
	struct index_line *device_lines;
	struct index_line *binding_lines;

	struct rows device_rows;
	struct rows binding_rows;
	struct index device_index; /* by key and by address */
	struct index binding_index;
	uint32_t max_flows;
	uint32_t bound;      /* generation whose class numbers this process has: the one in force when it last looked */
	uint32_t flow_buckets;
	uint64_t settled; /* when the counts of the verdict cache were last fetched: boot clock ns */
	uint32_t last_tried; /* highest generation that any apply has begun to write */
	/* Bindings of a device row in the side in force, as lists through binding rows; 0 ends one. */
	uint32_t *owned;
	uint32_t *owned_next;

	int xdp_prog; /* what ports run: the pinned programs, or those just loaded */
	int tc_prog;
	uint32_t xdp_prog_id;
	uint32_t tc_prog_id;
	struct port_links *links; /* by logical port */

	int grace_outer;
	int grace_inner;

	struct ring_buffer *ring;
	void (*event_handle)(void *ctx, const struct event *event);
	void *event_ctx;
	uint32_t event_left; /* how many more this poll hands out, */
	uint32_t event_turn; /* and how many common ones before the critical are asked for again */
};

/* The kernel may take an unconfirmed policy back at any time: what this process writes belongs to `bound`, whatever is in force. */
static inline uint32_t plane_side(const struct dataplane *dp)
{
	return dp->bound & 1;
}

/*
 * After every change that a verdict kept for later packets must notice, when its rows are written: device, binding, port,
 * brake, flip. Who sees the new number sees the rows.
 */
static inline void plane_changed(struct dataplane *dp)
{
	__atomic_fetch_add(&dp->control->changes, 1, __ATOMIC_RELEASE);
}

/* Before that, if an end of a flow may be another device's now, or a device's for the first time, and that device's generation is not new. */
static inline void plane_addresses_changed(struct dataplane *dp)
{
	__atomic_fetch_add(&dp->control->addresses, 1, __ATOMIC_RELEASE);
}

/* Waits until every program that runs now has ended. 10 ms or so. */
int plane_grace(struct dataplane *dp);

#endif
