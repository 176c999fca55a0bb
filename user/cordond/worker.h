/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  work that may take seconds and needs nothing of the loop while it runs.
 * Out: its run() on a thread, one work at a time, then its done() in the loop; in the order of coming, changes before questions.
 * Never: a thread that outlives worker_free(), a signal handled there, a lock: what a work holds is its thread's while run() runs.
 */
#ifndef CORDOND_WORKER_H
#define CORDOND_WORKER_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct worker;

struct work {
	TAILQ_ENTRY(work) entry;
	bool changes; /* goes before work that only asks */
	/* In the loop, when its turn comes: copies what run() needs as it is then. False: there is nothing to run. NULL: true. */
	bool (*begin)(struct work *work);
	void (*run)(struct work *work);
	void (*done)(struct work *work);
	void (*free)(struct work *work); /* last, from the loop; without done() before it the engine is ending */
};

int worker_new(struct event_base *base, struct worker **ret);
void worker_submit(struct worker *worker, struct work *work);
bool worker_busy(const struct worker *worker);
/* Waits for the work that runs. */
void worker_free(struct worker *worker);

#endif
