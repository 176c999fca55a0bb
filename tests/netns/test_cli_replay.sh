# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# `cordon replay`: frames of every form through the real programs, what happens between them, what it refuses.

GW=02:00:00:00:00:01 CAM=aa:bb:cc:00:11:22 HUB=aa:bb:cc:00:11:33 STRANGER=aa:bb:cc:00:11:99

setup() {
	unset CORDON_CONFIG
	cat >"$WORK/policy.yaml" <<-END
		version: 1
		site: {name: home, mode: audit}
		segments: {cameras: {}, hub: {auth: {require: [cert]}}}
		devices:
		  - {id: cam, segment: cameras, mac: "$CAM", ip: [192.168.1.31], facts: {location: p1}}
		  - {id: hub, segment: hub, mac: "$HUB", ip: [192.168.1.5]}
		rules:
		  - {id: cloud, from: segment:cameras, to: internet, allow: [https]}
		  - {id: video, from: segment:hub, to: segment:cameras, allow: [tcp/554]}
		  - {id: no-lan, from: segment:cameras, to: local, deny: any}
	END
	sed '/id: cloud/d' "$WORK/policy.yaml" >"$WORK/closed.yaml"
	cat >"$WORK/gw.yaml" <<-END
		version: 1
		ports: {p1: {}, p2: {}}
		uplinks: {up0: {}}
		addresses: {br0: {mac: "$GW", ip: [192.168.1.1/24]}}
	END
}

# Frames of the story; each appends a line to $WORK/frames.
story() {
	: >"$WORK/frames"
}

do_() { # JSON members
	echo "{\"do\": $1}" >>"$WORK/frames"
}

cam_syn() { # --option value …
	frame json tcp --src-mac $CAM --dst-mac $GW --src 192.168.1.31 --dst 203.0.113.9 --sport 4000 --dport 443 --port p1 "$@" >>"$WORK/frames"
}

cloud_answer() {
	frame json tcp --src-mac $GW --dst-mac $CAM --src 203.0.113.9 --dst 192.168.1.31 --sport 443 --dport 4000 --flags SA \
		--port p1 --dir to_device --in-port up0 "$@" >>"$WORK/frames"
}

hub_syn() {
	frame json tcp --src-mac $HUB --dst-mac $CAM --src 192.168.1.5 --dst 192.168.1.31 --sport 5000 --dport 554 --port p2 "$@" >>"$WORK/frames"
}

stranger_arp() {
	frame json arp-request --src-mac $STRANGER --src 192.168.1.77 --dst 192.168.1.1 "$@" >>"$WORK/frames"
}

replay() {
	cordon replay -c "$WORK/gw.yaml" --policy "$WORK/policy.yaml" --frames "$WORK/frames" "$@"
}

# name:verdict:reason:rule:device of each line
told() {
	replay "$@" >"$WORK/out"
	jq -r '[.name, .verdict, .reason, .rule, .device] | map(. // "-") | join(":")' "$WORK/out"
}

assert_told() { # EXPECTED, one line a frame
	assert_eq "verdicts" "$1" "$(told)"
}

test_rules_replies_and_denies_in_an_audited_site() {
	story
	cam_syn --name syn
	cloud_answer --name answer
	cam_syn --name lan --dst 192.168.1.5 --dst-mac $HUB
	cam_syn --name odd --dport 23
	frame json tcp --src-mac $CAM --dst-mac $GW --src 192.168.1.99 --dst 203.0.113.9 --port p1 --name source >>"$WORK/frames"
	assert_told "syn:pass:rule:cloud:cam
answer:pass:established:cloud:cam
lan:drop:deny_rule:no-lan:cam
odd:drop:default_deny:-:cam
source:drop:bad_source:-:cam"
}

test_lines_count_frames_and_echo_names() {
	story
	cam_syn
	do_ '"reset"'
	cam_syn --name NAME
	sed -i 's/"NAME"/"with \\"quotes\\" é"/' "$WORK/frames"
	replay >"$WORK/out"
	assert_eq "n" "0 1" "$(jq -s -r 'map(.n) | join(" ")' "$WORK/out")"
	assert_eq "fields" "device,n,name,reason,rule,verdict" "$(sed -n 2p "$WORK/out" | jq -r 'keys | join(",")')"
	assert_eq "name" "with \"quotes\" é" "$(sed -n 2p "$WORK/out" | jq -r .name)"
}

test_a_flow_from_device_to_device() {
	story
	hub_syn --name early --port p1 --dir to_device --in-port p2
	hub_syn --name from
	hub_syn --name to --port p1 --dir to_device --in-port p2
	replay >"$WORK/out"
	assert_eq "verdicts" "pass rule video" "$(sed -n 2p "$WORK/out" | jq -r '"\(.verdict) \(.reason) \(.rule)"')"
	assert_eq "verdicts" "pass established video" "$(sed -n 3p "$WORK/out" | jq -r '"\(.verdict) \(.reason) \(.rule)"')"
}

test_reset_forgets_flows_strangers_and_places() {
	story
	cam_syn --name syn
	hub_syn --name hub
	stranger_arp --name first --port p2
	stranger_arp --name second --port p2
	do_ '"reset"'
	cloud_answer --name answer
	stranger_arp --name first-again --port p1
	hub_syn --name hub-elsewhere --port p1
	assert_told "syn:pass:rule:cloud:cam
hub:pass:rule:video:hub
first:drop:unknown_device:-:-
second:drop:bad_source:-:mac-aabbcc001199
answer:drop:no_flow:-:cam
first-again:drop:unknown_device:-:-
hub-elsewhere:pass:rule:video:hub"
}

test_a_place_is_kept_from_the_first_frame() {
	story
	hub_syn --name here
	hub_syn --name there --port p1
	assert_told "here:pass:rule:video:hub
there:drop:wrong_port:-:hub"
}

test_place_beats_location_and_must_name_a_device() {
	story
	cam_syn --name one --port p1
	cam_syn --name two --port p2
	assert_eq "by location" "one:pass:rule:cloud:cam two:drop:wrong_port:-:cam" "$(told | paste -sd' ')"
	assert_eq "by --place" "one:drop:wrong_port:-:cam two:pass:rule:cloud:cam" "$(told --place hub=p1,cam=p2 | paste -sd' ')"
	assert_exit 1 replay --place kam=p2
	assert_contains "stderr" "did you mean 'cam'?" "$(cat "$WORK/output")"
	assert_exit 1 replay --place cam
	assert_exit 1 replay --place cam=up0
}

test_apply_changes_the_policy_and_cuts() {
	story
	cam_syn --name before
	do_ '"apply", "policy": "closed.yaml"' # beside the frames
	cam_syn --name after
	cam_syn --name live --flags A
	do_ "\"apply\", \"policy\": \"$WORK/policy.yaml\""
	cam_syn --name again --sport 4001
	told >"$WORK/told"
	assert_contains "before" "before:pass:rule:cloud:cam" "$(cat "$WORK/told")"
	assert_contains "after" "after:drop" "$(cat "$WORK/told")"
	assert_contains "live" "live:drop" "$(cat "$WORK/told")"
	assert_contains "again" "again:pass:rule:cloud:cam" "$(cat "$WORK/told")"
}

test_a_bad_policy_in_the_middle_is_told_with_both_places() {
	story
	cam_syn --name before
	do_ '"apply", "policy": "bad.yaml"'
	printf 'version: 1\nrulse: []\n' >"$WORK/bad.yaml"
	assert_exit 1 replay
	assert_contains "the policy" "bad.yaml:2:1" "$(cat "$WORK/output")"
	assert_contains "the line" "frames:2:" "$(cat "$WORK/output")"
	assert_contains "what ran before is printed" '"name":"before"' "$(cat "$WORK/output")"
}

test_authentication_comes_and_goes() {
	story
	hub_syn --name proved
	do_ '"deauth", "device": "hub"'
	hub_syn --name lost --sport 5001
	do_ '"auth", "device": "hub"'
	hub_syn --name found --sport 5002
	assert_eq "verdicts" "proved:pass lost:drop found:pass" "$(told | cut -d: -f1,2 | paste -sd' ')"
}

test_quarantine_and_release() {
	story
	cam_syn --name before
	do_ '"quarantine", "device": "cam"'
	cam_syn --name new --sport 4001
	cloud_answer --name towards
	do_ '"release", "device": "cam"'
	cam_syn --name after --sport 4002
	assert_eq "verdicts" "before:pass:rule new:drop:quarantine towards:drop:quarantine after:pass:rule" "$(told | cut -d: -f1-3 | paste -sd' ')"
	story
	do_ '"quarantine", "device": "kam"'
	assert_exit 1 replay
	assert_contains "the line and the name" "frames:1: there is no device 'kam'" "$(cat "$WORK/output")"
}

test_wait_ends_flows() {
	story
	cam_syn --name syn
	do_ '"wait", "for": "200ms"'
	cloud_answer --name soon
	do_ '"wait", "for": "30d"'
	cloud_answer --name late
	assert_eq "verdicts" "syn:pass soon:pass late:drop" "$(told | cut -d: -f1,2 | paste -sd' ')"
}

test_expect_prints_mismatches_and_a_count() {
	story
	cam_syn --name good --expect pass
	cam_syn --name unjudged --dport 23
	cam_syn --name bad --dport 24 --expect pass
	frame json hex --data-hex 00 --pad 0 --port p1 --name short --expect drop >>"$WORK/frames"
	cam_syn --name dropped --dport 25 --expect drop
	assert_exit 3 replay --expect
	assert_eq "lines" "bad:drop:pass short:unrunnable:drop" "$(grep '^{' "$WORK/output" | jq -r '"\(.name):\(.verdict):\(.expect)"' | paste -sd' ')"
	assert_eq "the count" "2 passed, 2 failed" "$(tail -n 1 "$WORK/output")"
	story
	cam_syn --expect pass
	assert_exit 0 replay --expect
	assert_eq "the count" "1 passed, 0 failed" "$(cat "$WORK/output")"
}

test_bad_lines_are_found_before_the_first_verdict() {
	story
	cam_syn
	echo '{"port": "p1", "dir": "from_device", "frame": "0"}' >>"$WORK/frames"
	assert_exit 1 replay
	assert_contains "stderr" "frames:2: " "$(cat "$WORK/output")"
	assert_lacks "output" verdict "$(cat "$WORK/output")"
	sed -i 2d "$WORK/frames"
	cam_syn --port up0
	assert_exit 1 replay
	assert_contains "stderr" "frames:2: up0 is an uplink" "$(cat "$WORK/output")"
}

test_a_capture_gives_what_lines_give() {
	story
	cam_syn --pad 0
	cam_syn --pad 0 --dport 23
	# pcap: header, then seconds, fraction, kept, length in front of each frame; all little-endian
	{
		printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00'
		jq -r .frame "$WORK/frames" | while read -r hex; do
			printf '\x00\x00\x00\x00\x00\x00\x00\x00%b%b' "\\x$(printf %02x $((${#hex} / 2)))\\x00\\x00\\x00" "\\x$(printf %02x $((${#hex} / 2)))\\x00\\x00\\x00"
			# shellcheck disable=SC2001
			printf '%b' "$(echo "$hex" | sed 's/../\\x&/g')"
		done
	} >"$WORK/frames.pcap"
	replay | jq -c '.name = null' >"$WORK/lines" # a capture has no names
	cordon replay -c "$WORK/gw.yaml" --policy "$WORK/policy.yaml" --frames "$WORK/frames.pcap" --port p1 --dir from_device >"$WORK/capture"
	assert_eq "frames" 2 "$(wc -l <"$WORK/capture")"
	assert_eq "capture and lines" "$(cat "$WORK/lines")" "$(cat "$WORK/capture")"
	assert_exit 1 cordon replay --policy "$WORK/policy.yaml" --frames "$WORK/frames.pcap"
	assert_contains "stderr" "--port and --dir" "$(cat "$WORK/output")"
	cordon replay -c "$WORK/gw.yaml" --policy "$WORK/policy.yaml" --frames - --port p1 --dir from_device <"$WORK/frames.pcap" >"$WORK/piped"
	assert_eq "from a pipe" "$(cat "$WORK/lines")" "$(cat "$WORK/piped")"
}

test_without_a_config_the_gateway_has_a_known_mac() {
	story
	cam_syn --name default
	cam_syn --name other --dst-mac 02:00:00:00:00:77
	assert_eq "verdicts" "default:pass:rule other:drop:dest_mac" \
		"$(cordon replay --policy "$WORK/policy.yaml" --frames "$WORK/frames" | jq -r '"\(.name):\(.verdict):\(.reason)"' | paste -sd' ')"
}

test_without_the_rights_is_exit_6() {
	story
	cam_syn
	assert_exit 6 setpriv --bounding-set=-all --inh-caps=-all --no-new-privs cordon replay --policy "$WORK/policy.yaml" --frames "$WORK/frames"
	assert_contains "stderr" "CAP_BPF" "$(cat "$WORK/output")"
}
