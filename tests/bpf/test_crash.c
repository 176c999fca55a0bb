/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon dies at every step that the kernel can see, one after another, while frames are judged; or the step fails.
 * Built with failpoints. What must hold: no frame that both policies deny passes, none that both allow is dropped, the
 * policy in force is one of the two and whole, and the next start finds tables that hold that policy and nothing else.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/plane.h"
#include "lib/cleanup.h"
#include "lib/failpoint.h"
#include "small.h"

#define MAC_C 0x02000000000cULL
#define MAC_D 0x02000000000dULL
#define NEVER 9 /* a TCP port that no policy here allows */
#define MOST_STEPS 400

/*
 * Two worlds. Old: a, b and d; a and d open 80. New: a, b and c; a and c open 81. 10.0.0.10 goes from a to c, a keeps
 * 10.0.0.15, d's 10.0.0.14 is nobody's any more.
 */
static struct dataplane_address old_addresses[4], new_addresses[3];
static struct dataplane_device old_devices[3], new_devices[3];

static void worlds_make(void)
{
	old_devices[0] = small_device(MAC_A, CLASS_A, 1, 10, &old_addresses[0]);
	old_addresses[1] = (struct dataplane_address){.address = small_address(15), .class = CLASS_A};
	old_devices[0].n_addresses = 2;
	old_devices[1] = small_device(MAC_B, CLASS_B, 2, 11, &old_addresses[2]);
	old_devices[2] = small_device(MAC_D, CLASS_A, 1, 14, &old_addresses[3]);
	new_devices[0] = small_device(MAC_A, CLASS_A, 1, 15, &new_addresses[0]);
	new_devices[1] = small_device(MAC_B, CLASS_B, 2, 11, &new_addresses[1]);
	new_devices[2] = small_device(MAC_C, CLASS_A, 1, 10, &new_addresses[2]);
}

enum world { WORLD_OLD, WORLD_NEW };

static int apply_world(struct dataplane *dp, enum world world)
{
	uint32_t generation;

	return world == WORLD_OLD ? small_apply(dp, small_image(CLASS_A, CLASS_B, 80), old_devices, 3, &generation, NULL)
				  : small_apply(dp, small_image(CLASS_A, CLASS_B, 81), new_devices, 3, &generation, NULL);
}

/* Frames that tell the worlds apart. */
static const struct probe {
	uint64_t mac;
	uint8_t from;
	uint16_t dport;
	bool passes[2]; /* by world */
} probes[] = {
	{MAC_A, 15, SMALL_ALWAYS, {true, true}},
	{MAC_A, 15, 80, {true, false}},
	{MAC_A, 15, 81, {false, true}},
	{MAC_A, 15, NEVER, {false, false}},
	{MAC_A, 10, SMALL_ALWAYS, {true, false}},
	{MAC_A, 10, 81, {false, false}},
	{MAC_C, 10, SMALL_ALWAYS, {false, true}},
	{MAC_C, 10, 80, {false, false}},
	{MAC_C, 15, SMALL_ALWAYS, {false, false}},
	{MAC_D, 14, SMALL_ALWAYS, {true, false}},
	{MAC_D, 14, 81, {false, false}},
	{MAC_B, 11, SMALL_ALWAYS, {false, false}},
};

static bool probe_passes(int prog, uint32_t ifindex, const struct probe *probe, uint16_t sport)
{
	uint8_t bytes[64];
	uint32_t size = small_syn(bytes, probe->mac, MAC_B, probe->from, 11, sport, probe->dport);

	return small_passes(prog, ifindex, bytes, size);
}

static int pinned_prog(void)
{
	int fd = bpf_obj_get(SMALL_PINS "/progs/xdp_from_device");

	if (fd < 0)
		abort();
	return fd;
}

/* Frames all the while, and what should never have happened. */
struct traffic_log {
	uint64_t frames, passed_denied, dropped_allowed;
	uint32_t last_wrong;
};

static pid_t traffic_start(uint32_t ifindex, struct traffic_log *log)
{
	pid_t pid = fork();
	int prog;

	if (pid)
		return pid;
	prog = pinned_prog();
	for (uint16_t sport = 0;; sport++) {
		for (uint32_t i = 0; i < ARRAY_SIZE(probes); i++) {
			bool passes = probe_passes(prog, ifindex, &probes[i], 20000 + sport % 32);

			log->frames++;
			if (passes && !probes[i].passes[WORLD_OLD] && !probes[i].passes[WORLD_NEW])
				log->passed_denied++, log->last_wrong = i;
			if (!passes && probes[i].passes[WORLD_OLD] && probes[i].passes[WORLD_NEW])
				log->dropped_allowed++, log->last_wrong = i;
		}
		usleep(200);
	}
}

static void traffic_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* True if every probe has the answer of this world. */
static bool world_is(uint32_t ifindex, enum world world)
{
	_cleanup_close_ int prog = pinned_prog();
	bool same = true;

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (probe_passes(prog, ifindex, &probes[i], 40000) != probes[i].passes[world]) {
			fprintf(stderr, "probe %zu %s in world %d\n", i, probes[i].passes[world] ? "drops" : "passes", world);
			same = false;
		}
	return same;
}

static uint32_t count_index(const struct index *index)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < index->n_lines; i++)
		for (int way = 0; way < CORDON_INDEX_SLOTS; way++)
			n += index->lines[i].slot[way] != 0;
	return n;
}

/* Rows and index hold the devices and addresses of one world, no more. */
static void tables_are_tidy(struct dataplane *dp, enum world world, unsigned int step)
{
	uint32_t addresses = world == WORLD_OLD ? 5 : 4;
	struct dataplane_usage usage;

	cr_assert_eq(dataplane_usage(dp, &usage), 0);
	cr_expect_eq(usage.devices, 3, "step %u: %u devices", step, usage.devices);
	cr_expect_eq(usage.bindings, addresses, "step %u: %u addresses", step, usage.bindings);
	cr_expect_eq(count_index(&dp->device_index), 3, "step %u", step);
	cr_expect_eq(count_index(&dp->binding_index), addresses, "step %u", step);
}

/*
 * Every step where a step takes what it takes on hardware. In an emulated machine each costs ten seconds, and there the
 * walk takes every nth step only: all were taken on this machine's kernel, and what differs is the kernel.
 */
#define BUDGET_S 60
#define STEPS_ABOUT 60

static unsigned int stride_for(struct timespec since)
{
	struct timespec now;
	double cost;

	clock_gettime(CLOCK_MONOTONIC, &now);
	cost = (double)(now.tv_sec - since.tv_sec) + (double)(now.tv_nsec - since.tv_nsec) / 1e9;
	return cost < 2 ? 1 : (unsigned int)(cost * STEPS_ABOUT / BUDGET_S) + 1;
}

/* The next step to take; the first one tells what steps cost. */
static unsigned int next_step(unsigned int step, struct timespec begun, unsigned int *stride)
{
	if (step == 1)
		*stride = stride_for(begun);
	return step + *stride;
}

/* Does it in a child with the failpoint set; true if the child died there, false if it came to the end. */
static bool dies_at(const char *phase, unsigned int step, int (*act)(struct dataplane *dp, enum world world), struct dataplane *dp, enum world world)
{
	char point[64];
	int status;
	pid_t pid;

	snprintf(point, sizeof(point), "%s:%u:kill", phase, step);
	pid = fork();
	if (!pid) {
		failpoint_reset();
		setenv("CORDON_FAILPOINT", point, 1);
		_exit(act(dp, world) < 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		cr_assert_eq(WTERMSIG(status), SIGKILL, "%s died of signal %d", point, WTERMSIG(status));
		return true;
	}
	cr_assert_eq(WEXITSTATUS(status), 0, "%s", point);
	return false;
}

static struct dataplane *start_again(struct dataplane *dp)
{
	dataplane_close(dp);
	dp = small_pinned(16);
	cr_expect(dataplane_adopted(dp));
	return dp;
}

static uint32_t lab_start(struct dataplane **ret)
{
	struct dataplane_port port = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = -1};
	enum dataplane_attach how;
	struct dataplane *dp;
	char *told = NULL;

	small_namespace();
	worlds_make();
	dp = small_pinned(16);
	port.ifindex = small_veth("p1");
	cr_assert_eq(dataplane_port_set(dp, &port, &how, &told), 0, "%s", told);
	cr_assert_eq(apply_world(dp, WORLD_OLD), 0);
	*ret = dp;
	return port.ifindex;
}

/* After a death behind the flip the other world is in force, and the next step goes the other way. */
Test(crash, dying_at_each_step_of_apply, .timeout = 600)
{
	struct traffic_log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct dataplane *dp;
	uint32_t ifindex = lab_start(&dp), before = 0, behind = 0;
	pid_t traffic = traffic_start(ifindex, log);
	enum world world = WORLD_OLD;
	unsigned int step, stride = 1;
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (step = 1; step < MOST_STEPS; step = next_step(step, begun, &stride)) {
		uint32_t generation = dataplane_generation(dp);

		if (!dies_at("apply", step, apply_world, dp, !world))
			break;
		dp = start_again(dp);
		if (dataplane_generation(dp) == generation) {
			before++;
		} else {
			behind++;
			world = !world;
		}
		cr_expect(world_is(ifindex, world), "step %u", step);
		tables_are_tidy(dp, world, step);
	}
	traffic_stop(traffic);
	dataplane_close(dp);
	cr_expect_lt(step, MOST_STEPS);
	cr_expect_gt(before * stride, 15, "%u steps before the flip", before);
	/* There are half a dozen behind it; large steps may meet none of them. */
	cr_expect(stride > 2 || (behind + 1) * stride > 4, "%u steps behind it", behind);
	cr_expect_gt(log->frames, 1000);
	cr_expect_eq(log->passed_denied, 0, "%lu frames of probe %u", log->passed_denied, log->last_wrong);
	cr_expect_eq(log->dropped_allowed, 0, "%lu frames of probe %u", log->dropped_allowed, log->last_wrong);
}

/* A device comes, takes 10.0.0.10 from a, and goes. */
static int change_live(struct dataplane *dp, enum world world)
{
	int r = dataplane_device_set(dp, &new_devices[2], NULL);

	(void)world;
	return r < 0 ? r : dataplane_device_remove(dp, new_devices[2].key);
}

Test(crash, dying_at_each_step_of_a_live_change, .timeout = 600)
{
	struct dataplane *dp;
	uint32_t ifindex = lab_start(&dp);
	unsigned int step, stride = 1;
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (step = 1; step < MOST_STEPS && dies_at("live", step, change_live, dp, WORLD_OLD); step = next_step(step, begun, &stride)) {
		dp = start_again(dp);
		/* The daemon says again what it wants, and that is what stands. */
		for (size_t i = 0; i < ARRAY_SIZE(old_devices); i++)
			cr_assert_eq(dataplane_device_set(dp, &old_devices[i], NULL), 0);
		cr_expect(dataplane_device_remove(dp, new_devices[2].key) <= 0);
		cr_expect(world_is(ifindex, WORLD_OLD), "step %u", step);
		tables_are_tidy(dp, WORLD_OLD, step);
	}
	dataplane_close(dp);
	cr_expect_lt(step, MOST_STEPS);
	cr_expect_gt(step, 6);
}

static int first_start(struct dataplane *dp, enum world world)
{
	(void)world;
	dp = small_pinned(16);
	return dp ? 0 : -EIO;
}

Test(crash, dying_at_each_step_of_the_first_start, .timeout = 600)
{
	unsigned int step, stride = 1;
	struct timespec begun;

	small_namespace();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (step = 1; step < MOST_STEPS && dies_at("open", step, first_start, NULL, WORLD_OLD); step = next_step(step, begun, &stride)) {
		dataplane_close(small_pinned(16));
		cr_assert_eq(dataplane_remove(SMALL_PINS, NULL), 0, "step %u", step);
	}
	cr_expect_lt(step, MOST_STEPS);
	cr_expect_gt(step, 18, "a step a pin at least");
	dataplane_close(start_again(NULL));
}

/* An error at any step refuses the apply whole, or comes too late to matter; the next apply works all the same. */
Test(crash, an_error_at_each_step_of_apply, .timeout = 600)
{
	static const uint16_t opened[] = {80, 81};
	struct dataplane *dp = small_private(16);
	enum world world = WORLD_OLD;
	unsigned int step, refused = 0, stride = 1;
	struct timespec begun;

	worlds_make();
	cr_assert_eq(apply_world(dp, world), 0);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (step = 1; step < MOST_STEPS; step = next_step(step, begun, &stride)) {
		uint32_t generation = dataplane_generation(dp);
		char point[64];
		int r;

		snprintf(point, sizeof(point), "apply:%u:%d", step, ENOMEM);
		failpoint_reset();
		setenv("CORDON_FAILPOINT", point, 1);
		r = apply_world(dp, !world);
		unsetenv("CORDON_FAILPOINT");
		cr_assert(r == 0 || r == -ENOMEM, "step %u: %d", step, r);
		cr_expect_eq(dataplane_generation(dp) == generation, r < 0, "step %u", step);
		if (r < 0)
			refused++;
		else
			world = !world;
		cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 15, 11, opened[world]).reason, CORDON_REASON_RULE, "step %u", step);
		cr_expect_eq(small_ask(dp, 1, MAC_A, MAC_B, 15, 11, opened[!world]).reason, CORDON_REASON_DEFAULT_DENY, "step %u", step);
		dataplane_flows_clear(dp);
		if (step > refused * stride + 20) /* behind the flip no error counts, and there are fewer steps than that */
			break;
	}
	cr_expect_lt(step, MOST_STEPS);
	cr_expect_gt(refused * stride, 15);
	dataplane_close(dp);
}
