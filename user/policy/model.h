/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  nothing; parse.c fills it, check.c resolves it.
 * Out: a policy as a person wrote it, with every name resolved to an index and every word to a number.
 * Never: anything of the kernel, of one gateway's interfaces, or of time passing.
 *
 * Owned as a whole: policy_free() releases all of it. Strings are NUL-terminated UTF-8 and belong to the policy.
 */
#ifndef CORDON_POLICY_MODEL_H
#define CORDON_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/maps.h>

/* Where a thing stands in its file; line and column from 1. file indexes policy.files. */
struct place {
	uint32_t file;
	uint32_t line;
	uint32_t column;
};

/* An address and how many of its 128 bits count (IPv4: mapped, so 96 + its own length). */
struct prefix {
	struct address address;
	uint8_t length;
};

#define POLICY_NONE UINT32_MAX /* an index that points nowhere */

/* A test of facts: `if`, `if_to`, `match`. All conditions of a list must hold. */
#define POLICY_OPERATORS(X) \
	X(IS, "")       /* a literal or glob; several values: any of them */ \
	X(NOT, "!=") \
	X(GE, ">=") \
	X(GT, ">") \
	X(LE, "<=") \
	X(LT, "<") \
	X(FRESH, "fresh:")

enum policy_operator {
#define X(id, text) POLICY_OP_##id,
	POLICY_OPERATORS(X)
#undef X
	POLICY_OP_COUNT
};

struct condition {
	char *fact;
	enum policy_operator op;
	char **values;
	size_t n_values;
	struct place place;
};

struct conditions {
	struct condition *items;
	size_t n;
};

struct fact {
	char *name;
	char *value;
	struct place place;
};

/* word before the colon in the policy language, or the bare word */
#define POLICY_PEERS(X) \
	X(SEGMENT, "segment") \
	X(DEVICE, "device") \
	X(TAG, "tag") \
	X(NETWORK, "network") \
	X(CIDR, "cidr") \
	X(NAME, "name") \
	X(MCAST, "mcast") \
	X(FEED, "feed") \
	X(BCAST, "bcast") \
	X(GATEWAY, "gateway") \
	X(NAT, "nat") \
	X(LOCAL, "local") \
	X(INTERNET, "internet") \
	X(ANY, "any")

enum policy_peer_kind {
#define X(id, text) POLICY_PEER_##id,
	POLICY_PEERS(X)
#undef X
	POLICY_PEER_COUNT
};

struct peer {
	enum policy_peer_kind kind;
	uint32_t index;       /* of the segment, device, network or feed; POLICY_NONE for the rest */
	struct prefix prefix; /* CIDR, and MCAST by group address */
	char *text;           /* as written */
	struct place place;
};

struct peers {
	struct peer *items;
	size_t n;
};

enum policy_service_space {
	POLICY_SERVICE_TCP,
	POLICY_SERVICE_UDP,
	POLICY_SERVICE_SCTP,
	POLICY_SERVICE_ICMP,
	POLICY_SERVICE_ICMP6,
	POLICY_SERVICE_PROTO, /* IP protocol number */
	POLICY_SERVICE_ETH,   /* ethertype */
	POLICY_SERVICE_ANY,   /* every IP service */
};

/* `first`..`last` inclusive: ports, ICMP types, protocol numbers or ethertypes */
struct service_range {
	enum policy_service_space space;
	uint32_t first;
	uint32_t last;
};

/* A service list flattened: named lists and built-in names are already replaced by their ranges. */
struct services {
	struct service_range *items;
	size_t n;
	char *text; /* as written, for people: "rtsp, tcp/80" */
};

/* `limits:`; 0: none. Rates within a second, of both directions together. */
struct policy_limits {
	uint64_t rate;      /* bytes */
	uint32_t packets;
	uint32_t new_flows; /* begun by the device */
	uint32_t flows;     /* live at once */
	uint32_t critical;  /* 1: `critical:` of its segment; the last part of the flow table is open to it */
};

struct segment {
	char *id;
	int mode;                 /* enum cordon_mode, or -1: not given */
	struct conditions match;
	bool critical;
	bool auth;                /* `auth:` is given: members must authenticate */
	bool auth_dot1x_only;     /* require is exactly [dot1x] */
	struct policy_limits limits;
	uint32_t quarantine;      /* index of its profile, or POLICY_NONE */
	bool builtin;             /* `unknown` and `unauthenticated`; always segments 0 and 1 */
	struct place place;
};
#define POLICY_SEGMENT_UNKNOWN 0
#define POLICY_SEGMENT_UNAUTHENTICATED 1

struct policy_device {
	char *id;
	uint32_t segment;   /* as named, or by `match`; POLICY_SEGMENT_UNKNOWN if none */
	bool segment_named;
	int mode;           /* enum cordon_mode, or -1 */
	bool has_mac;
	uint8_t mac[6];
	uint16_t vlan;      /* from the fact `vlan`, 0: untagged */
	struct address *addresses;
	size_t n_addresses;
	struct fact *facts;
	size_t n_facts;
	char *location;     /* the fact `location`, or NULL */
	struct policy_limits limits;
	struct place place;
};

struct named_network {
	char *id;
	struct prefix *prefixes;
	size_t n_prefixes;
	struct place place;
};

/* An entry of `except:` in a deny rule. Empty `from` or `to`: as the rule says; empty services: all of the rule's. */
struct exception {
	struct peers from;
	struct peers to;
	struct services services;
	struct place place;
};

/*
 * Why a rule is weaker in the kernel than as written; `check` warns of each. Such a peer or service matches nothing, what stands
 * beside it in the list goes on; conditions_hold() (facts.h) answers for each device.
 */
#define POLICY_PARKED(X) \
	X(FACT, "if", "a fact that only life can tell is not evaluated yet") \
	X(NAME, "name:", "DNS names are not learnt yet") \
	X(MCAST, "mcast:", "multicast groups are not opened yet") \
	X(BCAST, "bcast", "broadcast is not opened yet") \
	X(FEED, "feed:", "feeds are not loaded yet") \
	X(NAT, "nat", "forwarding under the gateway's address is not judged apart yet") \
	X(ETH, "eth/", "ethertypes other than IP and ARP are not opened yet") \
	X(RELATED, "related", "negotiated flows are not opened yet")

enum policy_parked {
#define X(id, word, text) POLICY_PARKED_##id,
	POLICY_PARKED(X)
#undef X
	POLICY_PARKED_COUNT
};

struct rule {
	char *id;
	bool deny;
	struct peers from;
	struct peers to;
	struct services services;
	struct exception *exceptions;
	size_t n_exceptions;
	struct conditions if_from; /* `if` */
	struct conditions if_to;
	uint32_t schedule;         /* index, or POLICY_NONE */
	int mode;                  /* -1, or CORDON_MODE_AUDIT */
	char *why;
	char *owner;
	char *expires;
	uint32_t parked;           /* bit 1 << enum policy_parked for each reason */
	struct place place;
};

struct policy_test {
	struct peer from;
	struct peer to;
	struct service_range service;
	char *service_text;
	enum cordon_verdict expect;
	bool rule_given;
	uint32_t rule;             /* index; POLICY_NONE: `rule: null`, the default must decide */
	char *at;
	struct fact *facts, *to_facts;
	size_t n_facts, n_to_facts;
	struct place place;
};

/* Names that this version parses, checks and keeps, but does not act on. */
struct named {
	char *id;
	struct place place;
};
struct names {
	struct named *items;
	size_t n;
};

/* When rules with `when:` hold, by the wall clock of the site: on some days of the week, or once. */
struct schedule {
	struct named name;
	bool once;
	uint8_t days;       /* bit 0: Monday; of the day on which it begins */
	int32_t from, to;   /* seconds after midnight; to < from: into the next day */
	int64_t start, end; /* once: local times (lib/zone.h) */
};
struct schedules {
	struct schedule *items;
	size_t n;
};

struct policy {
	char **files;
	size_t n_files;

	char *site_name;
	char *timezone;
	enum cordon_mode site_mode; /* default: enforce */

	struct segment *segments;
	size_t n_segments;
	struct policy_device *devices;
	size_t n_devices;
	struct named_network *networks;
	size_t n_networks;
	struct rule *rules;
	size_t n_rules;
	struct policy_test *tests;
	size_t n_tests;
	struct schedules schedules;
	struct names quarantines, feeds, responses;
};

#endif
