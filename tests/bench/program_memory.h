/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  worlds of two sizes.
 * Out: kernel memory by table, and what one more device and one more flow cost.
 * Never: time.
 */
#ifndef CORDON_BENCH_PROGRAM_MEMORY_H
#define CORDON_BENCH_PROGRAM_MEMORY_H

#include "results.h"

/* Prints its table, adds its rows. */
int memory_run(struct results *results, char **ret_why);

#endif
