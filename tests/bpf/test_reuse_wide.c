/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same with programs and a sweep that wait now and then between number, key and content of a row: linked with those
 * (tests.mk). That the checks would notice shows test_held_wide.c.
 * vm: no, an emulated machine is too slow to make a race
 */
#include "test_reuse.c"
