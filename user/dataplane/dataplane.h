/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  an image, device rows from user/identity, ports from the daemon.
 * Out: enforced maps and programs, events, flows, counters; verdicts of single frames (replay).
 * Never: names, policy text, decisions about who a device is. The only room that includes libbpf.
 *
 * Errors are -errno; *ret_why (where there is one) gets a sentence to free, also on failure only.
 * Not thread-safe: one owner, the event loop.
 */
#ifndef CORDON_DATAPLANE_H
#define CORDON_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cordon/events.h>
#include <cordon/maps.h>

#include "../policy/image.h"

struct dataplane;

enum dataplane_xdp { DATAPLANE_XDP_AUTO, DATAPLANE_XDP_NATIVE, DATAPLANE_XDP_GENERIC, DATAPLANE_XDP_OFF };

struct dataplane_options {
	const char *bpffs;   /* folder for the pins; NULL: nothing is pinned or attached (replay, tests) */
	uint32_t max_devices; /* capacities; 0: 4096 devices, 65536 flows. An adopted table keeps its own. */
	uint32_t max_flows;
	uint64_t cache_bytes; /* of the flow cache, over all CPUs; 0: 8 MiB */
	enum dataplane_xdp xdp;
	bool trace;          /* keep what the last frame met, for dataplane_run(); only without pins */
	bool fail_open;
	bool cached;         /* let the kernel keep time and verdicts also without pins (tests, bench); with pins it always does */
};

/* Loads, or adopts what is pinned under bpffs: same maps, programs replaced in place, no frame judged by an empty map. */
int dataplane_open(const struct dataplane_options *options, struct dataplane **ret, char **ret_why);
/* Lets go; what is pinned goes on. */
void dataplane_close(struct dataplane *dp);
/* Detaches and unpins everything: the gateway forwards as if cordon were not there. For tests and `uninstall`. */
int dataplane_remove(const char *bpffs, char **ret_why);
bool dataplane_adopted(const struct dataplane *dp);
/* Generation of the policy in force, 0: none. */
uint32_t dataplane_generation(const struct dataplane *dp);
/* What the kernel offers and what was chosen, a line each ("tcx links: yes"), for `cordon doctor` and the log. */
void dataplane_describe(const struct dataplane *dp, void (*line)(void *ctx, const char *text), void *ctx);

/* Ports. `number` is the caller's: stable over a restart, 1..CORDON_MAX_PORTS-1. */
struct dataplane_port {
	uint32_t number;
	uint32_t ifindex;
	enum cordon_role role; /* DEVICE ports get programs; UPLINK and BRIDGE only a row */
	int mode;              /* enum cordon_mode, or -1 */
	bool priority_tag;
	bool bounded;          /* devices without a place get theirs by dataplane_device_settle() only, not by speaking here */
	uint32_t group;
	uint64_t adopt_for;    /* ns from now in which live flows are adopted; 0: none. Ignored when the port was attached already. */
	uint8_t mac[6];        /* the gateway's own as this port's devices see it */
	/*
	 * Only the row and XDP. Where several ports come at once, a first round of these: before any frame to a device is
	 * judged, every port it may come from is known as one, and every conversation from there has its flow.
	 */
	bool ingress_only;
};

enum dataplane_attach { DATAPLANE_ATTACH_NONE, DATAPLANE_ATTACH_NATIVE, DATAPLANE_ATTACH_GENERIC, DATAPLANE_ATTACH_TC };

/*
 * Writes the row, then attaches; adopts a pinned link that still holds this interface. *ret_how says which hook it got.
 * On success *ret_why may hold what is wrong nevertheless: the card goes on changing frames before XDP sees them.
 */
int dataplane_port_set(struct dataplane *dp, const struct dataplane_port *port, enum dataplane_attach *ret_how, char **ret_why);
/* The interface is gone or no longer ours: unpins its links, frees the row. */
int dataplane_port_clear(struct dataplane *dp, uint32_t number);
/* True if the port runs both our programs, before all others, by links that are pinned. */
bool dataplane_port_holds(const struct dataplane *dp, uint32_t number);
/*
 * Every second, for a device port. 0: all is as it should be. 1: it was not (*ret_what says how) and was put right; the hook may
 * be another. -errno: it could not be put right. Row and verdicts stay as they are.
 */
int dataplane_port_watch(struct dataplane *dp, uint32_t number, enum dataplane_attach *ret_how, char **ret_what);
/*
 * Every second, before the ports: the pins of maps and programs. As above; as long as it fails ports are attached without pins,
 * and end with this process.
 */
int dataplane_pins_watch(struct dataplane *dp, char **ret_what);

/* What the card of an interface does to frames before they are judged. */
struct dataplane_offloads {
	bool hides_tags;
	bool merges;
};
int dataplane_offloads(const char *interface, struct dataplane_offloads *ret);

/* Device rows, as user/identity wants them. */
struct dataplane_limit { /* 0: no limit */
	uint64_t bytes_per_s; /* both directions of its port together, up to LIMIT_MAX_BYTES */
	uint32_t packets_per_s; /* the same, up to LIMIT_MAX_PACKETS */
	uint32_t new_flows_per_s; /* that it begins */
};

struct dataplane_address {
	struct address address;
	uint16_t class;
	uint64_t until;
};

struct dataplane_device {
	uint64_t key;  /* DEVICE_KEY */
	uint16_t class;
	enum cordon_mode mode;
	uint8_t side_flags;    /* SIDE_* */
	bool declared;         /* the policy names it: its MAC under another tag is no stranger's */
	bool quarantined;
	uint64_t quarantine_until; /* as dataplane_now() counts: the kernel ends it then; 0: without end */
	uint32_t port;         /* logical port it is fixed to, or CORDON_PORT_NONE: kept as learnt */
	uint32_t flow_quota;   /* live flows that it began, and as many begun from outside; 0: an eighth of the table */
	bool critical;         /* the last sixteenth of the table is open to it */
	struct dataplane_limit limit;
	uint64_t until;
	const struct dataplane_address *addresses;
	size_t n_addresses;
};

/*
 * Puts an image into force. Fills fresh tables and the idle side of every row, reads them back, flips the generation,
 * waits a grace period, then frees what only the old policy knew. On failure nothing changed: the old policy stays.
 * *ret_generation is known and may be stored before the flip through `before_flip` (NULL: none); if that returns
 * non-zero the apply is refused with it.
 */
struct dataplane_apply {
	const struct image *image;
	const struct dataplane_device *devices; /* all that shall exist afterwards */
	size_t n_devices;
	const struct window_version *windows; /* by window of the image; NULL: nobody knows the time */
	size_t n_windows;                     /* as the image has */
	int (*before_flip)(void *ctx, uint32_t generation);
	void *ctx;
	/*
	 * Not 0: unless it is confirmed within so many ns of the flip, the kernel puts the policy before in force again, all of
	 * it: tables, rows, sides. What a row has once stays as this apply writes it (flags, quota, limits, ports first given).
	 */
	uint64_t confirm_ns;
};
/* -EBUSY: one waits to be confirmed. -ENODATA: with confirm_ns, but without a policy before. */
int dataplane_apply(struct dataplane *dp, const struct dataplane_apply *what, uint32_t *ret_generation, char **ret_why);

enum dataplane_wait {
	DATAPLANE_WAIT_NONE,
	DATAPLANE_WAIT_OPEN,     /* unconfirmed; *ret_deadline is set, as dataplane_now() counts */
	DATAPLANE_WAIT_REVERTED, /* taken back; until dataplane_follow_revert() or an apply */
};
enum dataplane_wait dataplane_unconfirmed(struct dataplane *dp, uint64_t *ret_deadline);
/* It stays. -ETIMEDOUT: it was taken back first. -ENOENT: nothing waits. */
int dataplane_confirm(struct dataplane *dp);
/* It goes now. -ENOENT. */
int dataplane_revert(struct dataplane *dp);
/* From here on single devices are written into the policy that is in force again: its image is the caller's again. */
void dataplane_follow_revert(struct dataplane *dp);

/*
 * Other times for all windows of the policy that was applied last. -EINVAL: it has not so many. -ESTALE: it was taken back.
 * Waits a grace period if any changes.
 */
int dataplane_windows_set(struct dataplane *dp, const struct window_version *versions, size_t n);

/* One device, at once, within the policy in force; live flows of it are judged anew. */
int dataplane_device_set(struct dataplane *dp, const struct dataplane_device *device, char **ret_why);
int dataplane_device_remove(struct dataplane *dp, uint64_t key);
/* The place of one that has none, as if it had spoken there first. -ENOENT. -EEXIST: it has one. */
int dataplane_device_settle(struct dataplane *dp, uint64_t key, uint32_t port);
/* How many devices have their place on this port, of those that `counts` says yes to. */
uint32_t dataplane_port_devices(const struct dataplane *dp, uint32_t port, bool (*counts)(void *ctx, uint64_t key), void *ctx);
/* The quarantine alone, under any policy, also one that this process does not know. -ENOENT. */
int dataplane_device_quarantine(struct dataplane *dp, uint64_t key, bool on, uint64_t until);
int dataplane_brake(struct dataplane *dp, bool on);
/* As the kernel has it: it outlives the daemon. */
bool dataplane_braked(const struct dataplane *dp);

/* Rows as the kernel has them. -ENOENT. */
struct dataplane_device_row {
	uint32_t row;
	uint64_t key;
	uint32_t port;
	bool quarantined;      /* now */
	uint64_t quarantine_until; /* of one that is flagged, also when it is over; 0: without end */
	struct side side; /* of the policy in force */
	struct device_counters counters; /* summed over CPUs */
	uint32_t flows[CORDON_DIR_COUNT]; /* live ones: begun by it, and from outside towards it */
	uint32_t flow_quota;
	bool critical;
	struct dataplane_limit limit;
};
int dataplane_device_read(struct dataplane *dp, uint64_t key, struct dataplane_device_row *ret);
int dataplane_device_read_row(struct dataplane *dp, uint32_t row, struct dataplane_device_row *ret);
/* Key of a device row, 0 if free. */
uint64_t dataplane_device_key(const struct dataplane *dp, uint32_t row);

/* Events. The descriptor becomes readable; poll hands each record to `handle`, critical ones first, and returns how many. */
int dataplane_events_fd(const struct dataplane *dp);
int dataplane_events_poll(struct dataplane *dp, void (*handle)(void *ctx, const struct event *event), void *ctx);
/* Since the tables were made, whoever read: what was wanted is emitted, lost and suppressed; emitted less read is still in the ring. */
void dataplane_events_counts(const struct dataplane *dp, struct event_count ret[CORDON_RING_COUNT][CORDON_EVENT_KIND_COUNT]);

/* Flows. `now` is the same clock as in the rows. Returning non-zero from `each` stops the walk. */
uint64_t dataplane_now(const struct dataplane *dp);
int dataplane_flows_each(struct dataplane *dp, int (*each)(void *ctx, const struct flow *flow), void *ctx);
/* Deletes flows past their time or cut, after handing each to `ended` (NULL: nobody asks). Returns how many. */
int dataplane_flows_sweep(struct dataplane *dp, void (*ended)(void *ctx, const struct flow *flow), void *ctx);
int dataplane_flows_clear(struct dataplane *dp);

/* Exact drop counts: by device and reason, and the site's totals by reason and verdict. */
int dataplane_drops_each(struct dataplane *dp, int (*each)(void *ctx, const struct drop_key *key, const struct drop_count *count), void *ctx);
int dataplane_reasons(struct dataplane *dp, uint64_t ret[CORDON_REASON_COUNT][CORDON_VERDICT_COUNT]);

struct dataplane_usage {
	uint32_t devices, max_devices;
	uint32_t bindings, max_bindings;
	uint32_t flows, max_flows;
};
int dataplane_usage(struct dataplane *dp, struct dataplane_usage *ret);

/*
 * One frame through the real program with the kernel's test run; needs `trace`. Ports are rows set with
 * dataplane_port_declare(), which attaches nothing: interface indexes are made up and live only in the private maps.
 */
int dataplane_port_declare(struct dataplane *dp, const struct dataplane_port *port);

struct dataplane_frame {
	const uint8_t *bytes;
	uint32_t size;
	uint32_t port;     /* logical port whose program runs */
	enum cordon_dir dir;
	uint32_t in_port;  /* TO_DEVICE: logical port, uplink or bridge it came in by; CORDON_PORT_NONE: the gateway */
	uint32_t gso_size, gso_segs;
};

struct dataplane_verdict {
	bool pass;        /* what the program returned */
	bool unrunnable;  /* the kernel's test run refuses such a frame; nothing else is set */
	enum cordon_verdict verdict;
	enum cordon_reason reason;
	uint32_t rule;
	uint32_t device;  /* row, or CORDON_DEVICE_NONE */
};
int dataplane_run(struct dataplane *dp, const struct dataplane_frame *frame, struct dataplane_verdict *ret);
/* Moves the program's clock forward (private maps only). */
int dataplane_clock_advance(struct dataplane *dp, uint64_t ns);

#endif
