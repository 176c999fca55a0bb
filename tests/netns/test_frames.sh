# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Every line of tests/frames/frames.txt and attacks.txt through `cordon replay`: verdict, reason and rule must be those of the line.
# deadline: 400

FRAMES=tests/frames

names='
s/gw\.mac/02:00:00:00:00:01/g; s/gw\.4/192.168.1.1/g; s/gw\.6/fd00::1/g
s/cam\.mac/02:00:00:00:00:11/g; s/cam\.4/192.168.1.11/g; s/cam\.6/fd00::11/g
s/hub\.mac/02:00:00:00:00:12/g; s/hub\.4/192.168.1.12/g; s/hub\.6/fd00::12/g
s/phone\.mac/02:00:00:00:00:13/g; s/phone\.4/192.168.1.13/g; s/phone\.6/fd00::13/g
s/tag\.mac/02:00:00:00:00:14/g; s/tag\.4/192.168.1.14/g
s/aud\.mac/02:00:00:00:00:15/g; s/aud\.4/192.168.1.15/g; s/aud\.6/fd00::15/g
s/one\.mac/02:00:00:00:00:16/g; s/one\.4/192.168.1.16/g
s/two\.mac/02:00:00:00:00:17/g; s/two\.4/192.168.1.17/g; s/two\.6/fd00::17/g
s/new\.mac/02:00:00:00:00:99/g
s/cloud\.4/203.0.113.10/g; s/cloud\.6/2001:db8:c::10/g
s/net\.4/198.51.100.7/g; s/net\.6/2001:db8:99::7/g'

# A line of the table to a line of replay's input, and what is expected of it to $WORK/expected.
line_to_json() { # NUMBER VERDICT REASON RULE WHERE WORDS...
	local number=$1 verdict=$2 reason=$3 rule=$4 where=$5 port=${5%%<*} in=
	shift 5
	[ "$where" = "$port" ] || in=${where#*<}
	echo "$number $verdict $reason $rule" >>"$WORK/expected"
	if [ -z "$in" ]; then
		frame json "$@" --name "$number" --port "$port"
	elif [ "$in" = gw ]; then
		frame json "$@" --name "$number" --port "$port" --dir to_device
	else
		frame json "$@" --name "$number" --port "$port" --dir to_device --in-port "$in"
	fi
}

table_to_json() { # FILE
	local number=0 words
	while read -r -a words; do
		number=$((number + 1))
		case ${words[0]:-#} in
		\#*) ;;
		reset) echo '{"do": "reset"}' ;;
		wait) echo "{\"do\": \"wait\", \"for\": \"${words[1]}\"}" ;;
		*) line_to_json "$number" "${words[@]}" || fail "$1:$number: no such frame" ;;
		esac
	done < <(sed "$names" "$1")
}

judge_table() { # FILE
	local failed=0 number verdict reason rule
	: >"$WORK/expected"
	table_to_json "$1" >"$WORK/input.jsonl"
	assert_ok cordon replay -c "$FRAMES/gateway.yaml" --policy "$FRAMES/policy.yaml" --frames "$WORK/input.jsonl"
	jq -r '[.name, .verdict, .reason, .rule // "-"] | join(" ")' "$WORK/output" >"$WORK/seen"
	if ! diff "$WORK/expected" "$WORK/seen" >"$WORK/diff"; then
		while read -r sign number verdict reason rule; do
			case $sign in
			'<') say "$1:$number: expected $verdict $reason $rule; $(sed -n "${number}p" "$1")" ;;
			'>') say "    saw $verdict $reason $rule"; failed=$((failed + 1)) ;;
			esac
		done < <(grep '^[<>]' "$WORK/diff")
		fail "$failed frames of $(wc -l <"$WORK/expected") were judged otherwise"
	fi
}

test_every_frame_is_judged_as_the_table_says() {
	judge_table "$FRAMES/frames.txt"
}

test_no_attack_of_the_table_gets_past_or_hurts_another() {
	judge_table "$FRAMES/attacks.txt"
}
