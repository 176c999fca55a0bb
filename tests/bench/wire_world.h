/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  wire.bpf.c, compiled.
 * Out: its skeleton, for the files that load it and read its maps.
 * Never: anything else.
 */
#ifndef CORDON_BENCH_WIRE_WORLD_H
#define CORDON_BENCH_WIRE_WORLD_H

#include "wire.h"
#include "wire.skel.h"

extern struct wire_bpf *world_bpf;

#endif
