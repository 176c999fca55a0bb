# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# scripts/cordond.service: how much it leaves open, and whether the engine can live with what it leaves. No systemd is running
# here, so the terms that can break an engine are read out of the unit and put on by hand: user, capabilities, system calls, umask.
# deadline: 300

UNIT=scripts/cordond.service
SELF=64999 # a user that no file knows

setup() {
	node_add gw cam hub
	on gw ip link add br0 address 02:50:00:00:00:01 type bridge
	device cam 1
	device hub 2
	on gw ip link set br0 up
	on gw ip addr add 192.168.50.1/24 dev br0
	mkdir "$WORK/policy" "$WORK/state" "$WORK/run"
	policy icmp/echo >"$WORK/policy/site.yaml"
	policy tcp/80 >"$WORK/narrower.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	chmod 755 "$WORK" # the way there
	install -D -m 755 -t "$WORK/bin" "$BUILD/cordond" "$BUILD/tests/confine"
	# What ExecStartPre, StateDirectory and RuntimeDirectory do.
	install -d -m 0700 -o $SELF -g $SELF "$BPFFS/cordon"
	chown $SELF:$SELF "$WORK/state" "$WORK/run"
	allowed_calls >"$WORK/calls"
}

device() { # NODE NUMBER
	ip link add "p$2" netns "$PREFIX-gw" type veth peer name eth0 netns "$PREFIX-$1" address "02:50:00:00:00:1$2"
	on gw ip link set "p$2" master br0 up
	on "$1" ip link set eth0 up
	on "$1" ip addr add "192.168.50.1$2/24" dev eth0
}

policy() { # SERVICE
	cat <<-END
		version: 1
		site: {name: home, mode: enforce}
		segments: {cameras: {}, hubs: {}}
		devices:
		  - {id: cam, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		  - {id: hub, segment: hubs, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		rules:
		  - {id: ping, from: segment:cameras, to: segment:hubs, allow: [$1]}
	END
}

directive() { # NAME
	sed -n "s/^$1=//p" "$UNIT"
}

# System calls of a set, or the one of that name.
expand() { # WORD
	local name
	case $1 in
	@*)
		systemd-analyze syscall-filter "$1" | sed -n 's/^    \([@a-z].*\)/\1/p' | while read -r name; do expand "$name"; done
		;;
	*) echo "$1" ;;
	esac
}

# As systemd.exec(5): a list that begins with what is allowed; a line with ~ takes away again. @default is always in it.
allowed_calls() {
	local line word all
	all=$(expand @default)
	while read -r line; do
		for word in ${line#\~}; do
			case $line in
			\~*) all=$(comm -23 <(sort -u <<<"$all") <(expand "$word" | sort -u)) ;;
			*) all+=$'\n'$(expand "$word") ;;
			esac
		done
	done < <(directive SystemCallFilter)
	sort -u <<<"$all"
}

start_confined() {
	local caps=-all cap
	for cap in $(directive AmbientCapabilities); do
		cap=${cap#CAP_}
		caps+=,+${cap,,}
	done
	spawn engine gw setpriv --reuid=$SELF --regid=$SELF --clear-groups --inh-caps="$caps" --ambient-caps="$caps" --bounding-set="$caps" \
		--no-new-privs "$WORK/bin/confine" "$WORK/calls" bash -c "umask $(directive UMask); exec \"\$@\"" - "$WORK/bin/cordond" -c "$WORK/gateway.yaml" --foreground
	ENGINE=$SPAWNED_PID
	wait_for 20 ready_or_dead
	grep -q ' ready config=' "$WORK/engine.log" || fail "the engine does not start: $(tail -5 "$WORK/engine.log")"
}

ready_or_dead() {
	grep -q ' ready config=' "$WORK/engine.log" || ! kill -0 "$ENGINE" 2>/dev/null
}

enforced() {
	assert_ok reaches cam 192.168.50.12
	assert_fails reaches hub 192.168.50.11
}

assert_calm() {
	! grep -E '^[^ ]+ (warning|error) ' "$WORK/engine.log" >&2 || fail "the log complains"
	assert_eq degraded "" "$(status '[.degraded[].what] | join(" ")')"
}

test_it_leaves_little_open() {
	skip_in_vm "a file is a file"
	grep -q "^u $(directive User) " scripts/cordon.sysusers || fail "nobody makes the user '$(directive User)'"
	grep -q "^g $(directive SupplementaryGroups) " scripts/cordon.sysusers || fail "nobody makes the group '$(directive SupplementaryGroups)'"
	sed 's|@PREFIX@|/usr/local|' "$UNIT" >"$WORK/cordond.service"
	assert_ok systemd-analyze security --offline=true --threshold=20 "$WORK/cordond.service"
	say "  $(systemd-analyze security --offline=true "$WORK/cordond.service" | tail -1)"
}

test_the_calls_are_those_of_the_unit() {
	local call
	for call in bpf adjtimex chown futex openat; do grep -qx "$call" "$WORK/calls" || fail "$call is not allowed"; done
	for call in mount ptrace init_module reboot clock_settime setuid kexec_load pivot_root; do
		! grep -qx "$call" "$WORK/calls" || fail "$call is allowed"
	done
	assert_fails confine "$WORK/calls" mount -t tmpfs none /mnt
}

test_the_engine_lives_with_it() {
	start_confined
	assert_eq user "$SELF" "$(awk '/^Uid:/ {print $3}' "/proc/$ENGINE/status")"
	assert_eq effective 000000c000001000 "$(sed -n 's/^CapEff:\t//p' "/proc/$ENGINE/status")"
	assert_eq "what a child would have" 0000000000000000 "$(sed -n 's/^CapAmb:\t//p' "/proc/$ENGINE/status")"
	assert_eq "what a child could keep" 0000000000000000 "$(sed -n 's/^CapInh:\t//p' "/proc/$ENGINE/status")"
	enforced
	assert_ok ctl apply "$WORK/narrower.yaml"
	assert_fails reaches cam 192.168.50.12
	assert_ok ctl rollback
	enforced
	assert_ok ctl quarantine cam
	assert_fails reaches cam 192.168.50.12
	assert_ok ctl release cam
	enforced
	assert_ok ctl get flows
	assert_ok ctl get devices
	assert_ok ctl observe
	assert_ok ctl explain --from device:cam --to device:hub --service icmp/echo
	assert_ok ctl audit verify
	kill -HUP "$ENGINE"
	wait_for 5 grep -q 'policy is unchanged' "$WORK/engine.log"
	assert_calm
}

test_a_killed_one_is_taken_up() {
	start_confined
	enforced
	on gw bpftool link detach pinned "$(find "$BPFFS/cordon/links" -name 'xdp-*' | sort | head -1)"
	wait_for 5 status_is '[.ports[].restored] | add' 1
	enforced
	engine_kill
	enforced
	start_confined
	assert_eq adopted true "$(status .adopted)"
	enforced
	assert_calm
}

# An engine that ran as root leaves pins of root's, which ExecStartPre gives to ours.
test_pins_of_root_are_taken_up() {
	chown -R 0:0 "$BPFFS/cordon" "$WORK/state" "$WORK/run"
	engine_start
	enforced
	engine_kill
	chown -R $SELF:$SELF "$BPFFS/cordon" "$WORK/state" "$WORK/run"
	start_confined
	assert_eq adopted true "$(status .adopted)"
	enforced
	assert_calm
}
