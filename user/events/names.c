/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>

#include "../lib/cleanup.h"
#include "events.h"

static const struct {
	const char *name;
	const char *text;
	enum cordon_weight weight;
} reasons[] = {
#define X(id, name, weight, text) [CORDON_REASON_##id] = { name, text, CORDON_WEIGHT_##weight },
	CORDON_REASONS(X)
#undef X
};

static const char *const verdicts[] = {
#define X(id, name) [CORDON_VERDICT_##id] = name,
	CORDON_VERDICTS(X)
#undef X
};

static const char *const dirs[] = {
#define X(id, name) [CORDON_DIR_##id] = name,
	CORDON_DIRS(X)
#undef X
};

static const char *const modes[] = {
#define X(id, name) [CORDON_MODE_##id] = name,
	CORDON_MODES(X)
#undef X
};

static const char *const kinds[] = {
#define X(id, name, ring) [CORDON_EVENT_##id] = name,
	CORDON_EVENT_KINDS(X)
#undef X
};

/* The numbers come from the kernel's tables, perhaps of another version: one out of the list has no name but is no fault. */
static const char *name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n ? names[i] : "unknown";
}

const char *reason_name(enum cordon_reason reason)
{
	return (unsigned int)reason < ARRAY_SIZE(reasons) ? reasons[reason].name : "unknown";
}

const char *reason_text(enum cordon_reason reason)
{
	return (unsigned int)reason < ARRAY_SIZE(reasons) ? reasons[reason].text : "a reason that this version does not know";
}

enum cordon_weight reason_weight(enum cordon_reason reason)
{
	return (unsigned int)reason < ARRAY_SIZE(reasons) ? reasons[reason].weight : CORDON_WEIGHT_SOFT;
}

const char *verdict_name(enum cordon_verdict verdict)
{
	return name_of(verdicts, ARRAY_SIZE(verdicts), verdict);
}

const char *dir_name(enum cordon_dir dir)
{
	return name_of(dirs, ARRAY_SIZE(dirs), dir);
}

const char *mode_name(enum cordon_mode mode)
{
	return name_of(modes, ARRAY_SIZE(modes), mode);
}

const char *event_kind_name(enum cordon_event_kind kind)
{
	return name_of(kinds, ARRAY_SIZE(kinds), kind);
}

static const struct {
	uint16_t ethertype;
	const char *name;
} ethertypes[] = {
	{ ETH_P_ARP, "arp" },
	{ ETH_P_PAE, "eapol" },
};

static const struct {
	uint8_t proto;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" },
	{ IPPROTO_ICMP, "icmp" },
	{ IPPROTO_ICMPV6, "icmp6" },
	{ IPPROTO_SCTP, "sctp" },
	{ IPPROTO_IGMP, "igmp" },
	{ IPPROTO_GRE, "gre" },
	{ IPPROTO_ESP, "esp" },
	{ IPPROTO_AH, "ah" },
};

const char *proto_name(uint16_t ethertype, uint8_t proto, char text[16])
{
	if (ethertype == ETH_P_IP || ethertype == ETH_P_IPV6) {
		for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
			if (protocols[i].proto == proto)
				return protocols[i].name;
		/* 0: the frame ended, or was refused, before its transport. */
		if (!proto)
			return ethertype == ETH_P_IP ? "ip" : "ip6";
		snprintf(text, 16, "%u", proto);
		return text;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ethertypes); i++)
		if (ethertypes[i].ethertype == ethertype)
			return ethertypes[i].name;
	snprintf(text, 16, "0x%04x", ethertype);
	return text;
}
