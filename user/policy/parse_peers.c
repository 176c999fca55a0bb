/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/cleanup.h"
#include "../lib/names.h"
#include "parse.h"

#define KNOWN_PEERS "segment: device: tag: network: cidr: name: mcast: feed: or bcast gateway nat local internet any"

static const char *const words[POLICY_PEER_COUNT] = {
#define X(id, word) [POLICY_PEER_##id] = word,
	POLICY_PEERS(X)
#undef X
};

static bool kind_is_bare(enum policy_peer_kind kind)
{
	return kind >= POLICY_PEER_BCAST;
}

static int kind_find(const char *text, size_t n, bool bare)
{
	for (int kind = 0; kind < POLICY_PEER_COUNT; kind++)
		if (kind_is_bare((enum policy_peer_kind)kind) == bare && strlen(words[kind]) == n && strncmp(words[kind], text, n) == 0)
			return kind;
	return -1;
}

static void resolve_cidr(struct parser *p, const struct yaml_node *node, const char *name, struct peer *peer)
{
	int r = addr_parse_prefix(name, &peer->prefix.address, &peer->prefix.length);

	if (r == -ERANGE)
		form_error(&p->form, node, "`cidr:%.64s` has bits beyond its length; write the network address or a longer length", name);
	else if (r < 0)
		form_error(&p->form, node, "expected an address or prefix like cidr:10.0.0.0/8 after `cidr:`, not `%.64s`", name);
}

/* One label after another: letters, digits, `-` and `_`, each at most 63, 253 in all. */
static bool dns_name_ok(const char *name)
{
	size_t labels = 0;

	if (strlen(name) > 253)
		return false;
	for (;; name++) {
		size_t n = 0;

		while (isalnum((unsigned char)name[n]) || name[n] == '-' || name[n] == '_')
			n++;
		if (n == 0 || n > 63 || name[0] == '-' || name[n - 1] == '-')
			return false;
		labels++;
		name += n;
		if (*name == '\0')
			return labels > 1;
		if (*name != '.')
			return false;
	}
}

static void resolve_name(struct parser *p, const struct yaml_node *node, const char *name, struct peer *peer)
{
	(void)peer;
	if (!dns_name_ok(name + (strncmp(name, "*.", 2) == 0 ? 2 : 0)))
		form_error(&p->form, node, "`%.64s` is no DNS name; expected one like host.example.org or *.example.org", name);
}

static bool address_is_multicast(const struct address *a)
{
	return addr_is_v4(a) ? (a->byte[12] & 0xf0) == 0xe0 : a->byte[0] == 0xff;
}

static void resolve_mcast(struct parser *p, const struct yaml_node *node, const char *name, struct peer *peer)
{
	static const char *const groups[] = {"mdns", "ssdp", "wsd", "coap"};
	static const struct form_words group_words = FORM_WORDS("a group", groups);
	const char *near;

	if (form_find(&group_words, name) >= 0)
		return;
	if (addr_parse(name, &peer->prefix.address) == 0 && address_is_multicast(&peer->prefix.address)) {
		peer->prefix.length = 128;
		return;
	}
	near = name_nearest_of(name, groups, ARRAY_SIZE(groups));
	if (near)
		form_error(&p->form, node, "unknown group `mcast:%.64s`; did you mean `mcast:%s`?", name, near);
	else
		form_error(&p->form, node, "unknown group `mcast:%.64s`; expected mdns, ssdp, wsd, coap or a multicast address", name);
}

static void resolve_tag(struct parser *p, const struct yaml_node *node, const char *name, struct peer *peer)
{
	(void)peer;
	if (!form_id_ok(name))
		form_error(&p->form, node, "`%.64s` is no tag: letters, digits, `_`, `.` and `-`", name);
}

#define RESOLVE_SYMBOL(noun, KIND) \
	static void resolve_##noun(struct parser *p, const struct yaml_node *node, const char *name, struct peer *peer) \
	{ \
		peer->index = symbol_resolve(p, SYMBOL_##KIND, node, name); \
	}
RESOLVE_SYMBOL(segment, SEGMENT)
RESOLVE_SYMBOL(device, DEVICE)
RESOLVE_SYMBOL(network, NETWORK)
RESOLVE_SYMBOL(feed, FEED)

static void (*const resolvers[POLICY_PEER_COUNT])(struct parser *, const struct yaml_node *, const char *, struct peer *) = {
	[POLICY_PEER_SEGMENT] = resolve_segment,
	[POLICY_PEER_DEVICE] = resolve_device,
	[POLICY_PEER_TAG] = resolve_tag,
	[POLICY_PEER_NETWORK] = resolve_network,
	[POLICY_PEER_CIDR] = resolve_cidr,
	[POLICY_PEER_NAME] = resolve_name,
	[POLICY_PEER_MCAST] = resolve_mcast,
	[POLICY_PEER_FEED] = resolve_feed,
};

/* Where a bare word is a name that only lacks its kind, say which. */
static const char *missing_kind(const struct parser *p, const char *text)
{
	struct address address;
	uint8_t length;

	if (symbol_find(p, SYMBOL_SEGMENT, text) != POLICY_NONE)
		return "segment:";
	if (symbol_find(p, SYMBOL_DEVICE, text) != POLICY_NONE)
		return "device:";
	if (symbol_find(p, SYMBOL_NETWORK, text) != POLICY_NONE)
		return "network:";
	if (addr_parse_prefix(text, &address, &length) == 0)
		return "cidr:";
	return NULL;
}

static void tell_unknown(struct parser *p, const struct yaml_node *node, const char *text)
{
	const char *colon = strchr(text, ':'), *near = NULL, *kind = missing_kind(p, text);
	char word[16] = "";

	if (kind) {
		form_error(&p->form, node, "`%.64s` needs its kind before it: `%s%.64s`", text, kind, text);
		return;
	}
	if (!colon || (size_t)(colon - text) < sizeof(word)) {
		snprintf(word, sizeof(word), "%.*s", colon ? (int)(colon - text) : 15, text);
		near = name_nearest_of(word, words, POLICY_PEER_COUNT);
	}
	if (near)
		form_error(&p->form, node, "unknown peer `%.64s`; did you mean `%s%s`?", text, near,
			   kind_find(near, strlen(near), true) >= 0 ? "" : colon ? colon : ":NAME");
	else
		form_error(&p->form, node, "unknown peer `%.64s`; expected %s", text, KNOWN_PEERS);
}

static bool peer_parse(struct parser *p, const struct yaml_node *node, const char *text, struct peer *ret)
{
	const char *colon = strchr(text, ':');
	int kind = kind_find(text, colon ? (size_t)(colon - text) : strlen(text), !colon);

	ret->index = POLICY_NONE;
	ret->place = place_of(p, node);
	if (kind < 0) {
		tell_unknown(p, node, text);
		return false;
	}
	ret->kind = (enum policy_peer_kind)kind;
	if (colon && colon[1] == '\0') {
		form_error(&p->form, node, "`%s` needs a name after the colon", text);
		return false;
	}
	if (colon)
		resolvers[kind](p, node, colon + 1, ret);
	ret->text = form_copy(&p->form, text);
	return ret->text;
}

/* What can stand on one side of a rule only. */
static bool side_ok(struct parser *p, const struct yaml_node *node, enum policy_peer_kind kind, bool is_from)
{
	if (is_from && (kind == POLICY_PEER_MCAST || kind == POLICY_PEER_BCAST))
		form_error(&p->form, node, "nothing is sent from a multicast or broadcast address; it can stand in `to` only");
	else if (!is_from && kind == POLICY_PEER_NAT)
		form_error(&p->form, node, "`nat` is what the gateway forwards under its own address; it can stand in `from` only");
	else
		return true;
	return false;
}

static void add_peer(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a peer like segment:NAME");
	struct peers *peers = field;
	struct peer peer = {0}, *item;

	if (!text || !peer_parse(parser_of(f), value, text, &peer))
		return;
	side_ok(parser_of(f), value, peer.kind, strcmp(arg, PEERS_FROM) == 0);
	item = form_add(f, &peers->items, &peers->n, sizeof(*item));
	if (item)
		*item = peer;
	else
		free(peer.text);
}

void parse_peers(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	form_each(f, value, "a peer", add_peer, field, arg);
}

void parse_peer_or_address(struct form *f, const struct yaml_node *value, void *field, const void *arg)
{
	const char *text = form_scalar(f, value, "a peer like device:NAME, or an address");
	struct peer *peer = field;

	(void)arg;
	if (!text)
		return;
	if (addr_parse(text, &peer->prefix.address) < 0) {
		peer_parse(parser_of(f), value, text, peer);
		return;
	}
	peer->kind = POLICY_PEER_CIDR;
	peer->index = POLICY_NONE;
	peer->prefix.length = 128;
	peer->place = place_of(parser_of(f), value);
	peer->text = form_copy(f, text);
}
