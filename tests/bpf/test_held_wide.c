/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps a row from being read as another's, one thing at a time: a reader is held at the place where it matters, the row
 * changes hands, the reader goes on. With programs that leave that thing out this shows as what test_churn.c and test_reuse.c
 * count, a verdict or a count of another's; with those that do not it does not.
 * vm: no, a reader is held for a time that an emulated machine does nothing in
 */
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cordon/hash.h>

#include "dataplane/plane.h"
#include "dataplane/ports.h"
#include "dataplane/widen.h"
#include "small.h"

#define LO_IFINDEX 1
#define TRIES 8        /* on a busy machine a reader may be let go by the time that it is held at most */
#define HELD_MS 60     /* within which it was still there */
#define TABLE 24       /* device rows; of flows there is one bucket */
#define ONE_ROW 3      /* a, b and one that passes from hand to hand */
#define MAC_MAY_NOT 0x020000000200ULL
#define MAC_MAY_FIRST 0x020000010000ULL
#define SECOND 1000000000ULL
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

static struct dataplane *dp;
static struct flow_bucket *flows;
static struct small_pair pair;
static char *told;
static int *answer; /* of the reader, in another process */

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	criterion_options.jobs = 1;
}

static void cpu_take(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static int last_cpu(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

static void open_sized(unsigned int what, uint32_t devices, uint32_t max_flows, bool cached)
{
	struct dataplane_options options = {.max_devices = devices, .max_flows = max_flows, .cached = cached};
	struct dataplane_port port = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = -1, .mac = {2, 0, 0, 0, 0, 1}};
	uint32_t generation;

	cpu_take(0);
	widen_trust = what;
	cr_assert_eq(dataplane_open(&options, &dp, &told), 0, "%s", told);
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	cr_assert_eq(port_row_move(dp, 1, LO_IFINDEX), 0);
	flows = small_flows(dp);
	small_pair(&pair);
	for (int i = 0; i < 2; i++) {
		pair.devices[i].port = 1;
		pair.devices[i].flow_quota = 11;
	}
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* With one bucket. */
static void open_trusting(unsigned int what, uint32_t devices, bool cached)
{
	open_sized(what, devices, 11, cached);
}

static void close_it(void)
{
	munmap(answer, sizeof(*answer));
	dataplane_close(dp);
}

static bool passes(const uint8_t *bytes, uint32_t size)
{
	return small_passes(dp->xdp_prog, LO_IFINDEX, bytes, size);
}

static double ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* `read` on another CPU, held there while `meanwhile` happens here; its answer in *answer. False: it may have gone on before, or never came. */
static bool hold(enum cordon_hold at, int (*read)(void), void (*meanwhile)(void))
{
	double begun, took;
	pid_t pid;

	*answer = 0;
	widen_hold(dp, at);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		cpu_take(last_cpu());
		*answer = read();
		_exit(0);
	}
	while (!widen_holds(dp) && waitpid(pid, NULL, WNOHANG) == 0)
		;
	if (!widen_holds(dp))
		return false;
	begun = ms();
	meanwhile();
	took = ms() - begun;
	widen_release(dp);
	waitpid(pid, NULL, 0);
	return took < HELD_MS;
}

/* --- devices --- */

static void device_set(uint64_t mac, uint16_t class, uint8_t last)
{
	struct dataplane_address address;
	struct dataplane_device device = small_device(mac, class, 1, last, &address);

	cr_assert_eq(dataplane_device_set(dp, &device, &told), 0, "%s", told);
}

/* From the device that may not, with the address of the one that may: who takes the one's row for the other's lets it pass. */
static int read_device(void)
{
	uint8_t bytes[64];

	return passes(bytes, small_syn(bytes, MAC_MAY_NOT, MAC_B, 100, 11, 20000, 80));
}

static struct index_place place_of(uint64_t mac)
{
	struct index_place place;

	index_place_of_device(dp->control, DEVICE_KEY(mac, 0), dp->device_index.n_lines, &place);
	return place;
}

/* A MAC that the index leads to by the line of the one that may not; by the same tag, too. */
static uint64_t mac_beside(bool same_tag)
{
	struct index_place not = place_of(MAC_MAY_NOT);

	for (uint64_t mac = MAC_MAY_FIRST;; mac++) {
		struct index_place place = place_of(mac);

		if (place.line[0] == not.line[0] && (place.tag == not.tag) == same_tag)
			return mac;
	}
}

/* The new one gets the slot that the reader is looking at. */
static void device_changes(void)
{
	dataplane_device_remove(dp, DEVICE_KEY(MAC_MAY_NOT, 0));
	device_set(mac_beside(false), CLASS_A, 100);
}

static bool device_is_mistaken(unsigned int trust, uint32_t rows, enum cordon_hold at)
{
	bool mistaken = false;

	for (int i = 0; i < (trust ? TRIES : 1) && !mistaken; i++) {
		open_trusting(trust, rows, false);
		device_set(MAC_MAY_NOT, CLASS_UNKNOWN, 150);
		hold(at, read_device, device_changes);
		mistaken = *answer;
		close_it();
	}
	return mistaken;
}

/* A slot of the index is given to another key while programs look at it. */
Test(held, the_key_in_a_row_tells_whose_it_is, .timeout = 60)
{
	cr_expect(device_is_mistaken(TRUST_KEY, TABLE, HOLD_SLOT));
	cr_expect_not(device_is_mistaken(0, TABLE, HOLD_SLOT));
}

/* Of two devices with one tag in one line the one that may has the slot that is looked at first. */
static bool tag_is_mistaken(unsigned int trust)
{
	bool mistaken;

	open_trusting(trust, TABLE, false);
	device_set(mac_beside(true), CLASS_A, 100);
	device_set(MAC_MAY_NOT, CLASS_UNKNOWN, 150);
	mistaken = read_device();
	close_it();
	return mistaken;
}

Test(held, two_keys_of_one_tag_are_two, .timeout = 60)
{
	bool ever = false;

	for (int i = 0; i < TRIES && !ever; i++)
		ever = tag_is_mistaken(TRUST_KEY);
	cr_expect(ever);
	for (int i = 0; i < TRIES; i++)
		cr_expect_not(tag_is_mistaken(0));
}

/* Somebody who died left a slot where it should not be. */
static bool stale_slot_is_mistaken(unsigned int trust)
{
	uint32_t *slots, may, way = 0;
	uint64_t mac_may = MAC_MAY_FIRST;
	bool mistaken;

	open_trusting(trust, TABLE, false);
	device_set(mac_may, CLASS_A, 100);
	may = index_find(&dp->device_index, &(uint64_t){DEVICE_KEY(mac_may, 0)});
	slots = dp->device_lines[place_of(MAC_MAY_NOT).line[0]].slot;
	while (slots[way])
		way++;
	slots[way] = place_of(MAC_MAY_NOT).tag | may;
	mistaken = read_device();
	close_it();
	return mistaken;
}

Test(held, a_stale_slot_leads_nobody_astray, .timeout = 60)
{
	bool ever = false;

	for (int i = 0; i < TRIES && !ever; i++)
		ever = stale_slot_is_mistaken(TRUST_KEY);
	cr_expect(ever);
	for (int i = 0; i < TRIES; i++)
		cr_expect_not(stale_slot_is_mistaken(0));
}

/* It was right when it was compared. */
Test(held, no_row_is_given_on_while_it_is_read, .timeout = 60)
{
	cr_expect(device_is_mistaken(TRUST_TIME, ONE_ROW, HOLD_DEVICE));
	cr_expect_not(device_is_mistaken(0, ONE_ROW, HOLD_DEVICE));
}

/* --- flows --- */

/* Two conversations; the lengths have no factor in common. */
static const struct talk {
	uint16_t sport, dport, length;
} first = {20001, 80, 101}, second = {20002, SMALL_ALWAYS, 103};

static struct flow *row; /* of the first, and then of the second */

static bool say(const struct talk *t, bool back, uint8_t flags)
{
	uint8_t bytes[256];

	return passes(bytes, back ? small_tcp(bytes, MAC_B, MAC_A, 11, 10, t->dport, t->sport, flags, t->length)
				  : small_tcp(bytes, MAC_A, MAC_B, 10, 11, t->sport, t->dport, flags, t->length));
}

static int read_first(void)
{
	return say(&first, false, TCP_ACK);
}

static struct flow *row_of(const struct talk *t)
{
	for (uint32_t b = 0; b < dp->flow_buckets; b++)
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			struct flow *flow = &flows[b].row[way];

			if (flows[b].tag[way] && flows[b].tag[way] != CORDON_TAG_CLAIMED && flow->id.port[!!flow->initiator] == t->sport)
				return flow;
		}
	return NULL;
}

static void first_begins(void)
{
	cr_assert(say(&first, false, TCP_SYN));
	cr_assert(say(&first, true, TCP_SYN | TCP_ACK));
	row = row_of(&first);
	cr_assert(row);
}

/* It is over, for the next one of its ports takes its place, in another row. */
static void first_ends(void)
{
	say(&first, false, TCP_RST | TCP_ACK);
	cr_assert(say(&first, false, TCP_SYN));
}

/* There is no other row for it. */
static void second_begins(void)
{
	for (uint32_t b = 0; b < dp->flow_buckets; b++)
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++)
			if (!flows[b].tag[way])
				flows[b].tag[way] = CORDON_TAG_CLAIMED;
	say(&second, false, TCP_SYN);
	say(&second, true, TCP_SYN | TCP_ACK);
}

static void row_changes(void)
{
	first_ends();
	second_begins();
}

static void time_passes(uint64_t ns)
{
	cr_assert_eq(dataplane_clock_advance(dp, ns), 0);
	__atomic_store_n(&dp->control->now, dataplane_now(dp), __ATOMIC_RELEASE);
}

static bool row_is_mixed(void)
{
	uint16_t length = row->id.port[!!row->initiator] == second.sport ? second.length : first.length;

	return row->side[0].bytes != row->side[0].packets * length || row->side[1].bytes != row->side[1].packets * length;
}

static bool flow_is_mistaken(unsigned int trust, enum cordon_hold at)
{
	bool mixed = false;

	for (int i = 0; i < (trust ? TRIES : 1) && !mixed; i++) {
		open_trusting(trust, 4, false);
		first_begins();
		hold(at, read_first, row_changes);
		mixed = row_is_mixed();
		close_it();
	}
	return mixed;
}

/* Either alone is enough for a program that has only read; before it writes, only the wait is. */
Test(held, a_flow_is_counted_in_its_own_row, .timeout = 60)
{
	cr_expect(flow_is_mistaken(TRUST_TIME | TRUST_ROW, HOLD_FLOW));
	cr_expect_not(flow_is_mistaken(TRUST_TIME, HOLD_FLOW));
	cr_expect_not(flow_is_mistaken(TRUST_ROW, HOLD_FLOW));
	cr_expect(flow_is_mistaken(TRUST_TIME, HOLD_JUDGED));
	cr_expect_not(flow_is_mistaken(0, HOLD_JUDGED));
}

static int none(void *ctx, const struct flow *flow)
{
	(void)ctx, (void)flow;
	return 0;
}

static int fold(void)
{
	dp->settled = 0;
	return dataplane_flows_each(dp, none, NULL);
}

/* Three packets passed by a cached verdict, and are not in the row yet when its flow is over. */
static void first_leaves_counts(void)
{
	first_begins();
	for (int i = 0; i < 4; i++)
		cr_assert(say(&first, false, TCP_ACK));
	cr_assert_lt(row->side[0].packets, 5);
	first_ends();
}

static bool late_counts_are_mistaken(unsigned int trust)
{
	bool mixed;

	open_trusting(trust, 4, true);
	first_leaves_counts();
	time_passes(4 * SECOND);
	second_begins();
	cr_assert_eq(row->id.port[!!row->initiator], second.sport);
	dp->settled = 0;
	cr_assert_eq(dataplane_flows_each(dp, none, NULL), 0);
	mixed = row_is_mixed();
	close_it();
	return mixed;
}

Test(held, what_a_cached_verdict_counted_goes_to_its_own_flow, .timeout = 60)
{
	cr_expect(late_counts_are_mistaken(TRUST_BIRTH));
	cr_expect_not(late_counts_are_mistaken(0));
}

static void time_for_the_second(void)
{
	time_passes(SECOND / 5);
	second_begins();
}

/* The row was still the first flow's when the fold looked, and is free a moment later. */
static bool last_counts_are_mistaken(unsigned int trust)
{
	bool mixed = false;

	for (int i = 0; i < (trust ? TRIES : 1) && !mixed; i++) {
		open_trusting(trust, 4, true);
		first_leaves_counts();
		time_passes(29 * SECOND / 10);
		cpu_take(last_cpu()); /* the counts are where the frames were judged, and there the fold will be held */
		if (!hold(HOLD_FOLD, fold, time_for_the_second))
			time_for_the_second();
		mixed = row_is_mixed();
		close_it();
	}
	return mixed;
}

Test(held, nothing_is_added_to_a_row_that_may_go_at_any_moment, .timeout = 60)
{
	cr_expect(last_counts_are_mistaken(TRUST_TIME));
	cr_expect_not(last_counts_are_mistaken(0));
}

static int begin_first(void)
{
	return say(&first, false, TCP_SYN);
}

static struct flow_bucket *home; /* the first of the first flow's two buckets */

static unsigned int rows_of_first(struct flow_bucket **ret_one)
{
	unsigned int n = 0;

	for (uint32_t b = 0; b < dp->flow_buckets; b++)
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++) {
			if (!flows[b].tag[way] || flows[b].tag[way] & CORDON_TAG_OVER || flows[b].row[way].id.port[!!flows[b].row[way].initiator] != first.sport)
				continue;
			n++;
			*ret_one = &flows[b];
		}
	return n;
}

/* The flow is made by another CPU, in its second bucket, for the first was full at that moment. */
static void home_is_full_for_a_moment(void)
{
	for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++)
		home->tag[way] = CORDON_TAG_CLAIMED;
	say(&first, false, TCP_SYN);
	memset(home->tag, 0, sizeof(home->tag));
}

static bool flow_gets_two_rows(unsigned int trust)
{
	struct flow_bucket *one = NULL;
	bool two = false;

	for (int i = 0; i < TRIES && !two; i++) {
		open_sized(trust, 4, 1000, false);
		cr_assert(say(&first, false, TCP_SYN));
		cr_assert_eq(rows_of_first(&home), 1);
		cr_assert_eq(dataplane_flows_clear(dp), 0);
		hold(HOLD_MAKE, begin_first, home_is_full_for_a_moment);
		two = rows_of_first(&one) > 1;
		close_it();
	}
	return two;
}

Test(held, a_flow_has_one_row, .timeout = 60)
{
	cr_expect(flow_gets_two_rows(TRUST_FIRST));
	cr_expect_not(flow_gets_two_rows(0));
}
