/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  who may open which TCP port to whom, in a world of two devices.
 * Out: an image, device rows and frames of that world; a private bpffs and network namespace to try them in.
 * Never: the policy compiler: what the dataplane does with an image is tested without it.
 *
 * Device a (02:00:00:00:00:0a, 10.0.0.10) sits on port 1, device b (…:0b, 10.0.0.11) on port 2; the gateway is 10.0.0.1.
 */
#ifndef CORDON_TESTS_SMALL_H
#define CORDON_TESTS_SMALL_H

#include "dataplane/dataplane.h"

#define MAC_A 0x02000000000aULL
#define MAC_B 0x02000000000bULL
#define MAC_GATEWAY 0x020000000001ULL

enum small_class { CLASS_GATEWAY = 1, CLASS_A, CLASS_B, CLASS_UNKNOWN, CLASS_OUTSIDE };

/* The image of a policy that lets class `from` open TCP `port` and SMALL_ALWAYS to class `to`; port 0: nothing. To small_done(). */
#define SMALL_ALWAYS 7
struct image *small_image(uint16_t from, uint16_t to, uint16_t port);
void small_done(struct image *image);

struct address small_address(uint8_t last); /* 10.0.0.LAST */

/* Row of a device with one address 10.0.0.LAST, 0: none; the address lives in *ret_address. */
struct dataplane_device small_device(uint64_t mac, uint16_t class, uint32_t port, uint8_t last, struct dataplane_address *ret_address);
/* a and b as described above. */
struct small_pair {
	struct dataplane_device devices[2];
	struct dataplane_address addresses[2];
};
void small_pair(struct small_pair *ret);

int small_apply(struct dataplane *dp, struct image *image, const struct dataplane_device *devices, size_t n, uint32_t *ret_generation, char **ret_why);

/* A TCP SYN: Ethernet, IPv4, TCP, checksums right. Returns its size. */
uint32_t small_syn(uint8_t frame[64], uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport);

/* Any TCP segment, of `length` bytes from the IP header up, 40 at least; the frame has room for 15 more. */
uint32_t small_tcp(uint8_t *frame, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
		   uint8_t flags, uint16_t length);

/* The flow table as it lies there; the engine maps none of it. */
struct flow_bucket *small_flows(const struct dataplane *dp);

/* Does the XDP program `prog` let this frame pass, as if it came in by this interface? Aborts where it cannot be run. */
bool small_passes(int prog, uint32_t ifindex, const uint8_t *bytes, uint32_t size);

/* A private dataplane with trace, ports 1 and 2 declared; of 1,024 flows if nothing is said. */
struct dataplane *small_private(uint32_t max_devices);
struct dataplane *small_private_sized(uint32_t max_devices, uint32_t max_flows);
/* The same with the kernel's timer: time passes for it without a packet. */
struct dataplane *small_ticking(uint32_t max_devices);
/* What becomes of a SYN of one device to the other. */
struct dataplane_verdict small_ask(struct dataplane *dp, uint32_t port, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t dport);

/* Own mount and network namespace, with a bpffs at SMALL_BPFFS; they go with the process. */
#define SMALL_BPFFS "/tmp/cordon-test-bpffs"
#define SMALL_PINS SMALL_BPFFS "/cordon"
void small_namespace(void);
struct dataplane *small_pinned(uint32_t max_devices);
/* veth pair NAME and NAME_far; index of NAME. */
uint32_t small_veth(const char *name);

#endif
