/* SPDX-License-Identifier: Apache-2.0 */
#include "ethtool.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "cleanup.h"

static int ask(int fd, const char *interface, void *request)
{
	struct ifreq ifr = { .ifr_data = request };

	memcpy(ifr.ifr_name, interface, strnlen(interface, IFNAMSIZ - 1));
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

/* The names of all features, which number them. */
static int ask_names(int fd, const char *interface, struct ethtool_gstrings **ret)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} sset = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	int r = ask(fd, interface, &sset);

	if (r < 0)
		return r;
	names = calloc(1, sizeof(*names) + (size_t)sset.count * ETH_GSTRING_LEN);
	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = sset.count;
	r = ask(fd, interface, names);
	if (r == 0)
		*ret = take_ptr(names);
	return r;
}

static int ask_features(int fd, const char *interface, uint32_t blocks, struct ethtool_gfeatures **ret)
{
	_cleanup_free_ struct ethtool_gfeatures *features = calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));
	int r;

	if (!features)
		return -ENOMEM;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	r = ask(fd, interface, features);
	if (r == 0)
		*ret = take_ptr(features);
	return r;
}

static uint32_t match(const char *feature, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && i < 32; i++)
		if (strncmp(feature, names[i], ETH_GSTRING_LEN) == 0)
			return 1U << i;
	return 0;
}

/* The name of feature i; unlike names[], it need not end in a NUL. */
static const char *name_of(const struct ethtool_gstrings *all, uint32_t i)
{
	return (const char *)all->data + (size_t)i * ETH_GSTRING_LEN;
}

static uint32_t blocks_of(const struct ethtool_gstrings *all)
{
	return (all->len + 31) / 32;
}

static int ask_on(int fd, const char *interface, const struct ethtool_gstrings *all, const char *const *names, size_t n, uint32_t *ret_on)
{
	_cleanup_free_ struct ethtool_gfeatures *features = NULL;
	uint32_t on = 0;
	int r = ask_features(fd, interface, blocks_of(all), &features);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < all->len; i++)
		if (features->features[i / 32].active & 1U << i % 32)
			on |= match(name_of(all, i), names, n);
	*ret_on = on;
	return 0;
}

/* What the driver refuses it refuses silently: who wants to know asks afterwards. */
static int switch_off(int fd, const char *interface, const struct ethtool_gstrings *all, const char *const *names, size_t n)
{
	_cleanup_free_ struct ethtool_sfeatures *set = calloc(1, sizeof(*set) + blocks_of(all) * sizeof(set->features[0]));

	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_SFEATURES;
	set->size = blocks_of(all);
	for (uint32_t i = 0; i < all->len; i++)
		if (match(name_of(all, i), names, n))
			set->features[i / 32].valid |= 1U << i % 32;
	return ask(fd, interface, set);
}

static int begin(const char *interface, int *ret_fd, struct ethtool_gstrings **ret_all)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = ask_names(fd, interface, ret_all);
	if (r == 0)
		*ret_fd = take_fd(fd);
	return r;
}

int ethtool_features_on(const char *interface, const char *const *names, size_t n, uint32_t *ret_on)
{
	_cleanup_free_ struct ethtool_gstrings *all = NULL;
	_cleanup_close_ int fd = -1;
	int r = begin(interface, &fd, &all);

	return r < 0 ? r : ask_on(fd, interface, all, names, n, ret_on);
}

int ethtool_features_off(const char *interface, const char *const *names, size_t n, uint32_t *ret_on)
{
	_cleanup_free_ struct ethtool_gstrings *all = NULL;
	_cleanup_close_ int fd = -1;
	int r = begin(interface, &fd, &all);

	if (r == 0)
		r = switch_off(fd, interface, all, names, n);
	return r < 0 ? r : ask_on(fd, interface, all, names, n, ret_on);
}
