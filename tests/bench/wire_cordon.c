/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cordon as cordond runs it: the policy text through the compiler, the real programs attached and pinned, events read by a thread
 * on another CPU as the daemon does on its loop.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/capacity.h"
#include "dataplane/dataplane.h"
#include "lib/addr.h"
#include "lib/cpus.h"
#include "lib/memory.h"
#include "policy/policy.h"
#include "wire.h"

#define PINS "/sys/fs/bpf/cordon"

struct cordon {
	int ns;
	struct dataplane *dp;
	struct policy *policy;
	struct image *image;
	pthread_t reader;
	atomic_bool stop;
	_Atomic uint64_t events;
};

static char *policy_text(const struct cordon_site *site)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		die("no memory");
	fputs("version: 1\nsite: {name: bench, mode: enforce}\nsegments: {things: {}}\nnetworks: {server: [" SITE_SERVER "/32]}\ndevices:\n", f);
	for (uint32_t i = 0; i < site->devices; i++)
		fprintf(f, "  - {id: d%u, segment: things, mac: \"%s\", ip: [%s]}\n", i, device_mac(i).text, device_ip(i).text);
	fprintf(f, "rules:\n  - {id: may, from: segment:things, %s}\n", site->may);
	if (fclose(f) != 0)
		die("no memory");
	return text;
}

static void policy_make(struct cordon *own, const struct cordon_site *site)
{
	char *text = policy_text(site);
	struct policy_source source = {.name = "bench.yaml", .text = text, .size = strlen(text)};
	struct address gateway;
	struct policy_env env = {.gateway = &gateway, .n_gateway = 1};
	struct diagnostics d = {0};
	int r = addr_parse("10.0.0.1", &gateway);

	if (r == 0)
		r = policy_parse(&source, 1, &d, &own->policy);
	if (r == 0)
		r = policy_compile(own->policy, &env, &d, &own->image);
	diagnostics_print(&d, stderr);
	diagnostics_done(&d);
	free(text);
	if (r < 0)
		die("the policy of %u devices: %s", site->devices, strerror(-r));
}

/* The rows as user/identity would give them: each device in the class that the image says, nobody placed yet. */
static void policy_apply(struct cordon *own)
{
	const struct image *image = own->image;
	struct dataplane_device *devices = calloc(image->n_devices, sizeof(*devices));
	struct dataplane_address *addresses = calloc(image->n_devices, sizeof(*addresses));
	struct dataplane_apply what = {.image = image, .devices = devices, .n_devices = image->n_devices};
	char *why = NULL;
	uint32_t generation;

	if (!devices || !addresses)
		die("no memory");
	for (size_t i = 0; i < image->n_devices; i++) {
		const struct image_device *d = &image->devices[i];

		addresses[i] = (struct dataplane_address){.address = d->addresses[0].address, .class = d->addresses[0].class};
		devices[i] = (struct dataplane_device){.key = d->key, .class = d->class, .mode = d->mode, .port = CORDON_PORT_NONE,
						       .addresses = &addresses[i], .n_addresses = 1};
	}
	if (dataplane_apply(own->dp, &what, &generation, &why) < 0)
		die("applying: %s", why ? why : "?");
	free(devices);
	free(addresses);
}

static void event_count(void *ctx, const struct event *event)
{
	(void)event;
	atomic_fetch_add((_Atomic uint64_t *)ctx, 1);
}

static void *events_read(void *arg)
{
	struct cordon *own = arg;
	struct pollfd p = {.fd = dataplane_events_fd(own->dp), .events = POLLIN};

	while (!atomic_load(&own->stop)) {
		if (poll(&p, 1, 50) > 0)
			dataplane_events_poll(own->dp, event_count, &own->events);
	}
	return NULL;
}

/* Any CPU but the one that makes the frames, if there is one. */
static void reader_start(struct cordon *own)
{
	cpu_set_t here, others;
	pthread_attr_t attr;
	int r;

	sched_getaffinity(0, sizeof(here), &here);
	CPU_ZERO(&others);
	for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF) && i < CPU_SETSIZE; i++)
		if (!CPU_ISSET(i, &here) || sysconf(_SC_NPROCESSORS_CONF) == 1)
			CPU_SET(i, &others);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(others), &others);
	r = pthread_create(&own->reader, &attr, events_read, own);
	pthread_attr_destroy(&attr);
	if (r != 0)
		die("no thread: %s", strerror(r));
}

static void port_add(struct cordon *own, uint32_t number, unsigned int ifindex, enum cordon_role role)
{
	struct dataplane_port port = {.number = number, .ifindex = ifindex, .role = role, .mode = -1};
	enum dataplane_attach how;
	char *why = NULL;

	if (mac_parse(SITE_GATEWAY_MAC, port.mac) < 0)
		die("no MAC: " SITE_GATEWAY_MAC);
	if (dataplane_port_set(own->dp, &port, &how, &why) < 0)
		die("cordon: %s", why ? why : "?");
	if (role == CORDON_ROLE_DEVICE && how != DATAPLANE_ATTACH_NATIVE)
		die("cordon's program is not in the driver");
}

/* Tables and cache as `capacity: auto` gives them to this machine, and room for all devices of the benchmark. */
static struct dataplane_options options_for(uint32_t devices)
{
	struct capacity capacity = capacity_fit(memory_total(""), cpu_numbers(""));

	return (struct dataplane_options){
		.bpffs = PINS,
		.max_devices = devices + 64 > capacity.devices ? devices + 64 : capacity.devices,
		.max_flows = devices * 2 > capacity.flows ? devices * 2 : capacity.flows,
		.cache_bytes = capacity.cache_bytes,
		.xdp = DATAPLANE_XDP_NATIVE,
	};
}

struct cordon *cordon_start(const struct cordon_site *site)
{
	struct cordon *own = calloc(1, sizeof(*own));
	struct dataplane_options options = options_for(site->devices);
	uint32_t number = 0;
	char *why = NULL;

	if (!own)
		die("no memory");
	own->ns = site->ns;
	policy_make(own, site);
	namespace_enter(site->ns);
	if (dataplane_open(&options, &own->dp, &why) < 0)
		die("cordon: %s", why ? why : "?");
	for (size_t i = 0; i < 2 && site->ports[i]; i++)
		port_add(own, ++number, site->ports[i], CORDON_ROLE_DEVICE);
	if (site->bridge)
		port_add(own, ++number, site->bridge, CORDON_ROLE_BRIDGE);
	policy_apply(own);
	lane_leave();
	reader_start(own);
	return own;
}

void cordon_stop(struct cordon *own)
{
	char *why = NULL;

	atomic_store(&own->stop, true);
	pthread_join(own->reader, NULL);
	namespace_enter(own->ns);
	dataplane_close(own->dp);
	if (dataplane_remove(PINS, &why) < 0)
		die("taking cordon off: %s", why ? why : "?");
	lane_leave();
	image_free(own->image);
	policy_free(own->policy);
	free(own);
}

uint64_t cordon_events(const struct cordon *own)
{
	return atomic_load(&own->events);
}

static void cordon_setup(struct contender *c)
{
	char may[64];
	struct cordon_site site = {.ns = c->lane.ns, .devices = c->devices, .may = may, .ports = {c->lane.port}};

	snprintf(may, sizeof(may), "to: network:server, allow: [udp/%d]", SITE_PORT);
	c->own = cordon_start(&site);
}

static void cordon_done(struct contender *c)
{
	cordon_stop(c->own);
}

const struct contender_kind contender_cordon = {
	.name = "cordon",
	.what = "the real programs, the policy compiled and applied, events read on another CPU",
	.stateful = true,
	.setup = cordon_setup,
	.done = cordon_done,
};
