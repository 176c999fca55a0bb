# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `cordon doctor`: each way by which frames may pass unjudged is named when it is there, with its place and its remedy, and goes
# again with it.

setup() {
	node_add gw cam hub
	on gw ip link add br0 address 02:50:00:00:00:01 type bridge
	device cam 1
	device hub 2
	on gw ip link set br0 up
	on gw ip addr add 192.168.50.1/24 dev br0
	mkdir "$WORK/policy"
	policy enforce >"$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	engine_start
}

device() { # NODE NUMBER
	ip link add "p$2" netns "$PREFIX-gw" type veth peer name eth0 netns "$PREFIX-$1" address "02:50:00:00:00:1$2"
	on gw ip link set "p$2" master br0 up
	on "$1" ip link set eth0 up
	on "$1" ip addr add "192.168.50.1$2/24" dev eth0
}

policy() { # MODE [RULE]
	cat <<-END
		version: 1
		site: {name: home, mode: $1}
		segments: {cameras: {}, hubs: {}}
		devices:
		  - {id: cam, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11], facts: {location: p1}}
		  - {id: hub, segment: hubs, mac: "02:50:00:00:00:12", ip: [192.168.50.12], facts: {location: p2}}
		rules:
		  - {id: ping, from: segment:cameras, to: segment:hubs, allow: [icmp/echo]}
		  ${2:-}
	END
}

apply() { # MODE [RULE]
	policy "$@" >"$WORK/other.yaml"
	assert_ok ctl apply "$WORK/other.yaml"
}

doctor() { # JQ-FILTER
	{ ctl doctor -o json 2>/dev/null || :; } | jq -r "$1"
}

# WHAT@WHERE of a kind, in the order of the list.
found() { # KIND
	doctor "[.findings[] | select(.kind == \"$1\") | .what + (if .where then \"@\" + .where else \"\" end)] | join(\" \")"
}

# Not of this machine's kernel.
open_here() {
	found open | sed 's/ *unprivileged_bpf//'
}

is_open() { # WHAT@WHERE
	[ "$(open_here)" = "$1" ]
}

blind_has() { # WHAT@WHERE
	[[ " $(found blind) " == *" $1 "* ]]
}

blind_lacks() { # WHAT@WHERE
	! blind_has "$1"
}

test_a_sound_gateway_has_nothing_open() {
	assert_eq open "" "$(open_here)"
	assert_eq chosen "" "$(found chosen)"
	assert_contains "what holds anywhere" "clone boot local_senders" "$(found blind)"
	assert_eq "without a text or a fix" 0 "$(doctor '[.findings[] | select((.text | length) < 20 or (.fix | length) < 10)] | length')"
	[ -n "$(found open)" ] || assert_ok ctl doctor
}

# The engine switches it off again within a second, so that the question may come too late.
hidden_is_open() {
	on gw ethtool -K p1 rxvlan on
	ctl doctor >"$WORK/doctor" && return 1
	grep -q vlan_hidden "$WORK/doctor"
}

test_tags_that_the_card_hides() {
	wait_for 10 hidden_is_open
	assert_contains "the fix" "ethtool -K" "$(cat "$WORK/doctor")"
	wait_for 5 is_open ""
}

test_a_stranger_in_the_bridge() {
	on gw ip link add strange type veth peer name other
	wait_for 5 blind_lacks unnamed_interface@strange # it is down
	on gw ip link set strange master br0
	wait_for 5 is_open bridge_member@strange
	assert_contains "the text" "bridge br0" "$(doctor '.findings[0].text')"
	on gw ip link set strange nomaster up
	wait_for 5 blind_has unnamed_interface@strange
	assert_eq open "" "$(open_here)"
	on gw ip link del strange
	wait_for 5 blind_lacks unnamed_interface@strange
}

# Not on a port of a bridge, which the kernel refuses.
test_an_interface_on_a_port() {
	on gw ip link add p9 type veth peer name far
	on gw ip link add link p9 name above type macvlan 2>"$WORK/refused" || skip "this kernel has no macvlan"
	wait_for 5 blind_has interface_above@above
	assert_contains "the text" "macvlan) stands on the device port p9" "$(doctor '.findings[] | select(.what == "interface_above") | .text')"
	on gw ip link del p9
	wait_for 5 blind_lacks interface_above@above
}

test_devices_that_share_a_port() {
	apply enforce '' && sed -i 's/location: p2/location: p1/' "$WORK/other.yaml"
	assert_ok ctl apply "$WORK/other.yaml"
	blind_has shared_port@p1 || fail "blind: $(found blind)"
	blind_lacks shared_port@p2 || fail "blind: $(found blind)"
	assert_contains "the text" "2 devices sit on p1 (cam, hub)" "$(doctor '.findings[] | select(.what == "shared_port") | .text')"
	apply enforce
	blind_lacks shared_port@p1 || fail "blind: $(found blind)"
}

test_what_the_policy_chose() {
	apply audit
	assert_eq chosen mode "$(found chosen)"
	assert_contains "the text" "2 devices are in mode audit" "$(doctor '.findings[] | select(.what == "mode") | .text')"
	apply enforce '- {id: music, from: segment:hubs, to: "mcast:mdns", allow: any}'
	assert_eq chosen allow_not_honoured@music "$(found chosen)"
	assert_eq open "" "$(open_here)"
	apply enforce '- {id: silence, from: segment:hubs, to: "mcast:mdns", deny: any}'
	assert_eq open deny_not_honoured@silence "$(open_here)"
	assert_contains "the text" "mcast:" "$(doctor '.findings[] | select(.what == "deny_not_honoured") | .text')"
	apply enforce
}

test_troubles_are_open_too() {
	assert_ok ctl brake on
	assert_eq open brake "$(open_here)"
	assert_ok ctl brake release
}

# A name is a name, whatever is in it.
test_names_do_not_steer_the_terminal() {
	local name=$'x\e[2Jx'
	on gw ip link add "$name" type veth peer name far 2>"$WORK/refused" || skip "this ip takes no such name"
	on gw ip link set "$name" up
	wait_for 5 blind_has "unnamed_interface@$name"
	ctl doctor >"$WORK/text" || :
	grep -q 'x?\[2Jx is neither' "$WORK/text" || fail "$(cat "$WORK/text")"
	on gw ip link del "$name"
}

# A link keeps the form that it was made in, so it is taken off first.
test_xdp_in_generic_form() {
	local link
	engine_kill
	for link in "$BPFFS"/cordon/links/xdp-*; do assert_ok on gw bpftool link detach pinned "$link"; done
	gateway_yaml 'xdp: generic' >"$WORK/gateway.yaml"
	engine_start
	wait_for 5 blind_has generic_xdp@p1
	assert_eq open "" "$(open_here)"
}
