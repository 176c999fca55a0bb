/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a revision in force that waits to be confirmed; what the kernel made of it.
 * Out: it stays, or the one before is in force again, with its names and rows; either in the state, the log and `status`.
 * Never: the decision: that is one word in the kernel, also while this process is stopped or gone.
 */
#ifndef CORDOND_CONFIRM_H
#define CORDOND_CONFIRM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../control/control.h"
#include "revision.h"

struct engine;
struct waiter;

struct confirm {
	struct revision *fallback; /* comes back if nobody confirms; NULL: nothing waits, or an earlier process applied it */
	bool adopted;              /* one waits that an earlier process applied: nothing is written before it is decided */
	uint64_t came_back;        /* revision that the kernel put in force again; 0: none did, or it was confirmed */
	bool recompile_due;        /* the gateway's addresses changed meanwhile */
	LIST_HEAD(, waiter) waiters;
};

/* True while a revision waits. Takes note of what the kernel did meanwhile. */
bool confirm_waits(struct engine *engine);
/* After an apply with a time to confirm it in: takes what was in force before. */
void confirm_begin(struct engine *engine, struct revision *before);
/* At a start, before anything is put in force: true if a revision waits; else what became of the last one is in the state. */
bool confirm_adopt(struct engine *engine);
/* -ENOENT: nothing waits. -ETIMEDOUT: it was taken back first; *ret_why says when. */
int engine_confirm(struct engine *engine, const char *who, char **ret_why);
/* A client that hears how it ends; its answer is this room's from here on. */
void confirm_tell(struct engine *engine, struct control_client *client);
/* Takes it back now. */
int engine_revert(struct engine *engine, const char *who, char **ret_why);
/* null, or {"revision","fallback","deadline","seconds"} of one that waits. */
json_t *confirm_json(struct engine *engine);
/* null, or {"revision","to","time"} if the last revision that had to be confirmed was not, and nothing was applied since. */
json_t *reverted_json(struct engine *engine);
void confirm_done(struct confirm *confirm);

#endif
