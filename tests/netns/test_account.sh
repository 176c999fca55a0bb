# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# With real traffic: audit cuts nothing, what is counted is what was on the wire, a change cuts live flows, a flood of drops
# is counted exactly though it is not all told.

LAPTOP=192.168.50.16 PLC=192.168.50.15 GATEWAY=192.168.50.1

# Before 6.6 egress hangs on a clsact qdisc, and the kernel shuts an interface's transmit queues for the instant in which it gets
# its first (qdisc_graft() in net/sched/sch_api.c): a frame sent then is lost, and nothing that we do to the next one.
clsact_where_needed() {
	local port
	[ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n1)" != 6.6 ] || return 0
	for port in p1 p2 p3 p4 p5 p6; do
		on gw tc qdisc add dev "$port" clsact
	done
}

setup() {
	lab up "$PREFIX" --static
	clsact_where_needed
	lab_gateway_mac=$(on gw ip -o link show br0 | sed 's/.*ether \([^ ]*\).*/\1/')
}

policy() { # MODE [RULE...]
	printf '%s\n' 'version: 1' "site: {name: test, mode: $1}" 'segments: {desks: {}, plant: {}, eyes: {}}' 'devices:' \
		'  - {id: laptop, segment: desks, mac: "02:50:00:00:00:16", ip: [192.168.50.16, "fd50::16"]}' \
		'  - {id: plc, segment: plant, mac: "02:50:00:00:00:15", ip: [192.168.50.15, "fd50::15"]}' \
		'  - {id: camera, segment: eyes, mac: "02:50:00:00:00:11", ip: [192.168.50.11, "fd50::11"]}'
	shift
	[ $# -eq 0 ] || echo 'rules:'
	[ $# -eq 0 ] || printf '  - %s\n' "$@"
}

fresh() { # MODE [RULE...]
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	policy "$@" >"$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
}

lines_of() {
	wc -l <"$1"
}

# A line every 20 ms from the laptop to the PLC over one connection; what arrives is in $WORK/heard.
talk_begin() {
	rm -f "$WORK/heard" # of an earlier talk: it would do for this one's beginning
	spawn listener plc socat -u TCP-LISTEN:9999,reuseaddr CREATE:"$WORK/heard"
	wait_for 5 on plc bash -c 'ss -ltn 2>/dev/null | grep -q :9999'
	spawn talker laptop bash -c "exec 3<>/dev/tcp/$PLC/9999; for ((i = 1; ; i++)); do echo line \$i >&3; read -rt 0.02 -u 3 || :; done"
	wait_for 5 at_least 10 lines_of "$WORK/heard"
}

# Datagrams and answers between laptop and PLC, each accounted for, from before the engine starts until after it has.
attach_under_traffic() { # SECONDS COMMAND... (what must hold before the traffic ends)
	local answer ask
	spawn answer plc traffic answer $PLC 7001 7003 $LAPTOP
	answer=$SPAWNED_PID
	wait_for 5 on plc bash -c 'ss -lun | grep -q :7003'
	spawn ask laptop traffic ask $PLC 7001 7003
	ask=$SPAWNED_PID
	talk_begin
	engine_start
	before=$(lines_of "$WORK/heard")
	wait_for "$@"
	wait_for 10 at_least $((before + 50)) lines_of "$WORK/heard"
	kill -TERM "$ask"
	wait "$ask"
	kill -TERM "$answer"
	wait "$answer"
	say "  $(cat "$WORK/ask.log") $(cat "$WORK/answer.log")"
	assert_eq "datagrams there" "$(jq .sent "$WORK/ask.log")" "$(jq .asked "$WORK/answer.log")"
	assert_eq "datagrams back" "$(jq .sent "$WORK/ask.log")" "$(jq .answered "$WORK/ask.log")"
}

test_audit_cuts_nothing_that_was_alive() {
	fresh audit
	attach_under_traffic 10 at_least 50 status '.would_deny | add // 0'
	# New ones too, multicast included.
	assert_ok on camera ping -n -q -c 2 -i 0.05 -W 1 "$PLC"
	assert_ok on camera ping -n -q -c 2 -i 0.05 -W 1 "fd50::15"
	assert_ok on laptop ping -n -q -c 2 -i 0.05 -W 1 ff02::1%eth0
	assert_eq "drops in audit" "{}" "$(status '.drops | tostring')"
}

test_enforce_takes_over_what_was_alive_and_allowed() {
	fresh enforce '{id: talk, from: segment:desks, to: segment:plant, allow: [tcp/9999, udp/7001]}'
	attach_under_traffic 10 at_least 50 status '.drops.default_deny // 0'
}

# Payload bytes of the flow to port 8000, its headers taken off: 20 IP and 32 TCP with timestamps, 8 more in the two SYNs.
payload() { # packets|rpackets bytes|rbytes FLOW
	jq "(.$2 - .$1 * 52 - 8)" <<<"$3"
}

flow_is_closing() {
	ctl get flows -o jsonl --device laptop | jq -c 'select(.dport == 8000 and .state == "closing")' >"$WORK/flow"
	[ -s "$WORK/flow" ]
}

captured_from_laptop() { # FRAMES
	[ "$(tcpdump -n -r "$WORK/wire.pcap" "src $LAPTOP" 2>/dev/null | wc -l)" = "$1" ]
}

test_flows_count_what_was_on_the_wire() {
	local flow frames big
	fresh enforce '{id: fetch, from: segment:desks, to: gateway, allow: [tcp/8000]}'
	engine_start
	head -c 3000000 /dev/zero >"$WORK/big"
	spawn capture laptop tcpdump -i eth0 -n -U -s 96 --immediate-mode -B 16384 -w "$WORK/wire.pcap" tcp port 8000
	wait_for 5 grep -q "listening on" "$WORK/capture.log"
	spawn server gw socat -u OPEN:"$WORK/big" TCP-LISTEN:8000,reuseaddr
	wait_for 5 on gw bash -c 'ss -ltn | grep -q :8000'
	on laptop socat -u TCP:$GATEWAY:8000 CREATE:"$WORK/got"
	cmp "$WORK/big" "$WORK/got" || fail "the file arrived otherwise"
	# The last ACK may still be on its way.
	wait_for 5 flow_is_closing
	flow=$(cat "$WORK/flow")
	# On a busy machine TCP sends a segment twice now and then; the pings below are exact.
	[ "$(payload rpackets rbytes "$flow")" -ge 3000000 ] && [ "$(payload rpackets rbytes "$flow")" -lt 3100000 ] ||
		fail "payload down: $(payload rpackets rbytes "$flow")"
	# tcpdump may still be writing; from the laptop every frame is one segment.
	wait_for 5 captured_from_laptop "$(jq .packets <<<"$flow")"
	frames=$(tcpdump -n -r "$WORK/wire.pcap" "src $GATEWAY" 2>/dev/null | wc -l)
	big=$(tcpdump -n -r "$WORK/wire.pcap" "src $GATEWAY and greater 1515" 2>/dev/null | wc -l)
	say "  $flow"
	say "  in the capture: $frames frames from the gateway, $big of them more than one segment"
	if [ "$big" -gt 0 ]; then
		[ "$(jq .rpackets <<<"$flow")" -gt "$frames" ] || fail "GSO packets were counted as one frame each"
	else
		assert_eq "packets down" "$frames" "$(jq .rpackets <<<"$flow")"
	fi
}

test_pings_are_counted_to_the_byte() {
	fresh enforce '{id: ping, from: segment:desks, to: segment:plant, allow: [icmp/echo]}'
	engine_start
	assert_ok on laptop ping -n -q -c 20 -i 0.01 -s 100 -W 5 $PLC
	assert_eq "flow" '{"packets":20,"bytes":2560,"rpackets":20,"rbytes":2560,"verdict":"allow","rule":"ping"}' \
		"$(ctl get flows -o jsonl --device laptop | jq -c 'select(.proto == "icmp") | {packets, bytes, rpackets, rbytes, verdict, rule}')"
}

test_a_change_cuts_a_live_flow() {
	local at
	fresh enforce '{id: talk, from: segment:desks, to: segment:plant, allow: [tcp/9999]}'
	engine_start
	talk_begin
	policy enforce >"$WORK/deny.yaml"
	assert_ok ctl apply "$WORK/deny.yaml"
	at=$(lines_of "$WORK/heard")
	wait_for 5 bash -c "cordon observe -c $WORK/gateway.yaml -o jsonl | grep -q '\"reason\": *\"cut\"'"
	# What was in the receiver's own queue may still be written; then nothing, however often the talker tries again.
	wait_for 10 at_least 3 drops_of_the_talker
	[ "$(lines_of "$WORK/heard")" -le $((at + 5)) ] || fail "the flow went on: $at lines, now $(lines_of "$WORK/heard")"
}

# TCP sends again what was not acknowledged, ever more slowly; each try is a drop.
drops_of_the_talker() {
	status '.drops | (.no_flow // 0) + (.cut // 0)'
}

# The camera's own count of this reason; `status` adds up everybody's.
camera_drops() { # packets|suppressed|lost
	ctl describe device camera -o json | jq "[.device.drops[] | select(.reason == \"default_deny\") | .$1] | add // 0"
}

has_come_to_rest() {
	local before
	before=$(camera_drops packets)
	[ "$before" -gt 0 ] && [ "$before" = "$(camera_drops packets)" ]
}

# A veth queues 256 frames for XDP and loses the rest of a burst before anybody sees it, so what was dropped is asked of the
# programs, and what was sent only bounds it.
test_a_flood_of_drops_is_told_within_bounds_and_counted_exactly() {
	local told dropped suppressed lost i
	skip_in_vm "it takes so long there that more is told than the engine remembers"
	fresh enforce
	engine_start
	for ((i = 0; i < 20; i++)); do
		on camera frame send eth0 udp --src-mac 02:50:00:00:00:11 --dst-mac "$lab_gateway_mac" --src 192.168.50.11 --dst $GATEWAY \
			--sport 5 --dport 6 --count 100
	done
	wait_for 10 has_come_to_rest
	dropped=$(camera_drops packets) suppressed=$(camera_drops suppressed) lost=$(camera_drops lost)
	told=$(ctl observe -o jsonl | jq -c 'select(.reason == "default_deny" and .device == "camera")' | wc -l)
	say "  $dropped of 2000 came and were dropped: $told told, $suppressed suppressed, $lost lost"
	[ "$dropped" -gt 500 ] && [ "$dropped" -le 2000 ] || fail "dropped: $dropped"
	[ "$suppressed" -gt 0 ] && [ "$told" -gt 0 ] || fail "no budget was met"
	assert_eq "told, suppressed and lost" "$dropped" $((told + suppressed + lost))
}
