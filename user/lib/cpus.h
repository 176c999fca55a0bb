/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  /sys, or a folder that looks like it.
 * Out: how far the numbers of CPUs go.
 * Never: how many there are: where CPUs can be plugged in, the numbers may have gaps.
 */
#ifndef CORDON_LIB_CPUS_H
#define CORDON_LIB_CPUS_H

#include <stdint.h>

/* One more than the highest number that a CPU may have; where /sys does not say, as many as there are. `root` is "" but in tests. */
uint32_t cpu_numbers(const char *root);

#endif
