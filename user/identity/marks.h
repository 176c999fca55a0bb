/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what happened to single devices: seen, quarantined, authenticated, put in a place.
 * Out: one mark a device that differs from what its file says, found by key.
 * Never: policies, images, rows.
 */
#ifndef CORDON_IDENTITY_MARKS_H
#define CORDON_IDENTITY_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mark_proof { MARK_PROOF_DEFAULT, MARK_PROOF_YES, MARK_PROOF_NO };

struct mark {
	uint64_t key;
	uint32_t seen_port; /* of an unknown device */
	uint32_t place;     /* with place_set */
	enum mark_proof proof;
	bool unknown;       /* no file names it; a row stands for it */
	bool quarantined;
	uint64_t quarantine_until; /* boot clock ns, 0: without end */
	bool place_set;
};

/* Sorted by key. */
struct marks {
	struct mark *items;
	size_t n;
	size_t capacity;
};

/* NULL if nothing is marked. */
struct mark *marks_find(const struct marks *marks, uint64_t key);
/* Finds or makes; NULL without memory. Moves others: earlier pointers are void. */
struct mark *marks_put(struct marks *marks, uint64_t key);
size_t marks_unknown(const struct marks *marks);
size_t marks_unknown_on(const struct marks *marks, uint32_t port);
/* Of the key's MAC, under whatever tag. */
size_t marks_unknown_like(const struct marks *marks, uint64_t key);
void marks_done(struct marks *marks);

#endif
