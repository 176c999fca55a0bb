/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces without a name: they, what is in them, and the bpffs mounted here end with the process, however it ends.
 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "wire_world.h"

#define TCX_INGRESS ((enum bpf_attach_type)46) /* not in the headers of the oldest kernel we build on */
#define TCX_EGRESS ((enum bpf_attach_type)47)

struct wire_bpf *world_bpf;
static int home = -1;
static uint32_t lanes_made;

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("wire: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void shell(const char *format, ...)
{
	char command[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(command))
		die("a command is too long");
	fflush(stdout);
	if (system(command) != 0)
		die("this failed: %s", command);
}

double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* splitmix64 */
uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

int namespace_make(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("no network namespace: %s (this needs root)", strerror(errno));
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("/proc/thread-self/ns/net: %s", strerror(errno));
	shell("ip link set lo up && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.ipv4.ip_forward=1 "
	      "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
	return fd;
}

void namespace_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		die("setns: %s", strerror(errno));
}

/* The last CPU makes and judges the frames; the rest of the program keeps off it where there is another. */
static void cpu_choose(void)
{
	cpu_set_t all, one;
	int last = 0;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last = i;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("sched_setaffinity: %s", strerror(errno));
}

void world_begin(void)
{
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (unshare(CLONE_NEWNS) < 0)
		die("no mount namespace: %s (this needs root)", strerror(errno));
	/* In a chroot / is no mount point, and EINVAL says so; whoever made it chose the propagation. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
		die("mount: %s", strerror(errno));
	if (mount("none", "/sys/fs/bpf", "bpf", 0, "mode=0700") < 0)
		die("mounting a bpffs at /sys/fs/bpf: %s", strerror(errno));
	home = namespace_make();
	world_bpf = wire_bpf__open_and_load();
	if (!world_bpf)
		die("the programs of the benchmark do not load: %s", strerror(errno));
	cpu_choose();
}

void world_end(void)
{
	wire_bpf__destroy(world_bpf);
	umount2("/sys/fs/bpf", MNT_DETACH);
}

int world_program(const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(world_bpf->obj, name);

	if (!program)
		die("no program %s", name);
	return bpf_program__fd(program);
}

void lane_enter(const struct lane *lane)
{
	namespace_enter(lane->ns);
}

int lane_home(void)
{
	return home;
}

void lane_leave(void)
{
	namespace_enter(home);
}

static int link_or_die(int fd, const char *program)
{
	if (fd < 0)
		die("attaching %s: %s", program, strerror(-fd));
	return fd;
}

int attach_xdp(int ns, unsigned int ifindex, const char *program)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int fd;

	namespace_enter(ns);
	fd = bpf_link_create(world_program(program), (int)ifindex, BPF_XDP, &opts);
	lane_leave();
	return link_or_die(fd, program);
}

int attach_tc(int ns, unsigned int ifindex, const char *program, bool egress)
{
	int fd;

	namespace_enter(ns);
	fd = bpf_link_create(world_program(program), (int)ifindex, egress ? TCX_EGRESS : TCX_INGRESS, NULL);
	lane_leave();
	return link_or_die(fd, program);
}

unsigned int index_of(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		die("no interface %s: %s", name, strerror(errno));
	return index;
}

/* The way on: out0 leads to the server, and nothing has to be resolved. Answers enter by sink0; live frames need GRO on the far side. */
static void way_on_make(void)
{
	shell("ip link add out0 type veth peer name sink0 && ip link set sink0 up && ip link set out0 address 02:00:00:00:99:00 up && "
	      "ethtool -K out0 gro on && ip addr add 198.18.0.254/16 dev out0 && "
	      "ip neigh add " SITE_SERVER " lladdr 02:00:00:00:99:01 dev out0 nud permanent && "
	      "ip neigh add 198.18.0.2 lladdr 02:00:00:00:99:02 dev out0 nud permanent");
}

/* An interface of the namespace of the moment. */
static void target_set(uint32_t number, unsigned int ifindex)
{
	if (bpf_map_update_elem(bpf_map__fd(world_bpf->maps.lanes), &number, &ifindex, BPF_ANY) < 0)
		die("devmap: %s", strerror(errno));
}

void lane_make(struct lane *ret)
{
	struct lane lane = {.number = lanes_made, .back = lanes_made + 1};
	unsigned int near, back;

	lanes_made += 2;
	if (lane.back >= WIRE_MAX_LANES)
		die("too many lanes");
	lane.ns = namespace_make();
	way_on_make();
	lane_leave();
	shell("ip link add g%u type veth peer name port netns /proc/%d/fd/%d", lane.number, getpid(), lane.ns);
	lane_enter(&lane);
	shell("ip link set port address " SITE_GATEWAY_MAC " && ip link set port up && ip addr add 10.0.0.1/8 dev port");
	lane.port = index_of("port");
	lane.out = index_of("out0");
	back = index_of("sink0");
	target_set(lane.back, back);
	lane_leave();
	snprintf(lane.near, sizeof(lane.near), "g%u", lane.number);
	shell("ip link set %s up", lane.near);
	near = index_of(lane.near);
	target_set(lane.number, near);
	lane.through = attach_tc(lane.ns, lane.out, "wire_through", true);
	*ret = lane;
}

void lane_free(struct lane *lane)
{
	close(lane->through);
	shell("ip link del g%u", lane->number); /* before the namespace goes and takes it along */
	close(lane->ns);
}
