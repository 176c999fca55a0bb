/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  each change that was made, and who asked for it.
 * Out: a record in the audit log; its number and hash in the log of the engine, where nobody who reaches the database can change them.
 * Never: a change refused: what could not be written is counted, shown as a trouble, and noted as soon as that can be.
 */
#ifndef CORDOND_AUDIT_H
#define CORDOND_AUDIT_H

struct engine;

void audit_note(struct engine *engine, const char *who, const char *action, const char *detail);
/* Every second: notes what was missed. */
void audit_catch_up(struct engine *engine);

#endif
