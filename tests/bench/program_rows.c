/* SPDX-License-Identifier: Apache-2.0 */
#include "program_rows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "program_world.h"

#define FIRST_PORT 1024
#define PORTS (65536 - FIRST_PORT)
#define FEW_DEVICES 16
#define CLOUD 131072
#define FRAME4_SIZE 60

const char *const shape_names[SHAPE_COUNT] = {"many devices", "many ports"};
const char *const order_names[ORDER_COUNT] = {"uniform", "zipf", "once"};

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((random_next(state) >> 32) * n) >> 32);
}

static uint32_t *shuffled(uint32_t n, uint64_t seed)
{
	uint32_t *p = malloc(n * sizeof(*p));

	if (!p)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = random_below(&seed, i + 1);

		p[i] = p[j];
		p[j] = i;
	}
	return p;
}

/* The header that frame_make() writes, with these addresses. */
static uint16_t header_checksum(uint32_t source, uint32_t destination)
{
	uint32_t sum = 0x4500 + 40 + 0x4006 + (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff);

	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void row_write(struct bench_row *row, uint32_t device, uint32_t peer, uint16_t sport, uint16_t dport)
{
	*row = (struct bench_row){
		.device = htonl(world_mac(device)),
		.address = htonl(world_address(device)),
		.peer = htonl(peer),
		.sport = htons(sport),
		.dport = htons(dport),
		.checksum = header_checksum(world_address(device), peer),
	};
}

int flows_make(const struct flows_plan *plan, uint32_t first, uint32_t count, struct bench_row *ret)
{
	_cleanup_free_ uint32_t *devices = shuffled(plan->n_devices, plan->seed), *ports = shuffled(PORTS, plan->seed + 1);
	uint32_t spread = plan->shape == SHAPE_PORTS ? FEW_DEVICES : plan->n_devices;
	uint32_t whole = first + count > plan->n ? first + count : plan->n;
	_cleanup_free_ uint32_t *slots = shuffled(whole, plan->seed + 2);

	if (!devices || !ports || !slots)
		return -ENOMEM;
	if (spread > plan->n_devices)
		spread = plan->n_devices;
	if (plan->n && spread > plan->n)
		spread = plan->n;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t f = first + i, device = devices[f % spread], nth = f / spread;
		uint64_t peer = plan->seed ^ f;

		if (nth >= PORTS)
			return -ERANGE;
		row_write(&ret[i], device, plan->to_device ? world_address((device + 1) % plan->n_devices) : world_cloud(random_below(&peer, CLOUD)),
			  (uint16_t)(FIRST_PORT + ports[nth]), WORLD_ALLOWED_PORT);
		ret[i].slot = slots[f];
	}
	return 0;
}

uint32_t flow_device(const struct bench_row *row)
{
	return ntohl(row->address) - world_address(0);
}

void flow_turn(const struct bench_row *row, uint32_t peer_device, struct bench_row *ret)
{
	row_write(ret, peer_device, ntohl(row->address), ntohs(row->dport), ntohs(row->sport));
}

/* Ranks by inversion: cumulated weights, searched by halves; which flow has which rank is shuffled. */
static int zipf_make(const struct bench_row *flows, uint32_t n, uint64_t seed, struct bench_row *ret, uint32_t count)
{
	_cleanup_free_ double *sum = malloc(n * sizeof(*sum));
	_cleanup_free_ uint32_t *at = shuffled(n, seed);
	double total = 0;

	if (!sum || !at)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		sum[i] = total += 1.0 / (i + 1);
	for (uint32_t i = 0; i < count; i++) {
		double x = (double)(random_next(&seed) >> 11) * 0x1p-53 * total;
		uint32_t low = 0, high = n - 1;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (sum[middle] > x)
				high = middle;
			else
				low = middle + 1;
		}
		ret[i] = flows[at[low]];
	}
	return 0;
}

int order_make(enum order order, const struct bench_row *flows, uint32_t n, uint64_t seed, struct bench_row *ret, uint32_t count)
{
	_cleanup_free_ uint32_t *at = NULL;

	if (order == ORDER_ZIPF)
		return zipf_make(flows, n, seed, ret, count);
	if (order == ORDER_UNIFORM) {
		for (uint32_t i = 0; i < count; i++)
			ret[i] = flows[random_below(&seed, n)];
		return 0;
	}
	at = shuffled(n, seed);
	if (!at || count > n)
		return at ? -ERANGE : -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		ret[i] = flows[at[i]];
	return 0;
}

static void checksum_renew(struct bench_row *row)
{
	row->checksum = header_checksum(ntohl(row->address), ntohl(row->peer));
}

void row_spoof(struct bench_row *row, uint32_t n_devices)
{
	row->address = htonl(world_address((flow_device(row) + n_devices / 2) % n_devices));
	checksum_renew(row);
}

void row_stranger(struct bench_row *row, uint32_t n_devices)
{
	uint32_t device = n_devices + flow_device(row);

	row->device = htonl(world_mac(device));
	row->address = htonl(world_address(device));
	checksum_renew(row);
}

void row_retarget(struct bench_row *row, uint16_t port)
{
	row->dport = htons(port);
}

static void ends6_write(uint8_t *ip, bool answer)
{
	memcpy(ip + (answer ? 24 : 8), (uint8_t[])WORLD_NET6, 2);
	memcpy(ip + (answer ? 8 : 24), (uint8_t[])WORLD_CLOUD6, 4);
}

uint32_t frame_make(uint8_t ret[FRAME_SIZE], int family, uint8_t tcp_flags, bool answer)
{
	uint8_t *ip = ret + 14, *tcp = ip + (family == 4 ? 20 : 40);

	memset(ret, 0, FRAME_SIZE);
	memcpy(ret + (answer ? 6 : 0), (uint8_t[])WORLD_GATEWAY_MAC, 6);
	ret[answer ? 0 : 6] = 0x02;
	if (family == 4) {
		memcpy(ret + 12, (uint8_t[]){0x08, 0x00, 0x45, 0, 0, 40}, 6);
		ip[8] = 64;
		ip[9] = 6;
	} else {
		memcpy(ret + 12, (uint8_t[]){0x86, 0xdd, 0x60}, 3);
		memcpy(ip + 4, (uint8_t[]){0, 20, 6, 64}, 4);
		ends6_write(ip, answer);
	}
	tcp[12] = 5 << 4;
	tcp[13] = tcp_flags;
	return family == 4 ? FRAME4_SIZE : FRAME_SIZE;
}
