/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  rules with `when` and `expires`.
 * Out: for the compiler: windows, each made once; when a window of the image opens and closes.
 * Never: seen outside this room, but for what image.h says; what time it is now.
 *
 * Two rules with the same schedule and end share a window only if both allow or both deny: what the kernel does not know any
 * more, or what an unsynchronised clock cannot tell, is closed for the one and open for the other (policy.md 8).
 */
#ifndef CORDON_POLICY_WINDOWS_H
#define CORDON_POLICY_WINDOWS_H

#include "compile.h"

/* windows.c: the window of each rule; loads the site's time zone if any rule or test needs it. */
int compile_windows(struct compile *c);
/* The window that is open while both are. */
int window_both(struct compile *c, uint16_t a, uint16_t b, uint16_t *ret);
/* Moves what was made into the image. */
int compile_windows_move(struct compile *c);

#endif
