/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  frames of `cordon replay` from anyone: JSON lines (spec/cli.md) or a capture.
 * Out: one item at a time, or one sentence with FILE:LINE.
 * Never: more memory than one frame takes; half a frame taken for a whole one.
 */
#ifndef CORDON_REPLAY_INPUT_H
#define CORDON_REPLAY_INPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/types.h>

#define REPLAY_MAX_FRAME (128u << 10) /* a GSO frame of 64 KiB and what a test may want beyond */
#define REPLAY_MAX_LINE (2 * REPLAY_MAX_FRAME + 4096)

/* What an item is; the word is that of {"do": "…"}, "" for a frame. */
#define REPLAY_ITEMS(X) \
	X(FRAME, "") \
	X(RESET, "reset") \
	X(APPLY, "apply") \
	X(DEAUTH, "deauth") \
	X(AUTH, "auth") \
	X(QUARANTINE, "quarantine") \
	X(RELEASE, "release") \
	X(WAIT, "wait")

enum replay_kind {
#define X(id, word) REPLAY_##id,
	REPLAY_ITEMS(X)
#undef X
	REPLAY_KIND_COUNT
};

enum replay_expect { REPLAY_EXPECT_NOTHING, REPLAY_EXPECT_PASS, REPLAY_EXPECT_DROP };

/* All pointers are borrowed from the input until its next item. */
struct replay_item {
	enum replay_kind kind;
	size_t line;           /* of the file; of a capture the number of the packet, from 1 */

	json_t *name;          /* echoed as it came; NULL: none */
	const char *port;
	enum cordon_dir dir;
	const char *in_port;   /* NULL: the gateway itself */
	const uint8_t *bytes;
	size_t size;
	bool cut_short;        /* the capture kept only the beginning: not to be judged */
	uint32_t gso_size, gso_segs;
	enum replay_expect expect;

	const char *device;    /* DEAUTH, AUTH, QUARANTINE, RELEASE */
	const char *policy;    /* APPLY */
	uint64_t wait;         /* WAIT, ns */
};

/* What a capture cannot say, and lines may leave out. */
struct replay_defaults {
	const char *port;      /* NULL: not given */
	int dir;               /* enum cordon_dir, or -1 */
	const char *in_port;
};

struct replay_input;

/* `path` may be "-". -EINVAL with *ret_why: no such file, a capture of another link layer, a capture without port and dir. */
int replay_input_open(const char *path, const struct replay_defaults *defaults, struct replay_input **ret, char **ret_why);
void replay_input_close(struct replay_input *input);
/* 1: *ret is the next item; 0: the end; -EINVAL: *ret_why says "FILE:LINE: …". */
int replay_input_next(struct replay_input *input, struct replay_item *ret, char **ret_why);

/* One line of JSON; *ret borrows from `object` and, for the frame, from `bytes` (REPLAY_MAX_FRAME of them). */
int replay_item_parse(const json_t *object, const struct replay_defaults *defaults, uint8_t *bytes, struct replay_item *ret, char **ret_why);
/* "from_device" or "to_device"; -EINVAL */
int replay_dir_parse(const char *word, enum cordon_dir *ret);

#endif
