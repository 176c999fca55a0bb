/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  sizes of policies; the daemon that was built beside this program.
 * Out: the benchmark's third layer: from a policy's text to the kernel, and what the running engine takes and how fast it cuts.
 * Never: traffic from outside; anything outside namespaces, folders and a bpffs of its own.
 */
#ifndef CORDON_BENCH_ENGINE_H
#define CORDON_BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "results.h"
#include "table.h"

#define ENGINE_RUNS 61 /* at most, of anything */

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
double now_us(void);
/* A line of /proc/PID/status in KiB, 0: no such line. */
double status_kib(int pid, const char *line);

/* Text to kernel: parse, compile, apply, in a process of its own each run. */
void policies_measure(struct results *results, struct table *table, bool quick);
/* The daemon with 1,000 devices: its memory, and from `cordon quarantine` to the first changed verdict. */
void daemon_measure(struct results *results, struct table *table, const char *cordond, bool quick);

/* What tests/bench/make_policy prints; to free. */
char *policy_make(uint32_t devices, uint32_t rules, size_t *ret_size);

#endif
