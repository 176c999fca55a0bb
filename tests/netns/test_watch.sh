# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What somebody changes behind the engine's back is seen within a second, put right and told.

setup() {
	node_add gw cam hub
	on gw ip link add br0 address 02:50:00:00:00:01 type bridge
	device cam 1
	device hub 2
	on gw ip link set br0 up
	on gw ip addr add 192.168.50.1/24 dev br0
	mkdir "$WORK/policy"
	policy >"$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	engine_start
}

device() { # NODE NUMBER
	ip link add "p$2" netns "$PREFIX-gw" type veth peer name eth0 netns "$PREFIX-$1" address "02:50:00:00:00:1$2"
	on gw ip link set "p$2" master br0 up
	on "$1" ip link set eth0 up
	on "$1" ip addr add "192.168.50.1$2/24" dev eth0
}

policy() {
	cat <<-END
		version: 1
		site: {name: home, mode: enforce}
		segments: {cameras: {}, hubs: {}}
		devices:
		  - {id: cam, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11], facts: {location: p1}}
		  - {id: hub, segment: hubs, mac: "02:50:00:00:00:12", ip: [192.168.50.12], facts: {location: p2}}
		rules:
		  - {id: ping, from: segment:cameras, to: segment:hubs, allow: [icmp/echo]}
	END
}

enforced() {
	assert_ok reaches cam 192.168.50.12
	assert_fails reaches hub 192.168.50.11
}

restored() { # PORT
	status ".ports[] | select(.name == \"$1\") | .restored"
}

restored_since() { # PORT COUNT
	[ "$(restored "$1")" -gt "$2" ]
}

tampered() { # PORT
	status ".ports[] | select(.name == \"$1\") | .tampered"
}

degraded_is() { # WORDS
	status_is '[.degraded[].what] | join(" ")' "$1"
}

test_a_card_that_begins_to_hide_tags() {
	local before
	before=$(restored p1)
	on gw ethtool -K p1 rxvlan on
	wait_for 5 restored_since p1 "$before"
	assert_contains "what was found" rx-vlan-hw-parse "$(tampered p1)"
	assert_contains "the feature" "off" "$(on gw ethtool -k p1 | grep '^rx-vlan-offload')"
	assert_contains "the event" "p1: rx-vlan-hw-parse" "$(ctl observe --kind integrity --port p1)"
	enforced
}

# The kernel forgets the filter with its qdisc; a tcx link stands beside it.
test_the_qdisc_of_the_filter_taken_away() {
	local before
	[ "$(status '.capabilities | any(startswith("tcx links: no"))')" = true ] || skip "this kernel has tcx"
	before=$(restored p2)
	on gw tc qdisc del dev p2 clsact
	wait_for 5 restored_since p2 "$before"
	assert_contains "what was found" "gone" "$(tampered p2)"
	enforced
}

test_the_pins_unmounted() {
	local link # br0 is number 1
	assert_fails umount "$BPFFS" # the engine holds a lock there
	umount -l "$BPFFS"
	wait_for 5 degraded_is pins
	assert_contains "the sentence" "mount -t bpf" "$(status '.degraded[0].text')"
	assert_eq "ports attached" 2 "$(status '[.ports[] | select(.attached)] | length')"
	enforced
	mount -t bpf bpf "$BPFFS"
	wait_for 5 degraded_is ""
	for link in xdp-2 xdp-3; do wait_for 5 test -e "$BPFFS/cordon/links/$link"; done
	engine_kill
	enforced
	engine_start
	assert_eq adopted true "$(status .adopted)"
	enforced
}
