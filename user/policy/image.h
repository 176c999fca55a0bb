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
	uint32_t flow_quota;
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
};

/* Members of a class, for people: "device cam-door", "network nvr", "internet". */
struct image_class {
	char **members;
	size_t n_members;
};

struct image {
	struct policy_head head; /* generation is 0 here */

	struct image_pair *pairs;
	size_t n_pairs;
	uint16_t *services;      /* CORDON_SERVICE_COUNT service classes */
	struct verdict *verdicts; /* n_cells * head.service_classes */
	size_t n_cells;
	struct image_network *networks;
	size_t n_networks;
	struct image_address *gateway; /* one class for all of them */
	size_t n_gateway;
	struct image_device *devices; /* those with a MAC, sorted by key */
	size_t n_devices;

	struct image_rule *rules; /* index = rule number in verdicts */
	size_t n_rules;
	struct image_class *classes; /* index = class; 0 is unused */
	size_t n_classes;
};

/* Which class an address has for a device of this image, or for a network (device NULL). Never 0. */
uint16_t image_address_class(const struct image *image, const struct image_device *device, const struct address *address);

/* The verdict of a new flow between two classes; service is an index into the service spaces (cordon/types.h). */
struct verdict image_decide(const struct image *image, uint16_t from, uint16_t to, uint32_t service);

void image_free(struct image *image);

#endif
