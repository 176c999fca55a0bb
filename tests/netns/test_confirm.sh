# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `apply --confirm` and `quarantine --for`: what ends by itself ends, what is confirmed stays, whatever becomes of the engine.
# deadline: 400

GATEWAY=192.168.50.1 CAMERA=192.168.50.11 LOCK=192.168.50.12

setup() {
	lab up "$PREFIX" --static
}

fresh() {
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	policy gateway >"$WORK/policy/site.yaml"
	policy plant >"$WORK/plant.yaml"
	printf '%s\n' 'version: 1' 'ports: {"p*": {}}' 'uplinks: {up0: {}}' "policy: $WORK/policy" "state: $WORK/state" \
		"run: $WORK/run" "bpffs: $BPFFS/cordon" >"$WORK/gateway.yaml"
	engine_start
	assert_ok reaches camera "$GATEWAY"
	assert_fails reaches camera "$LOCK"
}

# The camera reaches either the gateway or the lock.
policy() { # gateway|plant
	cat <<-END
		version: 1
		site: {name: test, mode: enforce}
		segments: {cameras: {}, plant: {}}
		devices:
		  - {id: camera, segment: cameras, mac: "02:50:00:00:00:11", ip: [$CAMERA]}
		  - {id: lock, segment: plant, mac: "02:50:00:00:00:12", ip: [$LOCK]}
		rules:
	END
	case $1 in
	gateway) echo '  - {id: ping-gateway, from: segment:cameras, to: gateway, allow: [icmp/echo]}' ;;
	plant) echo '  - {id: ping-lock, from: segment:cameras, to: segment:plant, allow: [icmp/echo]}' ;;
	esac
}

status_text() {
	ctl status 2>/dev/null || :
}

before_is_in_force() {
	assert_ok reaches camera "$GATEWAY"
	assert_fails reaches camera "$LOCK"
}

new_is_in_force() {
	assert_ok reaches camera "$LOCK"
	assert_fails reaches camera "$GATEWAY"
}

test_confirmed_in_time_it_stays() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	assert_contains "what apply said" "cordon confirm" "$(cat "$WORK/output")"
	new_is_in_force
	assert_contains "while it waits" "revision 2 unconfirmed, reverts in " "$(status_text)"
	assert_eq "what comes back" 1 "$(status .unconfirmed.fallback)"
	assert_ok ctl confirm
	assert_eq "nothing waits" "null null" "$(status '"\(.unconfirmed) \(.reverted)"')"
	new_is_in_force
	assert_exit 4 ctl confirm
	assert_ok ctl apply "$WORK/policy/site.yaml"
	before_is_in_force
}

test_unconfirmed_it_goes_by_itself() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 2s
	new_is_in_force
	wait_for 10 status_is .revision 1
	before_is_in_force
	assert_contains "what became of it" "revision 2 was not confirmed, reverted to 1 at 20" "$(status_text)"
	assert_exit 9 ctl confirm
	assert_contains "the answer" "reverted to revision 1 at 20" "$(cat "$WORK/output")"
	assert_eq "active" 1 "$(ctl history -o json | jq '.revisions[] | select(.active) | .rev')"
	assert_ok ctl apply "$WORK/plant.yaml"
	new_is_in_force
	assert_eq "forgotten by then" null "$(status .reverted)"
}

test_waiting_hears_how_it_ends() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_exit 9 ctl apply "$WORK/plant.yaml" --confirm 1s --wait
	before_is_in_force
	spawn apply gw cordon apply -c "$WORK/gateway.yaml" "$WORK/plant.yaml" --confirm 60s --wait
	wait_for 10 status_is .unconfirmed.revision 3
	assert_ok ctl confirm
	wait "$SPAWNED_PID" || fail "exit $?: $(cat "$WORK/apply.log")"
	assert_exit 2 ctl apply "$WORK/plant.yaml" --wait
}

test_taken_back_at_once() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	assert_ok ctl rollback
	before_is_in_force
	assert_eq "no revision was made for it" 1 "$(status .revision)"
}

test_no_other_change_meanwhile() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	assert_exit 7 ctl apply "$WORK/policy/site.yaml"
	assert_exit 7 ctl reload
	assert_exit 7 ctl rollback 1
	new_is_in_force
	assert_ok ctl quarantine camera
	assert_fails reaches camera "$LOCK"
	assert_ok ctl rollback
	assert_fails reaches camera "$GATEWAY"
	assert_ok ctl release camera
	before_is_in_force
}

test_killed_while_it_waits_and_confirmed_after() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	engine_kill
	engine_start
	assert_eq "it still waits" "2 1" "$(status '"\(.unconfirmed.revision) \(.unconfirmed.fallback)"')"
	new_is_in_force
	assert_ok ctl confirm
	wait_for 10 status_is .revision 2
	assert_eq "nothing waits" null "$(status .unconfirmed)"
	new_is_in_force
	assert_ok ctl apply "$WORK/policy/site.yaml"
	before_is_in_force
}

test_killed_while_it_waits_and_gone_after() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 3s
	engine_kill
	engine_start
	wait_for 10 status_is .reverted.revision 2
	before_is_in_force
	wait_for 10 status_is .revision 1
	before_is_in_force
}

test_killed_while_it_waits_and_taken_back_after() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	engine_kill
	engine_start
	assert_ok ctl rollback
	wait_for 10 status_is .revision 1
	before_is_in_force
}

# A boot forgets what the kernel held.
test_a_boot_while_it_waits_goes_back() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 60s
	engine_kill
	rm -rf "$BPFFS/cordon"
	engine_start
	assert_eq "revision" 1 "$(status .revision)"
	assert_eq "what became of the other" 2 "$(status .reverted.revision)"
	before_is_in_force
}

test_the_first_policy_has_nothing_to_go_back_to() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	engine_kill
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/policy/site.yaml"
	engine_start
	assert_exit 1 ctl apply "$WORK/plant.yaml" --confirm 60s
	assert_contains "why" "no revision to go back to" "$(cat "$WORK/output")"
	assert_ok ctl apply "$WORK/plant.yaml"
	new_is_in_force
}

test_a_quarantine_with_an_end_ends() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl quarantine camera --for 2s --reason test
	assert_contains "the end is told" "until 20" "$(cat "$WORK/output")"
	assert_fails reaches camera "$GATEWAY"
	assert_contains "the list" "20" "$(ctl get quarantines -o json | jq -r '.quarantines[].until')"
	wait_for 10 reaches camera "$GATEWAY"
	wait_for 10 status_is .devices.quarantined 0
	grep -q 'a quarantine has ended device=camera' "$WORK/engine.log" || fail "the log does not say so"
	assert_exit 2 ctl quarantine camera --for 0s
}

test_a_quarantine_with_an_end_may_be_made_longer_and_be_lifted() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl quarantine camera --for 1s
	assert_ok ctl quarantine camera
	assert_eq "no end" null "$(ctl get quarantines -o json | jq -r '.quarantines[].until')"
	assert_ok ctl quarantine camera --for 60s
	assert_ok ctl release camera
	assert_ok reaches camera "$GATEWAY"
	assert_eq none 0 "$(ctl get quarantines -o json | jq '.quarantines | length')"
}

test_a_quarantine_keeps_its_end_over_a_kill() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl quarantine camera --for 60s
	engine_kill
	engine_start
	assert_fails reaches camera "$GATEWAY"
	assert_contains "its end" "20" "$(ctl get quarantines -o json | jq -r '.quarantines[].until')"
	engine_kill
	rm -rf "$BPFFS/cordon"
	engine_start
	assert_fails reaches camera "$GATEWAY"
	assert_contains "its end after a boot" "20" "$(ctl get quarantines -o json | jq -r '.quarantines[].until')"
}

# From here on the engine is stopped or gone when the time is over: what acts is the kernel.

stopped() { # the engine, until the test ends
	kill -STOP "$ENGINE"
}

# Seconds from the deadline to the last answer that a live conversation got.
answered_after() { # LOG DEADLINE
	awk -v deadline="$(date -d "$2" +%s.%N)" '/ bytes from / { last = substr($1, 2) } END { printf "%.3f", last - deadline }' "$1"
}

test_the_kernel_takes_it_back_while_the_engine_is_stopped() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	local deadline after
	spawn flow camera ping -D -n -i 0.02 "$LOCK"
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 3s -o json
	deadline=$(jq -r .confirm_by "$WORK/output")
	new_is_in_force
	stopped
	wait_for 10 reaches camera "$GATEWAY"
	before_is_in_force
	after=$(answered_after "$WORK/flow.log" "$deadline")
	say "the live conversation ended $after s after the deadline"
	awk -v after="$after" 'BEGIN { exit !(after > -1 && after < 1) }' || fail "a live conversation was cut $after s after the deadline"
	kill -CONT "$ENGINE"
	wait_for 10 status_is .reverted.revision 2
	before_is_in_force
}

test_the_kernel_takes_it_back_while_the_engine_is_gone() {
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm $((3 * SLOW))s
	new_is_in_force
	engine_kill
	wait_for 10 reaches camera "$GATEWAY"
	before_is_in_force
	engine_start
	assert_eq "what became of it" "2 1" "$(status '"\(.reverted.revision) \(.reverted.to)"')"
	assert_eq revision 1 "$(status .revision)"
	before_is_in_force
	assert_exit 9 ctl confirm
}

test_a_confirmation_that_comes_late_changes_nothing() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl apply "$WORK/plant.yaml" --confirm 2s
	stopped
	wait_for 10 reaches camera "$GATEWAY"
	spawn confirm gw cordon confirm -c "$WORK/gateway.yaml"
	kill -CONT "$ENGINE"
	local status=0
	wait "$SPAWNED_PID" || status=$?
	assert_eq "exit of the late confirmation" 9 "$status"
	before_is_in_force
}

test_the_kernel_ends_a_quarantine_while_the_engine_is_stopped() {
	skip_in_vm "what the kernel does of it is tried with the engine gone"
	fresh
	assert_ok ctl quarantine camera --for 3s
	stopped
	assert_fails reaches camera "$GATEWAY"
	wait_for 10 reaches camera "$GATEWAY"
	kill -CONT "$ENGINE"
	wait_for 10 status_is .devices.quarantined 0
	assert_ok reaches camera "$GATEWAY"
}

test_the_kernel_ends_a_quarantine_while_the_engine_is_gone() {
	fresh
	assert_ok ctl quarantine camera --for $((3 * SLOW))s
	engine_kill
	assert_fails reaches camera "$GATEWAY"
	wait_for 10 reaches camera "$GATEWAY"
	engine_start
	wait_for 10 grep -q 'a quarantine has ended device=camera' "$WORK/engine.log"
	assert_eq none 0 "$(ctl get quarantines -o json | jq '.quarantines | length')"
	assert_ok reaches camera "$GATEWAY"
}
