/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy text: from a client, the folder, or the database.
 * Out: a revision in force: compiled on the worker, stored before the kernel flips, active after; or nothing changed.
 * Never: a policy in force that the database does not know how to read again.
 */
#ifndef CORDOND_APPLY_H
#define CORDOND_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "../policy/policy.h"
#include "revision.h"

struct engine;

struct apply_result {
	bool changed;      /* false: this very text is in force already */
	uint64_t revision;
	uint64_t previous; /* 0: there was none */
	uint64_t confirm_by; /* wall ns; 0: it need not be confirmed */
	double milliseconds;
};

/* How a change ended; valid inside told() only. */
struct apply_ended {
	int r; /* -EINVAL, -E2BIG with diagnostics; else `why` says what refused it. -ECANCELED: the engine is ending */
	const struct diagnostics *d;
	struct apply_result result; /* with r 0 */
	const char *why;            /* may be NULL */
};

/* Changes are made one after the other, in the order in which they were asked for. */
struct apply_order {
	const char *who;
	const char *reason; /* NULL: none */
	uint64_t confirm_ns; /* not 0: unless it is confirmed in that time, the kernel puts what is in force before in force again */
	void (*told)(void *ctx, const struct apply_ended *ended); /* exactly once */
	void *ctx;
};

/* Copies the texts. */
void engine_apply(struct engine *engine, const struct policy_source *sources, size_t n, const struct apply_order *order);
/* The policy folder of gateway.yaml. */
void engine_apply_folder(struct engine *engine, const struct apply_order *order);
/* An older revision's text as a new revision; 0: the one before. -ENOENT. One that waits to be confirmed is taken back instead. */
void engine_rollback(struct engine *engine, uint64_t rev, const struct apply_order *order);

/* A revision of the database with this image, under a new generation; it keeps its number. */
int engine_put_again(struct engine *engine, struct revision *revision, struct image *image, char **ret_why);
/* In force in the kernel from here on, whatever the database says; takes it, and lets go of the one before. */
void engine_activate(struct engine *engine, struct revision *revision);
/* Tries again to call the revision in force active in the database. */
void engine_store_again(struct engine *engine);

#endif
