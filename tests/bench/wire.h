/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  nothing but this machine.
 * Out: lanes (a namespace and a veth a contender), frames, contenders, samples: the parts of the wire benchmark.
 * Never: an interface of the machine itself; all is in namespaces that end with the process.
 *
 * Whatever fails here ends the program with a sentence: a benchmark that goes on with half of its parts tells lies.
 */
#ifndef CORDON_BENCH_WIRE_H
#define CORDON_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire_shared.h"

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Runs a shell command in the namespace of the moment; dies if it fails. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_seconds(void);
uint64_t random_next(uint64_t *state);

/* wire_world.c: the stage. One gateway a lane: `port` faces the frames, `out0` is the way on to the server. */
struct lane {
	uint32_t number; /* in the table of where frames go: by the port, */
	uint32_t back;   /* and from the server's side */
	int ns;
	char near[16];   /* the generator's end of the port's veth */
	unsigned int port; /* interface indexes within the lane's namespace */
	unsigned int out;
	int through;       /* tcx link of wire_through on out0 */
};

void world_begin(void); /* own mounts, own bpffs at /sys/fs/bpf, the generator's namespace, its CPU */
void world_end(void);
int world_program(const char *name); /* by the name of its function */
void lane_make(struct lane *ret);
void lane_enter(const struct lane *lane);
void lane_leave(void);
int lane_home(void); /* the generator's namespace */
void lane_free(struct lane *lane);
int namespace_make(void);
void namespace_enter(int ns);
unsigned int index_of(const char *name);
/* Attaches to an interface of a namespace; returns a link that ends when it is closed. */
int attach_xdp(int ns, unsigned int ifindex, const char *program);
int attach_tc(int ns, unsigned int ifindex, const char *program, bool egress);

/* wire_run.c: frames through a lane. */
struct sample {
	double wall;     /* seconds */
	double cpu;      /* seconds that the one CPU spent on it: this thread, interrupts in it, and the thread they are put off to */
	uint64_t sent;
	uint64_t judged; /* frames that the receiver took from its ring */
	uint64_t passed; /* frames that came out beyond */
};
double ksoftirqd_seconds(int cpu);
/* Frames that an interface took in; a veth counts them as they leave its ring, whatever became of them. */
uint64_t received(int ns, const char *name);
void frames_load(const struct wire_frame *frames, uint32_t n);
void lane_run(const struct lane *lane, uint64_t n, struct sample *ret);
/* The server answers each of these frames, and the answers must reach the lane's devices; then these frames are loaded. */
void lane_answer(const struct lane *lane, const struct wire_frame *frames, uint32_t n);
/* What came through in the last run, by IPv4 identification. */
const uint32_t *through_counts(void);

/* wire_frames.c: the site that all contenders protect, and the frames. Device i has one MAC and one address. */
#define SITE_SERVER "198.18.0.1"
#define SITE_PORT 5000
#define SITE_GATEWAY_MAC "02:00:00:00:00:01"

enum frame_kind { FRAME_ALLOWED, FRAME_DENIED, FRAME_SPOOFED, FRAME_UNKNOWN, FRAME_KINDS };
extern const char *const frame_kind_names[FRAME_KINDS];

struct mac_text {
	char text[18];
};
struct ip_text {
	char text[16];
};
struct mac_text device_mac(uint32_t device);
struct mac_text stranger_mac(uint32_t stranger);
struct ip_text device_ip(uint32_t device);
void mac_bytes(bool stranger, uint32_t number, uint8_t ret[6]);

/* n frames of one kind over so many devices (or strangers), one flow each, in an order that the seed gives. To free. */
struct wire_frame *frames_of_kind(enum frame_kind kind, uint32_t devices, uint32_t n, uint64_t seed);
/* To each frame what the server answers. To free. */
struct wire_frame *frames_answers(const struct wire_frame *frames, uint32_t n);
/* A mix of all kinds, numbered by IPv4 identification from 0. To free. */
struct wire_frame *frames_mixed(uint32_t devices, uint32_t n, uint64_t seed, enum frame_kind **ret_kinds);

/* wire_contenders.c, wire_cordon.c, wire_nft.c: who judges. */
struct contender;
struct contender_kind {
	const char *name;
	const char *what;   /* how it is set up */
	const char *weaker; /* what it cannot express, beside its row; NULL: nothing that cordon can */
	const char *reference; /* a program without any policy, which is all that it is; NULL: it judges */
	bool stateful;      /* an answer makes a difference to it */
	bool nft;           /* counts for "best nft" */
	void (*setup)(struct contender *c);
	void (*done)(struct contender *c);
};

struct contender {
	const struct contender_kind *kind;
	struct lane lane;
	uint32_t devices;
	int link;
	void *own;
};

extern const struct contender_kind contender_drop, contender_line, contender_pass, contender_cordon, contender_nft_netdev, contender_nft_interval,
	contender_nft_forward, contender_xdp_filter;

/* The real thing in a namespace; `may` is the end of the one rule, which begins with "from: segment:things, ". */
struct cordon_site {
	int ns;
	uint32_t devices;
	const char *may;
	unsigned int ports[2]; /* interface indexes, 0: none */
	unsigned int bridge;   /* 0: none */
};
struct cordon;
struct cordon *cordon_start(const struct cordon_site *site);
void cordon_stop(struct cordon *cordon);
uint64_t cordon_events(const struct cordon *cordon); /* told so far */

#define XDP_FILTER_MAX 10000 /* what its table holds */
bool nft_has_flowtable(void);
/* What xdp-filter denies: the MACs of devices, or those of strangers. */
void xdp_filter_list(struct contender *c, bool strangers, uint32_t n);

/* wire_judge.c: everybody side by side, and who says what of which frame. */
#define MAX_CONTENDERS 8

struct world {
	uint32_t devices;
	struct contender contenders[MAX_CONTENDERS];
	size_t n;
};

void contenders_describe(void);
void world_make(struct world *ret, uint32_t devices);
void world_free(struct world *world);
/* Dies if one of them judges otherwise than it should. */
void world_judge(struct world *world, uint64_t seed);

/* wire_time.c: everybody in turns. */
#define MAX_RUNS 100

struct results;
struct plan {
	uint32_t runs;
	double seconds; /* of a sample of what gives every frame the same */
	double longer;  /* of what keeps answers for a time: samples that see them end */
	uint64_t seed;
	bool quick;
	bool (*wanted)(const char *line);
	struct results *results;
};
bool world_is_wanted(uint32_t devices, const struct plan *plan);
void world_time(struct world *world, const struct plan *plan);

struct timing {
	struct contender *c;
	uint64_t counted;      /* frames, over all samples */
	int behind;            /* link of the program that ends the road behind XDP, or -1 */
	double rate[MAX_RUNS]; /* frames judged in a second of the CPU */
	double wall[MAX_RUNS]; /* frames judged in a second of the clock */
	uint64_t lost;         /* frames, in a ring that was full */
	uint64_t events;       /* records that cordon told */
};

/* wire_print.c: a case as a table and as rows. */
struct timed {
	const char *name;
	uint32_t devices, flows;
	uint32_t runs;
	const struct timing *all;
	size_t n;
};
void timed_print(const struct timed *timed, struct results *results);


/* wire_tcp.c: TCP between two devices on one bridge: cordon on both ports, and programs that pass all. */
void tcp_time(const struct plan *plan);

#endif
