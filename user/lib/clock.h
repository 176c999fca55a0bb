/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the kernel's clocks.
 * Out: nanoseconds of the boot clock (as programs stamp rows) and of the wall, and RFC 3339 text.
 * Never: local time zones.
 */
#ifndef CORDON_LIB_CLOCK_H
#define CORDON_LIB_CLOCK_H

#include <stdint.h>

#define NS_PER_S 1000000000ULL
#define TIME_TEXT_SIZE 32

uint64_t clock_boot_ns(void);
uint64_t clock_wall_ns(void);
/* Wall time of a boot-clock stamp. */
uint64_t clock_wall_of_boot(uint64_t boot_ns);
/* "2026-11-22T11:40:03.120Z" */
const char *time_format(uint64_t wall_ns, char text[TIME_TEXT_SIZE]);

#endif
