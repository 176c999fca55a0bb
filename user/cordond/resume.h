/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what the kernel enforces, the database, the folder; the gateway's addresses as they change.
 * Out: the same policy in force under a generation of this process.
 * Never: a new text, but at the very first start.
 */
#ifndef CORDOND_RESUME_H
#define CORDOND_RESUME_H

struct engine;

/*
 * At the start: finds what is or should be in force (the kernel's, else the applied one, else the folder's) and puts it in
 * force under a generation of this process, so that class numbers and rows are known; then engine_started(). What cannot be
 * done shows in health.
 */
void engine_resume(struct engine *engine);
/* The revision in force, compiled anew with the gateway's addresses of then. */
void engine_recompile(struct engine *engine);

#endif
