/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <errno.h>
#include <sched.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/clock.h"
#include "kernel.h"
#include "cordon.skel.h"

/* Readers come in groups (a table of devices): one fetch serves them all. */
#define SETTLED_FOR_NS 10000000ULL

/* Test runs of TC programs want an Ethernet frame; these look at none. */
static int run(const struct bpf_program *program)
{
	uint8_t frame[64] = {[12] = 0x08};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	return r < 0 ? r : opts.retval ? -EIO : 0;
}

int tick_start(struct dataplane *dp)
{
	int r = kernel_step();

	return r < 0 ? r : run(dp->bpf->progs.tick_start);
}

int cache_settle(struct dataplane *dp)
{
	uint64_t now = clock_boot_ns();
	cpu_set_t before, one;
	int r = 0;

	if (!dp->control->now || now - dp->settled < SETTLED_FOR_NS)
		return 0;
	if (sched_getaffinity(0, sizeof(before), &before) < 0)
		return -errno;
	for (uint32_t cpu = 0; cpu < kernel_cpu_rows() && r == 0; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) == 0)
			r = run(dp->bpf->progs.cache_settle);
	}
	sched_setaffinity(0, sizeof(before), &before);
	if (r == 0)
		dp->settled = clock_boot_ns();
	return r;
}
