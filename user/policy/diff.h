/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  two policies with their images.
 * Out: for diff*.c: the work of one comparison; ends of flows in groups that neither policy tells apart; words for sets of them.
 * Never: seen outside this room.
 */
#ifndef CORDON_POLICY_DIFF_H
#define CORDON_POLICY_DIFF_H

#include "compile_intern.h"
#include "decide.h"
#include "limits.h"
#include "ports.h"

#define MODE_NONE UINT32_MAX /* no device, so no mode of its own */

/* What all ends of a group have in common. Without an old policy old_class is 0. */
struct group {
	uint32_t old_class, new_class;
	uint32_t old_mode, new_mode; /* enum cordon_mode or MODE_NONE */
	uint32_t limits; /* what became of their limits: 0, nothing; else 1 + index into diff.limits */
};

struct limits_change {
	struct policy_limits before, after;
};

/* An end in a group: a device of one of the policies, or words. */
struct member {
	uint32_t group;
	const struct policy_device *device;
	bool is_new;      /* the device is of the new policy */
	const char *word; /* for what is no device; owned */
};

struct diff {
	const struct policy *old, *new;
	const struct image *old_image, *new_image;
	struct intern groups;    /* struct group */
	struct intern limits;    /* struct limits_change */
	struct member *members;  /* sorted by group */
	size_t n_members, member_capacity;
	size_t *old_sizes, *new_sizes; /* segment -> devices */
};

/* What changed for some services; all numbers, so that equal ones can be found. */
struct delta {
	uint32_t services; /* set of joint service classes */
	uint32_t before, after;
	uint32_t rule;     /* of the new policy */
	uint32_t when_before, when_after; /* 1 + words for when; 0: at all times */
};

/* Between two sets of groups. */
struct change {
	uint32_t from, to;
	struct delta delta;
};

/* A row of verdicts of each image, by number, and the modes that they are read under. */
struct meeting {
	uint32_t old_row, new_row;
	uint32_t old_mode, new_mode;
};

struct joint_span {
	struct span span;
	uint32_t class;
};

struct diff_work {
	struct diff ends;
	struct intern services;    /* {old class, new class}: joint service class */
	struct joint_span *spans;  /* of the service space, in order */
	size_t n_spans, span_capacity;
	struct lists by_old, by_new; /* class -> groups */
	uint64_t *pairs;           /* from << 32 | to, of groups */
	size_t n_pairs, pair_capacity;
	struct intern meetings;
	size_t *meeting_deltas;    /* meeting -> its first delta; the next one's is its end */
	size_t meeting_capacity;
	struct delta *deltas;
	size_t n_deltas, delta_capacity;
	struct intern whens;       /* words: "allow in schedule shift, else deny" */
	struct intern sets;        /* sorted lists of groups, or of joint service classes */
	struct change *changes;
	size_t n_changes, change_capacity;
	const char **names;        /* of sets, made when first asked for */
};

int groups_make(struct diff *x);
void groups_done(struct diff *x);
const struct group *group_get(const struct diff *x, uint32_t group);
/* "segment phones (3 devices)", "device cam-door", "internet"; several joined. To free. */
char *groups_name(const struct diff *x, const uint32_t *groups, size_t n);

/* diff_words.c */
int diff_changes_name(struct diff_work *w, struct reach_diff *ret, size_t *capacity);
/* What a change of mode alone does to all that no rule allows: one line for each. */
int diff_modes_name(const struct diff_work *w, struct reach_diff *ret, size_t *capacity);
/* What became of the limits of devices: one line for each change. */
int diff_limits_name(const struct diff_work *w, struct reach_diff *ret, size_t *capacity);

#endif
