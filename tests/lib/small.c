/* SPDX-License-Identifier: Apache-2.0 */
#include "small.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/plane.h"
#include "cordon.skel.h"

static const uint8_t ipv4_mapped[12] = {[10] = 0xff, [11] = 0xff};

struct address small_address(uint8_t last)
{
	struct address a;

	memcpy(a.byte, ipv4_mapped, 12);
	memcpy(a.byte + 12, (uint8_t[]){10, 0, 0, last}, 4);
	return a;
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

static void *some(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("calloc");
	return p;
}

/* Service class 1 is the named port, 2 the one that is always allowed, 0 everything else; one cell. */
struct image *small_image(uint16_t from, uint16_t to, uint16_t port)
{
	struct image *image = some(1, sizeof(*image));

	image->head = (struct policy_head){.service_classes = 3, .unknown_class = CLASS_UNKNOWN, .site_mode = CORDON_MODE_ENFORCE,
					   .unknown_mode = CORDON_MODE_ENFORCE};
	image->services = some(CORDON_SERVICE_COUNT, sizeof(*image->services));
	image->services[CORDON_SERVICE_TCP + port] = port != 0;
	image->services[CORDON_SERVICE_TCP + SMALL_ALWAYS] = port ? 2 : 0;
	image->n_cells = 1;
	image->verdicts = some(3, sizeof(*image->verdicts));
	image->verdicts[0] = (struct verdict){.next = CORDON_CHAIN_END, .rule = CORDON_RULE_NONE, .action = CORDON_ACTION_DEFAULT};
	image->verdicts[1] = (struct verdict){.next = CORDON_CHAIN_END, .rule = port, .action = CORDON_ACTION_ALLOW};
	image->verdicts[2] = (struct verdict){.next = CORDON_CHAIN_END, .rule = SMALL_ALWAYS, .action = CORDON_ACTION_ALLOW};
	image->pairs = some(1, sizeof(*image->pairs));
	image->pairs[0] = (struct image_pair){.key = {.from = from, .to = to}, .value = {.cell = 0, .flags = PAIR_TALKS}};
	image->n_pairs = port != 0;
	image->networks = some(2, sizeof(*image->networks));
	image->networks[0].value.class = CLASS_OUTSIDE;
	image->networks[1].key.prefixlen = 96;
	memcpy(image->networks[1].key.address.byte, ipv4_mapped, 12);
	image->networks[1].value.class = CLASS_OUTSIDE;
	image->n_networks = 2;
	image->gateway = some(1, sizeof(*image->gateway));
	image->gateway[0] = (struct image_address){.address = small_address(1), .class = CLASS_GATEWAY};
	image->n_gateway = 1;
	return image;
}

void small_done(struct image *image)
{
	free(image->services);
	free(image->verdicts);
	free(image->pairs);
	free(image->networks);
	free(image->gateway);
	free(image);
}

struct dataplane_device small_device(uint64_t mac, uint16_t class, uint32_t port, uint8_t last, struct dataplane_address *ret_address)
{
	*ret_address = (struct dataplane_address){.address = small_address(last), .class = class};
	return (struct dataplane_device){.key = DEVICE_KEY(mac, 0), .class = class, .mode = CORDON_MODE_ENFORCE, .port = port,
					 .addresses = ret_address, .n_addresses = last != 0};
}

void small_pair(struct small_pair *ret)
{
	ret->devices[0] = small_device(MAC_A, CLASS_A, 1, 10, &ret->addresses[0]);
	ret->devices[1] = small_device(MAC_B, CLASS_B, 2, 11, &ret->addresses[1]);
}

int small_apply(struct dataplane *dp, struct image *image, const struct dataplane_device *devices, size_t n, uint32_t *ret_generation, char **ret_why)
{
	struct dataplane_apply what = {.image = image, .devices = devices, .n_devices = n};
	int r = dataplane_apply(dp, &what, ret_generation, ret_why);

	small_done(image);
	return r;
}

static void put_mac(uint8_t *at, uint64_t mac)
{
	for (int i = 0; i < 6; i++)
		at[i] = (uint8_t)(mac >> (40 - 8 * i));
}

static uint16_t checksum(const uint8_t *at, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t small_tcp(uint8_t *frame, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
		   uint8_t flags, uint16_t length)
{
	uint8_t *ip = frame + 14, *tcp = ip + 20;

	memset(frame, 0, 15u + length);
	put_mac(frame, to_mac);
	put_mac(frame + 6, from_mac);
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, length);
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, (uint8_t[]){10, 0, 0, from, 10, 0, 0, to}, 8);
	put16(ip + 10, checksum(ip, 20, 0));
	put16(tcp, sport);
	put16(tcp + 2, dport);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 64240);
	put16(tcp + 16, checksum(ip + 12, length - 12u, 6u + length - 20u));
	return 14u + length;
}

uint32_t small_syn(uint8_t frame[64], uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport)
{
	return small_tcp(frame, from_mac, to_mac, from, to, sport, dport, 0x02, 40);
}

static struct dataplane *open_traced(uint32_t max_devices, uint32_t max_flows, bool ticking)
{
	struct dataplane_options options = {.trace = true, .max_devices = max_devices, .max_flows = max_flows, .cached = ticking};
	struct dataplane *dp = NULL;
	char *why = NULL;

	if (dataplane_open(&options, &dp, &why) < 0) {
		fprintf(stderr, "%s\n", why ? why : "dataplane_open");
		abort();
	}
	for (uint32_t number = 1; number <= 2; number++) {
		struct dataplane_port port = {.number = number, .role = CORDON_ROLE_DEVICE, .mode = -1};

		put_mac(port.mac, MAC_GATEWAY);
		if (dataplane_port_declare(dp, &port) < 0)
			die("dataplane_port_declare");
	}
	return dp;
}

struct flow_bucket *small_flows(const struct dataplane *dp)
{
	int fd = bpf_object__find_map_fd_by_name(dp->bpf->obj, "flows");
	void *at = mmap(NULL, dp->flow_buckets * sizeof(struct flow_bucket), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		die("flows");
	return at;
}

bool small_passes(int prog, uint32_t ifindex, const uint8_t *bytes, uint32_t size)
{
	struct xdp_md ctx = {.data_end = size, .ingress_ifindex = ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = size, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(prog, &opts) < 0)
		die("bpf_prog_test_run_opts");
	return opts.retval == XDP_PASS;
}

struct dataplane *small_private(uint32_t max_devices)
{
	return open_traced(max_devices, 1024, false);
}

struct dataplane *small_private_sized(uint32_t max_devices, uint32_t max_flows)
{
	return open_traced(max_devices, max_flows, false);
}

struct dataplane *small_ticking(uint32_t max_devices)
{
	return open_traced(max_devices, 1024, true);
}

struct dataplane_verdict small_ask(struct dataplane *dp, uint32_t port, uint64_t from_mac, uint64_t to_mac, uint8_t from, uint8_t to, uint16_t dport)
{
	static uint16_t sport = 20000;
	uint8_t bytes[64];
	uint32_t size = small_syn(bytes, from_mac, to_mac, from, to, sport++, dport);
	struct dataplane_frame frame = {.bytes = bytes, .size = size, .port = port, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict verdict;
	int r = dataplane_run(dp, &frame, &verdict);

	if (r < 0 || verdict.unrunnable) {
		errno = -r;
		die("dataplane_run");
	}
	return verdict;
}

void small_namespace(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		die("unshare: these tests need root");
	/* In a chroot / is no mount point, and EINVAL says so; whoever made it chose the propagation. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
		die("mount private");
	if (mkdir(SMALL_BPFFS, 0700) < 0 && errno != EEXIST)
		die(SMALL_BPFFS);
	if (mount("none", SMALL_BPFFS, "bpf", 0, "mode=0700") < 0)
		die("mount bpf");
	if (system("ip link set lo up") != 0)
		die("ip link set lo up");
}

struct dataplane *small_pinned(uint32_t max_devices)
{
	struct dataplane_options options = {.bpffs = SMALL_PINS, .max_devices = max_devices, .max_flows = 1024};
	struct dataplane *dp = NULL;
	char *why = NULL;

	if (dataplane_open(&options, &dp, &why) < 0) {
		fprintf(stderr, "%s\n", why ? why : "dataplane_open");
		abort();
	}
	return dp;
}

uint32_t small_veth(const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), "ip link add %s type veth peer name %s_far && ip link set %s up && ip link set %s_far up", name, name, name,
		 name);
	if (system(command) != 0)
		die(command);
	return if_nametoindex(name);
}
