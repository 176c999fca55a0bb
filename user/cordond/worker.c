/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for each work: starting one costs nothing beside a compile, and pthread_create() and pthread_join() are all the
 * order that memory needs. The thread is born with what privileges the process has then, so none may run before they are dropped.
 */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../lib/cleanup.h"

TAILQ_HEAD(works, work);

struct worker {
	struct works waiting;
	struct work *running;
	pthread_t thread;
	bool threaded;        /* `running` has a thread to join */
	int fd;               /* the thread's last word */
	struct event *ended;
};

static void tell_ended(struct worker *worker)
{
	uint64_t one = 1;

	while (write(worker->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run(void *ctx)
{
	struct worker *worker = ctx;

	worker->running->run(worker->running);
	tell_ended(worker);
	return NULL;
}

/* Signals are the loop's. */
static bool thread_start(struct worker *worker)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r == 0;
}

/* One without anything to run, or for which there is no thread, ends through the loop all the same: done() never comes from worker_submit(). */
static void begin_next(struct worker *worker)
{
	struct work *work = TAILQ_FIRST(&worker->waiting);

	if (!work || worker->running)
		return;
	TAILQ_REMOVE(&worker->waiting, work, entry);
	worker->running = work;
	worker->threaded = false;
	if (work->begin && !work->begin(work)) {
		tell_ended(worker);
		return;
	}
	worker->threaded = thread_start(worker);
	if (!worker->threaded)
		run(worker);
}

static void join(struct worker *worker)
{
	if (worker->threaded)
		pthread_join(worker->thread, NULL);
	worker->threaded = false;
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *worker = ctx;
	struct work *work = worker->running;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 || !work)
		return;
	join(worker);
	work->done(work);
	worker->running = NULL;
	work->free(work);
	begin_next(worker);
}

int worker_new(struct event_base *base, struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return -ENOMEM;
	TAILQ_INIT(&worker->waiting);
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->ended = worker->fd < 0 ? NULL : event_new(base, worker->fd, EV_READ | EV_PERSIST, on_ended, worker);
	if (!worker->ended || event_add(worker->ended, NULL) < 0) {
		worker_free(worker);
		return -ENOMEM;
	}
	*ret = worker;
	return 0;
}

void worker_submit(struct worker *worker, struct work *work)
{
	struct work *before = NULL;

	if (work->changes)
		TAILQ_FOREACH(before, &worker->waiting, entry)
			if (!before->changes)
				break;
	if (before)
		TAILQ_INSERT_BEFORE(before, work, entry);
	else
		TAILQ_INSERT_TAIL(&worker->waiting, work, entry);
	begin_next(worker);
}

bool worker_busy(const struct worker *worker)
{
	return worker->running;
}

void worker_free(struct worker *worker)
{
	struct work *work;

	if (!worker)
		return;
	join(worker);
	if (worker->running)
		worker->running->free(worker->running);
	worker->running = NULL;
	while ((work = TAILQ_FIRST(&worker->waiting))) {
		TAILQ_REMOVE(&worker->waiting, work, entry);
		work->free(work);
	}
	if (worker->ended)
		event_free(worker->ended);
	if (worker->fd >= 0)
		close(worker->fd);
	free(worker);
}
