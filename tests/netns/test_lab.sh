# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The lab itself: what other tests and the demo take for granted. No cordon here.
# deadline: 120
# vm: no, every test there begins with a lab, and none of cordon is in it here

GW=02:50:00:00:00:01 CAM=02:50:00:00:00:11 LOCK=02:50:00:00:00:12

setup() {
	lab up "$PREFIX" --static
}

namespaces_of() {
	ip netns list | awk -v p="$1-" 'index($1, p) == 1' | wc -l
}

test_devices_reach_each_other_and_the_cloud() {
	local address
	for address in 192.168.50.1 192.168.50.12 203.0.113.10 fd50::1 fd50::16 2001:db8:99::10; do
		wait_for 5 on camera ping -n -q -c 1 -W 1 "$address"
	done
}

test_two_labs_do_not_meet() {
	lab up "$PREFIX-b" --static
	assert_ok nsenter --net="/run/netns/$PREFIX-b-camera" ping -n -q -c 1 -W 1 192.168.50.12
	on lock ip addr del 192.168.50.12/24 dev eth0
	assert_fails on camera ping -n -q -c 1 -W 1 192.168.50.12
	assert_ok nsenter --net="/run/netns/$PREFIX-b-camera" ping -n -q -c 1 -W 1 192.168.50.12
	lab down "$PREFIX-b"
	on lock ip addr add 192.168.50.12/24 dev eth0
	assert_eq "namespaces of the second lab" 0 "$(namespaces_of "$PREFIX-b")"
	assert_eq "namespaces of the first lab" 8 "$(namespaces_of "$PREFIX")"
}

test_down_twice_and_on_half_a_lab() {
	lab up "$PREFIX-b"
	ip netns del "$PREFIX-b-plc"
	umount "$CORDON_LAB_RUN/$PREFIX-b/bpf"
	assert_ok lab down "$PREFIX-b"
	assert_ok lab down "$PREFIX-b"
	assert_eq "namespaces left" 0 "$(namespaces_of "$PREFIX-b")"
	[ ! -e "$CORDON_LAB_RUN/$PREFIX-b" ] || fail "its folder is left"
}

test_an_interrupted_up_leaves_nothing() {
	local delay
	for delay in 0.02 0.06 0.1 0.2; do
		timeout -s INT "$delay" scripts/lab up "$PREFIX-b" || :
		[ ! -e "$CORDON_LAB_RUN/$PREFIX-b" ] || lab down "$PREFIX-b" # it was quicker than the interrupt
		assert_eq "namespaces left after $delay s" 0 "$(namespaces_of "$PREFIX-b")"
	done
}

test_up_twice_is_refused_and_leaves_the_first_alone() {
	assert_fails lab up "$PREFIX"
	assert_eq "namespaces" 8 "$(namespaces_of "$PREFIX")"
}

test_down_ends_what_the_lab_started_and_nothing_else() {
	local ours stranger
	lab up "$PREFIX-b"
	lab start "$PREFIX-b" camera daemon sleep 1000
	read -r ours _ <"$CORDON_LAB_RUN/$PREFIX-b/pids/daemon"
	nsenter --net="/run/netns/$PREFIX-b-camera" -- sleep 1000 &
	stranger=$!
	# A pid that now belongs to another: same number, other birth.
	echo "$stranger 1" >"$CORDON_LAB_RUN/$PREFIX-b/pids/recycled"
	kill -0 "$ours"
	assert_ok lab down "$PREFIX-b"
	assert_contains "what down says" "pid $stranger" "$(cat "$WORK/output")"
	kill -0 "$stranger" || fail "down ended a process that the lab did not start"
	kill "$stranger"
	[ ! -e "/proc/$ours" ] || assert_contains "the daemon" Z "$(cat "/proc/$ours/stat")"
}

# The kernel at the other end answers only what is well formed.
answers() { # FILTER KIND …: from the camera
	local filter=$1
	shift
	rm -f "$WORK/watch.log"
	spawn watch camera "$BUILD/tests/frame" wait eth0 --for $((2000 * SLOW)) "$filter"
	wait_for 5 grep -qs ready "$WORK/watch.log"
	on camera "$BUILD/tests/frame" send eth0 "$@" --src-mac $CAM
	wait "$SPAWNED_PID" || { say "no $filter from: $*; saw $(cat "$WORK/watch.log")"; return 1; }
}

V4="--dst-mac $LOCK --src 192.168.50.11 --dst 192.168.50.12"
V6="--dst-mac $LOCK --src fd50::11 --dst fd50::12"

test_frames_are_what_a_kernel_answers() {
	# shellcheck disable=SC2086
	{
		answers "arp[6:2] = 2 and arp src 192.168.50.12" arp-request --src 192.168.50.11 --dst 192.168.50.12
		answers "icmp[0] = 0 and icmp[4:4] = 0x00070009" icmp $V4 --id 7 --seq 9
		answers "ip6[40] = 129" icmp6 $V6 --id 7
		answers "tcp[13] = 0x14 and src port 9" tcp $V4 --dport 9
		answers "ip6[53] = 0x14" tcp $V6 --dport 9
		answers "icmp[0] = 3" udp $V4 --dport 9 --data hello
		answers "ip6[40] = 1" udp $V6 --dport 9 --data hello
		answers "ip6[40] = 136" ndp-ns --src fd50::11 --dst ff02::1:ff00:12 --target fd50::12
	}
}

test_frames_are_wrong_where_asked() {
	# shellcheck disable=SC2086
	{
		! answers "icmp[0] = 0" icmp $V4 --bad-checksum || fail "an answer to a bad IP checksum"
		! answers "ip6[40] = 1" udp $V6 --dport 9 --no-checksum || fail "an answer to UDP over IPv6 without checksum"
		! answers "icmp[0] = 0" icmp $V4 --ttl 0 --dst-mac $GW || fail "an answer through another MAC with TTL 0"
	}
}

test_without_cordon_every_step_of_the_demo_gets_through() {
	skip_in_vm "the demo's clients have the deadlines of a real machine"
	assert_ok scripts/demo --no-cordon --prefix "$PREFIX-demo"
}
