/* SPDX-License-Identifier: Apache-2.0 */
#include "capacity.h"

static uint64_t within(uint64_t value, uint64_t floor, uint64_t ceiling)
{
	return value < floor ? floor : value > ceiling ? ceiling : value;
}

struct capacity capacity_fit(uint64_t memory, uint32_t cpus)
{
	uint64_t rows = memory / 64 / image_device_bytes(cpus);

	return (struct capacity){
		.devices = (uint32_t)within(rows / (IMAGE_SPARE_SHARE + 1) * IMAGE_SPARE_SHARE, CAPACITY_MIN_DEVICES, CONFIG_MAX_DEVICES),
		.flows = (uint32_t)within(memory / 128 / IMAGE_FLOW_BYTES, CAPACITY_MIN_FLOWS, CONFIG_MAX_FLOWS),
		.cache_bytes = within(memory / 256, CAPACITY_MIN_CACHE, CAPACITY_MAX_CACHE),
	};
}

struct capacity capacity_of(const struct gateway_config *config, uint64_t memory, uint32_t cpus)
{
	struct capacity fit = capacity_fit(memory, cpus);

	return (struct capacity){
		.devices = config->max_devices ? config->max_devices : fit.devices,
		.flows = config->max_flows ? config->max_flows : fit.flows,
		.cache_bytes = config->cache_bytes ? config->cache_bytes : fit.cache_bytes,
	};
}
