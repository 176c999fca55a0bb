/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows begin, end and leave their rows to others as fast as it goes, on all CPUs at once, in a table of a few rows, while the
 * engine's sweep tells of what ended. Every flow has frames of a length of its own, a prime, in either direction: what was
 * counted in another's row, or told of a row that was half another's, does not divide.
 *
 * Three seconds must pass before a row is given on. Here the clock of the tables is moved on by the sweep: half a second after
 * each round, in which it was on every CPU, and no program that began before the round runs any more. So nothing that the
 * tables promise is broken, however slow or busy the machine, and rows still go round hundreds of times a second.
 * vm: no, an emulated machine is too slow to make a race
 */
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/plane.h"
#include "dataplane/ports.h"
#include "small.h"

#define LO_IFINDEX 1
#define FLOWS 22   /* two buckets of 14 rows */
#define KEYS 42
#define SPORT 20000
#define TALKERS 8  /* at most; one a CPU */
#define STEP_NS 500000000ULL
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Of every third key no rule lets anything pass; the others are rule 80's and rule SMALL_ALWAYS's by turns. */
static const uint16_t dports[] = {80, SMALL_ALWAYS, 9};
#define MAY_NOT 9

struct shared {
	int key; /* that somebody began with last */
	uint64_t passed[KEYS][2];
	uint64_t frames;
	int stop;
};

struct books {
	uint64_t packets[KEYS][2]; /* of flows told of, then of those that were left */
	uint64_t flows;
	uint64_t wrong;
};

static struct dataplane *dp;
static struct flow_bucket *flows;
static struct small_pair pair;
static struct shared *shared;
static struct books books;
static uint16_t lengths[KEYS][2];
static char *told;

/* Each talker needs a processor. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	criterion_options.jobs = 1;
}

static bool is_prime(uint16_t n)
{
	for (uint16_t i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return true;
}

static void lengths_make(void)
{
	uint16_t n = 100;

	for (int i = 0; i < KEYS * 2; i++) {
		while (!is_prime(++n))
			;
		lengths[i / 2][i % 2] = n;
	}
}

static uint16_t dport_of(int key)
{
	return dports[key % 3];
}

/* A device with a limit has no verdict cached, so each packet is counted in its row at once. */
static void open_table(bool cached)
{
	struct dataplane_options options = {.max_devices = 4, .max_flows = FLOWS, .cache_bytes = 8192, .cached = true};
	struct dataplane_port port = {.number = 1, .role = CORDON_ROLE_DEVICE, .mode = -1, .mac = {2, 0, 0, 0, 0, 1}};
	uint32_t generation;

	cr_assert_eq(dataplane_open(&options, &dp, &told), 0, "%s", told);
	cr_assert_eq(dataplane_port_declare(dp, &port), 0);
	cr_assert_eq(port_row_move(dp, 1, LO_IFINDEX), 0);
	flows = small_flows(dp);
	small_pair(&pair);
	for (int i = 0; i < 2; i++) {
		pair.devices[i].port = 1;
		pair.devices[i].flow_quota = FLOWS;
		pair.devices[i].limit.packets_per_s = cached ? 0 : LIMIT_MAX_PACKETS;
	}
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	books = (struct books){0};
	lengths_make();
}

static void close_table(void)
{
	munmap(shared, sizeof(*shared));
	dataplane_close(dp);
	free(told);
}

static void open_cached(void)
{
	open_table(true);
}

static void open_uncached(void)
{
	open_table(false);
}

TestSuite(reuse, .init = open_cached, .fini = close_table);
TestSuite(reuse_uncached, .init = open_uncached, .fini = close_table);

static void send_one(int key, int side, uint8_t flags)
{
	uint16_t sport = (uint16_t)(SPORT + key), dport = dport_of(key);
	uint8_t bytes[1600];
	uint32_t size = side ? small_tcp(bytes, MAC_B, MAC_A, 11, 10, dport, sport, flags, lengths[key][1])
			     : small_tcp(bytes, MAC_A, MAC_B, 10, 11, sport, dport, flags, lengths[key][0]);

	if (small_passes(dp->xdp_prog, LO_IFINDEX, bytes, size))
		__atomic_fetch_add(&shared->passed[key][side], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shared->frames, 1, __ATOMIC_RELAXED);
}

/* A connection from its beginning to, most times, its end; other CPUs may be at the same one. */
static void connect_once(void)
{
	int key = rand() % 2 ? rand() % KEYS : __atomic_load_n(&shared->key, __ATOMIC_RELAXED);

	__atomic_store_n(&shared->key, key, __ATOMIC_RELAXED);

	send_one(key, 0, TCP_SYN);
	send_one(key, 1, TCP_SYN | TCP_ACK);
	for (int n = rand() % 8; n; n--)
		send_one(key, rand() % 2, TCP_ACK);
	if (rand() % 4)
		send_one(key, rand() % 2, TCP_RST | TCP_ACK);
}

static pid_t talker_start(int cpu, unsigned int seed)
{
	pid_t pid = fork();
	cpu_set_t one;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	srand(seed);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED))
		connect_once();
	_exit(0);
}

static bool side_is_right(int key, int side, const struct flow_side *s, uint64_t device_key)
{
	uint16_t length = lengths[key][side];

	/* Bytes are added after packets: of a flow that is still counted in, the last ones may be missing. */
	return s->bytes % length == 0 && s->bytes / length <= s->packets && dataplane_device_key(dp, s->device) == device_key;
}

static bool flow_is_right(int key, const struct flow *flow)
{
	return key >= 0 && key < KEYS && dport_of(key) != MAY_NOT && flow->id.port[!flow->initiator] == dport_of(key) &&
	       flow->rule == dport_of(key) && flow->verdict == CORDON_VERDICT_ALLOW && flow->birth &&
	       side_is_right(key, 0, &flow->side[0], pair.devices[0].key) && side_is_right(key, 1, &flow->side[1], pair.devices[1].key);
}

static bool check_flow(const struct flow *flow)
{
	int key = flow->id.port[!!flow->initiator] - SPORT;

	if (flow_is_right(key, flow))
		return true;
	if (!books.wrong++)
		fprintf(stderr, "port %d to %u by rule %u: %llu bytes of %llu packets, %llu of %llu back\n", key + SPORT,
			flow->id.port[!flow->initiator], flow->rule, (unsigned long long)flow->side[0].bytes, (unsigned long long)flow->side[0].packets,
			(unsigned long long)flow->side[1].bytes, (unsigned long long)flow->side[1].packets);
	return false;
}

static void book(void *ctx, const struct flow *flow)
{
	int key = flow->id.port[!!flow->initiator] - SPORT;

	(void)ctx;
	books.flows++;
	if (!check_flow(flow))
		return;
	books.packets[key][0] += flow->side[0].packets;
	books.packets[key][1] += flow->side[1].packets;
}

static int look(void *ctx, const struct flow *flow)
{
	(void)ctx;
	check_flow(flow);
	return 0;
}

struct sums {
	uint64_t passed[2], booked[2];
	uint64_t too_many; /* packets in flows that none of theirs were */
	uint64_t let_in;   /* that no rule allows */
};

static struct sums add_up(void)
{
	struct sums s = {0};

	for (int key = 0; key < KEYS; key++)
		for (int side = 0; side < 2; side++) {
			uint64_t passed = __atomic_load_n(&shared->passed[key][side], __ATOMIC_RELAXED), booked = books.packets[key][side];

			s.passed[side] += passed;
			s.booked[side] += booked;
			s.too_many += booked > passed ? booked - passed : 0;
			s.let_in += dport_of(key) == MAY_NOT ? passed : 0;
		}
	return s;
}

static void print(const struct sums *s)
{
	fprintf(stderr, "%lu frames, %lu and %lu passed, %lu and %lu of them in %lu flows; wrong: %lu rows, %lu packets too many, %lu let in\n",
		shared->frames, s->passed[0], s->passed[1], s->booked[0], s->booked[1], books.flows, books.wrong, s->too_many, s->let_in);
}

static void advance(void)
{
	cr_assert_eq(dataplane_clock_advance(dp, STEP_NS), 0);
	__atomic_store_n(&dp->control->now, dataplane_now(dp), __ATOMIC_RELEASE);
}

/* So many that each row went to another flow, and again. */
#define ENOUGH_FLOWS (2 * 2 * CORDON_BUCKET_ROWS)

/* On a busy machine that takes longer. */
static bool goes_on(const struct timespec *begun, int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000000000LL + now.tv_nsec - begun->tv_nsec < (books.flows > ENOUGH_FLOWS ? ns : 10 * ns);
}

/* The engine, and in every other round one that only looks. */
static void rounds(int64_t ns)
{
	struct timespec begun;
	uint32_t n = 0;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	do {
		int r;

		dp->settled = 0;
		r = n++ % 2 ? dataplane_flows_sweep(dp, book, NULL) : dataplane_flows_each(dp, look, NULL);
		cr_assert_geq(r, 0);
		advance();
	} while (goes_on(&begun, ns));
	fprintf(stderr, "%u rounds; ", n);
}

/* What is over and was told of stands in the books; the rest is read where it lies, for nobody writes any more. */
static void book_the_rest(void)
{
	cr_assert_geq(dataplane_flows_sweep(dp, book, NULL), 0);
	for (uint32_t b = 0; b < dp->flow_buckets; b++)
		for (unsigned int way = 0; way < CORDON_BUCKET_ROWS; way++)
			if (flows[b].tag[way] && !(flows[b].row[way].marks & FLOW_TOLD))
				book(NULL, &flows[b].row[way]);
}

static void run(int64_t ns)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), n = cpus < 2 ? 2 : cpus > TALKERS ? TALKERS : cpus;
	pid_t talkers[TALKERS];

	for (long i = 0; i < n; i++)
		talkers[i] = talker_start((int)(i % cpus), (unsigned int)i + 1);
	rounds(ns);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (long i = 0; i < n; i++)
		waitpid(talkers[i], NULL, 0);
	book_the_rest();
}

static void device_counted(int i, uint64_t passed)
{
	struct dataplane_device_row row;

	dp->settled = 0;
	cr_assert_eq(dataplane_device_read(dp, pair.devices[i].key, &row), 0);
	cr_expect_eq(row.counters.passed[CORDON_DIR_FROM_DEVICE].packets, passed);
}

static struct sums run_and_check(void)
{
	struct sums s;

	run(3000000000LL);
	s = add_up();
	print(&s);
	cr_expect_gt(books.flows, ENOUGH_FLOWS, "each row went to another flow, and again");
	cr_expect_eq(books.wrong, 0);
	cr_expect_eq(s.too_many, 0);
	cr_expect_eq(s.let_in, 0);
	device_counted(0, s.passed[0]);
	device_counted(1, s.passed[1]);
	return s;
}

/* A flow may be over and told of while its packets still pass by a cached verdict, for four seconds: they are the device's alone. */
Test(reuse, no_flow_is_read_as_another, .timeout = 60)
{
	run_and_check();
}

Test(reuse_uncached, every_packet_is_in_its_own_flow, .timeout = 60)
{
	struct sums s = run_and_check();

	cr_expect_eq(s.booked[0], s.passed[0]);
	cr_expect_eq(s.booked[1], s.passed[1]);
}
