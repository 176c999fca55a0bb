/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * In:  `control`, the time.
 * Out: the policy before the unconfirmed one in force again, once its time is over.
 * Never: anything that needs the engine; a policy taken back that was confirmed.
 *
 * Who confirms stores revert_at = 0 and then moves the word on. Here the word is read first and revert_at again after it (the
 * read of the word is a full barrier): either that sees the 0, or the word is an older one and the swap fails.
 */
#ifndef CORDON_BPF_REVERT_H
#define CORDON_BPF_REVERT_H

#include "base.h"

#define REVERT_TRIES 4 /* the word moves with every change of a row, too; the next tick tries again */

static __always_inline bool revert_is_due(const struct control *c, __u64 now)
{
	__u64 at = READ_ONCE(c->revert_at);

	return at && now >= at;
}

static __always_inline void policy_revert_due(struct control *c, __u64 now)
{
	__u64 *word = (__u64 *)(void *)&c->generation;

	if (!revert_is_due(c, now))
		return;
	for (int i = 0; i < REVERT_TRIES; i++) {
		union policy_word seen = {.word = __sync_fetch_and_or(word, 0)}, back = seen;

		/* Not ours yet, or no more. */
		if (seen.generation != READ_ONCE(c->unconfirmed) || !revert_is_due(c, now))
			return;
		back.generation = READ_ONCE(c->fallback);
		back.changes++;
		if (__sync_val_compare_and_swap(word, seen.word, back.word) != seen.word)
			continue;
		WRITE_ONCE(c->revert_at, 0);
		return;
	}
}

#endif
