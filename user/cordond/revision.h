/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the sources of a policy and the gateway's own addresses.
 * Out: one revision, parsed and compiled, with what is known of it.
 * Never: the kernel, the disk.
 */
#ifndef CORDOND_REVISION_H
#define CORDOND_REVISION_H

#include <stdint.h>

#include "../policy/policy.h"
#include "../state/state.h"
#include "../config/env.h"

struct revision {
	uint64_t rev;        /* 0: not stored yet */
	uint32_t generation; /* 0: not in the kernel yet */
	uint64_t time;       /* wall ns */
	char hash[65];
	char *who;
	char *why;
	struct state_source *sources;
	size_t n_sources;
	struct policy *policy;
	struct image *image;
};

/* Texts alone, copied. */
int revision_new(const struct policy_source *sources, size_t n, struct revision **ret);
/* Takes texts, number, time and author out of what the database had. */
int revision_new_stored(struct state_revision *stored, struct revision **ret);
/* Takes the texts alone: what they make is another revision. */
int revision_new_texts(struct state_revision *stored, struct revision **ret);
/* SHA-256 of its texts; "" without memory, which equals no hash. */
void revision_hash(struct revision *revision);
/* Parses and compiles its texts. -EINVAL or -E2BIG with diagnostics. Touches nothing but the revision: it may run on a thread. */
int revision_compile(struct revision *revision, const struct env *env, struct diagnostics *d);
/* Only the model, for its names. */
int revision_parse_stored(const struct state_revision *stored, struct diagnostics *d, struct policy **ret);
void revision_free(struct revision *revision);
void revision_freep(struct revision **revision);
#define _cleanup_revision_ __attribute__((cleanup(revision_freep)))
#define _cleanup_diagnostics_ __attribute__((cleanup(diagnostics_done)))

/* All errors, a line each, as FILE:LINE:COL: message; to free. */
char *diagnostics_text(const struct diagnostics *d);

#endif
