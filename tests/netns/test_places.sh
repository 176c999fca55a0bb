# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `max_devices` of a port: who speaks there first has a place while there is room, and who comes later has none. One network
# card plays several devices.

GATEWAY=192.168.50.1

setup() {
	lab up "$PREFIX" --static
	mkdir "$WORK/policy"
	policy >"$WORK/policy/site.yaml"
	gateway_yaml | sed 's/^ports: .*/ports: {p1: {max_devices: 1}, p2: {max_devices: 2}, "p*": {}}/' >"$WORK/gateway.yaml"
	engine_start
}

policy() { # [FACTS OF second]
	cat <<-END
		version: 1
		site: {name: test, mode: enforce}
		segments: {all: {}}
		devices:
		  - {id: first, segment: all, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		  - {id: second, segment: all, mac: "02:50:00:00:01:11", ip: [192.168.50.111]${1:+, facts: {$1\}}}
		  - {id: known, segment: all, mac: "02:50:00:00:01:12", ip: [192.168.50.112]}
		rules:
		  - {id: ping, from: segment:all, to: gateway, allow: [icmp/echo]}
	END
}

becomes() { # NODE MAC [ADDRESS]
	on "$1" ip link set eth0 address "$2"
	on "$1" ip -4 addr flush dev eth0
	[ -z "${3:-}" ] || on "$1" ip addr add "$3/24" dev eth0
}

port_of() { # DEVICE
	ctl get devices -o json | jq -r "[.devices[] | select(.id == \"$1\" or .mac == \"$1\") | .port] | first"
}

sits_on() { # DEVICE PORT
	[ "$(port_of "$1")" = "$2" ]
}

# Of frames that no device pays for.
reason_on_port() { # REASON
	ctl observe -o jsonl | jq -e -s --arg reason "$1" 'any(.[]; .reason == $reason)'
}

test_one_takes_the_place_and_the_next_has_none() {
	wait_for 10 reaches camera "$GATEWAY"
	assert_eq "first" p1 "$(port_of first)"
	assert_contains "log" "placed device=first port=p1" "$(cat "$WORK/engine.log")"
	becomes camera 02:50:00:00:01:11 192.168.50.111
	assert_fails reaches camera "$GATEWAY"
	assert_eq "second" null "$(port_of second)"
	wait_for 5 grep -q 'as many devices as the port may have.* port=p1 max_devices=1 device=second' "$WORK/engine.log"
	wait_for 5 reason_on_port no_place
}

test_a_stranger_has_no_room_there_either() {
	becomes camera 02:50:00:00:02:11 192.168.50.115
	assert_fails reaches camera "$GATEWAY"
	wait_for 5 reason_on_port unknown_device
	assert_eq "the stranger" null "$(port_of 02:50:00:00:02:11)"
}

test_the_policy_puts_one_there_all_the_same() {
	policy "location: p1" >"$WORK/other.yaml"
	assert_ok ctl apply "$WORK/other.yaml"
	becomes camera 02:50:00:00:01:11 192.168.50.111
	wait_for 10 reaches camera "$GATEWAY"
	assert_eq "second" p1 "$(port_of second)"
}

# The lock is a stranger on p2, and one more fits beside it; a device of the policy fits beside both.
test_strangers_keep_no_known_device_out() {
	assert_fails reaches lock "$GATEWAY"
	wait_for 5 sits_on 02:50:00:00:00:12 p2
	becomes lock 02:50:00:00:02:12 192.168.50.113
	assert_fails reaches lock "$GATEWAY"
	wait_for 5 sits_on 02:50:00:00:02:12 p2
	becomes lock 02:50:00:00:03:12 192.168.50.114
	assert_fails reaches lock "$GATEWAY"
	wait_for 5 grep -q 'as many devices as the port may have.* port=p2 max_devices=2 ' "$WORK/engine.log"
	assert_eq "the third" null "$(port_of 02:50:00:00:03:12)"
	becomes lock 02:50:00:00:01:12 192.168.50.112
	wait_for 10 reaches lock "$GATEWAY"
	assert_eq "known" p2 "$(port_of known)"
}

# Nobody new without the engine, and who has a place keeps it.
test_without_the_engine_places_stay_as_they_are() {
	engine_kill
	assert_ok reaches lock "$GATEWAY"
	assert_ok reaches camera "$GATEWAY"
	engine_start
	assert_ok reaches lock "$GATEWAY"
	assert_eq "known" p2 "$(port_of known)"
}
