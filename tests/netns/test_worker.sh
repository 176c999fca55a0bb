# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A policy that takes long to compile: the engine goes on answering, ends cleanly, and makes changes in their order.
# Orders are asserted, never times: what says `compiling` was answered while the worker was at work.
# vm: no, none of it is the kernel's
# deadline: 400

setup() {
	node_add gw
	on gw ip link add p1 type veth peer name far
	on gw ip link set p1 up # and the far end down: no stranger takes a row
	large_policy 100000 >"$WORK/large.yaml"
	small_policy open >"$WORK/open.yaml"
}

small_policy() { # RULE
	cat <<-END
		version: 1
		site: {name: small, mode: enforce}
		segments: {things: {}}
		devices:
		  - {id: d0, segment: things, mac: "02:51:00:00:00:00", ip: [10.0.0.0]}
		rules:
		  - {id: $1, from: segment:things, to: gateway, allow: [icmp/echo]}
	END
}

large_policy() { # DEVICES
	awk -v n="$1" 'BEGIN {
		print "version: 1\nsite: {name: large, mode: enforce}\nsegments: {things: {}}\ndevices:"
		for (i = 0; i < n; i++)
			printf "  - {id: d%d, segment: things, mac: \"02:51:00:%02x:%02x:%02x\", ip: [10.%d.%d.%d]}\n", i,
				i / 65536, i / 256 % 256, i % 256, i / 65536, i / 256 % 256, i % 256
		print "rules:\n  - {id: ping, from: segment:things, to: gateway, allow: [icmp/echo]}"
	}'
}

fresh() {
	[ -z "${ENGINE:-}" ] || stop "$ENGINE"
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	small_policy first >"$WORK/policy/site.yaml"
	printf '%s\n' 'version: 1' 'ports: {"p*": {}}' "policy: $WORK/policy" "state: $WORK/state" "run: $WORK/run" \
		"bpffs: $BPFFS/cordon" 'capacity: {devices: 100000}' >"$WORK/gateway.yaml"
	engine_start 60
}

apply_large() {
	spawn apply gw cordon apply -c "$WORK/gateway.yaml" "$WORK/large.yaml"
	APPLY=$SPAWNED_PID
	wait_for 20 status_is .compiling true
}

ended_with() { # STATUS PID LOG
	local status=0
	wait "$2" || status=$?
	[ $status -eq "$1" ] || fail "exit $status, expected $1: $(cat "$3")"
}

test_the_engine_answers_while_it_compiles() {
	fresh
	apply_large
	assert_eq "revision meanwhile" 1 "$(status .revision)"
	assert_ok ctl quarantine d0
	assert_ok ctl get devices
	assert_ok ctl explain --from d0 --to gateway --service icmp/echo
	assert_eq "still at it" true "$(status .compiling)"
	ended_with 0 "$APPLY" "$WORK/apply.log"
	assert_eq revision 2 "$(status .revision)"
	assert_eq devices 100000 "$(status .devices.declared)"
	assert_eq "the quarantine of meanwhile" 1 "$(status .devices.quarantined)"
}

test_a_start_answers_before_it_is_ready() {
	fresh
	assert_ok ctl apply "$WORK/large.yaml"
	kill -KILL "$ENGINE"
	wait "$ENGINE" || :
	engine_begin
	wait_for 20 status_is '[.degraded[].what] | index("starting") != null' true
	! grep -q ' ready config=' "$WORK/engine.log" || fail "it was ready already"
	wait_for 60 grep -q ' ready config=' "$WORK/engine.log"
	assert_eq revision 2 "$(status .revision)"
	assert_eq "still starting" false "$(status '[.degraded[].what] | index("starting") != null')"
}

test_changes_are_made_in_the_order_of_their_coming() {
	fresh
	apply_large
	spawn second gw cordon apply -c "$WORK/gateway.yaml" "$WORK/open.yaml"
	ended_with 0 "$SPAWNED_PID" "$WORK/second.log"
	ended_with 0 "$APPLY" "$WORK/apply.log"
	assert_contains first "revision 2 is in force" "$(cat "$WORK/apply.log")"
	assert_contains second "revision 3 is in force" "$(cat "$WORK/second.log")"
	assert_eq rule open "$(ctl get rules -o json | jq -r '.rules[].id')"
}

test_a_change_goes_before_a_question() {
	fresh
	spawn question gw cordon diff -c "$WORK/gateway.yaml" "$WORK/large.yaml"
	wait_for 20 status_is .compiling true
	spawn other gw cordon diff -c "$WORK/gateway.yaml" "$WORK/large.yaml"
	assert_ok ctl apply "$WORK/open.yaml"
	ended_with 3 "$SPAWNED_PID" "$WORK/other.log"
}

test_ended_while_it_compiles() {
	fresh
	apply_large
	kill -TERM "$ENGINE"
	ended_with 0 "$ENGINE" "$WORK/engine.log"
	ended_with 1 "$APPLY" "$WORK/apply.log"
	assert_contains "what the client heard" "nothing was changed" "$(cat "$WORK/apply.log")"
	engine_start 60
	assert_eq revision 1 "$(status .revision)"
}

test_killed_while_it_compiles() {
	fresh
	apply_large
	kill -KILL "$ENGINE"
	wait "$ENGINE" || :
	ended_with 5 "$APPLY" "$WORK/apply.log"
	engine_start 60
	assert_eq revision 1 "$(status .revision)"
}

test_a_client_that_goes_away_stops_nothing() {
	fresh
	apply_large
	stop "$APPLY"
	wait_for 60 status_is .revision 2
}

test_a_large_bad_folder_is_told_without_making_status_wait() {
	fresh
	{
		cat "$WORK/large.yaml"
		echo '  - {id: bad, from: segment:nobody, to: any, allow: any}'
	} >"$WORK/policy/site.yaml"
	assert_eq "known at once" "" "$(status '[.degraded[].what] | join(" ")')"
	wait_for 60 status_is '[.degraded[].what] | join(" ")' folder
}
