/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a checked policy and what the gateway knows (struct policy_env).
 * Out: the image: the exact content of the kernel's tables for one revision, in numbers, and how to name them again.
 * Never: map descriptors, generations, row numbers: those belong to the dataplane and change from apply to apply.
 *
 * The same policy and environment give the same image, byte for byte: rule numbers in events of an adopted kernel stay true.
 */
#ifndef CORDON_POLICY_IMAGE_H
#define CORDON_POLICY_IMAGE_H

#include "model.h"

/* What only the gateway can tell. Offline commands take it from gateway.yaml's `addresses:`, or leave it empty. */
struct policy_env {
	const struct address *gateway; /* the gateway's own addresses */
	size_t n_gateway;
	const struct prefix *local;    /* prefixes of device ports */
	size_t n_local;
	uint64_t kin_steps;            /* pairs of classes from which on plainer classes answer for others (compile.h); 0: as usual */
};

struct image_pair {
	struct pair_key key;
	struct pair value;
};

struct image_network {
	struct network_key key;
	struct network value;
};

struct image_address {
	struct address address;
	uint16_t class;
};

/* How a device's class changes with its state; the addresses differ where a prefix covers only some. */
struct image_device {
	uint32_t policy_device; /* index into policy.devices */
	uint64_t key;           /* DEVICE_KEY(mac, vlan) */
	enum cordon_mode mode;
	bool must_authenticate;
	bool dot1x_only;
	struct policy_limits limits;
	struct policy_limits unauthenticated_limits;
	uint16_t class;                 /* once authenticated, or where no authentication is asked; without regard to addresses */
	uint16_t unauthenticated_class;
	const struct image_address *addresses;                 /* n_addresses of them */
	const struct image_address *unauthenticated_addresses; /* as many, same order */
	size_t n_addresses;
};

struct image_rule {
	const char *id;
	const char *file;
	uint32_t line;
	bool deny;
	bool audit;
	uint16_t window; /* while it holds, or CORDON_WINDOW_ALWAYS */
};

/* A time in which a verdict counts: while all its schedules are open, and before it expires. */
struct image_window {
	uint32_t schedules[2]; /* indices into image.schedules, or POLICY_NONE */
	int64_t expires;       /* seconds since the epoch; INT64_MAX: never */
	bool deny;             /* it is of denies: what nobody knows is open */
};

/* Members of a class, for people: "device cam-door", "network nvr", "internet". */
struct image_class {
	char **members;
	size_t n_members;
};

struct image {
	struct policy_head head; /* generation is 0 here */
	struct policy_limits unknown_limits; /* of a device in no segment */

	struct image_pair *pairs;
	size_t n_pairs;
	uint16_t *services;      /* CORDON_SERVICE_COUNT service classes */
	struct verdict *verdicts; /* n_cells * head.service_classes, then n_chained that only chains lead to */
	size_t n_cells, n_chained;
	struct image_network *networks;
	size_t n_networks;
	struct image_address *gateway; /* one class for all of them: gateway_class */
	size_t n_gateway;
	uint16_t gateway_class; /* also where no address of the gateway is known */
	struct image_device *devices; /* those with a MAC, sorted by key */
	size_t n_devices;

	struct image_rule *rules; /* index = rule number in verdicts */
	size_t n_rules;
	struct image_window *windows; /* index = window in verdicts; 0 is unused */
	size_t n_windows;
	struct schedule *schedules; /* as the policy has them */
	size_t n_schedules;
	char *timezone;
	struct zone *zone; /* of the site; NULL if nothing depends on time */
	struct image_class *classes; /* index = class; 0 is unused */
	size_t n_classes;

	struct image_lookup *lookup; /* the room's own: image_lookup.h */
};

/*
 * Which class an address has for a device of this image, or for a network (device NULL). Never 0. The address may be one
 * that the policy does not name: the device then has the class that its own rules and those of the prefixes around the address
 * give together. Where the compiler did not make that class (it makes a bounded number ahead of time), the answer is one that is
 * never wider: the device's class without an address if only allow rules name such addresses, else a class that may do nothing.
 */
uint16_t image_address_class(const struct image *image, const struct image_device *device, const struct address *address);
/* The same for a device that must authenticate and has not, and for one that the policy does not know. */
uint16_t image_unauthenticated_class(const struct image *image, const struct address *address);
uint16_t image_unknown_class(const struct image *image, const struct address *address);

#define IMAGE_NO_TIME INT64_MIN /* the clock cannot be believed: what depends on time allows nothing and denies always */

/*
 * The verdict of a new flow between two classes; service is an index into the service spaces (cordon/types.h), `at` seconds
 * since the epoch or IMAGE_NO_TIME.
 */
struct verdict image_decide(const struct image *image, uint16_t from, uint16_t to, uint32_t service, int64_t at);

/* When a window opens and closes after `from`, as struct window_version wants it, but in seconds since the epoch. */
struct window_times {
	int64_t edge[CORDON_WINDOW_EDGES];
	uint8_t n;
	bool open_first, open_last;
};
void image_window_times(const struct image *image, uint16_t window, int64_t from, struct window_times *ret);
bool image_window_open(const struct image *image, uint16_t window, int64_t at);
/* All of them, n_windows rows, for a kernel whose clock shows `clock` when it is `wall`, both ns; or wall is IMAGE_NO_TIME. */
void image_windows(const struct image *image, int64_t wall, uint64_t clock, struct window_version *ret);
/* "in schedule shift (mon-fri 06:00-18:00), until 2027-07-01T00:00 Europe/Paris"; to free. */
char *image_window_text(const struct image *image, uint16_t window);

/*
 * table, what a row of it is, when the kernel's memory is taken, bytes of one row (in hashes and tries with what the kernel
 * adds), and of one row for each CPU. POLICY: as many rows as this policy has, at each apply, so twice while one policy
 * replaces another. START: as many rows as `capacity:` has room for, once.
 */
#define IMAGE_TABLES(X) \
	X(CLASSES, "classes", "devices and networks that rules tell apart", POLICY, 0, 0) \
	X(PAIRS, "pairs", "pairs of classes that a rule names", POLICY, 64, 0) \
	X(VERDICTS, "verdicts", "verdicts", POLICY, 16, 0) /* of 12 bytes, in an array */ \
	X(SERVICES, "services", "services", POLICY, sizeof(struct service), 0) \
	X(NETWORKS, "networks", "prefixes", POLICY, 96, 0) \
	X(DEVICES, "devices", "devices with a MAC", START, IMAGE_DEVICE_BYTES, 0) \
	X(BINDINGS, "bindings", "addresses of devices and of the gateway", START, IMAGE_BINDING_BYTES, 0) \
	X(WINDOWS, "windows", "times at which rules hold", START, CORDON_SIDES * sizeof(struct window), 0) \
	X(COUNTERS, "counters", "counters and limits of devices, on each CPU", START, 0, sizeof(struct device_counters) + sizeof(struct limit_share)) \
	X(FLOWS, "flows", "conversations", START, IMAGE_FLOW_BYTES, 0) \
	X(CACHE, "cache", "lines of the flow cache, all CPUs together", START, IMAGE_CACHE_LINE, 0)

/* Flows stand in buckets of 2,048 bytes, 14 rows each, with a quarter more buckets than full ones would need. */
#define IMAGE_FLOW_BYTES (2048 * 5 / (14 * 4))
#define IMAGE_CACHE_LINE 128
/* With a row's place in its index. */
#define IMAGE_SLOT_BYTES(a_line) ((sizeof(struct index_line) + (a_line) - 1) / (a_line))
#define IMAGE_DEVICE_BYTES (sizeof(struct device) + sizeof(struct limit) + IMAGE_SLOT_BYTES(CORDON_DEVICES_A_LINE))
#define IMAGE_BINDING_BYTES (sizeof(struct binding) + IMAGE_SLOT_BYTES(CORDON_ADDRESSES_A_LINE))
#define IMAGE_BINDINGS_A_DEVICE 4
/* Of so many devices one row more: for strangers, and for devices that come while those that go are still there. */
#define IMAGE_SPARE_SHARE 8

enum image_table {
#define X(id, name, text, when, bytes, cpu_bytes) IMAGE_TABLE_##id,
	IMAGE_TABLES(X)
#undef X
	IMAGE_TABLE_COUNT
};

enum image_table_when { IMAGE_TABLE_POLICY, IMAGE_TABLE_START };

/* What the gateway has room for; 0 devices: whatever the policy needs, and so for flows and cache: none. */
struct image_room {
	uint32_t devices;
	uint32_t flows;
	uint64_t cache_bytes;
	uint32_t cpus; /* 0 counts as 1 */
};

/* The memory bill: rows that this policy needs, bytes that the kernel takes for it. */
struct image_bill {
	struct image_bill_line {
		const char *table;
		const char *text;
		enum image_table_when when;
		uint64_t rows;      /* needed; flows and cache lines: 0, as traffic alone knows */
		uint64_t available; /* rows; 0: no limit but memory */
		uint64_t bytes;
	} lines[IMAGE_TABLE_COUNT];
	uint64_t bytes;        /* all of them */
	uint64_t change_bytes; /* and as much again once it replaced one like it, whose tables stay until the next takes their place */
};

/* -E2BIG if a table does not fit; the bill is filled in all the same. `room` NULL: no limits. */
int image_bill(const struct image *image, const struct image_room *room, struct image_bill *ret);
/* Rows in the kernel for so many devices of `capacity:`. */
uint32_t image_device_rows(uint32_t devices);
/* What one device and one flow of `capacity:` cost at the start, and later by what is counted of a device. */
uint64_t image_device_bytes(uint32_t cpus);

/* Rows of `verdicts`. */
size_t image_verdicts(const struct image *image);

void image_free(struct image *image);

#endif
