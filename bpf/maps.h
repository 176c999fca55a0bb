/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  include/cordon/maps.h (what the rows mean).
 * Out: the maps themselves.
 * Never: access; each step reads its own tables through its own header.
 */
#ifndef CORDON_BPF_MAPS_H
#define CORDON_BPF_MAPS_H

#include "base.h"

/* Capacities that the engine changes before loading. */
#define DEFAULT_DEVICES 4096
#define DEFAULT_BINDINGS 16384
#define DEFAULT_INDEX_LINES 2
#define DEFAULT_FLOW_BUCKETS 1
#define DEFAULT_CACHE_PAIRS 1
#define CORDON_FLOW_LOCKS 4096
#define DEFAULT_DROPS 65536
#define DEFAULT_EVENT_COUNTS 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_SIDES);
	__type(key, __u32);
	__type(value, struct policy_head);
} heads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CORDON_MAX_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} port_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_PORT_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct port_slot);
} port_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_MAX_PORTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_INDEX_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct index_line);
} device_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_DEVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct device);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_INDEX_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct index_line);
} binding_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_BINDINGS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct binding);
} bindings SEC(".maps");

/*
 * One policy's tables: two slots each, the inner map of a slot is made anew, sized and frozen by every apply. Programs may
 * only read them (BPF_F_RDONLY_PROG), so nothing that a frame brings can reach a policy.
 */
/* clang emits no BTF for types that only the definition of an inner map names; naming them here lets bpftool print fields. */
const volatile struct {
	struct pair_key pair_key;
	struct pair pair;
	struct service service;
	struct verdict verdict;
	struct network_key network_key;
	struct network network;
} inner_types = {};

struct pairs_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct pair_key);
	__type(value, struct pair);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CORDON_SIDES);
	__type(key, __u32);
	__array(values, struct pairs_inner);
} pairs SEC(".maps");

struct services_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_SERVICE_COUNT);
	__uint(map_flags, BPF_F_RDONLY_PROG | BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct service);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CORDON_SIDES);
	__type(key, __u32);
	__array(values, struct services_inner);
} services SEC(".maps");

struct verdicts_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG | BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct verdict);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CORDON_SIDES);
	__type(key, __u32);
	__array(values, struct verdicts_inner);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_SIDES * CORDON_MAX_WINDOWS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct window);
} windows SEC(".maps");

struct networks_inner {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct network_key);
	__type(value, struct network);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CORDON_SIDES);
	__type(key, __u32);
	__array(values, struct networks_inner);
} networks SEC(".maps");

/* Nobody maps it, but only a table that can be mapped begins on a page, and its rows with cache lines. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_FLOW_BUCKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_WALK_ROWS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow);
} walked SEC(".maps");

/* By the tag of a key: whoever makes a flow holds one, so that no key gets two rows. */
struct flow_lock {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_FLOW_LOCKS);
	__type(key, __u32);
	__type(value, struct flow_lock);
} flow_locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct usage);
} usage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_CACHE_PAIRS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct cache_pair);
} cache SEC(".maps");

struct tick {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tick);
} tick SEC(".maps");

/* Nobody maps it: as of `flows`. A plain array of as many rows a device as there are CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_DEVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct device_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, DEFAULT_DROPS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} drops SEC(".maps");

/* index: reason * CORDON_VERDICT_COUNT + verdict */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CORDON_REASON_COUNT * CORDON_VERDICT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

/* Nobody maps it: as of `flows`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CORDON_MAX_PORTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct budget);
} port_budgets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_DEVICES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DEFAULT_DEVICES);
	__type(key, __u32);
	__type(value, struct limit_share);
} limit_shares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} critical_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_EVENT_COUNTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct event_counts);
} event_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trace_record);
} trace_out SEC(".maps");

/*
 * What a program knows of the frame in its hands; one row a hook and CPU, for the stack has only 512 bytes. The last is the
 * timer's, which may come between the instructions of a test run.
 */
#define SCRATCH_REVIEW CORDON_DIR_COUNT
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CORDON_DIR_COUNT + 1);
	__type(key, __u32);
	__type(value, struct packet);
} scratch SEC(".maps");

#endif
