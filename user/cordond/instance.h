/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the run folder and the pins' folder of gateway.yaml.
 * Out: locks that say that this process is the only engine there; a process that stays after its starter went.
 * Never: a stale lock: the kernel lets go of both when the process ends, however it ends.
 */
#ifndef CORDOND_INSTANCE_H
#define CORDOND_INSTANCE_H

#include <stdbool.h>

struct instance {
	int pid_fd;  /* RUN/cordond.pid */
	int pins_fd; /* the folder of the pins */
	int ready_fd; /* towards the starter that waits; -1: nobody does */
	int log_fd;   /* where stderr goes once it need not wait any more */
};

#define INSTANCE_NONE { -1, -1, -1, -1 }

/* -EBUSY: another engine has one of them. */
int instance_lock(struct instance *instance, const char *run, const char *bpffs, char **ret_why);
/*
 * Goes on in a child; the starter waits in here and exits 0 with instance_ready(), or as the child exits before that.
 * What goes wrong at the start is said on the terminal, what comes after instance_ready() in RUN/cordond.log. Before locks.
 */
int instance_detach(struct instance *instance, const char *run, char **ret_why);
void instance_ready(struct instance *instance);
void instance_done(struct instance *instance);

#endif
