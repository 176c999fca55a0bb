/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a process that has opened all it needs.
 * Out: the same with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and no way to more.
 * Never: another user: pins, the socket and the database belong to who started it.
 */
#ifndef CORDOND_PRIVILEGES_H
#define CORDOND_PRIVILEGES_H

/* Capabilities that are not there are not an error: what needs them says so. */
int privileges_drop(char **ret_why);

#endif
