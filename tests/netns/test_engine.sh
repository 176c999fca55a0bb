# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The engine as a process: what is in force stays in force whatever happens to it, its files and its ports.
# deadline: 400

GATEWAY=192.168.50.1 CAMERA=192.168.50.11 LOCK=192.168.50.12

setup() {
	lab up "$PREFIX" --static
}

# Nothing of an earlier test: no pins, no state, the good policy in its folder.
fresh() {
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	good_policy >"$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
}

good_policy() {
	cat <<-'END'
		version: 1
		site: {name: test, mode: enforce}
		segments: {cameras: {}, plant: {}, office: {}}
		devices:
		  - {id: camera, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11], facts: {location: p1}}
		  - {id: lock, segment: plant, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		  - {id: laptop, segment: office, mac: "02:50:00:00:00:16", ip: [192.168.50.16]}
		rules:
		  - {id: ping-gateway, from: segment:cameras, to: gateway, allow: [icmp/echo]}
		  - {id: ping-camera, from: segment:office, to: segment:cameras, allow: [icmp/echo]}
	END
}

# The same, and the camera may reach the lock.
wider_policy() {
	good_policy
	echo '  - {id: ping-lock, from: segment:cameras, to: segment:plant, allow: [icmp/echo]}'
}

degraded() {
	status '[.degraded[].what] | join(" ")'
}

cannot_reach() { # NODE ADDRESS
	! reaches "$@"
}

enforced() {
	assert_ok reaches camera "$GATEWAY"
	assert_ok reaches laptop "$CAMERA"
	assert_fails reaches camera "$LOCK"
}

received() { # LOG
	sed -n 's/.* \([0-9]*\) received.*/\1/p' "$1"
}

sent() { # LOG
	sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' "$1"
}

test_a_first_start_puts_the_folder_in_force() {
	fresh
	engine_start
	enforced
	assert_eq revision 1 "$(status .revision)"
	assert_eq degraded "" "$(degraded)"
	assert_eq "ports attached" 6 "$(status '[.ports[] | select(.attached)] | length')"
	assert_eq drift null "$(status .drift)"
}

test_killed_and_started_again_under_traffic() {
	local allowed denied i
	fresh
	engine_start
	spawn allowed camera ping -n -q -i 0.02 -W 1 "$GATEWAY"
	allowed=$SPAWNED_PID
	spawn denied camera ping -n -q -i 0.02 -W 1 "$LOCK"
	denied=$SPAWNED_PID
	for i in 1 2 3; do
		engine_kill
		enforced
		engine_start
		enforced
		assert_eq "revision after kill $i" 1 "$(status .revision)"
		assert_eq "degraded after kill $i" "" "$(degraded)"
	done
	kill -INT "$allowed" "$denied"
	wait "$allowed" || :
	wait "$denied" || :
	[ "$(sent "$WORK/allowed.log")" -gt 20 ] || fail "hardly any traffic: $(cat "$WORK/allowed.log")"
	# The signal may come between the last question and its answer; test_kill.sh counts without that doubt.
	[ "$(received "$WORK/allowed.log")" -ge $(($(sent "$WORK/allowed.log") - 1)) ] || fail "allowed frames were lost: $(cat "$WORK/allowed.log")"
	assert_eq "denied frames that came through" 0 "$(received "$WORK/denied.log")"
}

test_ended_by_a_signal_it_leaves_enforcement() {
	fresh
	engine_start
	kill -TERM "$ENGINE"
	wait "$ENGINE" || fail "exit $? after TERM"
	enforced
}

test_a_port_that_comes_back_is_attached_again() {
	fresh
	engine_start
	on gw ip link del p2
	wait_for 5 status_is '[.ports[] | select(.name == "p2")] | length' 0
	on gw ip link add p2 type veth peer name eth0 netns "$PREFIX-lock" address 02:50:00:00:00:12
	on gw ip link set p2 master br0 up
	on lock ip addr add "$LOCK/24" dev eth0
	on lock ip link set eth0 up
	wait_for 5 status_is '.ports[] | select(.name == "p2") | .attached' true
	enforced
	wider_policy >"$WORK/wider.yaml"
	assert_ok ctl apply "$WORK/wider.yaml"
	wait_for 5 reaches camera "$LOCK"
}

# While the engine is stopped, more notifications than its socket holds, and then one that counts.
test_lost_notifications_lose_no_port() {
	local i
	fresh
	engine_start
	kill -STOP "$ENGINE"
	for ((i = 0; i < 6000; i++)); do echo "link set lo alias x$i"; done | on gw ip -batch -
	on gw ip link add plate type veth peer name other
	kill -CONT "$ENGINE"
	wait_for 5 status_is '.ports[] | select(.name == "plate") | .attached' true
	grep -q 'notifications were lost' "$WORK/engine.log" || fail "the burst was too small"
	on gw ip link del plate
	wait_for 5 status_is '[.ports[] | select(.name == "plate")] | length' 0
}

# The link that holds a program is not for `ip`; somebody with bpftool can still take it off.
test_a_detached_program_is_put_back() {
	fresh
	engine_start
	on gw bpftool link detach pinned "$(find "$BPFFS/cordon" -name 'xdp-*' -path '*link*' | sort | head -1)"
	wait_for 5 status_is '[.ports[].restored] | add' 1
	assert_eq "ports attached" 6 "$(status '[.ports[] | select(.attached)] | length')"
	enforced
}

test_hangup_takes_a_good_policy_and_refuses_a_bad_one() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	echo 'rules: [' >"$WORK/policy/site.yaml"
	kill -HUP "$ENGINE"
	wait_for 5 grep -q 'not reloaded' "$WORK/engine.log"
	enforced
	assert_eq revision 1 "$(status .revision)"
	assert_eq degraded folder "$(degraded)"
	wider_policy >"$WORK/policy/site.yaml"
	kill -HUP "$ENGINE"
	wait_for 5 status_is .revision 2
	assert_ok reaches camera "$LOCK"
	assert_eq degraded "" "$(degraded)"
}

test_apply_says_what_it_did_and_how_to_undo_it() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	wider_policy >"$WORK/wider.yaml"
	assert_ok ctl apply "$WORK/wider.yaml"
	assert_contains "what apply said" "cordon rollback 1" "$(cat "$WORK/output")"
	assert_ok reaches camera "$LOCK"
	assert_ok ctl apply "$WORK/wider.yaml"
	assert_eq "revision after applying the same" 2 "$(status .revision)"
	assert_eq "hash of the folder is not what runs" "$WORK/policy" "$(status .drift.path)"
	assert_ok ctl rollback
	assert_fails reaches camera "$LOCK"
	assert_eq "revision after going back" 3 "$(status .revision)"
	assert_eq drift null "$(status .drift)"
	assert_eq "who and what" "root rollback to revision 1" "$(ctl history -o json | jq -r '.revisions[0] | "\(.who) \(.why)"')"
	assert_exit 4 ctl rollback 99
}

test_a_bad_policy_changes_nothing() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	echo '  - {id: bad, from: segment:nobody, to: any, allow: any}' >>"$WORK/policy/site.yaml"
	assert_exit 1 ctl apply "$WORK/policy/site.yaml"
	assert_contains "the error" "site.yaml:" "$(cat "$WORK/output")"
	assert_eq revision 1 "$(status .revision)"
	enforced
}

test_a_dry_run_shows_the_change_and_makes_none() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	wider_policy >"$WORK/wider.yaml"
	assert_exit 3 ctl apply --dry-run "$WORK/wider.yaml"
	assert_contains "who gains" ping-lock "$(cat "$WORK/output")"
	assert_eq revision 1 "$(status .revision)"
	assert_exit 3 ctl diff "$WORK/wider.yaml"
	assert_exit 0 ctl diff "$WORK/policy/site.yaml"
	enforced
}

test_the_applied_revision_wins_over_a_bad_folder_after_a_restart() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	wider_policy >"$WORK/wider.yaml"
	assert_ok ctl apply "$WORK/wider.yaml"
	engine_kill
	rm -rf "$BPFFS/cordon" # as after a boot
	echo nonsense >"$WORK/policy/site.yaml"
	engine_start
	assert_eq revision 2 "$(status .revision)"
	assert_eq degraded folder "$(degraded)"
	assert_ok reaches camera "$LOCK"
}

test_a_lost_database_loses_no_enforcement() {
	fresh
	engine_start
	engine_kill
	rm -rf "$WORK/state"
	echo nonsense >"$WORK/policy/site.yaml"
	engine_start
	enforced
	assert_contains degraded no_text "$(degraded)"
	good_policy >"$WORK/policy/site.yaml"
	assert_ok ctl reload
	assert_eq degraded "" "$(degraded)"
	enforced
}

test_without_a_policy_ports_drop_all_and_say_so() {
	fresh
	rm "$WORK/policy/site.yaml"
	engine_start
	assert_fails reaches camera "$GATEWAY"
	assert_contains degraded no_policy "$(degraded)"
	assert_exit 8 ctl status
	good_policy >"$WORK/policy/site.yaml"
	assert_ok ctl reload
	enforced
	assert_eq degraded "" "$(degraded)"
}

test_fail_open_passes_until_there_is_a_policy() {
	skip_in_vm "no other kernel changes this"
	fresh
	rm "$WORK/policy/site.yaml"
	gateway_yaml 'fail: open' >"$WORK/gateway.yaml"
	engine_start
	assert_ok reaches camera "$LOCK"
	assert_exit 8 ctl status
	good_policy >"$WORK/good.yaml"
	assert_ok ctl apply "$WORK/good.yaml"
	enforced
}

test_only_one_engine_a_run_folder_and_pins() {
	skip_in_vm "no other kernel changes this"
	fresh
	engine_start
	assert_exit 7 on gw cordond -c "$WORK/gateway.yaml" --foreground
	assert_contains "the refusal" "pid $ENGINE" "$(cat "$WORK/output")"
	gateway_yaml | sed "s|^run:.*|run: $WORK/run2|; s|^state:.*|state: $WORK/state2|" >"$WORK/other.yaml"
	assert_exit 7 on gw cordond -c "$WORK/other.yaml" --foreground
	enforced
}

test_strangers_may_not_ask() {
	skip_in_vm "no other kernel changes this"
	fresh
	chmod 755 "$WORK" # the socket must refuse, not the way to it
	engine_start
	assert_exit 6 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v cordon)" status -c "$WORK/gateway.yaml"
	assert_exit 6 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v cordon)" brake on -c "$WORK/gateway.yaml"
	enforced
}

test_quarantine_and_brake_outlive_the_engine() {
	fresh
	engine_start
	assert_ok ctl quarantine camera --reason test
	assert_fails reaches camera "$GATEWAY"
	assert_ok ctl brake on
	engine_kill
	engine_start
	assert_fails reaches camera "$GATEWAY"
	assert_eq quarantined camera "$(ctl get quarantines -o json | jq -r '.quarantines[].device')"
	assert_eq degraded brake "$(degraded)"
	assert_ok reaches laptop "$LOCK"
	assert_ok ctl brake release
	assert_ok ctl release camera
	enforced
	assert_fails reaches laptop "$LOCK"
}

# A ping that was answered is a flow for a minute, though nothing more is said.
talks() { # DEVICE PEER
	ctl get flows -o jsonl | jq -es --arg device "$1" --arg peer "$2" 'any(.device == $device and .peer == $peer)' >/dev/null
}

is_silent() { # DEVICE PEER
	! talks "$@"
}

two_were_cut() {
	[ "$(ctl get flows --ended -o jsonl | jq -s 'map(select(.state == "cut")) | length')" = 2 ]
}

test_idle_flows_end_with_what_allowed_them() {
	fresh
	engine_start
	enforced
	assert_ok talks camera gateway
	assert_ok talks laptop camera
	good_policy | grep -v ping-camera >"$WORK/narrower.yaml"
	assert_ok ctl apply "$WORK/narrower.yaml"
	wait_for 5 is_silent laptop camera
	assert_ok talks camera gateway
	assert_ok ctl quarantine camera
	wait_for 5 is_silent camera gateway
	wait_for 5 two_were_cut
}

live_flows() {
	bpftool -j map dump pinned "$BPFFS/cordon/maps/usage" | jq '.[0].formatted.value.flows'
}

live_flows_are() { # NUMBER
	[ "$(live_flows)" = "$1" ]
}

# The unconfirmed policy goes by itself, and with it what only that one allowed.
test_idle_flows_end_without_an_engine() {
	fresh
	engine_start
	assert_ok reaches camera "$GATEWAY"
	wider_policy >"$WORK/wider.yaml"
	assert_ok ctl apply "$WORK/wider.yaml" --confirm $((3 * SLOW))s
	assert_ok reaches camera "$LOCK"
	engine_kill
	assert_ok live_flows_are 2
	wait_for 8 live_flows_are 1
}

test_no_boot_and_no_lost_database_ends_a_quarantine() {
	fresh
	engine_start
	assert_ok ctl quarantine camera
	engine_kill
	rm -rf "$BPFFS/cordon" # as after a boot
	engine_start
	assert_fails reaches camera "$GATEWAY"
	engine_kill
	rm -rf "$WORK/state"
	engine_start
	assert_fails reaches camera "$GATEWAY"
	assert_ok ctl release camera
	engine_kill
	engine_start
	enforced
}

test_a_new_address_of_the_gateway_is_the_gateway() {
	fresh
	engine_start
	assert_fails reaches camera 192.168.50.99
	on gw ip addr add 192.168.50.99/24 dev br0
	wait_for 5 reaches camera 192.168.50.99
	assert_eq revision 1 "$(status .revision)"
	on gw ip addr del 192.168.50.99/24 dev br0
}

test_a_stranger_gets_a_row_and_nothing_else() {
	fresh
	engine_start
	assert_fails reaches plc "$GATEWAY"
	wait_for 5 status_is .devices.unknown 1
	assert_eq stranger mac-025000000015 "$(ctl get devices -o json | jq -r '.devices[] | select(.declared | not) | .id')"
	assert_fails reaches plc "$GATEWAY"
	assert_contains "what was seen" unknown_device "$(ctl observe -o jsonl)"
}

# Without --foreground the command returns when the policy is in force.
test_it_detaches_once_it_is_ready() {
	skip_in_vm "no other kernel changes this"
	fresh
	assert_ok on gw cordond -c "$WORK/gateway.yaml"
	ENGINE=$(cat "$WORK/run/cordond.pid")
	enforced
	assert_eq pid "$ENGINE" "$(status .pid)"
	kill -TERM "$ENGINE"
	wait_for 5 grep -q 'ending' "$WORK/run/cordond.log"
	enforced
}

test_it_keeps_three_capabilities() {
	fresh
	engine_start
	# CAP_NET_ADMIN 12, CAP_PERFMON 38, CAP_BPF 39
	assert_eq effective 000000c000001000 "$(sed -n 's/^CapEff:\t//p' "/proc/$ENGINE/status")"
	assert_eq bounding 000000c000001000 "$(sed -n 's/^CapBnd:\t//p' "/proc/$ENGINE/status")"
	assert_eq "no new privileges" 1 "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$ENGINE/status")"
	wider_policy >"$WORK/wider.yaml"
	assert_ok ctl apply "$WORK/wider.yaml"
}
