/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  /proc and /sys, or a folder that looks like them.
 * Out: how much memory this process may count on.
 * Never: what is free at the moment: the answer is the same at each start.
 */
#ifndef CORDON_LIB_MEMORY_H
#define CORDON_LIB_MEMORY_H

#include <stdint.h>

/* Bytes: MemTotal, or the limit of a cgroup around this process if that is lower. 0: nobody says. `root` is "" but in tests. */
uint64_t memory_total(const char *root);

#endif
