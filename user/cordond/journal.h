/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  events as JSON; clients that watch them.
 * Out: the last events again, and each new one to whoever follows.
 * Never: waiting for a client; more memory than its bound.
 */
#ifndef CORDOND_JOURNAL_H
#define CORDOND_JOURNAL_H

#include <jansson.h>
#include <stddef.h>

#include "../control/control.h"

#define JOURNAL_EVENTS 1024

struct journal;

int journal_new(struct journal **ret);
void journal_free(struct journal *journal);
/* Takes the reference. */
void journal_add(struct journal *journal, json_t *event);
/* Sends the last `last` that pass the filters in `args`, oldest first. */
void journal_replay(struct journal *journal, struct control_client *client, const json_t *args, size_t last);
/* From here on each new one that passes. -ENOMEM. */
int journal_follow(struct journal *journal, struct control_client *client, json_t *args);

#endif
