/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this gateway does not enforce. `open`: frames may pass that the policy does not allow, and somebody can mend it. `chosen`: the
 * policy says so. `blind`: what no gateway in this place can see; the fix is somewhere else.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/buf.h"
#include "../lib/cleanup.h"
#include "../lib/file.h"
#include "commands.h"

#define NAMED 4 /* devices of a port that are named; the others are counted */

enum kind { KIND_OPEN, KIND_CHOSEN, KIND_BLIND, KIND_COUNT };

static const char *const kinds[KIND_COUNT] = { "open", "chosen", "blind" };

/* kind, word, what to do */
#define FINDINGS(X) \
	X(OPEN, VLAN_HIDDEN, "vlan_hidden", "ethtool -K PORT rx-vlan-hw-parse off rx-vlan-stag-hw-parse off; where the card refuses, use another one") \
	X(OPEN, MERGED, "merged_frames", "ethtool -K PORT lro off rx-gro-hw off") \
	X(OPEN, BRIDGE_MEMBER, "bridge_member", "name it in `ports:` or `uplinks:` of gateway.yaml, or take it out of the bridge") \
	X(OPEN, DENY_PARKED, "deny_not_honoured", "say the same with what this version honours (cordon check names the parts)") \
	X(OPEN, ANYBODYS_BPF, "unprivileged_bpf", "sysctl kernel.unprivileged_bpf_disabled=1") \
	X(CHOSEN, MODE, "mode", "`mode: enforce` of the site, the segment or the device, once `cordon observe --verdict would_deny` is silent") \
	X(CHOSEN, ALLOW_PARKED, "allow_not_honoured", "nothing is opened by it; say the same with what this version honours") \
	X(BLIND, SHARED_PORT, "shared_port", "a port for each device (private VLAN, a switch that isolates its ports), or proof end to end: mutual TLS, MACsec") \
	X(BLIND, CLONE, "clone", "a port for each device and `max_devices: 1`; 802.1X with MACsec, or mutual TLS") \
	X(BLIND, WIFI, "wifi", "ap_isolate=1 in hostapd.conf, and no second radio in the same bridge without it") \
	X(BLIND, HARDWARE_SWITCH, "hardware_switch", "take the ports apart in the switch (a VLAN a port), so that all traffic comes to the CPU") \
	X(BLIND, GENERIC, "generic_xdp", "a card whose driver has native XDP; then `xdp: native` makes sure of it") \
	X(BLIND, UPPER, "interface_above", "take it away, or give it an interface that is no device port") \
	X(BLIND, UNNAMED, "unnamed_interface", "name it in `uplinks:` of gateway.yaml, or in `ports:` if devices are there; a firewall for the gateway itself") \
	X(BLIND, CLSACT, "clsact", "a kernel from 6.6 on; let nobody else put filters on the ports") \
	X(BLIND, BOOT, "boot", "bring the ports up only after cordond.service; a firewall that drops on them until then") \
	X(BLIND, LOCAL_SENDERS, "local_senders", "run nothing on the gateway that has CAP_NET_RAW or CAP_NET_ADMIN and is not trusted with the ports")

enum finding {
#define X(kind, id, word, fix) FINDING_##id,
	FINDINGS(X)
#undef X
};

static const struct {
	enum kind kind;
	const char *word, *fix;
} findings[] = {
#define X(kind, id, word, fix) [FINDING_##id] = { KIND_##kind, word, fix },
	FINDINGS(X)
#undef X
};

struct doctor {
	struct engine *engine;
	json_t *items[KIND_COUNT];
};

static void add(struct doctor *d, enum kind kind, const char *what, const char *where, const char *text, const char *fix)
{
	json_array_append_new(d->items[kind], json_pack("{s:s, s:s, s:s?, s:s, s:s}", "kind", kinds[kind], "what", what, "where", where, "text",
							text, "fix", fix));
}

static void tell(struct doctor *d, enum finding finding, const char *where, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Without memory the word alone must do: a finding is never lost. */
static void tell(struct doctor *d, enum finding finding, const char *where, const char *format, ...)
{
	_cleanup_buf_ struct buf text = { 0 };
	va_list ap;
	int r;

	va_start(ap, format);
	r = buf_vaddf(&text, format, ap);
	va_end(ap);
	add(d, findings[finding].kind, findings[finding].word, where, r < 0 ? findings[finding].word : buf_text(&text), findings[finding].fix);
}

static void look_at_troubles(struct doctor *d)
{
	json_t *troubles = health_degraded(d->engine), *trouble;
	size_t i;

	json_array_foreach(troubles, i, trouble)
		add(d, KIND_OPEN, json_string_value(json_object_get(trouble, "what")), NULL, json_string_value(json_object_get(trouble, "text")),
		    json_string_value(json_object_get(trouble, "fix")));
	json_decref(troubles);
}

static void look_at_offloads(struct doctor *d, const char *name)
{
	struct dataplane_offloads offloads = { 0 };
	int r = dataplane_offloads(name, &offloads);

	if (r < 0)
		tell(d, FINDING_VLAN_HIDDEN, name, "%s does not say whether its card takes VLAN tags off: %s", name, strerror(-r));
	if (offloads.hides_tags)
		tell(d, FINDING_VLAN_HIDDEN, name, "the card of %s takes VLAN tags off before its frames are judged: a tagged frame counts as an untagged one",
		     name);
	if (offloads.merges)
		tell(d, FINDING_MERGED, name, "the card of %s merges frames before they are judged: they are judged and counted as one", name);
}

static bool sysfs_has(const char *interface, const char *what)
{
	_cleanup_free_ char *path = format_text("/sys/class/net/%s/%s", interface, what);

	return path && access(path, F_OK) == 0;
}

/* Only a port of a switch chip answers. */
static bool is_switch_port(const char *interface)
{
	_cleanup_free_ char *path = format_text("/sys/class/net/%s/phys_switch_id", interface), *text = NULL;
	size_t size;

	return path && file_read(path, 256, &text, &size) == 0 && size > 0;
}

struct neighbours {
	const struct identity *identity;
	struct buf names;
	uint32_t named;
};

static bool name_device(void *ctx, uint64_t key)
{
	struct neighbours *n = ctx;

	if (n->named < NAMED)
		buf_addf(&n->names, "%s%s", n->named ? ", " : "", identity_name(n->identity, key));
	n->named++;
	return true;
}

static void look_at_devices(struct doctor *d, const struct gateway_port *port)
{
	struct neighbours n = { .identity = d->engine->identity };
	uint32_t devices = dataplane_port_devices(d->engine->dp, port->number, name_device, &n);

	if (devices > 1)
		tell(d, FINDING_SHARED_PORT, port->name, "%u devices sit on %s (%s%s): what they say to each other need not come by here, and no rule holds it",
		     devices, port->name, buf_text(&n.names), devices > NAMED ? " …" : "");
	buf_done(&n.names);
}

static void look_at_port(struct doctor *d, const struct gateway_port *port)
{
	if (port->role != CORDON_ROLE_DEVICE || !port->ifindex)
		return;
	look_at_offloads(d, port->name);
	look_at_devices(d, port);
	if (port->hook == DATAPLANE_ATTACH_GENERIC)
		tell(d, FINDING_GENERIC, port->name, "%s has XDP in generic form: the kernel has taken each frame in before it is judged, and a flood costs more",
		     port->name);
	if (sysfs_has(port->name, "phy80211"))
		tell(d, FINDING_WIFI, port->name, "%s is a radio: its stations may talk to each other through it without coming by here", port->name);
	if (is_switch_port(port->name))
		tell(d, FINDING_HARDWARE_SWITCH, port->name, "%s is a port of a switch chip: what the chip forwards to its other ports does not come by here",
		     port->name);
}

static void look_at_ports(struct doctor *d)
{
	for (size_t i = 0; i < d->engine->ports.n; i++)
		look_at_port(d, &d->engine->ports.items[i]);
}

static void look_at_unnamed(struct doctor *d, const struct link *link)
{
	const struct link *master = links_find(d->engine->links, link->master), *lower = links_find(d->engine->links, link->lower);

	if (link->loopback || ports_role(d->engine, link) != CORDON_ROLE_NONE)
		return;
	if (master && ports_role(d->engine, master) == CORDON_ROLE_BRIDGE)
		tell(d, FINDING_BRIDGE_MEMBER, link->name, "%s is in the bridge %s with device ports, and gateway.yaml does not name it: nothing judges what comes in by it",
		     link->name, master->name);
	else if (lower && strcmp(link->kind, "veth") && ports_role(d->engine, lower) == CORDON_ROLE_DEVICE)
		tell(d, FINDING_UPPER, link->name, "%s (%s) stands on the device port %s: who uses it counts as the gateway there", link->name, link->kind,
		     lower->name);
	else if (link->up)
		tell(d, FINDING_UNNAMED, link->name,
		     "%s is neither port nor uplink: it counts as an uplink, and what comes in by it for the gateway itself no rule judges", link->name);
}

static void look_at_links(struct doctor *d)
{
	const struct link *links;
	size_t n = links_all(d->engine->links, &links);

	for (size_t i = 0; i < n; i++)
		look_at_unnamed(d, &links[i]);
}

static int count_mode(void *ctx, const struct identity_view *view)
{
	uint32_t *counts = ctx;

	counts[view->mode]++;
	return 0;
}

static void look_at_modes(struct doctor *d)
{
	uint32_t counts[CORDON_MODE_COUNT] = { 0 };

	identity_each(d->engine->identity, count_mode, counts);
	if (counts[CORDON_MODE_AUDIT])
		tell(d, FINDING_MODE, NULL, "%u devices are in mode audit: what the policy denies them passes, and is told as would_deny", counts[CORDON_MODE_AUDIT]);
	if (counts[CORDON_MODE_OBSERVE])
		tell(d, FINDING_MODE, NULL, "%u devices are in mode observe: nothing is judged that they say", counts[CORDON_MODE_OBSERVE]);
}

static void look_at_rules(struct doctor *d)
{
	const struct policy *policy = d->engine->in_force ? d->engine->in_force->policy : NULL;

	for (size_t i = 0; policy && i < policy->n_rules; i++) {
		const struct rule *rule = &policy->rules[i];
		_cleanup_buf_ struct buf words = { 0 };

		for (unsigned int p = 0; p < POLICY_PARKED_COUNT; p++)
			if (rule->parked & 1u << p)
				buf_addf(&words, " %s", parked_words[p]);
		if (rule->parked)
			tell(d, rule->deny ? FINDING_DENY_PARKED : FINDING_ALLOW_PARKED, rule->id, "rule %s: not honoured by this version:%s", rule->id,
			     buf_text(&words));
	}
}

static void look_at_capability(void *ctx, const char *text)
{
	if (strncmp(text, "tcx links: no", 13) == 0)
		tell(ctx, FINDING_CLSACT, NULL, "this kernel has no tcx: a filter that somebody else puts before ours at TC egress decides for up to a second");
}

static void look_at_kernel(struct doctor *d)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	dataplane_describe(d->engine->dp, look_at_capability, d);
	if (file_read("/proc/sys/kernel/unprivileged_bpf_disabled", 16, &text, &size) == 0 && text[0] == '0')
		tell(d, FINDING_ANYBODYS_BPF, NULL, "every user of this machine may load BPF programs");
}

/* True of every gateway. */
static void say_what_holds_anywhere(struct doctor *d)
{
	tell(d, FINDING_CLONE, NULL, "who uses a device's MAC and address behind the same port (a hub, a cable with a tap) cannot be told from it");
	tell(d, FINDING_BOOT, NULL, "from the boot until cordond has attached its programs, and for the moment in which a new interface comes, ports forward unjudged");
	tell(d, FINDING_LOCAL_SENDERS, NULL, "programs on the gateway that may use packet sockets or XDP can send to ports past TC egress");
}

static void (*const looks[])(struct doctor *d) = {
	look_at_troubles, look_at_ports, look_at_links, look_at_rules, look_at_kernel, look_at_modes, say_what_holds_anywhere,
};

void command_doctor(void *ctx, struct control_client *client, const struct control_request *request)
{
	struct doctor d = { .engine = ctx };
	struct listing listing;
	json_t *item;
	size_t open, i;

	(void)request;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		d.items[kind] = json_array();
	for (size_t look = 0; look < ARRAY_SIZE(looks); look++)
		looks[look](&d);
	open = json_array_size(d.items[KIND_OPEN]);
	listing_begin(&listing, client, "findings");
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		json_array_foreach(d.items[kind], i, item)
			listing_add(&listing, json_incref(item));
		json_decref(d.items[kind]);
	}
	listing_end(&listing);
	if (open)
		control_done(client, CONTROL_DEGRADED, "%zu thing%s open", open, open == 1 ? " is" : "s are");
	else
		control_done(client, CONTROL_DONE, NULL);
}
