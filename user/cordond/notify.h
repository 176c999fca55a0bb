/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what the engine is doing.
 * Out: the same told to systemd: ready, reloading, stopping, a status line, the watchdog fed.
 * Never: anything where no service manager listens.
 */
#ifndef CORDOND_NOTIFY_H
#define CORDOND_NOTIFY_H

struct engine;

void notify_ready(struct engine *engine);
void notify_reloading(void);
void notify_stopping(void);
/* The status line and the watchdog's food; from the loop, every second. */
void notify_status(struct engine *engine);

#endif
