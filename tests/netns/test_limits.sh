# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# vm: no, the arithmetic is the same everywhere, and its clock is this one's
# Real traffic against `limits:`: a flooding camera gets what it may and no more, in both directions together, and a laptop that
# talks to the same host at the same time loses nothing.

PLC=192.168.50.15 LAPTOP=192.168.50.16
RATE=20 # packets a second; its burst of 64 outlasts any moment in which a busy machine lets nobody send

setup() {
	lab up "$PREFIX" --static
	mkdir "$WORK/policy"
	policy "{packets: $RATE/s}" >"$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	engine_start
}

policy() { # LIMITS
	cat <<-END
		version: 1
		site: {name: test, mode: enforce}
		segments: {desks: {}, plant: {}, eyes: {limits: $1}}
		devices:
		  - {id: laptop, segment: desks, mac: "02:50:00:00:00:16", ip: [192.168.50.16]}
		  - {id: plc, segment: plant, mac: "02:50:00:00:00:15", ip: [192.168.50.15]}
		  - {id: camera, segment: eyes, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		rules:
		  - {id: ask, from: [segment:desks, segment:eyes], to: segment:plant, allow: [udp/7001]}
	END
}

device() { # DEVICE JQ
	cordon describe -c "$WORK/gateway.yaml" device "$1" -o json | jq -r ".device | $2"
}

passed() { # DEVICE
	device "$1" '.from_device.passed.packets + .to_device.passed.packets'
}

dropped() { # DEVICE REASON
	device "$1" "[.drops[] | select(.reason == \"$2\") | .packets] | add // 0"
}

milliseconds() {
	awk '{ printf "%d", $1 * 1000 }' /proc/uptime
}

# The answers come from one process that keeps up with both; what either sends in a millisecond is one datagram.
asking_begins() {
	spawn answer plc traffic answer $PLC 7001 7003 $LAPTOP
	answer=$SPAWNED_PID
	wait_for 5 on plc bash -c 'ss -lun | grep -q :7003'
	spawn laptop laptop traffic ask $PLC 7001 7003
	laptop=$SPAWNED_PID
	spawn camera camera traffic ask $PLC 7001 7003
	camera=$SPAWNED_PID
}

test_a_flood_gets_its_rate_and_its_neighbour_all() {
	local begin_low begin_high end_low end_high first last count=$((RATE * 10))
	asking_begins
	wait_for 20 at_least 1 dropped camera packet_rate
	# What is counted happened between the two clocks around it.
	begin_low=$(milliseconds) first=$(passed camera) begin_high=$(milliseconds)
	wait_for 60 at_least $((first + count)) passed camera
	end_low=$(milliseconds) last=$(passed camera) end_high=$(milliseconds)
	say "  $((last - first)) packets in $((end_low - begin_high)) to $((end_high - begin_low)) ms, $(dropped camera packet_rate) were over the limit"
	[ $(((last - first) * 1000)) -ge $((RATE * (end_low - begin_high) * 9 / 10)) ] || fail "less than its rate"
	[ $(((last - first) * 1000)) -le $((RATE * (end_high - begin_low) * 11 / 10)) ] || fail "more than its rate"

	kill -TERM "$laptop" "$camera"
	wait "$laptop" "$camera"
	kill -TERM "$answer"
	wait "$answer"
	say "  laptop $(cat "$WORK/laptop.log"), camera $(cat "$WORK/camera.log")"
	assert_eq "what the laptop asked and was answered" "$(jq .sent "$WORK/laptop.log")" "$(jq .answered "$WORK/laptop.log")"
	assert_eq "over a limit that it has not" 0 "$(dropped laptop packet_rate)"
	[ "$(jq .sent "$WORK/camera.log")" -gt "$(jq '.answered * 2' "$WORK/camera.log")" ] || fail "the camera was not held back"
}

test_the_limits_are_shown_and_go_with_the_policy() {
	assert_eq "in force" '{"flows":8192,"new_flows":null,"rate":null,"packets":20,"critical":false}' "$(device camera '.limits | tojson')"
	assert_eq "of no limit" '{"flows":8192,"new_flows":null,"rate":null,"packets":null,"critical":false}' "$(device laptop '.limits | tojson')"
	policy '{new_flows: 2/s, rate: 8mbit}, critical: true' >"$WORK/other.yaml"
	assert_exit 3 cordon diff -c "$WORK/gateway.yaml" "$WORK/other.yaml"
	assert_contains "diff" "limits: packets 20/s -> new_flows 2/s, rate 8mbit, critical" "$(cat "$WORK/output")"
	assert_ok cordon apply -c "$WORK/gateway.yaml" "$WORK/other.yaml"
	assert_eq "now" '{"flows":8192,"new_flows":2,"rate":8000000,"packets":null,"critical":true}' "$(device camera '.limits | tojson')"
	# More flows than it may begin, of few packets each: the new limit meets them, the old one nothing any more.
	spawn answer plc traffic answer $PLC 7001 7003 $LAPTOP
	wait_for 5 on plc bash -c 'ss -lun | grep -q :7003'
	spawn camera camera traffic ask $PLC 7001 7003
	wait_for 20 at_least 1 dropped camera new_flow_rate
}
