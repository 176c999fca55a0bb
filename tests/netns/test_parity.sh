# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What `cordon replay` says of a frame is what becomes of it in the real lab: each line of tests/frames/lab.txt is sent by its
# device, with captures behind the device's port and in the namespace of the device it is for, and replayed.
# deadline: 300

NODES=(camera lock thermostat plug plc laptop)
FRAMES=tests/frames/lab.txt

port_of() { # NODE
	local i
	for i in "${!NODES[@]}"; do
		[ "${NODES[i]}" != "$1" ] || echo "p$((i + 1))"
	done
}

setup() {
	lab up "$PREFIX" --static
	GATEWAY_MAC=$(on gw ip -o link show br0 | sed 's/.*ether \([^ ]*\).*/\1/')
	LINK_LOCAL=$(on gw ip -6 -o addr show dev br0 scope link | awk '{print $4; exit}')
	names="s/gw\.mac/$GATEWAY_MAC/g; s/gw\.4/192.168.50.1/g; s/gw\.6/fd50::1/g"
	for i in 1 2 3 4 5 6; do
		names+="; s/${NODES[i - 1]}\.mac/02:50:00:00:00:1$i/g; s/${NODES[i - 1]}\.4/192.168.50.1$i/g; s/${NODES[i - 1]}\.6/fd50::1$i/g"
	done
	gateway_yaml >"$WORK/gateway.yaml"
	{ gateway_yaml; addresses; } >"$WORK/replay.yaml"
	spawn engine gw cordond -c "$WORK/gateway.yaml" --foreground
	wait_for 20 grep -q ' ready config=' "$WORK/engine.log"
}

gateway_yaml() {
	mkdir -p "$WORK/policy"
	cp policies/demo.yaml "$WORK/policy/"
	cat <<-END
		version: 1
		ports: {p1: {place: door}, p2: {place: hall}, p3: {place: living-room}, p4: {place: kitchen}, p5: {place: workshop}, p6: {place: office}}
		uplinks: {up0: {}}
		policy: $WORK/policy
		state: $WORK/state
		run: $WORK/run
		bpffs: $BPFFS/cordon
		capacity: {devices: 4096, flows: 65536, cache: 8MiB}
	END
}

addresses() {
	local i
	echo "addresses:"
	for i in 1 2 3 4 5 6; do
		echo "  p$i: {mac: \"$GATEWAY_MAC\", ip: [192.168.50.1/24, \"fd50::1/64\", \"$LINK_LOCAL\"]}"
	done
}

lines() {
	sed "$names; /^#/d; /^\$/d" "$FRAMES"
}

# The device that owns a MAC, if any.
node_of_mac() { # MAC
	case $1 in
	02:50:00:00:00:1[1-6]) echo "${NODES[${1: -1} - 1]}" ;;
	esac
}

word_after() { # OPTION WORDS...
	local option=$1
	shift
	while [ $# -gt 1 ]; do
		[ "$1" != "$option" ] || { echo "$2"; return; }
		shift
	done
}

source_mac() { # NODE WORDS...
	local mac
	mac=$(word_after --src-mac "${@:2}")
	echo "${mac:-02:50:00:00:00:1$(port_of "$1" | tail -c 2)}"
}

# NUMBER.out: its way past the sender's port; NUMBER.in: past the receiver's, for frames to a device's MAC.
replay_input() {
	local number=0 words port mac to
	while read -r -a words; do
		number=$((number + 1))
		port=$(port_of "${words[0]}")
		mac=$(source_mac "${words[@]}")
		frame json "${words[@]:1}" --src-mac "$mac" --name "$number.out" --port "$port"
		to=$(node_of_mac "$(word_after --dst-mac "${words[@]}")")
		[ -z "$to" ] || frame json "${words[@]:1}" --src-mac "$mac" --name "$number.in" --port "$(port_of "$to")" --dir to_device --in-port "$port"
	done < <(lines)
}

capture() { # NODE INTERFACE
	spawn "capture-$1-$2" "$1" tcpdump -i "$2" -Q in -U -n --immediate-mode -w "$WORK/$1-$2.pcap"
	wait_for 10 grep -q "listening on" "$WORK/capture-$1-$2.log"
}

# All bytes of each captured frame, one frame a line.
captured() { # NODE INTERFACE
	tcpdump -n -xx -t -r "$WORK/$1-$2.pcap" 2>/dev/null |
		awk '/^\t0x/ {line = line $0; next} {print line; line = ""} END {print line}' | sed 's/\t0x[0-9a-f]*://g; s/ //g'
}

has_frame() { # NODE INTERFACE HEX
	captured "$1" "$2" | grep -q "^$3"
}

# EAPOL passes at every port, both ways: when it has arrived, all that was sent before it has met its fate.
marker="--ethertype 0x888e --data-hex 01010000c0d0c0d0c0d0"
send_markers() {
	local node
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2086
		on "$node" frame send eth0 eth --src-mac "$(source_mac "$node")" --dst-mac "$GATEWAY_MAC" $marker
		# shellcheck disable=SC2086
		on gw frame send "$(port_of "$node")" eth --src-mac "$GATEWAY_MAC" --dst-mac "$(source_mac "$node")" $marker
	done
	for node in "${NODES[@]}"; do
		# shellcheck disable=SC2086
		wait_for 10 has_frame gw "$(port_of "$node")" "$(frame hex eth --src-mac "$(source_mac "$node")" --dst-mac "$GATEWAY_MAC" $marker)"
		# shellcheck disable=SC2086
		wait_for 10 has_frame "$node" eth0 "$(frame hex eth --src-mac "$GATEWAY_MAC" --dst-mac "$(source_mac "$node")" $marker)"
	done
}

send_all() {
	local words
	while read -r -a words; do
		on "${words[0]}" frame send eth0 "${words[@]:1}" --src-mac "$(source_mac "${words[@]}")"
	done < <(lines)
}

# The same names and verdicts, by what the captures hold.
seen() {
	local number=0 words hex to
	while read -r -a words; do
		number=$((number + 1))
		hex=$(frame hex "${words[@]:1}" --src-mac "$(source_mac "${words[@]}")")
		has_frame gw "$(port_of "${words[0]}")" "$hex" && echo "$number.out pass" || echo "$number.out drop"
		to=$(node_of_mac "$(word_after --dst-mac "${words[@]}")")
		[ -n "$to" ] || continue
		has_frame "$to" eth0 "$hex" && echo "$number.in pass" || echo "$number.in drop"
	done < <(lines)
}

test_the_lab_and_replay_agree() {
	local node
	replay_input >"$WORK/input.jsonl"
	assert_ok cordon replay -c "$WORK/replay.yaml" --policy policies/demo.yaml --frames "$WORK/input.jsonl"
	# A frame that its sender's port drops never comes to the receiver's, whatever would be said of it there.
	jq -r '.name + " " + .verdict' "$WORK/output" | awk '{split($1, n, "."); if (n[2] == "out") out = $2; print $1, (n[2] == "in" && out == "drop") ? "drop" : $2}' >"$WORK/replayed"
	for node in "${NODES[@]}"; do
		capture gw "$(port_of "$node")"
		capture "$node" eth0
	done
	send_all
	send_markers
	seen >"$WORK/seen"
	[ "$(wc -l <"$WORK/seen")" -ge 50 ] || fail "only $(wc -l <"$WORK/seen") verdicts"
	diff "$WORK/replayed" "$WORK/seen" >"$WORK/diff" || { cat "$WORK/diff" >&2; fail "replay (<) and the lab (>) disagree"; }
	grep -q pass "$WORK/seen" && grep -q drop "$WORK/seen" || fail "one verdict for everything proves nothing"
}
