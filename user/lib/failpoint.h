/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  CORDON_FAILPOINT="NAME:N:kill" or "NAME:N:ERRNO" in the environment of a test build.
 * Out: at the Nth pass of failpoint NAME the process kills itself, or the call returns -ERRNO.
 * Never: anything in a normal build: the macro is 0.
 */
#ifndef CORDON_LIB_FAILPOINT_H
#define CORDON_LIB_FAILPOINT_H

#ifdef CORDON_FAILPOINTS
int failpoint_pass(const char *name);
/* Counts from the first pass again: for a child whose parent passed some already. */
void failpoint_reset(void);
/* How often it was passed. */
unsigned long failpoint_passes(const char *name);
#define failpoint(name) failpoint_pass(name)
#else
#define failpoint(name) 0
#endif

#endif
