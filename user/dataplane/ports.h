/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  ports as the caller numbers them.
 * Out: rows of the port table, found by interface index.
 * Never: programs (attach.h).
 */
#ifndef CORDON_DATAPLANE_PORTS_H
#define CORDON_DATAPLANE_PORTS_H

#include "plane.h"

int port_check(const struct dataplane_port *port, char **ret_why);
/* Writes the row, then leads the interface index to it. `adopt_until` is boot clock ns. */
int port_row_write(struct dataplane *dp, const struct dataplane_port *port, uint64_t adopt_until);
/* Only the interface index of a row: what a test run stands on. */
int port_row_move(struct dataplane *dp, uint32_t number, uint32_t ifindex);
int port_row_clear(struct dataplane *dp, uint32_t number);

#endif
