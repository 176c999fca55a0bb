/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table takes as many flows as it says, whatever its secret and however alike they are: many ports of one device, or few
 * ports of many devices with numbers in a row.
 *
 * vm: no, what a hash spreads no kernel changes
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dataplane/plane.h"
#include "small.h"

#define SECRETS 60
#define FLOWS 5000
#define MAX_FLOWS 7500
#define DEVICES 200
#define MAC_FIRST 0x020000001000ULL
#define FIRST 20 /* address 10.0.0.20 */
#define PORT 10000

static struct dataplane_device devices[DEVICES + 1];
static struct dataplane_address addresses[DEVICES + 1];

static struct dataplane *open_one(void)
{
	struct dataplane *dp = small_private_sized(DEVICES + 2, MAX_FLOWS);
	char *why = NULL;
	uint32_t generation;

	for (uint32_t i = 0; i < DEVICES; i++) {
		devices[i] = small_device(MAC_FIRST + i, CLASS_A, 1, (uint8_t)(FIRST + i), &addresses[i]);
		devices[i].flow_quota = FLOWS;
	}
	devices[DEVICES] = small_device(MAC_B, CLASS_B, 2, 11, &addresses[DEVICES]);
	devices[DEVICES].flow_quota = FLOWS;
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), devices, DEVICES + 1, &generation, &why), 0, "%s", why);
	return dp;
}

static bool flow_begins(struct dataplane *dp, uint32_t device, uint16_t port)
{
	uint8_t bytes[64];
	struct dataplane_frame frame = {.bytes = bytes, .port = 1, .dir = CORDON_DIR_FROM_DEVICE};
	struct dataplane_verdict v;

	frame.size = small_syn(bytes, MAC_FIRST + device, MAC_B, (uint8_t)(FIRST + device), 11, port, 80);
	cr_assert_eq(dataplane_run(dp, &frame, &v), 0);
	cr_assert(v.pass || v.reason == CORDON_REASON_FLOW_FULL, "reason %d", v.reason);
	return v.pass;
}

/* How many of so many flows of so many devices find no room. */
static uint32_t refused(uint32_t of_devices)
{
	struct dataplane *dp = open_one();
	uint32_t n = 0;

	for (uint32_t i = 0; i < FLOWS; i++)
		n += !flow_begins(dp, i % of_devices, (uint16_t)(PORT + i / of_devices));
	dataplane_close(dp);
	return n;
}

static void expect_room(uint32_t of_devices)
{
	for (int i = 0; i < SECRETS; i++) {
		uint32_t n = refused(of_devices);

		cr_expect_eq(n, 0, "secret %d: %u of %u flows of %u devices found no room", i, n, FLOWS, of_devices);
	}
}

Test(spread, many_ports_of_one_device, .timeout = 120)
{
	expect_room(1);
}

Test(spread, few_ports_of_many_devices, .timeout = 120)
{
	expect_room(DEVICES);
}
