/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the object just loaded; programs pinned by an earlier start.
 * Out: which programs ports run, and their pins.
 * Never: ports.
 */
#ifndef CORDON_DATAPLANE_PROGRAMS_H
#define CORDON_DATAPLANE_PROGRAMS_H

#include "plane.h"

/* Takes the pinned programs where they are the same code (by tag), else those just loaded. */
int programs_choose(struct dataplane *dp, char **ret_why);
/* After every link runs the chosen ones: pins them, over older pins without a gap. How many were not pinned, or -errno. */
int programs_pin(struct dataplane *dp, char **ret_why);

#endif
