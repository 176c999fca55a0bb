/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy texts: given, found when its turn comes, or in a folder.
 * Out: the revision they make, parsed and compiled on the worker, handed to finish() in the loop.
 * Never: what becomes of it: the kernel, the state and the client are the caller's.
 */
#ifndef CORDOND_BUILD_H
#define CORDOND_BUILD_H

#include "../config/env.h"
#include "../policy/policy.h"
#include "revision.h"
#include "worker.h"

struct engine;

/* First member of whatever the caller needs to know in finish(); allocated by calloc(), freed after finish(). */
struct build {
	struct work work;
	struct engine *engine;

	/* The caller's part. */
	int (*prepare)(struct build *build); /* in the loop, when its turn comes: finds the texts; NULL: they are there */
	int (*more)(struct build *build);    /* on the thread, after a compile without errors; NULL: nothing */
	/* In the loop, exactly once. -ECANCELED: the engine is ending. */
	void (*finish)(struct build *build);
	char *path;                /* folder to read on the thread; owned; NULL: the texts are in `revision` */
	bool same_too;             /* compile also what is in force already */

	/* Worked out. */
	uint64_t begun;            /* boot ns, when its turn came */
	struct revision *revision; /* finish() may take it */
	struct env env;            /* the gateway's addresses that it was compiled with */
	char before[65];           /* hash in force when its turn came; "": none */
	bool same;                 /* `revision` has that hash, and was not compiled */
	struct diagnostics d;
	char *why;
	int result;                /* not 0 before build_submit(): it ends with that, at its turn */
};

void build_submit(struct engine *engine, struct build *build, bool changes);

#endif
