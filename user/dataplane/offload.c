/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that takes the VLAN tag off a frame hides it from XDP: a tagged frame would be judged as an untagged one. The
 * features are switched by name, as ethtool -K does, for the old flag knows nothing of 802.1ad tags.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "attach.h"

static const char *const hiding[] = {"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"};

static int ethtool_call(int fd, const char *name, void *request)
{
	struct ifreq ifr = {.ifr_data = request};

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static int feature_names(int fd, const char *name, struct ethtool_gstrings **ret)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} sset = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
	struct ethtool_gstrings *strings;
	int r = ethtool_call(fd, name, &sset);

	if (r < 0)
		return r;
	strings = calloc(1, sizeof(*strings) + (size_t)sset.count * ETH_GSTRING_LEN);
	if (!strings)
		return -ENOMEM;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = sset.count;
	r = ethtool_call(fd, name, strings);
	if (r < 0) {
		free(strings);
		return r;
	}
	*ret = strings;
	return 0;
}

static bool feature_hides(const struct ethtool_gstrings *names, uint32_t i)
{
	for (size_t h = 0; h < ARRAY_SIZE(hiding); h++)
		if (!strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, hiding[h], ETH_GSTRING_LEN))
			return true;
	return false;
}

/* 1 if a tag is still hidden. */
static int features_still_hide(int fd, const char *name, const struct ethtool_gstrings *names, uint32_t blocks)
{
	_cleanup_free_ struct ethtool_gfeatures *get = calloc(1, sizeof(*get) + blocks * sizeof(get->features[0]));
	int r;

	if (!get)
		return -ENOMEM;
	get->cmd = ETHTOOL_GFEATURES;
	get->size = blocks;
	r = ethtool_call(fd, name, get);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < names->len; i++)
		if (feature_hides(names, i) && (get->features[i / 32].active & 1U << i % 32))
			return 1;
	return 0;
}

static int features_clear(int fd, const char *name, const struct ethtool_gstrings *names, uint32_t blocks)
{
	_cleanup_free_ struct ethtool_sfeatures *set = calloc(1, sizeof(*set) + blocks * sizeof(set->features[0]));

	if (!set)
		return -ENOMEM;
	set->cmd = ETHTOOL_SFEATURES;
	set->size = blocks;
	for (uint32_t i = 0; i < names->len; i++)
		if (feature_hides(names, i))
			set->features[i / 32].valid |= 1U << i % 32;
	return ethtool_call(fd, name, set);
}

int offload_show_vlan_tags(uint32_t ifindex, char **ret_why)
{
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[IF_NAMESIZE];
	uint32_t blocks;
	int r;

	if (fd < 0)
		return why(ret_why, -errno, "opening a socket: %s", strerror(errno));
	if (!if_indextoname(ifindex, name))
		return why(ret_why, -ENODEV, "interface %u is gone", ifindex);
	r = feature_names(fd, name, &names);
	if (r < 0)
		return why(ret_why, r, "%s: asking for its offloads: %s", name, strerror(-r));
	blocks = (names->len + 31) / 32;
	r = features_still_hide(fd, name, names, blocks);
	if (r <= 0)
		return r < 0 ? why(ret_why, r, "%s: asking for its offloads: %s", name, strerror(-r)) : 0;
	features_clear(fd, name, names, blocks);
	if (features_still_hide(fd, name, names, blocks) == 0)
		return 0;
	return why(ret_why, -EOPNOTSUPP, "%s: the card takes VLAN tags off and will not stop (ethtool -K %s rxvlan off): XDP cannot see them", name,
		   name);
}
