/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same with programs that wait between number, key and content of a row: linked with those (tests.mk).
 * vm: no, an emulated machine is too slow to make a race
 */
#include "test_churn.c"
