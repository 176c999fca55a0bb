/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that takes the VLAN tag off a frame hides it from XDP: a tagged frame would be judged as an untagged one. One that
 * merges frames has them judged as one. The features are switched by name, as ethtool -K does, for the old flags know
 * nothing of 802.1ad tags.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/ethtool.h"
#include "attach.h"

static const char *const hiding[] = {"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse", "rx-lro", "rx-gro-hw"};
#define HIDING_TAGS 0x3U /* bits of those; the others merge */

/* "rx-vlan-hw-parse rx-lro" */
static void add_names(struct buf *b, uint32_t on)
{
	for (size_t i = 0; i < ARRAY_SIZE(hiding); i++)
		if (on & 1U << i)
			buf_addf(b, "%s%s", b->size ? " " : "", hiding[i]);
}

int dataplane_offloads(const char *interface, struct dataplane_offloads *ret)
{
	uint32_t on = 0;
	int r = ethtool_features_on(interface, hiding, ARRAY_SIZE(hiding), &on);

	if (r == 0)
		*ret = (struct dataplane_offloads){.hides_tags = on & HIDING_TAGS, .merges = on & ~HIDING_TAGS};
	return r;
}

int offload_switch_off(uint32_t ifindex, char **ret_what)
{
	_cleanup_buf_ struct buf names = {0};
	char name[IF_NAMESIZE];
	uint32_t on = 0, stays = 0;
	int r;

	if (!if_indextoname(ifindex, name))
		return why(ret_what, -ENODEV, "interface %u is gone", ifindex);
	r = ethtool_features_on(name, hiding, ARRAY_SIZE(hiding), &on);
	if (r < 0)
		return why(ret_what, r, "%s does not say whether its card changes frames before XDP sees them: %s", name, strerror(-r));
	if (!on)
		return 0;
	r = ethtool_features_off(name, hiding, ARRAY_SIZE(hiding), &stays);
	if (r < 0)
		stays = on;
	add_names(&names, stays ? stays : on);
	if (!stays)
		return why(ret_what, 1, "%s was on: the card took VLAN tags off or merged frames before they were judged", buf_text(&names));
	return why(ret_what, -EOPNOTSUPP,
		   "the card of %s takes VLAN tags off or merges frames before they are judged, and will not stop (ethtool -K %s %s off%s%s)",
		   name, name, buf_text(&names), r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
}
