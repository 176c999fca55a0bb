/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a world, sequences of rows, contenders.
 * Out: ns a packet of each contender, run by run, in alternating order; whether each gave the verdicts it had to.
 * Never: a figure for a path that was not taken: a run whose verdicts or reasons differ is marked.
 */
#ifndef CORDON_BENCH_PROGRAM_RUN_H
#define CORDON_BENCH_PROGRAM_RUN_H

#include "program_rows.h"
#include "program_world.h"

#define MAX_RUNS 64

enum body { BODY_NOTHING, BODY_PARSE, BODY_HASH, BODY_LINE, BODY_KEYED, BODY_BEGIN, BODY_ROWS, BODY_CORDON, BODY_HITS, BODY_COUNT };
#define REASON_ANY CORDON_REASON_COUNT

enum before {
	BEFORE_NOTHING,
	BEFORE_FLIP,   /* a new generation of the policy */
	BEFORE_FORGET, /* flows begun in the run before are deleted */
};

struct contender {
	const char *subject; /* the case */
	const char *name;
	enum body body;
	uint32_t first, count; /* its rows */
	uint32_t packets;      /* a run; at most count */
	uint32_t lead_in;      /* rows before those, untimed, */
	uint32_t meets;        /* and before them the first of all: each flow once */
	uint32_t batch;        /* packets a test run */
	uint8_t tcp_flags;
	bool invalidate;       /* the flow cache never hits */
	bool passes;           /* the verdict of every packet */
	enum cordon_reason reason; /* of every packet, or REASON_ANY */
	enum before before;
	bool unhash;           /* what it put into the references' hash is taken out again after each run */
	unsigned practice;     /* times all its rows go by, untimed, before the first round */

	uint32_t at;           /* where its next run begins */
	double samples[MAX_RUNS];
	bool cached;           /* hit_rate is wanted: of the flow cache, in one run more */
	double hit_rate;
	char invalid[160];     /* why it does not count, or empty */
};

struct bench {
	struct world *world;
	struct program_bpf *bpf;
	int family;
	struct bench_row *rows;
	uint32_t n_rows;
	struct bench_job *job;
	size_t rows_size, job_size;
	uint32_t invalidated; /* how far `changes` ever was counted up */
};

/* All rows of an array, which are a multiple of 8 bytes each, shared with the kernel; *ret_size is what munmap() wants. */
int rows_map(int fd, uint32_t rows, size_t row_size, void **ret, size_t *ret_size);

/* Room for n_rows rows; the references hold the same flows. */
int bench_open(struct bench *bench, struct world *world, int family, uint32_t n_rows, const struct bench_row *flows, uint32_t n_flows,
	       char **ret_why);
void bench_close(struct bench *bench);

/* Opens the flows in rows first..first+count with a SYN each, and answers them; through the real programs. */
int bench_establish(struct bench *bench, uint32_t first, uint32_t count, bool by_devices, char **ret_why);

/*
 * What the timer does with the rows of `count` buckets, in one test run; `changed`: as after a change. Adds its ns. It stops early
 * as the timer does, after *ret_done of them.
 */
int bench_review(struct bench *bench, uint32_t first, uint32_t count, bool changed, uint64_t *ns, uint32_t *ret_done, char **ret_why);

/* A round that is thrown away, then `runs` rounds, forth and back. samples[] are ns a packet with the wrapper's own share still in them. */
int bench_contend(struct bench *bench, struct contender *contenders, size_t n, unsigned runs, char **ret_why);

#endif
