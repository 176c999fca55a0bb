/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  types.h, reasons.h.
 * Out: keys and values of every map, as the programs and the engine read and write them.
 * Never: how a map is made (bpf/maps.h) or filled (user/dataplane).
 *
 * Byte order: host order unless a field says otherwise. Addresses are 16 bytes in network order; IPv4 is written as
 * ::ffff:a.b.c.d (RFC 4291 2.5.5.2), and such an address inside an IPv6 header is refused, so the two never meet.
 *
 * How a table changes under its readers (research: a value found by hash can be recycled while it is read):
 *  - Hashes and indexes give a number only. The row stands in a plain array, carries its own key, and the reader compares it.
 *  - A freed row is used again only after a grace period (every program that could hold its index has ended).
 *  - What a policy says of a row stands twice, once a side; one 64-bit store changes a side, so no reader sees half.
 *  - A side counts only if its generation is the one that the packet read from `control`.
 */
#ifndef CORDON_MAPS_H
#define CORDON_MAPS_H

#include "types.h"
#include "reasons.h"

/*
 * Ticks: boot-clock ns >> CORDON_TICK_SHIFT, 16.8 ms, where a row has no room for more. They wrap after 2.3 years and are
 * compared by their difference (tick_reached()).
 */
#define CORDON_TICK_SHIFT 24
#define CORDON_TICKS(ns) ((__u32)((ns) >> CORDON_TICK_SHIFT))

/* Words of the hash key: NH over the 10 words of an IPv6 flow, then a multiplier for each table. hash.h */
#define CORDON_HASH_WORDS 10
#define CORDON_HASH_TABLES 5

/*
 * Map `control`, one row, mapped writable by the engine. The program reads `generation` and `changes` as one 64-bit word,
 * once per packet; all else that it reads for that packet belongs to that generation or the packet is dropped. A cached
 * verdict is good for the word that it was given under: whatever a live flow must notice counts `changes` up, after the
 * rows are written.
 */
struct control {
	__u32 generation;   /* of the policy in force; 0: none was ever applied. Even/odd chooses the side. Never reused. */
	__u32 changes;
	__u32 layout;       /* CORDON_LAYOUT */
	__u32 brake;        /* not 0: every SOFT and HARD drop becomes would_deny */
	__u32 row_generation; /* last generation given to a device row; the engine counts it up */
	__u32 sweep_next;   /* bucket of `flows` with which the timer's sweep goes on */
	__s64 clock_offset; /* ns added to the boot clock; 0 but in replay and tests */
	__u64 now;          /* boot clock ns, written by the timer every CORDON_TICK_NS; 0: no timer, and no verdict is cached */
	__u32 hash_key[CORDON_HASH_WORDS]; /* random, made with the tables */
	__u64 hash_multiplier[CORDON_HASH_TABLES]; /* odd */
	/*
	 * A policy that goes again by itself unless somebody confirms it: written before the flip, so that the flip arms it. At
	 * `revert_at` the kernel turns `unconfirmed` back into `fallback`; whose compare-and-swap of the word above comes first,
	 * the kernel's or the confirming engine's, has decided. bpf/revert.h
	 */
	__u64 revert_at;    /* boot clock ns; 0: never */
	__u32 unconfirmed;  /* generation; 0: none. Another one is in force: it did not come, or was taken back */
	__u32 fallback;     /* generation, whole on the other side until then */
	/* The timer's review of flows that no packet comes for, bpf/tick.h */
	__u64 review_word;      /* `generation` and `changes` under which it looks at every flow, or did */
	__u32 review_left;      /* buckets that it has not come to since that word moved */
	__u32 addresses;        /* the engine counts up what `generation` of no device tells: an address of nobody is a device's now */
	__u32 review_addresses; /* up to which it resolves the ends of every flow, or did */
	__u32 resolve_left;     /* buckets, as above */
	__u64 swept_at;         /* boot clock ns without the offset: when the sweep last came */
} __attribute__((aligned(8)));

/* `generation` and `changes` as the one word they are. */
union policy_word {
	struct {
		__u32 generation;
		__u32 changes;
	};
	__u64 word;
};

#define CORDON_TICK_NS 10000000ULL

/* Map `heads`, a row a side: what a policy says of the whole site. */
struct policy_head {
	__u32 generation;      /* must equal the packet's, else STALE_ROW */
	__u32 service_classes; /* width of a row of `verdicts` */
	__u16 unknown_class;   /* of a device in no segment */
	__u16 kin;             /* not 0: a pair without an entry may have one by plainer classes (struct pair_key) */
	__u8 site_mode;        /* enum cordon_mode */
	__u8 unknown_mode;     /* of the segment `unknown`, for what belongs to no device on a port without a mode */
	__u8 pad2[2];
};

/*
 * Map `port_index`: interface index -> logical port. Map `ports`: logical port -> row. Map `port_slots`: the same answer at
 * ifindex % CORDON_PORT_SLOTS for the interface that took the slot last, so that a frame need not ask a hash.
 */
#define CORDON_PORT_SLOTS 1024

struct port_slot {
	__u32 ifindex;
	__u32 number;
};

#define PORT_FAIL_OPEN 0x1   /* with no policy: pass */
#define PORT_MODE_SET 0x2    /* `mode` is given in gateway.yaml */
#define PORT_PRIORITY_TAG 0x4 /* VID 0 counts as no tag */
#define PORT_BOUNDED 0x8     /* who has no place gets none by speaking here: the engine counts, and gives places */

struct port {
	__u32 ifindex;     /* 0: free or gone; must equal the packet's */
	__u32 number;      /* logical number, equals the row's index */
	__u8 role;         /* enum cordon_role */
	__u8 mode;         /* enum cordon_mode, with PORT_MODE_SET */
	__u16 flags;       /* PORT_* */
	__u32 group;       /* 0: none; devices may roam between ports of one group */
	__u64 adopt_until; /* boot clock ns: until then flows already alive are adopted if policy allows */
	__u8 mac[6];       /* the gateway's own as devices of this port address it (the bridge's, or the port's) */
	__u8 pad[2];
};

/* One side of a device or of a binding. Written and read as one 64-bit word. */
struct side {
	__u32 generation; /* of the policy this side was written for; 0: absent */
	__u16 class;      /* security identity within that policy; 0 is never a class */
	__u8 mode;        /* enum cordon_mode of the device; for the gateway's addresses OBSERVE */
	__u8 flags;       /* SIDE_* */
};
CORDON_ASSERT(sizeof(struct side) == 8, "a side is one word");

#define SIDE_UNAUTHENTICATED 0x1 /* must authenticate and has not */
#define SIDE_NO_GUARDS 0x2       /* not even ARP, ND and DHCP (dot1x required, not authenticated) */

/*
 * Maps `device_index` and `binding_index`, mapped writable by the engine, read by programs: lines of slots, each of which leads to
 * a row. The hash of a key names two lines and a tag (hash.h); its slot lies in one of the two, and a row that its tag leads to
 * may still be another key's, or nobody's. At most CORDON_INDEX_TRIES slots of a line have one tag. A slot is stored when its row
 * is written, and emptied a grace period before that is used again.
 */
#define CORDON_INDEX_SLOTS 15
#define CORDON_INDEX_ROW 0xffffffU /* of a slot; the rest is its tag */
#define CORDON_INDEX_TAG_SHIFT 24
#define CORDON_INDEX_TRIES 4
#define CORDON_INDEX_EASY 12   /* slots of a key's first line that are taken before its second is thought of */
#define CORDON_DEVICES_A_LINE 8 /* rows for which there is a line: with two to choose from none is full before all rows are used, */
#define CORDON_ADDRESSES_A_LINE 10 /* and hardly one; few sites give every device four addresses */
#define CORDON_INDEX_SPARE 8   /* lines more, for tables of a few rows */

struct index_line {
	__u32 slot[CORDON_INDEX_SLOTS]; /* 0: empty */
	__u32 spilled;                  /* slots whose first line this is and that lie in their second; counted up before, down after */
} __attribute__((aligned(64)));
CORDON_ASSERT(sizeof(struct index_line) == 64, "index line");

/*
 * Token buckets of a device's events, one a ring (events.h), and how many live flows it owns: those it began, and apart from them those
 * that what is no device began towards it, so that no outsider can spend what the device has for its own. Each count has the device's
 * quota for itself.
 */
enum cordon_ring {
	CORDON_RING_COMMON,
	CORDON_RING_CRITICAL,
	CORDON_RING_COUNT
};

struct bucket {
	__u64 last;    /* boot clock ns of the last refill */
	__u32 tokens;
	__u32 skipped; /* frames without an event since the last one that stood for a frame; told in the next such */
};

struct budget {
	struct bucket bucket[CORDON_RING_COUNT];
	__u32 flows[CORDON_DIR_COUNT]; /* live, by the way their first packet went; counted by programs and sweep, atomically */
	__u64 pad[3];
};
CORDON_ASSERT(sizeof(struct budget) == 64, "one line");

/*
 * Map `devices`: the rows that `device_index` leads to by device key, mapped writable by the engine.
 * Row CORDON_DEVICE_GATEWAY is the gateway itself and has no key.
 */
#define DEVICE_KEY(mac_be48, vlan) (((__u64)(mac_be48) << 16) | (vlan))
#define DEVICE_QUARANTINED 0x1
#define DEVICE_CRITICAL 0x8 /* the last part of the flow table is theirs */
#define DEVICE_PLACED 0x2 /* its port is fixed by the policy or the engine; else learnt from the first frame */
#define DEVICE_DECLARED 0x10 /* the policy names it; else it is a stranger that was met */
#define DEVICE_LIMITED 0x4 /* its row of `limits` says something; without it no frame looks there */

struct device {
	__u64 key;        /* MAC in bits 63-16, first byte highest, VLAN in bits 15-0; 0: free row */
	__u32 generation; /* from control.row_generation at each change that a live flow must notice, and at each reuse */
	__u32 flags;      /* DEVICE_* */
	__u32 port;       /* logical port it sits on; CORDON_PORT_NONE: none yet, taken from its first frame */
	__u32 flow_quota; /* live flows it may have begun, and as many begun from outside; 0: no limit */
	__u64 until;      /* boot clock ns of the end of its lease; 0: none */
	struct side side[CORDON_SIDES];
	__u64 quarantine_until; /* boot clock ns: DEVICE_QUARANTINED counts until then; 0: without end */
	__u64 pad;
	/* What programs write stands in a line of its own, and on the same page: a new flow waits for each page that it touches. */
	struct budget budget;
};
CORDON_ASSERT(sizeof(struct device) == 128 && __builtin_offsetof(struct device, budget) == 64, "a device row is two cache lines");

/*
 * Map `bindings`: which device an address belongs to; `binding_index` leads to its row by the address.
 * device[s] of a side is written only while that side is idle or the row is free; side[s].class may change at any time.
 */
struct address {
	__u8 byte[16]; /* network order, IPv4 mapped */
};

struct binding {
	struct address address; /* all zero: free row */
	__u32 device[CORDON_SIDES];
	struct side side[CORDON_SIDES]; /* class of this device when it speaks by this address */
	__u64 until;  /* boot clock ns of the end of the address lease; 0: none */
};
CORDON_ASSERT(sizeof(struct binding) == 48, "binding row");

/* The tables of one policy: inner maps of `pairs`, `services`, `verdicts`, `networks` (one a side), frozen once filled. */

/*
 * hash: (class of the initiator, class of the responder) -> row of `verdicts`. Where `kin` of the head is set, an entry
 * (class, 0) says in `cell` which plainer class answers for this one; a pair without an entry is then asked for by the plainer
 * responder, by the plainer initiator, by both, in this order. No entry by any: default deny.
 */
struct pair_key {
	__u16 from;
	__u16 to;
};

#define PAIR_TALKS 0x1 /* some service is allowed: ARP and ND may resolve */

struct pair {
	__u32 cell;  /* row number; the row begins at cell * service_classes */
	__u32 flags; /* PAIR_* */
};

/* array of CORDON_SERVICE_COUNT: service -> service class; class 0 is what no rule names */
struct service {
	__u32 class;
};

/*
 * array: cell * service_classes + service class -> what to do with a new flow; deny against allow was settled before.
 * A verdict with a window counts only while that is open; else the one at `next` is asked, and so on: a chain in order of
 * precedence. Rows that only chains lead to stand behind the cells.
 */
enum cordon_action {
	CORDON_ACTION_DEFAULT, /* no rule: default deny */
	CORDON_ACTION_ALLOW,
	CORDON_ACTION_DENY,
};
#define VERDICT_AUDIT 0x1 /* the rule is in `mode: audit`: its deny passes as would_deny */

struct verdict {
	__u32 rule;   /* index into the revision's rules, or CORDON_RULE_NONE */
	__u32 next;   /* row of the one to ask while the window is closed, or CORDON_CHAIN_END: default deny */
	__u16 window; /* row of `windows` within the side, or CORDON_WINDOW_ALWAYS */
	__u8 action;  /* enum cordon_action */
	__u8 flags;   /* VERDICT_* */
};
CORDON_ASSERT(sizeof(struct verdict) == 12, "verdict row");

/*
 * Map `windows`, mapped writable by the engine: when rules that depend on time hold. Row side * CORDON_MAX_WINDOWS + window.
 * Before edge[0] the window is `open_first`, each edge turns it over, from edge[n - 1] on it is `open_last`: what nobody knows
 * any more is closed for an allow and open for a deny. The engine writes the version that is not current and then stores
 * `current`, and does so again only after a grace period.
 */
struct window_version {
	__u64 edge[CORDON_WINDOW_EDGES]; /* boot clock ns, ascending */
	__u8 n;
	__u8 open_first;
	__u8 open_last;
	__u8 pad[5];
};

struct window {
	__u32 current; /* 0 or 1 */
	__u32 pad;
	struct window_version version[2];
};
CORDON_ASSERT(sizeof(struct window) == 152, "window row");

/* LPM trie over all networks: class of an address that has no binding. ::/0 and ::ffff:0:0/96 are always there. */
struct network_key {
	__u32 prefixlen; /* 0-128 */
	struct address address;
};

struct network {
	__u32 class;
};

/*
 * A conversation, both directions, is one row. addr[0] < addr[1] as memcmp orders them; port[i] goes with addr[i].
 * ICMP: both ports are the identifier of a query (0 where a type has none), `icmp_type` is the type of the asking side, and
 * `asker` is 1 + its index, so that who asked is part of the key. All three are 0 for other protocols.
 */
struct flow_key {
	struct address addr[2];
	__u16 port[2];
	__u8 proto;
	__u8 asker;
	__u16 icmp_type;
};
CORDON_ASSERT(sizeof(struct flow_key) == 40, "flow key");

#define FLOW_CACHED 0x1 /* some packets were counted elsewhere: `last` may be CORDON_CACHE_NS old */
#define FLOW_TOLD 0x2   /* it is over, and the engine has its record */

enum cordon_flow_state {
	CORDON_FLOW_NEW,         /* only the initiator has spoken (TCP: SYN sent) */
	CORDON_FLOW_ESTABLISHED, /* the responder has answered */
	CORDON_FLOW_CLOSING,     /* FIN seen from one side or both, or RST */
	CORDON_FLOW_CUT,         /* no longer allowed; only accounts for what it was */
};

struct flow_side {
	__u64 packets; /* a GSO packet counts its segments */
	__u64 bytes;   /* from the IP header up */
	__u32 device;  /* row of the device on this side; GATEWAY; NONE: a network */
	__u32 device_generation;
	__u32 first;   /* tick of the first packet, */
	__u32 last;    /* and of the last; 0: none */
};

/* side[0] is the initiator, side[1] the responder, whatever their order in the key */
struct flow {
	struct flow_key id;   /* compared after reading: the row may have been recycled */
	__u32 generation;     /* policy that judged it last */
	__u32 rule;
	__u32 birth;          /* counts the flows that this row has held: what is folded in late must not meet another's; 0: being filled */
	__u32 until;          /* tick at which it is asked again; 0: no end */
	__u8 initiator;       /* index into id.addr of the initiator */
	__u8 state;           /* enum cordon_flow_state */
	__u8 tcp_flags[2];    /* all seen, by side; of established flows some packets' only */
	__u8 reason;          /* why it was let in: enum cordon_reason */
	__u8 verdict;         /* ALLOW, or WOULD_DENY for a flow that mode audit let in */
	__u8 rule_audit;      /* WOULD_DENY because the rule that denies is itself in audit, whatever the mode of the ends */
	__u8 marks;           /* FLOW_* */
	struct flow_side side[2];
};
CORDON_ASSERT(sizeof(struct flow) == 128, "a flow is two cache lines");

/*
 * Map `flows`: buckets of rows, which the engine has walked by the program `flows_walk`. A row never moves, so its number
 * (bucket * 16 + way) names it as long as its key and birth agree. A flow lies in one of two buckets that the hash of its key
 * names; `tag` is the rest of that hash, 0: free. The life of a row:
 *
 *   free -> filled under the key's lock, then its tag is stored -> live -> over: TAG_OVER joins the tag by compare-and-swap,
 *   and who did that gives the quota back -> free, not before CORDON_REUSE_TICKS: a program that still holds the row has ended.
 */
#define CORDON_BUCKET_ROWS 14
#define CORDON_TAG_OVER 0x80000000U
#define CORDON_TAG_CLAIMED 0x7fffffffU /* being filled */
#define CORDON_REUSE_TICKS 180 /* 3 s */
#define CORDON_STILL_TICKS 120 /* for so long after its end the row certainly stays, however long who saw that is held up */

struct flow_bucket {
	__u32 tag[CORDON_BUCKET_ROWS];
	__u32 spilled; /* 1: some flow whose first bucket this is lies in its second */
	__u32 pad;
	__u32 seen[CORDON_BUCKET_ROWS]; /* control.changes under which a packet of the flow last went the whole road */
	__u32 pad2[2];
	struct flow row[CORDON_BUCKET_ROWS];
	__u32 ended[CORDON_BUCKET_ROWS]; /* of rows that are over: tick. Not in the row, which packets on their way may still write */
	__u8 pad3[72];
};
CORDON_ASSERT(sizeof(struct flow_bucket) == 2048, "flow bucket");

#define FLOW_NUMBER(bucket, way) ((bucket) << 4 | (way))

/*
 * What the engine asks of the program `flows_walk`, which is run with this as its context, again and again until `next` is the
 * end of the table. Rows come in the map `walked`, mapped by the engine.
 */
enum cordon_walk {
	CORDON_WALK_LIST,  /* tells of live flows */
	CORDON_WALK_SWEEP, /* ends flows past their time or cut, tells of flows that ended, frees rows that were over for long enough */
	CORDON_WALK_DRAIN, /* the same, but their time ends none */
	CORDON_WALK_CLEAR, /* empties the table, in which no program is at work; tells of nothing */
};
#define CORDON_WALK_ROWS 1024
#define CORDON_WALK_BUCKETS 4096 /* a run at most: between two the engine's CPU may be another's */

struct flow_walk {
	__u32 what;   /* enum cordon_walk */
	__u32 drains; /* SWEEP, DRAIN: also ends flows whose owner has left every policy */
	__u32 now;    /* tick */
	__u32 next;   /* bucket with which it goes on; the program moves it */
	__u32 n;      /* rows in `walked`, from 0 */
};

/* Map `usage`, one row: live flows of all devices, so that the last part of the table can be kept for the critical. */
struct usage {
	__u32 flows;
	__u32 max_flows; /* of `flows` that may be live; the table has room for a quarter more */
};

/*
 * Map `cache`, per-CPU parts one after the other: verdicts that hold for the next packet of the same looks, and what was
 * counted under them and is not yet in the tables. A pair of lines holds two of IPv4 or one of IPv6.
 */
enum cordon_cache_kind {
	CORDON_CACHE_EMPTY,
	CORDON_CACHE_ALLOW,
	CORDON_CACHE_DENY,
	CORDON_CACHE_FOLDING, /* being folded by a program that this one interrupted: hands off */
};

struct cache_meta {
	__u32 deadline; /* tick at which the tables are asked again */
	__u32 flow;     /* ALLOW: FLOW_NUMBER, and its birth. DENY: row of the device whose port it is, as it was */
	__u32 birth;
	__u32 packets;  /* since the last fold */
	__u32 bytes;
	__u8 kind;      /* enum cordon_cache_kind */
	__u8 reason;    /* enum cordon_reason */
	__u8 flags;     /* CACHE_* */
	__u8 pad;
};

#define CACHE_SIDE 0x1    /* the sender is the flow's responder */
#define CACHE_SEEN 0x2    /* counted with the flow at the sender's port already */

/* Bits of `where`; the MACs' words have the VLAN (source) and where it came from (destination) in their low 16 bits. */
#define CACHE_WHERE_PORT 0x3ffU
#define CACHE_WHERE_TO_DEVICE 0x400U
#define CACHE_WHERE_IP6 0x800U
#define CACHE_WHERE_SECOND 0xffffffffU /* the second line of an IPv6 pair */
#define CACHE_FROM_GATEWAY 0xffff

struct cache_line {
	__u32 saddr, daddr; /* network order, as are the ports */
	__u32 ports;
	__u32 where;        /* port | direction | family | proto << 16 | tcp flags << 24 */
	__u64 src, dst;     /* MAC << 16 | see above */
	__u64 word;         /* control.generation and .changes under which this holds */
	struct cache_meta meta;
};
CORDON_ASSERT(sizeof(struct cache_line) == 64, "cache line");

struct cache_wide {
	__u64 word;
	__u32 ports;
	__u32 where;
	__u64 saddr[2], daddr[2];
	__u64 src, dst;
	__u64 pad;
	__u32 zero;
	__u32 second; /* CACHE_WHERE_SECOND, where a narrow line has `where` */
	__u64 pad2[3];
	struct cache_meta meta;
};
CORDON_ASSERT(sizeof(struct cache_wide) == 128, "cache pair");

struct cache_pair {
	union {
		struct cache_line line[2];
		struct cache_wide wide;
	};
};

/*
 * Map `counters`, row device row * possible CPUs + CPU: frames that crossed the device's port, whatever became of them. Not a per-CPU
 * array, where each row is found by a pointer that is one more cold line to wait for.
 */
struct traffic {
	__u64 packets;
	__u64 bytes; /* from the IP header up; for other frames the whole frame */
};

struct device_counters {
	struct traffic passed[CORDON_DIR_COUNT]; /* with flows_started one line: what a new flow counts */
	__u64 flows_started;
	__u64 pad[3];
	struct traffic dropped[CORDON_DIR_COUNT];
	struct traffic would_deny[CORDON_DIR_COUNT]; /* also in passed */
};
CORDON_ASSERT(sizeof(struct device_counters) == 128, "counters of a device on a CPU are two cache lines");

/* Map `drops`, per CPU: exact counts by device and reason, whether an event told of it or not. */
struct drop_key {
	__u32 device; /* row, or CORDON_DEVICE_NONE */
	__u32 port;   /* logical port; 0 where device is given */
	__u8 reason;
	__u8 verdict; /* DENY or WOULD_DENY */
	__u8 dir;
	__u8 pad;
};

struct drop_count {
	__u64 packets;
	__u64 suppressed; /* no event: over the device's budget */
	__u64 lost;       /* no event: the ring buffer was full */
};

/* Map `reasons`, per CPU, by reason: the same totals, which cannot overflow any table. Index: reason * 3 + verdict. */

/*
 * Map `port_budgets`, by logical port: the events of what belongs to no device, so that a flood of strangers on one port silences no
 * other. Row CORDON_PORT_NONE is the site's: the events of all devices together.
 */

/*
 * Map `limits`, by device row, mapped writable by the engine: what a device may, and token buckets that fill with time. A token
 * is a byte (from the IP header up), a packet or a new flow; the buckets count thousand-millionths of one, so that a rate a second
 * times nanoseconds is exact, and may be in debt. The engine writes the rates, programs the buckets; all zero is a full bucket.
 */
#define LIMIT_TOKEN 1000000000LL
#define LIMIT_BURST_BYTES 65536ULL /* a bucket holds a tenth of a second's worth, and at least this */
#define LIMIT_BURST_PACKETS 64ULL  /* of new flows a whole second's worth */
#define LIMIT_MAX_BYTES 12500000000ULL /* a second; keeps the arithmetic within 63 bits */
#define LIMIT_MAX_PACKETS 1000000000U  /* of packets and of new flows */

struct limit {
	__u64 bytes_per_s; /* 0: no limit; also below */
	__u32 packets_per_s;
	__u32 new_flows_per_s;
	__s64 bytes;
	__s64 packets;
	__s64 new_flows;
	__u64 last; /* boot clock ns of the last filling */
	__u64 pad[2];
};
CORDON_ASSERT(sizeof(struct limit) == 64, "one line a device");

/* Map `limit_shares`, per CPU, by device row: whole tokens borrowed and not spent yet; what is more than one loan is void. */
struct limit_share {
	__s64 bytes;
	__s64 packets;
};

/* Map `trace_out`, one row: what became of the last frame; written only by programs loaded with `trace` (replay). */
struct trace_record {
	__u32 rule;
	__u32 device;
	__u8 verdict; /* enum cordon_verdict */
	__u8 reason;  /* enum cordon_reason */
	__u8 written; /* 1; the reader clears it before each run */
	__u8 pad;
};

#endif
