# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every tests/netns/test_NOUN.sh has: a prefix and folders of its own, namespaces, daemons, waiting, assertions.
#
# A test file defines functions test_WHAT(), run in their order, each in a subshell with `set -e`: the first command that
# fails, fails the test. It may define setup() and teardown(), run once for the file in the shell that the tests are forked
# from, so what setup assigns they see. `skip WHY` skips the test (in setup: the file). A line `# deadline: SECONDS`
# gives the whole file more than 180 s. Everything is taken down at the end, also when interrupted.
#
#   PREFIX  of all names this run makes; namespaces are PREFIX-NODE, as scripts/lab calls them
#   WORK    scratch folder     BPFFS  a private bpffs     BUILD  absolute     SLOW  factor for deadlines, 1 on a real machine

BUILD=$(realpath -m "${CORDON_BUILD:-build}")
SLOW=${CORDON_SLOW:-1}
PREFIX=ct$$
WORK=$(mktemp -d "${TMPDIR:-/tmp}/cordon-netns.$$.XXXXXX")
BPFFS=$WORK/bpf
SPAWNED=()
export BUILD PREFIX WORK BPFFS SLOW CORDON_LAB_RUN=$WORK/lab
export PATH=$BUILD:$BUILD/tests:$PWD/scripts:$PATH:/usr/sbin:/sbin
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

say() {
	printf '%s\n' "$*" >&2
}

# Where the test file stands, so that a failure names its line.
place() {
	local i
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		[[ ${BASH_SOURCE[i]} == */test_* ]] && { echo "${BASH_SOURCE[i]}:${BASH_LINENO[i - 1]}"; return; }
	done
	echo "${BASH_SOURCE[-1]}"
}

fail() {
	say "$(place): $*"
	exit 1
}

skip() {
	printf '%s\n' "$*" >"$WORK/skipped"
	exit 77
}

skip_in_vm() {
	[ -z "${CORDON_VM:-}" ] || skip "in a virtual machine: $*"
}

assert_eq() { # WHAT EXPECTED SEEN
	[ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
}

assert_contains() { # WHAT PART WHOLE
	case $3 in
	*"$2"*) ;;
	*) fail "$1: no '$2' in '$3'" ;;
	esac
}

assert_lacks() { # WHAT PART WHOLE
	case $3 in
	*"$2"*) fail "$1: '$2' in '$3'" ;;
	esac
}

assert_ok() { # COMMAND...
	local status=0
	"$@" >"$WORK/output" 2>&1 || status=$?
	[ $status -eq 0 ] || { cat "$WORK/output" >&2; fail "exit $status from: $*"; }
}

# Fails with any status; assert_exit is the sharper one.
assert_fails() { # COMMAND...
	if "$@" >"$WORK/output" 2>&1; then
		cat "$WORK/output" >&2
		fail "succeeded: $*"
	fi
}

assert_exit() { # STATUS COMMAND...
	local expected=$1 status=0
	shift
	"$@" >"$WORK/output" 2>&1 || status=$?
	[ $status -eq "$expected" ] || { cat "$WORK/output" >&2; fail "exit $status, expected $expected, from: $*"; }
}

# Polls until the command succeeds; the deadline grows with the slowness of the machine.
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 * SLOW + 1)) first=$1
	shift
	until "$@" >"$WORK/waited" 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { cat "$WORK/waited" >&2; fail "not within $((first * SLOW)) s: $*"; }
		sleep 0.05
	done
}

node_add() { # NODE...
	local node
	for node; do
		ip netns add "$PREFIX-$node"
		nsenter --net="/run/netns/$PREFIX-$node" -- ip link set lo up
	done
}

# `ip netns exec` would hide the bpffs.
on() { # NODE COMMAND...
	local node=$1
	shift
	nsenter --net="/run/netns/$PREFIX-$node" -- "$@"
}

# Starts a daemon; its output is in $WORK/NAME.log, its pid in SPAWNED_PID. In a test it ends with the test, else with the file.
spawn() { # NAME NODE COMMAND...
	local name=$1 node=$2
	shift 2
	: >"$WORK/$name.log" # at once: who waits for a word in it must not find that of one before
	nsenter --net="/run/netns/$PREFIX-$node" -- "$@" </dev/null >"$WORK/$name.log" 2>&1 &
	SPAWNED_PID=$!
	SPAWNED+=("$SPAWNED_PID")
}

# Ends daemons that this shell spawned, and waits for them.
stop() { # PID...
	local pid end
	for pid; do
		kill "$pid" 2>/dev/null || continue
		end=$((SECONDS + 5 * SLOW))
		while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do
			sleep 0.02
		done
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
}

# The engine of the file: in the namespace gw, as $WORK/gateway.yaml says; its pid in ENGINE.
engine_begin() {
	spawn engine gw cordond -c "$WORK/gateway.yaml" --foreground
	ENGINE=$SPAWNED_PID
}

engine_start() { # [SECONDS]
	engine_begin
	wait_for "${1:-20}" grep -q ' ready config=' "$WORK/engine.log"
}

engine_kill() {
	kill -KILL "$ENGINE"
	wait "$ENGINE" 2>/dev/null || :
}

gateway_yaml() { # [LINE...]
	printf '%s\n' 'version: 1' 'ports: {"p*": {}}' 'uplinks: {up0: {}}' "policy: $WORK/policy" "state: $WORK/state" \
		"run: $WORK/run" "bpffs: $BPFFS/cordon" "capacity: {devices: 4096, flows: 65536, cache: 8MiB}" "$@"
}

ctl() { # COMMAND [ARGS...]
	cordon "$1" -c "$WORK/gateway.yaml" "${@:2}"
}

# One field of `cordon status`, which exits 8 when degraded.
status() { # JQ-FILTER
	{ ctl status -o json 2>/dev/null || :; } | jq -r "$1"
}

status_is() { # JQ-FILTER VALUE
	[ "$(status "$1")" = "$2" ]
}

at_least() { # NUMBER COMMAND...
	[ "$("${@:2}")" -ge "$1" ]
}

reaches() { # NODE ADDRESS
	on "$1" ping -n -q -c 1 -W 1 "$2"
}

# What still runs in a namespace of ours can only be ours.
nodes_del() {
	local netns pids
	for netns in /run/netns/"$1"-*; do
		[ -e "$netns" ] || continue
		pids=$(ip netns pids "${netns##*/}")
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "${netns##*/}"
	done
}

# What an earlier run left when it was killed outright: its prefix names a process that is gone.
reap_dead_runs() {
	local netns owner folder
	for netns in /run/netns/ct[0-9]*-*; do
		owner=${netns##*/ct} owner=${owner%%-*}
		[ ! -e "$netns" ] || [ -d "/proc/$owner" ] || ip netns del "${netns##*/}" 2>/dev/null || :
	done
	for folder in "${TMPDIR:-/tmp}"/cordon-netns.[0-9]*.*; do
		owner=${folder##*/cordon-netns.} owner=${owner%%.*}
		[ ! -d "$folder" ] || [ -d "/proc/$owner" ] || remove_folder "$folder"
	done
}

# Unmounts what is mounted in it first.
remove_folder() {
	local point
	while read -r point; do
		umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null
	done < <(awk -v f="$1/" 'index($2, f) == 1 { print $2 }' /proc/self/mounts | sort -r)
	rm -rf --one-file-system "$1"
}

harness_begin() {
	reap_dead_runs
	mkdir "$BPFFS"
	mount -t bpf bpf "$BPFFS"
	trap harness_end EXIT
	trap 'exit 130' INT TERM HUP
}

harness_end() {
	trap - EXIT
	trap '' INT TERM HUP # one is enough: `timeout` sends two, and the second must not cut this short
	set +e
	[ -z "${running:-}" ] || { kill -- "-$running"; stop "$running"; } 2>/dev/null
	! declare -F teardown >/dev/null || teardown
	stop "${SPAWNED[@]}"
	[ ! -d "$CORDON_LAB_RUN/$PREFIX" ] || scripts/lab down "$PREFIX"
	nodes_del "$PREFIX"
	remove_folder "$WORK"
}
