# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The log of all changes, with the real engine: what is in it, whether `cordon audit verify` sees what was done to it, and that a
# disk without room stops no change and loses no record in silence.
# vm: no, none of it is the kernel's

setup() {
	node_add gw
	on gw ip link add p1 type veth peer name far
	on gw ip link set p1 up
	policy first >"$WORK/first.yaml"
	policy second >"$WORK/second.yaml"
}

policy() { # RULE
	cat <<-END
		version: 1
		site: {name: small, mode: enforce}
		segments: {things: {}}
		devices:
		  - {id: d0, segment: things, mac: "02:51:00:00:00:00", ip: [10.0.0.9]}
		rules:
		  - {id: $1, from: segment:things, to: gateway, allow: [icmp/echo]}
	END
}

fresh() {
	[ -z "${ENGINE:-}" ] || stop "$ENGINE"
	! mountpoint -q "$WORK/state" || umount "$WORK/state"
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	cp "$WORK/first.yaml" "$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
}

engine_end() {
	kill -TERM "$ENGINE"
	wait "$ENGINE" || fail "exit $? after TERM"
}

verify() { # JQ-FILTER [OPTIONS...]
	{ cordon audit verify -c "$WORK/gateway.yaml" "${@:2}" -o json || :; } 2>/dev/null | jq -r "$1"
}

# NUMBER:HASH of the records, as the engine's log has them.
noted() {
	sed -n 's/.* audit record=\([0-9]*:[0-9a-f]*\) .*/\1/p' "$WORK/engine.log"
}

test_each_change_is_a_record_and_a_line_of_the_log() {
	fresh
	engine_start
	assert_ok ctl apply "$WORK/second.yaml" --why because
	assert_ok ctl quarantine d0 --reason test
	assert_ok ctl release d0
	assert_ok ctl brake on
	assert_ok ctl brake release
	assert_ok ctl rollback
	assert_ok cordon audit verify -c "$WORK/gateway.yaml"
	assert_contains "the answer" "whole      7 records" "$(cat "$WORK/output")"
	assert_lacks "the answer" "not proved" "$(cat "$WORK/output")"
	assert_eq "what was done" "apply apply quarantine release brake brake apply" \
		"$(sed -n "s/.* audit record=.* action='\([a-z]*\)' .*/\1/p" "$WORK/engine.log" | paste -sd' ')"
	assert_contains "who and why" "who='root' action='apply' detail='revision 2 hash " "$(grep 'record=2:' "$WORK/engine.log")"
	assert_contains "who and why" ", before it revision 1: because'" "$(grep 'record=2:' "$WORK/engine.log")"
	assert_eq "the last record" "$(noted | tail -1)" "$(verify '"\(.last):\(.hash)"')"
	assert_eq "as status has it" "$(noted | tail -1)" "$(status '"\(.audit.last):\(.audit.hash)"')"
}

# The database has no seal of its own: whoever may write the file changes what he likes.
test_a_changed_record_shows_with_and_without_the_engine() {
	fresh
	engine_start
	assert_ok ctl quarantine d0 --reason it-was-alice
	assert_ok ctl release d0
	engine_end
	assert_eq whole true "$(verify .whole)"
	sed -i 's/it-was-alice/it-was-chuck/' "$WORK/state/cordon.db"
	assert_exit 3 cordon audit verify -c "$WORK/gateway.yaml"
	assert_contains "the answer" "NOT WHOLE  record 2: not what was written" "$(cat "$WORK/output")"
	engine_start
	assert_ok ctl quarantine d0
	assert_exit 3 cordon audit verify -c "$WORK/gateway.yaml"
	assert_eq "the fault" "changed 2 2 1" "$(verify '[.fault.what, .fault.from, .fault.to, .last] | join(" ")')"
}

# An older copy is whole in itself. Who noted a later record knows better.
test_an_older_copy_lacks_what_was_noted() {
	local head
	fresh
	engine_start
	assert_ok ctl quarantine d0
	engine_end
	cp "$WORK/state/cordon.db" "$WORK/copy.db"
	engine_start
	assert_ok ctl release d0
	engine_end
	cp "$WORK/state/cordon.db" "$WORK/later.db"
	head=$(verify '"\(.last):\(.hash)"')
	assert_eq "the copy alone" "true false" "$(verify '"\(.whole) \(.compared)"' --file "$WORK/copy.db")"
	assert_exit 3 cordon audit verify --file "$WORK/copy.db" --head "$head"
	assert_contains "the answer" "record 3: written once, cut off since" "$(cat "$WORK/output")"
	assert_ok cordon audit verify --file "$WORK/later.db" --head "$head"
	assert_exit 3 cordon audit verify --file "$WORK/later.db" --head "${head%:*}:$(printf '%064d' 0)"
	for head in nonsense 3 "0:${head#*:}" "3:${head#*:}0" "3:$(printf '%064x' 0 | tr 0 z)"; do
		assert_exit 2 cordon audit verify --file "$WORK/later.db" --head "$head"
	done
	assert_exit 2 cordon audit burn -c "$WORK/gateway.yaml"
}

# The end of the file that the engine wrote is known to the engine.
test_an_older_copy_under_a_running_engine_shows() {
	fresh
	engine_start
	assert_ok ctl quarantine d0
	engine_end
	cp "$WORK/state/cordon.db" "$WORK/copy.db"
	engine_start
	assert_ok ctl release d0
	rm "$WORK"/state/cordon.db*
	cp "$WORK/copy.db" "$WORK/state/cordon.db"
	assert_exit 3 cordon audit verify -c "$WORK/gateway.yaml"
	assert_contains "the answer" "cut off since" "$(cat "$WORK/output")"
}

test_what_cannot_be_read() {
	fresh
	engine_start
	chmod 755 "$WORK"
	assert_exit 6 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v cordon)" audit verify -c "$WORK/gateway.yaml"
	assert_exit 6 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v cordon)" audit verify --file "$WORK/state/cordon.db"
	assert_exit 1 cordon audit verify --file "$WORK/none.db"
	assert_exit 1 cordon audit verify --file "$WORK/gateway.yaml"
}

degraded() {
	status '[.degraded[].what] | sort | join(" ")'
}

is_healthy() {
	[ -z "$(degraded)" ]
}

test_a_full_disk_stops_no_change_and_hides_no_record() {
	fresh
	mkdir "$WORK/state"
	mount -t tmpfs -o size=1m tmpfs "$WORK/state"
	engine_start
	assert_eq degraded "" "$(degraded)"
	# All there is, also what the database has reserved and not yet used: it needs room for each commit.
	cat /dev/zero >"$WORK/state/filler" 2>/dev/null || :
	wait_for 20 no_room
	assert_ok ctl brake on
	assert_contains degraded audit "$(degraded)"
	assert_ok ctl brake release
	rm "$WORK/state/filler"
	assert_ok ctl quarantine d0
	wait_for 5 is_healthy
	assert_contains "what was missed" "records could not be written" "$(grep ' audit record=' "$WORK/engine.log" | tail -2 | head -1)"
	assert_contains "what came then" "action='quarantine'" "$(grep ' audit record=' "$WORK/engine.log" | tail -1)"
	assert_ok cordon audit verify -c "$WORK/gateway.yaml"
}

# Each try to write takes what is left of the log's own file.
no_room() {
	ctl quarantine d0 >/dev/null
	ctl release d0 >/dev/null
	grep -q 'the audit log could not be written' "$WORK/engine.log"
}
