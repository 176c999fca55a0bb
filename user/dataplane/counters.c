/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/cleanup.h"
#include "cache.h"
#include "kernel.h"
#include "cordon.skel.h"

/* Sums words: all these records are nothing but 64-bit counts. */
static void records_sum(const uint64_t *values, uint32_t n, size_t words, uint64_t *ret)
{
	memset(ret, 0, words * sizeof(*ret));
	for (uint32_t k = 0; k < n; k++)
		for (size_t i = 0; i < words; i++)
			ret[i] += values[k * words + i];
}

int counters_read(struct dataplane *dp, uint32_t row, struct device_counters *ret)
{
	uint32_t rows = kernel_cpu_rows(), count = rows, before = row * rows - 1, last; /* a batch begins behind its key; before row 0 is no key, the start */
	_cleanup_free_ void *values = calloc(rows, sizeof(*ret)), *keys = calloc(rows, sizeof(uint32_t));
	int r;

	if (!values || !keys)
		return -ENOMEM;
	r = cache_settle(dp);
	if (r == 0)
		r = bpf_map_lookup_batch(bpf_map__fd(dp->bpf->maps.counters), &before, &last, keys, values, &count, NULL);
	if (r < 0)
		return r;
	records_sum(values, rows, sizeof(*ret) / sizeof(uint64_t), (uint64_t *)ret);
	return 0;
}

static int drops_forget_draining(struct dataplane *dp)
{
	int fd = bpf_map__fd(dp->bpf->maps.drops);
	struct drop_key key, next;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	while (r == 0) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if (key.device >= dp->device_rows.reach || dp->device_rows.state[key.device] != ROW_DRAINING)
			continue;
		if (kernel_delete(fd, &key) < 0)
			return -EIO;
	}
	return r == -ENOENT ? 0 : r;
}

static int counters_wipe(struct dataplane *dp, uint32_t row)
{
	static const struct device_counters zeroes;
	uint32_t cpus = kernel_cpu_rows();
	int r = 0;

	for (uint32_t at = row * cpus; r == 0 && at < (row + 1) * cpus; at++)
		r = kernel_update(bpf_map__fd(dp->bpf->maps.counters), &at, &zeroes);
	return r;
}

int counters_wipe_draining(struct dataplane *dp)
{
	int r = 0;

	for (uint32_t i = dp->device_rows.first; r == 0 && i < dp->device_rows.reach; i++)
		if (dp->device_rows.state[i] == ROW_DRAINING)
			r = counters_wipe(dp, i);
	return r < 0 ? r : drops_forget_draining(dp);
}

int dataplane_drops_each(struct dataplane *dp, int (*each)(void *ctx, const struct drop_key *key, const struct drop_count *count), void *ctx)
{
	_cleanup_free_ void *values = calloc(kernel_cpus(), sizeof(struct drop_count)); /* a multiple of 8 bytes, as the kernel lays them out */
	int fd = bpf_map__fd(dp->bpf->maps.drops);
	struct drop_key key, next;
	int r, stop = 0;

	if (!values)
		return -ENOMEM;
	r = cache_settle(dp);
	if (r == 0)
		r = bpf_map_get_next_key(fd, NULL, &next);
	while (r == 0 && !stop) {
		struct drop_count sum;

		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, values) < 0)
			continue;
		records_sum(values, kernel_cpus(), sizeof(sum) / sizeof(uint64_t), (uint64_t *)&sum);
		stop = each(ctx, &key, &sum);
	}
	return stop || r == -ENOENT ? 0 : r;
}

int dataplane_reasons(struct dataplane *dp, uint64_t ret[CORDON_REASON_COUNT][CORDON_VERDICT_COUNT])
{
	_cleanup_free_ void *values = calloc(kernel_cpus(), sizeof(uint64_t));
	uint64_t sums[CORDON_REASON_COUNT * CORDON_VERDICT_COUNT];
	int settled;

	if (!values)
		return -ENOMEM;
	settled = cache_settle(dp);
	if (settled < 0)
		return settled;
	for (uint32_t i = 0; i < CORDON_REASON_COUNT * CORDON_VERDICT_COUNT; i++) {
		int r = bpf_map_lookup_elem(bpf_map__fd(dp->bpf->maps.reasons), &i, values);

		if (r < 0)
			return r;
		records_sum(values, kernel_cpus(), 1, &sums[i]);
	}
	memcpy(ret, sums, sizeof(sums));
	return 0;
}

int dataplane_usage(struct dataplane *dp, struct dataplane_usage *ret)
{
	*ret = (struct dataplane_usage){
		.devices = dp->device_rows.count[ROW_USED],
		.max_devices = dp->device_rows.max - dp->device_rows.first,
		.bindings = dp->binding_rows.count[ROW_USED],
		.max_bindings = dp->binding_rows.max - dp->binding_rows.first,
		.flows = __atomic_load_n(&dp->usage->flows, __ATOMIC_RELAXED),
		.max_flows = dp->max_flows,
	};
	return 0;
}
