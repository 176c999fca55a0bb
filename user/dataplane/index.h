/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rows of a shared table, each beginning with its key; the lines by which programs find them.
 * Out: lines that lead to the rows, one store a change; the same lines read here, so that asking costs no system call.
 * Never: the rows themselves, or what state they are in; a slot that leads to a row which is not written.
 *
 * Programs only read the lines, and one process at a time writes them. Row 0 is never led to. How a key finds its lines: hash.h.
 */
#ifndef CORDON_DATAPLANE_INDEX_H
#define CORDON_DATAPLANE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cordon/maps.h>

#define INDEX_KEY_MAX 16 /* keys are of a device, 8 bytes, or addresses, 16 */

struct index {
	struct index_line *lines;
	uint32_t n_lines;
	const struct control *secret;
	const void *rows;
	size_t stride, key_size;
};

/* The row that a key leads to; 0: none. */
uint32_t index_find(const struct index *index, const void *key);
/* Can the key lead somewhere? */
bool index_has_room(const struct index *index, const void *key);
/* Leads the row's key to it, from wherever it led before. -EXFULL: both of its lines are full, nothing has changed. */
int index_lead(struct index *index, uint32_t row);
/* Empties the slot of the row's key only if it leads here: by now it may lead to the row's successor. Fails at failpoints alone. */
int index_forget(struct index *index, uint32_t row);

/*
 * Of lines that somebody wrote who may have died between two stores: empties the slots that do not lead to a row in [first, max)
 * which carries a key of this place, and all but one of a key; counts anew what was spilled. -ENOMEM.
 */
int index_adopt(struct index *index, uint32_t first, uint32_t max);

#endif
