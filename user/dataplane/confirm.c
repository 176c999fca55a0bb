/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy that waits to be confirmed. `control` alone says how it stands, so a process that dies anywhere leaves a state that
 * the next one and the kernel read alike:
 *
 *   unconfirmed 0                                 nothing waits
 *   generation == unconfirmed, revert_at not 0    it waits
 *   generation == unconfirmed, revert_at 0        confirmed, and who did it died before tidying
 *   generation != unconfirmed                     taken back (or armed by an apply that died before its flip)
 */
#include <errno.h>

#include "confirm.h"
#include "rows.h"

static uint64_t *word_of(struct dataplane *dp)
{
	return (uint64_t *)(void *)&dp->control->generation;
}

void confirm_arm(struct dataplane *dp, uint32_t generation, uint64_t ns)
{
	struct control *c = dp->control;

	__atomic_store_n(&c->revert_at, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->fallback, ns ? c->generation : 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->unconfirmed, ns ? generation : 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->revert_at, ns ? dataplane_now(dp) + ns : 0, __ATOMIC_SEQ_CST);
}

/* Moves the word on from the unconfirmed generation to `to`. -ETIMEDOUT: it was taken back before. */
static int word_move(struct dataplane *dp, uint32_t to)
{
	union policy_word seen = {.word = __atomic_load_n(word_of(dp), __ATOMIC_SEQ_CST)}, next;

	do {
		if (seen.generation != dp->control->unconfirmed)
			return -ETIMEDOUT;
		next = (union policy_word){.generation = to, .changes = seen.changes + 1};
	} while (!__atomic_compare_exchange_n(word_of(dp), &seen.word, next.word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return 0;
}

/* As bpf/revert.h, for planes without a timer, and should the kernel's be late. */
static void revert_due(struct dataplane *dp)
{
	uint64_t at = __atomic_load_n(&dp->control->revert_at, __ATOMIC_SEQ_CST);

	if (at && dataplane_now(dp) >= at)
		dataplane_revert(dp);
}

enum dataplane_wait dataplane_unconfirmed(struct dataplane *dp, uint64_t *ret_deadline)
{
	const struct control *c = dp->control;

	if (!c->unconfirmed)
		return DATAPLANE_WAIT_NONE;
	revert_due(dp);
	if (__atomic_load_n(&c->generation, __ATOMIC_SEQ_CST) != c->unconfirmed)
		return DATAPLANE_WAIT_REVERTED;
	*ret_deadline = __atomic_load_n(&c->revert_at, __ATOMIC_SEQ_CST);
	return *ret_deadline ? DATAPLANE_WAIT_OPEN : DATAPLANE_WAIT_NONE;
}

int dataplane_confirm(struct dataplane *dp)
{
	struct control *c = dp->control;
	uint64_t deadline;
	int r;

	if (dataplane_unconfirmed(dp, &deadline) == DATAPLANE_WAIT_NONE)
		return -ENOENT;
	__atomic_store_n(&c->revert_at, 0, __ATOMIC_SEQ_CST);
	r = word_move(dp, c->unconfirmed);
	if (r < 0)
		return r;
	confirm_arm(dp, 0, 0);
	apply_leave_old(dp);
	return 0;
}

int dataplane_revert(struct dataplane *dp)
{
	struct control *c = dp->control;
	int r;

	if (!c->unconfirmed)
		return -ENOENT;
	r = word_move(dp, c->fallback);
	/* Cleared last: what is seen in between is due, and the swap of whoever sees it fails. */
	__atomic_store_n(&c->revert_at, 0, __ATOMIC_SEQ_CST);
	return r == -ETIMEDOUT ? 0 : r;
}

void dataplane_follow_revert(struct dataplane *dp)
{
	if (dp->bound == dp->control->generation)
		return;
	dp->bound = dp->control->generation;
	confirm_arm(dp, 0, 0);
	/* Frames that began under the policy that went may still read its side. */
	dp->grace_due = true;
	owned_rebuild(dp);
}
