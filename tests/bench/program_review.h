/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  worlds full of established flows.
 * Out: what the timer's sweep costs, in ns a live row, and how long after a flip every flow was judged by the new policy.
 * Never: packets, but for those that begin the flows.
 */
#ifndef CORDON_BENCH_PROGRAM_REVIEW_H
#define CORDON_BENCH_PROGRAM_REVIEW_H

#include "results.h"

/* Prints its table, adds its rows. */
int review_run(struct results *results, unsigned runs, uint64_t seed, char **ret_why);

#endif
