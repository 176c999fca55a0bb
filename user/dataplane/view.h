/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  a table that the kernel shares with us, one row behind the other.
 * Out: its rows at one address for good, of which the first so many are there.
 * Never: meaning of rows; a look at rows that were not asked for: it ends the process.
 *
 * The kernel maps a table's pages all at once, looked at or not, and each counts as memory of this process. So address space is
 * set aside for the whole table, and its pages are put there as far as rows are in use.
 */
#ifndef CORDON_DATAPLANE_VIEW_H
#define CORDON_DATAPLANE_VIEW_H

#include <stddef.h>
#include <stdint.h>

struct view {
	int fd; /* the table's, borrowed */
	uint32_t rows;
	size_t row_size;
	char *at;
	size_t size;  /* of the address space, and of what is there: bytes, whole pages */
	size_t shown;
};

/* With no row there yet. `row_size` is a multiple of 8, as rows stand in the kernel. */
int view_open(struct view *view, int fd, uint32_t rows, size_t row_size);
void view_close(struct view *view);
/* The first `rows` rows are there. */
int view_show(struct view *view, uint32_t rows);
/* Only these are. */
int view_hide(struct view *view, uint32_t rows);

#endif
