# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The database refuses one operation after another while the engine starts and works: what is enforced stays enforced, and the
# engine either does its work or ends with a sentence that says why.
# vm: no, none of it is the kernel's
# deadline: 300

ENOSPC=28 EIO=5
STRIDE=${CORDON_STRIDE:-5} # 1 takes every operation, in about four minutes

setup() {
	node_add gw cam hub
	on gw ip link add br0 address 02:50:00:00:00:01 type bridge
	device cam 1
	device hub 2
	on gw ip link set br0 up
	mkdir "$WORK/policy"
	policy >"$WORK/policy/site.yaml"
	policy | sed 's/icmp.echo/[icmp\/echo, tcp\/80]/' >"$WORK/wider.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	engine_start
	enforced
	engine_kill
	cp -r "$WORK/state" "$WORK/good"
}

device() { # NODE NUMBER
	ip link add "p$2" netns "$PREFIX-gw" type veth peer name eth0 netns "$PREFIX-$1" address "02:50:00:00:00:1$2"
	on gw ip link set "p$2" master br0 up
	on "$1" ip link set eth0 up
	on "$1" ip addr add "192.168.50.1$2/24" dev eth0
}

policy() {
	cat <<-'END'
		version: 1
		site: {name: home, mode: enforce}
		segments: {cameras: {}, hubs: {}}
		devices:
		  - {id: cam, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		  - {id: hub, segment: hubs, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		rules:
		  - {id: ping, from: segment:cameras, to: segment:hubs, allow: icmp/echo}
	END
}

enforced() {
	assert_ok reaches cam 192.168.50.12
	assert_fails on hub ping -n -q -c 1 -W 0.2 192.168.50.11
}

ready_or_dead() {
	grep -q ' ready config=' "$WORK/engine.log" || ! kill -0 "$ENGINE" 2>/dev/null
}

start_failing() { # FAILPOINT
	rm -f "$WORK/passes"
	CORDON_FAILPOINT=$1 CORDON_FAILPOINT_LOG=$WORK/passes spawn engine gw "$BUILD/failpoints/cordond" -c "$WORK/gateway.yaml" --foreground
	ENGINE=$SPAWNED_PID
	wait_for 20 ready_or_dead
}

was_reached() { # NAME STEP
	grep -qx "$1 $2" "$WORK/passes"
}

# What it does when asked, whether or not the database takes it. A cut needs no database.
work() {
	ctl apply "$WORK/wider.yaml" >"$WORK/work" 2>&1 || :
	assert_ok ctl quarantine hub
	assert_fails on cam ping -n -q -c 1 -W 0.2 192.168.50.12
	assert_ok ctl release hub
	ctl apply "$WORK/policy/site.yaml" >"$WORK/work" 2>&1 || :
	ctl status >"$WORK/work" || :
}

all_attached() {
	status_is '"\([.ports[] | select(.attached)] | length) \([.degraded[].what] | index("port_number"))"' "2 null"
}

each_step() { # ERRNO
	local step ended=0 lived=0
	for ((step = 1; ; step += STRIDE)); do
		rm -rf "$WORK/state"
		cp -r "$WORK/good" "$WORK/state"
		start_failing "sql:$step:$1"
		enforced
		if kill -0 "$ENGINE" 2>/dev/null; then
			lived=$((lived + 1))
			wait_for 5 all_attached
			work
			assert_ok ctl get devices
			engine_kill
			enforced
		else
			ended=$((ended + 1))
			grep -q "cannot start error='" "$WORK/engine.log" || fail "step $step: it ended without a word: $(tail -3 "$WORK/engine.log")"
		fi
		[ ! -e "$WORK"/state/cordon.db.damaged-* ] || fail "step $step: a good database was set aside"
		was_reached sql "$step" || break
	done
	say "  ended at $ended steps, lived through $lived; the last was $step"
	[ "$ended" -ge 2 ] && [ "$lived" -ge 5 ] || fail "too few steps were met"
}

test_no_room_for_any_operation() {
	each_step $ENOSPC
}

test_a_disk_error_at_any_operation() {
	STRIDE=$((STRIDE * 2 + 1)) each_step $EIO
}
