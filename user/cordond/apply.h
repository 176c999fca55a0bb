/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  policy text: from a client, the folder, or the database.
 * Out: a revision in force: stored before the kernel flips, active after; or nothing changed.
 * Never: a policy in force that the database does not know how to read again.
 */
#ifndef CORDOND_APPLY_H
#define CORDOND_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "../policy/policy.h"

struct engine;

struct apply_result {
	bool changed;      /* false: this very text is in force already */
	uint64_t revision;
	uint64_t previous; /* 0: there was none */
	double milliseconds;
};

/* -EINVAL, -E2BIG with diagnostics; else *ret_why says what refused it. */
int engine_apply(struct engine *engine, const struct policy_source *sources, size_t n, const char *who, const char *reason,
		 struct diagnostics *d, struct apply_result *ret, char **ret_why);
/* The policy folder of gateway.yaml. */
int engine_apply_folder(struct engine *engine, const char *who, const char *reason, struct diagnostics *d,
			struct apply_result *ret, char **ret_why);
/* An older revision's text as a new revision; 0: the one before. -ENOENT. */
int engine_rollback(struct engine *engine, uint64_t rev, const char *who, struct diagnostics *d, struct apply_result *ret,
		    char **ret_why);
/* The revision in force, compiled anew with the gateway's addresses of now. */
int engine_recompile(struct engine *engine, char **ret_why);
/*
 * At the start: finds what is or should be in force (the kernel's, else the applied one, else the folder's) and puts it in
 * force under a generation of this process, so that class numbers and rows are known. What cannot be done shows in health.
 */
void engine_resume(struct engine *engine);
/* Tries again to call the revision in force active in the database. */
void engine_store_again(struct engine *engine);

#endif
