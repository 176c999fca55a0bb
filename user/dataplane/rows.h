/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  what shall stand in the device and binding tables.
 * Out: rows, written in an order that no reader can misread; row numbers taken and given back.
 * Never: whole policies (apply.c), meaning of classes.
 *
 * The life of a row. Taken: the row is written whole with both sides absent, then the index leads to it, then a side is
 * switched on. Given up: both sides off, index entry deleted; after a grace period nobody holds its number; after a walk
 * over the flows nothing names it; then it is wiped and free. A daemon that dies in between leaves a row that no side in
 * force and no index entry needs: rows_scan() at the next start finds it and sends it the same way.
 */
#ifndef CORDON_DATAPLANE_ROWS_H
#define CORDON_DATAPLANE_ROWS_H

#include "plane.h"

/* Of tables that are all of one length; they show the first rows from here on. */
int rows_init(struct rows *rows, uint32_t first, struct view *tables, size_t n_tables);
void rows_done(struct rows *rows);
/* Rows that can be taken without waiting, and those that wait for rows_settle() and a drain. */
uint32_t rows_free(const struct rows *rows);
uint32_t rows_waiting(const struct rows *rows);
void rows_move(struct rows *rows, uint32_t row, enum row_state to);
/* Rows below `reach` show, and are given out. */
int rows_reach(struct rows *rows, uint32_t reach);

/* One 64-bit store: no reader sees half a side. */
void side_store(struct side *at, struct side value);
struct side side_make(uint32_t generation, uint16_t class, enum cordon_mode mode, uint8_t flags);

/* -ENOENT. Only what the row itself confirms. */
int device_row_find(struct dataplane *dp, uint64_t key, uint32_t *ret);
int binding_row_find(struct dataplane *dp, const struct address *address, uint32_t *ret);

/* A device without a limit of its own may take this part of the flow table, so that one alone cannot fill it. */
#define QUOTA_SHARE 8
uint32_t device_row_quota(const struct dataplane *dp, const struct dataplane_device *want);

/* DEVICE_* of its row. */
uint32_t device_row_flags(const struct dataplane_device *want);
/* Before the flags that make programs look there. What is in the buckets stays: only a row that was wiped begins full. */
void device_row_limit(struct dataplane *dp, uint32_t row, const struct dataplane_limit *want);

/* A row for `want` with both sides absent, which nothing leads to yet. -ENOSPC. */
int device_row_prepare(struct dataplane *dp, const struct dataplane_device *want, uint32_t *ret);
/* And one for an address of `device`, with side `at` switched on. */
int binding_row_prepare(struct dataplane *dp, const struct address *address, uint32_t device, uint32_t at, struct side side,
			uint64_t until, uint32_t *ret);
/* Takes a row for `want` with both sides absent and lets the index lead to it. -ENOSPC; -EXFULL as index_lead(). */
int device_row_take(struct dataplane *dp, const struct dataplane_device *want, uint32_t *ret);
/*
 * The same for an address of `device`, with side `at` switched on before the index leads to it: one that led to another row
 * now leads here without a gap, and that row is the caller's to leave.
 */
int binding_row_take(struct dataplane *dp, const struct address *address, uint32_t device, uint32_t at, struct side side,
		     uint64_t until, uint32_t *ret);

/* What to say of -EXFULL: key or address that has no room in its index. Returns -EXFULL. */
int device_index_full(uint64_t key, char **ret_why);
int binding_index_full(const struct address *address, char **ret_why);

/* Both sides off, out of the index if it leads here. On an error the row stays used, with its sides off: try again later. */
int device_row_leave(struct dataplane *dp, uint32_t row);
int binding_row_leave(struct dataplane *dp, uint32_t row);
/* The same for all rows that the bound policy does not know. */
void device_rows_leave(struct dataplane *dp);
void binding_rows_leave(struct dataplane *dp);

/* Waits for a grace period if any row is leaving; then bindings are free and devices drain. */
int rows_settle(struct dataplane *dp);
/* After a walk over all flows that began after rows_settle(): wipes the draining rows and frees them. */
int rows_drained(struct dataplane *dp);
/* Makes room at once: settles, drops flows of draining rows, frees. For when no row is free. */
int rows_reclaim(struct dataplane *dp);

/* Number of the device's next change; flows that cached an older one are judged anew. */
uint32_t row_generation_next(struct dataplane *dp);

/* Builds states, mends the index and gives up every row that the generation in force does not know. After a grace period. */
int rows_scan(struct dataplane *dp);
/* Lists of bindings by device for the side in force. */
void owned_rebuild(struct dataplane *dp);
void owned_add(struct dataplane *dp, uint32_t device, uint32_t binding);
void owned_remove(struct dataplane *dp, uint32_t device, uint32_t binding);

/* The port that a device is fixed to and the one it is on now are the same, or lie in one group. */
bool port_is_home(const struct dataplane *dp, uint32_t fixed, uint32_t now);

#endif
