/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what the dataplane finds changed behind our back, a second at most after it was.
 * Out: the port's count and error, the trouble `pins`; a line in the log and an event for whoever observes.
 * Never: rows of ports.
 */
#ifndef CORDOND_INTEGRITY_H
#define CORDOND_INTEGRITY_H

struct engine;
struct gateway_port;

void integrity_watch_pins(struct engine *engine);
/* A device port with a row. If its programs could not be put back, in_kernel is false then. */
void integrity_watch_port(struct engine *engine, struct gateway_port *port);

#endif
