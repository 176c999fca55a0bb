/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * In:  nothing.
 * Out: names of the checks that a build of the tests (CORDON_WIDEN) can be told to leave out, to see that they are needed, and of the
 *      places where a program can be held meanwhile.
 * Never: any meaning in other builds.
 */
#ifndef CORDON_TRUST_H
#define CORDON_TRUST_H

#define TRUST_KEY 0x1   /* that the row of a device or an address has the key it was looked up by */
#define TRUST_ROW 0x2   /* that a flow's row is still the same flow's when its content has been read */
#define TRUST_BIRTH 0x4 /* that what a cached verdict counted goes to the flow that it was counted for */
#define TRUST_TIME 0x8  /* the wait before a row is given to another */
#define TRUST_FIRST 0x10 /* that a flow which is not in its first bucket is not in its second either */

enum cordon_hold {
	HOLD_NONE,    /* waits here now and then, as everywhere */
	HOLD_SLOT,    /* a device's slot of the index was found, the row's number in it not read yet */
	HOLD_DEVICE,  /* the key of the device's row was right */
	HOLD_FLOW,    /* a flow's row was found */
	HOLD_JUDGED,  /* it was still the same flow's when its content had been read */
	HOLD_FOLD,    /* the same before counts are added */
	HOLD_MAKE,    /* no row was found for a flow, and it is about to get one */
};

#endif
