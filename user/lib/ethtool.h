/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In:  the name of an interface of this network namespace, and of features as `ethtool -k` lists them.
 * Out: which of them are on; those off that shall be, as far as the driver lets go of them.
 * Never: a feature that was not named.
 */
#ifndef CORDON_LIB_ETHTOOL_H
#define CORDON_LIB_ETHTOOL_H

#include <stddef.h>
#include <stdint.h>

/* *ret_on: bit i for names[i], of at most 32. One that the interface does not know is off. -ENODEV, -EOPNOTSUPP. */
int ethtool_features_on(const char *interface, const char *const *names, size_t n, uint32_t *ret_on);

/* Switches them off. *ret_on: what is on nevertheless; it is 0, too, where all were off before. */
int ethtool_features_off(const char *interface, const char *const *names, size_t n, uint32_t *ret_on);

#endif
