/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/capacity.h"
#include "lib/cleanup.h"
#include "lib/cpus.h"
#include "lib/file.h"
#include "lib/memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* What the tables of this capacity take when the engine starts. */
static uint64_t taken(struct capacity c, uint32_t cpus)
{
	return c.devices * image_device_bytes(cpus) + (uint64_t)c.flows * IMAGE_FLOW_BYTES + c.cache_bytes;
}

Test(capacity, auto_leaves_most_of_the_memory_alone)
{
	static const uint64_t memories[] = {256 * MIB, 512 * MIB, GIB, 4 * GIB, 16 * GIB, 64 * GIB, 1024 * GIB};
	static const uint32_t cpus[] = {1, 2, 4, 64};
	struct capacity before = {0};

	for (size_t i = 0; i < ARRAY_SIZE(memories); i++)
		for (size_t k = 0; k < ARRAY_SIZE(cpus); k++) {
			struct capacity c = capacity_fit(memories[i], cpus[k]);

			cr_assert_leq(taken(c, cpus[k]), memories[i] / 16, "%llu MiB, %u CPUs", (unsigned long long)(memories[i] / MIB), cpus[k]);
			if (k == 0) {
				cr_assert_geq(c.devices, before.devices);
				cr_assert_geq(c.flows, before.flows);
				before = c;
			}
		}
}

Test(capacity, a_small_router_and_a_large_server)
{
	struct capacity router = capacity_fit(256 * MIB, 2), server = capacity_fit(64 * GIB, 16);

	cr_assert(router.devices > 3000 && router.devices < 4000, "%u", router.devices);
	cr_assert(router.flows > 10000 && router.flows < 16384, "%u", router.flows);
	cr_assert_eq(router.cache_bytes, MIB);
	cr_assert_eq(server.devices, CONFIG_MAX_DEVICES);
	cr_assert(server.flows > 2900000 && server.flows <= CONFIG_MAX_FLOWS, "%u", server.flows);
	cr_assert_eq(server.cache_bytes, CAPACITY_MAX_CACHE);
}

Test(capacity, floors_and_ceilings_hold)
{
	struct capacity unknown = capacity_fit(0, 0), least = capacity_fit(16 * MIB, 64), most = capacity_fit(UINT64_MAX, 1);

	cr_assert(unknown.devices == 256 && unknown.flows == 4096 && unknown.cache_bytes == MIB);
	cr_assert(least.devices == 256 && least.flows == 4096 && least.cache_bytes == MIB);
	cr_assert(most.devices == 100000 && most.flows == 4000000 && most.cache_bytes == CAPACITY_MAX_CACHE);
}

Test(capacity, what_the_file_says_beats_auto_key_by_key)
{
	struct gateway_config config = {.max_flows = 65536};
	struct capacity fit = capacity_fit(4 * GIB, 2), c = capacity_of(&config, 4 * GIB, 2);

	cr_assert(c.devices == fit.devices && c.flows == 65536 && c.cache_bytes == fit.cache_bytes);
	config = (struct gateway_config){.max_devices = 7, .cache_bytes = 2 * MIB};
	c = capacity_of(&config, 4 * GIB, 2);
	cr_assert(c.devices == 7 && c.flows == fit.flows && c.cache_bytes == 2 * MIB);
}

/* A folder that looks like / to memory_total() and cpu_numbers(). */
static char root[64];

static void root_make(void)
{
	snprintf(root, sizeof(root), "/tmp/cordon-capacity-XXXXXX");
	cr_assert(mkdtemp(root));
}

static void root_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

static void root_write(const char *path, const char *text)
{
	char whole[256], *slash;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	slash = strrchr(whole, '/');
	*slash = '\0';
	cr_assert_eq(dir_make(whole, 0700), 0);
	*slash = '/';
	cr_assert_eq(file_write(whole, text, strlen(text), 0600), 0);
}

Test(memory, the_machine_s_where_no_group_limits, .init = root_make, .fini = root_remove)
{
	cr_assert_eq(memory_total(root), 0);
	root_write("/proc/meminfo", "MemTotal:         262144 kB\nMemFree:  1 kB\n");
	cr_assert_eq(memory_total(root), 256 * MIB);
	root_write("/proc/self/cgroup", "0::/system.slice/cordond.service\n");
	root_write("/sys/fs/cgroup/system.slice/cordond.service/memory.max", "max\n");
	cr_assert_eq(memory_total(root), 256 * MIB);
}

Test(memory, the_lowest_limit_on_the_way_up, .init = root_make, .fini = root_remove)
{
	root_write("/proc/meminfo", "MemTotal: 1048576 kB\n");
	root_write("/proc/self/cgroup", "0::/a/b/c\n");
	root_write("/sys/fs/cgroup/a/b/c/memory.max", "536870912\n");
	cr_assert_eq(memory_total(root), 512 * MIB);
	root_write("/sys/fs/cgroup/a/memory.max", "134217728\n");
	cr_assert_eq(memory_total(root), 128 * MIB);
	root_write("/sys/fs/cgroup/memory.max", "67108864\n");
	cr_assert_eq(memory_total(root), 64 * MIB);
	root_write("/sys/fs/cgroup/memory.max", "17179869184\n");
	cr_assert_eq(memory_total(root), 128 * MIB);
}

Test(memory, groups_of_version_1, .init = root_make, .fini = root_remove)
{
	root_write("/proc/meminfo", "MemTotal: 1048576 kB\n");
	root_write("/proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/y\n0::/\n");
	root_write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	cr_assert_eq(memory_total(root), GIB);
	root_write("/sys/fs/cgroup/memory/docker/y/memory.limit_in_bytes", "268435456\n");
	cr_assert_eq(memory_total(root), 256 * MIB);
}

Test(cpus, numbers_go_up_to_the_highest_whatever_is_missing, .init = root_make, .fini = root_remove)
{
	uint32_t counted = cpu_numbers(root); /* nothing there yet */
	static const struct {
		const char *list;
		uint32_t numbers; /* 0: as many as there are */
	} cases[] = {{"0\n", 1}, {"0-3\n", 4}, {"0,2\n", 3}, {"0-1,8-11\n", 12}, {"0-3,128", 129}, {"", 0}, {"\n", 0}, {"zero\n", 0}, {"0-3x\n", 0}, {"0-99999\n", 0}};

	cr_expect_eq(counted, (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t wanted = cases[i].numbers ? cases[i].numbers : counted;

		root_write("/sys/devices/system/cpu/possible", cases[i].list);
		cr_expect_eq(cpu_numbers(root), wanted, "'%s' gives %u", cases[i].list, cpu_numbers(root));
	}
}
