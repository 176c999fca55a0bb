/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices change, go and come while frames are judged on the other CPUs. What is allowed before and after a change is never
 * dropped, what is denied before and after never passes, and no row is read as that of the device that had it before or has it next.
 * vm: no, an emulated machine is too slow to make a race
 */
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/plane.h"
#include "dataplane/ports.h"
#include "lib/cleanup.h"
#include "small.h"

#define LO_IFINDEX 1
#define NEVER 9        /* a TCP port that no policy here allows */
#define TABLE 24       /* device rows: a, b and the family */
#define FRAMES 1000    /* that are worth the name of a stress */
#define ONE_ROW 3      /* a, b and one that passes from hand to hand */
#define FAMILY 8       /* devices that may (class a) and as many that may not (class unknown), by turns */
#define COUPLE 2       /* as many of either where rows are handed on */
#define MAC_MAY 0x020000000100ULL
#define MAC_MAY_NOT 0x020000000200ULL
#define SPORTS 32      /* few flows, within a device's quota */

static struct dataplane *dp;
static struct small_pair pair;
static char *told;

struct log {
	uint64_t frames, dropped_allowed, passed_denied;
	uint64_t passed_by_turns; /* the readers do meet the changing devices */
};
static struct log *sums;

/* Readers and who changes what they read need a processor each. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
	(void)tests;
	criterion_options.jobs = 1;
}

static void open_rows(uint32_t rows)
{
	uint32_t generation;

	dp = small_private(rows);
	small_pair(&pair);
	cr_assert_eq(small_apply(dp, small_image(CLASS_A, CLASS_B, 80), pair.devices, 2, &generation, &told), 0, "%s", told);
	cr_assert_eq(port_row_move(dp, 1, LO_IFINDEX), 0);
	sums = mmap(NULL, sizeof(*sums), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void open_all(void)
{
	open_rows(TABLE);
}

static void open_one(void)
{
	open_rows(ONE_ROW);
}

static void close_all(void)
{
	dataplane_close(dp);
	free(told);
}

TestSuite(churn, .init = open_all, .fini = close_all);
TestSuite(churn_of_one_row, .init = open_one, .fini = close_all);

static bool passes(uint64_t mac, uint8_t from, uint16_t sport, uint16_t dport)
{
	uint8_t bytes[64];
	uint32_t size = small_syn(bytes, mac, MAC_B, from, 11, sport, dport);

	return small_passes(dp->xdp_prog, LO_IFINDEX, bytes, size);
}

/* Of `family` devices of either kind. */
static void read_once(uint32_t round, uint32_t family)
{
	uint16_t sport = (uint16_t)(20000 + round % SPORTS);
	uint8_t i = (uint8_t)(round % family), other = (uint8_t)(round / family % family);

	sums->dropped_allowed += !passes(MAC_A, 10, sport, 80);
	sums->passed_denied += passes(MAC_A, 10, sport, NEVER);
	sums->passed_denied += passes(MAC_MAY + i, (uint8_t)(100 + i), sport, NEVER);
	sums->passed_denied += passes(MAC_MAY_NOT + i, (uint8_t)(150 + i), sport, 80);
	/* Each with an address of the others: right only for who takes its row for that of the address' owner. */
	sums->passed_denied += passes(MAC_MAY + i, (uint8_t)(150 + other), sport, 80);
	sums->passed_denied += passes(MAC_MAY_NOT + i, (uint8_t)(100 + other), sport, 80);
	sums->passed_by_turns += passes(MAC_MAY + i, (uint8_t)(100 + i), sport, 80);
	sums->frames += 7;
}

static pid_t reader_start(uint32_t family)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* an assertion that fails ends the test, not the reader */
	for (uint32_t round = 0;; round++)
		read_once(round, family);
}

static void reader_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fprintf(stderr, "%lu frames, %lu of them of changing devices passed; wrong: %lu dropped, %lu passed\n", sums->frames, sums->passed_by_turns,
		sums->dropped_allowed, sums->passed_denied);
}

static void nothing_was_wrong(void)
{
	cr_expect_gt(sums->frames, FRAMES);
	cr_expect_gt(sums->passed_by_turns, 0);
	cr_expect_eq(sums->dropped_allowed, 0, "%lu allowed frames dropped", sums->dropped_allowed);
	cr_expect_eq(sums->passed_denied, 0, "%lu denied frames passed", sums->passed_denied);
}

static void must_set(const struct dataplane_device *device)
{
	cr_assert_eq(dataplane_device_set(dp, device, &told), 0, "%s", told);
}

static void set_one(bool may, uint8_t i)
{
	uint64_t mac = (may ? MAC_MAY : MAC_MAY_NOT) + i;
	uint16_t class = may ? CLASS_A : CLASS_UNKNOWN;
	struct dataplane_address address;
	struct dataplane_device device = small_device(mac, class, 1, (uint8_t)((may ? 100 : 150) + i), &address);

	address.class = class;
	must_set(&device);
}

static void remove_one(bool may, uint8_t i)
{
	dataplane_device_remove(dp, DEVICE_KEY((may ? MAC_MAY : MAC_MAY_NOT) + i, 0));
}

/* One of these a millisecond: something of a that changes nothing of what it may, and who else is in quarantine. */
static void change(uint32_t n)
{
	struct dataplane_address two[2] = {pair.addresses[0], {.address = small_address(20), .class = CLASS_A}};
	struct dataplane_device a = pair.devices[0];
	uint8_t i = (uint8_t)(n / 4 % FAMILY);

	a.addresses = two;
	a.n_addresses = n / 4 % 2 + 1;
	a.until = n / 8 % 2 ? dataplane_now(dp) + 3600000000000ULL : 0;
	switch (n % 4) {
	case 0:
		must_set(&a);
		return;
	case 1:
		set_one(n / 4 / FAMILY % 2, i);
		return;
	case 2:
		dataplane_device_quarantine(dp, DEVICE_KEY(MAC_MAY + i, 0), n / 4 / FAMILY % 2, 0);
		return;
	default:
		dataplane_device_quarantine(dp, DEVICE_KEY(MAC_MAY_NOT + i, 0), false, 0);
	}
}

#define CHANGES 5000

static int64_t ns_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begun->tv_sec) * 1000000000LL + now.tv_nsec - begun->tv_nsec;
}

Test(churn, a_thousand_changes_a_second_make_no_wrong_verdict, .timeout = 60)
{
	struct timespec begun;
	pid_t reader;

	for (uint8_t i = 0; i < FAMILY; i++)
		set_one(true, i);
	reader = reader_start(FAMILY);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (uint32_t n = 0; n < CHANGES; n++) {
		int64_t ahead = (int64_t)n * 1000000 - ns_since(&begun);

		if (ahead > 0)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = ahead}, NULL);
		change(n);
	}
	fprintf(stderr, "%d changes in %.1f s; ", CHANGES, (double)ns_since(&begun) / 1e9);
	reader_stop(reader);
	nothing_was_wrong();
}

/* How long a frame takes, so that devices live for about as long: the next one must still be there when a reader comes to it. */
static int64_t frame_ns(void)
{
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (uint16_t i = 0; i < 8; i++)
		passes(MAC_A, 10, (uint16_t)(20000 + i), 80);
	return ns_since(&begun) / 8;
}

static void live_for(int64_t ns)
{
	struct timespec begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (ns_since(&begun) < ns)
		;
}

/* On a busy machine it takes longer until rows went round, and until readers saw something of it. */
static bool goes_on(const struct timespec *begun, int64_t ns, uint32_t made)
{
	bool met = __atomic_load_n(&sums->passed_by_turns, __ATOMIC_RELAXED) && __atomic_load_n(&sums->frames, __ATOMIC_RELAXED) > FRAMES;

	return ns_since(begun) < (met && made > TABLE ? ns : 10 * ns);
}

/*
 * As fast as readers can follow: a device that may leaves for one that may not, that one for one that may, and so on. `wait_ns` is
 * what it takes to make one; each lives for as long and a few frames, for it must be met.
 */
static void hand_on(int64_t ns, int64_t wait_ns)
{
	int64_t life = frame_ns() * 3 + wait_ns;
	struct timespec begun;
	uint32_t made = 0;
	uint8_t i = 0, before = 0;
	pid_t reader = reader_start(COUPLE);

	srand(1);
	set_one(false, before);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (goes_on(&begun, ns, made)) {
		bool may = ++made % 2;

		i = (uint8_t)(rand() % COUPLE);
		remove_one(!may, before);
		set_one(may, i);
		before = i;
		live_for(rand() % life);
	}
	fprintf(stderr, "%u devices made in %.1f s; ", made, (double)ns_since(&begun) / 1e9);
	reader_stop(reader);
	cr_expect_gt(made, TABLE, "each row went to another device");
	nothing_was_wrong();
}

/* Rows are many: what changes hands at once is the element of the index. */
Test(churn, no_row_is_read_as_anothers, .timeout = 60)
{
	hand_on(2000000000LL, 0);
}

/* The row does, each time when the kernel says that no reader holds it. */
Test(churn_of_one_row, no_row_is_read_as_anothers, .timeout = 60)
{
	hand_on(2000000000LL, 8000000);
}
