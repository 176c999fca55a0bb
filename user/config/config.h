/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  gateway.yaml.
 * Out: what one gateway is told about itself: its ports, uplinks, paths, capacities.
 * Never: policy, the kernel, the environment; which file to read is the caller's choice.
 *
 * Strings are owned by the struct; config_free() releases all of it.
 */
#ifndef CORDON_CONFIG_H
#define CORDON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../policy/policy.h"

#define CONFIG_DEFAULT_PATH "/etc/cordon/gateway.yaml"
#define CONFIG_MAX_BYTES (1u << 20)
/* The ceilings of `capacity:`, and what stands where it says auto: 0 (capacity.h). */
#define CONFIG_MAX_DEVICES 100000u
#define CONFIG_MAX_FLOWS 4000000u
#define CONFIG_MIN_CACHE (64ull << 10)
#define CONFIG_MAX_CACHE (4ull << 30)

/* Same order as enum dataplane_xdp. */
#define CONFIG_XDP(X) \
	X(AUTO, "auto") \
	X(NATIVE, "native") \
	X(GENERIC, "generic") \
	X(OFF, "off")

enum config_xdp {
#define X(id, word) CONFIG_XDP_##id,
	CONFIG_XDP(X)
#undef X
	CONFIG_XDP_COUNT
};

/* What an uplink in in-line mode may send to devices; bits 1 << enum config_trust. */
#define CONFIG_TRUSTS(X) \
	X(DHCP, "dhcp") \
	X(RA, "ra") \
	X(DNS, "dns")

enum config_trust {
#define X(id, word) CONFIG_TRUST_##id,
	CONFIG_TRUSTS(X)
#undef X
	CONFIG_TRUST_COUNT
};

struct config_port {
	char *pattern;        /* an interface name, or a glob over them */
	char *place;          /* what policies call a location; NULL: the interface's name (config_place()) */
	char *group;          /* devices may roam within it; NULL: none */
	uint16_t *vlans;
	size_t n_vlans;       /* 0: any */
	bool priority_tag;    /* `priority_tag: accept` */
	int mode;             /* enum cordon_mode, or -1: not given */
	uint32_t max_devices; /* 0: no limit */
	struct place at;
};

struct config_uplink {
	char *pattern;
	uint32_t trusted;     /* 1 << enum config_trust */
	struct place at;
};

/* A router beyond an uplink: a MAC, or what a VRRP group id stands for. */
struct config_router {
	uint8_t mac[6];
	uint8_t vrrp;         /* 0: a MAC */
};

/* `addresses:` the gateway's own, for offline commands and tests. */
struct config_address {
	struct address address;
	uint8_t length;       /* of its prefix, of 128 */
};

struct config_addresses {
	char *port;
	bool has_mac;
	uint8_t mac[6];
	struct config_address *ip;
	size_t n_ip;
};

struct gateway_config {
	struct config_port *ports; /* in file order */
	size_t n_ports;
	struct config_uplink *uplinks;
	size_t n_uplinks;
	struct config_router *routers;
	size_t n_routers;
	struct config_addresses *addresses;
	size_t n_addresses;

	char *policy; /* file or folder */
	char *state;  /* folders */
	char *run;
	char *bpffs;

	enum config_xdp xdp;
	bool fail_open;
	bool clock_trusted; /* the wall clock is believed without NTP */
	uint32_t max_devices; /* 0: auto */
	uint32_t max_flows;   /* 0: auto */
	uint64_t cache_bytes; /* over all CPUs; 0: auto */
};

/*
 * All errors of the file come in one run, as file:line:column; with any, -EINVAL and *ret untouched. Another -errno if the
 * file cannot be read (said in the diagnostics too).
 */
int config_load(const char *path, struct diagnostics *d, struct gateway_config **ret);
/* The same from memory; `name` stands in the diagnostics. */
int config_parse(const char *name, const char *text, size_t size, struct diagnostics *d, struct gateway_config **ret);
/* Defaults of every key, no ports; NULL without memory. */
struct gateway_config *config_default(void);
void config_free(struct gateway_config *config);

/* An exact name beats a glob; among globs the first of the file. NULL: not a device port. */
const struct config_port *config_port_for(const struct gateway_config *config, const char *ifname);
const struct config_uplink *config_uplink_for(const struct gateway_config *config, const char *ifname);
bool config_is_uplink(const struct gateway_config *config, const char *ifname);
/* What policies call the place of this interface. */
const char *config_place(const struct config_port *port, const char *ifname);
/* `addresses:` of this interface, or NULL. */
const struct config_addresses *config_addresses_of(const struct gateway_config *config, const char *ifname);
/* The word of the file: "native". */
const char *config_xdp_name(enum config_xdp xdp);

#endif
