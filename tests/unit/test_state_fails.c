/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each operation of the database fails in turn, or the process dies at it, from the first start on. Built with failpoints. What was
 * acknowledged is there afterwards, at most one revision more than that is in force, a good file is never set aside, and the audit
 * log is whole.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/failpoint.h"
#include "state_folder.h"

TestSuite(state_fails, .init = setup, .fini = teardown, .timeout = 110);

#define MOST_STEPS 600
#define KEY 7

/* What a child was told is done. */
struct acknowledged {
	uint64_t rev;        /* active */
	uint32_t audited;
	bool quarantined, seen;
	struct state_audit_head head;
};

static int put_in_force(struct acknowledged *a, uint32_t generation)
{
	struct state_source source = { (char *)"site.yaml", (char *)"version: 1", 10 };
	struct state_revision r = { .generation = generation, .hash = "aa", .who = (char *)"root", .sources = &source, .n_sources = 1 };
	uint64_t rev = 0;

	if (state_revision_prepare(state, &r, &rev) || state_revision_activate(state, rev))
		return -1;
	a->rev = rev;
	return 0;
}

static void audit(struct acknowledged *a)
{
	if (state_audit(state, "root", "apply", "something"))
		return;
	a->audited++;
	state_audit_head(state, &a->head);
}

/* What a daemon does in its life, each thing whether or not the one before worked. */
static void live(struct acknowledged *a)
{
	struct state_device device = { .key = KEY, .port = "p1", .first_seen = 1, .last_seen = 2 };
	char *damaged = NULL;

	if (open_state(&damaged))
		return;
	cr_expect_null(damaged);
	put_in_force(a, 1);
	audit(a);
	a->quarantined = state_quarantine_set(state, KEY, 0) == 0;
	a->seen = state_device_put(state, &device) == 0;
	put_in_force(a, 2);
	audit(a);
	state_close(take_ptr(state));
}

static int is_key(void *ctx, uint64_t key, uint64_t since, uint64_t until)
{
	(void)since, (void)until;
	*(bool *)ctx |= key == KEY;
	return 0;
}

static int is_device(void *ctx, const struct state_device *d)
{
	*(bool *)ctx |= d->key == KEY;
	return 0;
}

static void expect_kept(const struct acknowledged *a, const char *point)
{
	__attribute__((cleanup(state_revision_done))) struct state_revision active = { 0 };
	struct state_audit_report report = { 0 };
	bool quarantined = false, seen = false;
	char *damaged = NULL;
	int r;

	cr_assert_eq(open_state(&damaged), 0, "%s", point);
	cr_expect_null(damaged, "%s: a good file was set aside", point);
	r = state_revision_active(state, &active);
	cr_expect(r == 0 || (r == -ENOENT && !a->rev), "%s: %d", point, r);
	/* What was not acknowledged may have come to the disk all the same. */
	cr_expect(active.rev >= a->rev && active.rev <= a->rev + 2, "%s: %lu, acknowledged was %lu", point, active.rev, a->rev);
	cr_expect(r || active.n_sources == 1, "%s: half a revision", point);
	cr_expect_eq(state_quarantines_each(state, is_key, &quarantined), 0);
	cr_expect(quarantined || !a->quarantined, "%s: a quarantine is lost", point);
	cr_expect_eq(state_devices_each(state, is_device, &seen), 0);
	cr_expect(seen || !a->seen, "%s: a device is lost", point);
	cr_expect_eq(state_audit_verify(database(), a->head.seq ? &a->head : NULL, &report, NULL), 0, "%s", point);
	cr_expect_eq(report.fault, STATE_AUDIT_WHOLE, "%s: the audit log has fault %d", point, report.fault);
	cr_expect(report.records >= a->audited && report.records <= 2, "%s: %lu records of %u", point, report.records, a->audited);
}

static void start_anew(void)
{
	teardown();
	state = NULL;
	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/cordon-state-XXXXXX" : "/dev/shm/cordon-state-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

/* True if the step was there to be taken. */
static bool live_with(const char *name, unsigned int step, const char *how, struct acknowledged *a)
{
	char point[64];
	int status;
	pid_t pid;

	snprintf(point, sizeof(point), "%s:%u:%s", name, step, how);
	memset(a, 0, sizeof(*a));
	pid = fork();
	if (!pid) {
		failpoint_reset();
		setenv("CORDON_FAILPOINT", point, 1);
		live(a);
		_exit(failpoint_passes(name) < step);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		cr_assert_eq(WTERMSIG(status), SIGKILL, "%s died of signal %d", point, WTERMSIG(status));
		return true;
	}
	return WEXITSTATUS(status) == 0;
}

static void each_step(const char *name, const char *how, unsigned int least)
{
	struct acknowledged *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int step;

	for (step = 1; step < MOST_STEPS; step++) {
		_cleanup_free_ char *point = format_text("%s:%u:%s", name, step, how);

		start_anew();
		if (!live_with(name, step, how, a))
			break;
		expect_kept(a, point);
	}
	cr_expect_lt(step, MOST_STEPS);
	cr_expect_gt(step, least, "%u steps of %s", step, name);
	cr_expect_eq(a->audited, 2, "without a fault all goes well");
	munmap(a, sizeof(*a));
}

Test(state_fails, killed_at_each_step)
{
	each_step("sql", "kill", 60);
}

Test(state_fails, no_room_at_each_step)
{
	char how[16];

	snprintf(how, sizeof(how), "%d", ENOSPC);
	each_step("sql", how, 60);
}

Test(state_fails, no_memory_at_each_step)
{
	char how[16];

	snprintf(how, sizeof(how), "%d", ENOMEM);
	each_step("sql", how, 60);
}

Test(state_fails, a_disk_error_at_each_step)
{
	char how[16];

	snprintf(how, sizeof(how), "%d", EIO);
	each_step("sql", how, 60);
}

/* The folder of the database. */
Test(state_fails, a_disk_error_at_each_file)
{
	char how[16];

	snprintf(how, sizeof(how), "%d", EIO);
	each_step("file", how, 1);
}
