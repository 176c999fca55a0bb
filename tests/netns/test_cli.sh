# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The command line without a daemon: exit statuses, mistakes, formats, help and manual pages, files from hostile hands.
# deadline: 240

GOOD='version: 1
site: {name: home}
segments: {cameras: {}, phones: {}}
devices:
  - {id: cam, segment: cameras, mac: "aa:bb:cc:00:11:22", ip: [192.168.1.31]}
  - {id: phone, segment: phones, mac: "aa:bb:cc:00:11:33", ip: [192.168.1.40]}
rules:
  - {id: cloud, from: segment:cameras, to: internet, allow: [https]}
  - {id: no-lan, from: segment:cameras, to: segment:phones, deny: any}
tests:
  - {from: device:cam, to: "203.0.113.9", service: tcp/443, expect: allow, rule: cloud}
  - {from: device:cam, to: device:phone, service: tcp/445, expect: deny, rule: no-lan}'

setup() {
	skip_in_vm "nothing here depends on the kernel"
	unset CORDON_CONFIG
	printf '%s\n' "$GOOD" >"$WORK/good.yaml"
}

# stdout to $WORK/out, stderr to $WORK/err, status to STATUS
run() {
	STATUS=0
	"$@" >"$WORK/out" 2>"$WORK/err" || STATUS=$?
}

assert_status() {
	[ "$STATUS" -eq "$1" ] || { cat "$WORK/err" >&2; fail "exit $STATUS, expected $1"; }
}

# What a person typed wrongly is answered in one line on stderr, with exit 2 and nothing on stdout.
assert_usage() { # PART COMMAND...
	local part=$1
	shift
	run "$@"
	assert_status 2
	assert_contains "stderr of $*" "$part" "$(cat "$WORK/err")"
	assert_eq "stdout of $*" "" "$(cat "$WORK/out")"
}

test_nearest_names_are_offered() {
	assert_usage "did you mean 'check'?" cordon chekc
	assert_usage "did you mean --policy?" cordon explain --polcy x
	assert_usage "did you mean 'devices'?" cordon get devcies
	assert_usage "did you mean 'segment'?" cordon describe segmnt x
	assert_usage "did you mean 'default_deny'?" cordon observe --reason defualt_deny
	assert_usage "unknown command 'zzzzzz'" cordon zzzzzz
}

test_what_is_missing_or_too_much() {
	assert_usage "something is missing" cordon check
	assert_usage "'b' is one too many" cordon rollback 1 b
	assert_usage "--policy wants PATH" cordon explain --policy
	assert_usage "--follow takes no value" cordon observe --follow=yes
	assert_usage "-o wants table, json or jsonl, not 'xml'" cordon check -o xml "$WORK/good.yaml"
	assert_usage "csv is for flows" cordon get devices -o csv
	assert_usage "not 'many'" cordon get flows --limit many
	assert_usage "is not a revision" cordon rollback one
	assert_usage "brake on" cordon brake off
	assert_usage "the command comes first" cordon -c x check y
	assert_usage "are all needed" cordon explain --from a --to b
	assert_usage "both needed" cordon replay --policy x
}

test_no_command_teaches() {
	run cordon
	assert_status 2
	assert_contains "stderr" "usage: cordon COMMAND" "$(cat "$WORK/err")"
	run cordon --help
	assert_status 0
	assert_contains "stdout" "cordon apply home.yaml" "$(cat "$WORK/out")"
	assert_eq "stderr" "" "$(cat "$WORK/err")"
}

test_a_daemon_that_is_not_there_is_exit_5() {
	local command
	printf 'version: 1\nrun: %s\n' "$WORK/nowhere" >"$WORK/gateway.yaml"
	for command in status "get devices" "describe device cam" observe history reload "rollback 1" "quarantine cam" "release cam" \
		"brake on" "diff $WORK/good.yaml" "apply $WORK/good.yaml" "explain --from cam --to internet --service tcp/443"; do
		# shellcheck disable=SC2086
		run cordon $command -c "$WORK/gateway.yaml"
		[ "$STATUS" -eq 5 ] || fail "cordon $command: exit $STATUS, expected 5: $(cat "$WORK/err")"
		assert_contains "cordon $command" "$WORK/nowhere/cordon.sock" "$(cat "$WORK/err")"
	done
	CORDON_CONFIG=$WORK/gateway.yaml run cordon status
	assert_status 5
	assert_contains "the environment names the file" "$WORK/nowhere" "$(cat "$WORK/err")"
}

test_a_config_that_was_named_must_be_good() {
	run cordon status -c "$WORK/none.yaml"
	assert_status 1
	assert_contains "stderr" "none.yaml" "$(cat "$WORK/err")"
	printf 'version: 1\nrnu: /x\n' >"$WORK/bad.yaml"
	run cordon status -c "$WORK/bad.yaml"
	assert_status 1
	assert_contains "stderr" "bad.yaml:2:1" "$(cat "$WORK/err")"
}

test_check_good() {
	run cordon check "$WORK/good.yaml"
	assert_status 0
	assert_contains "summary" "2 passed, 0 failed" "$(cat "$WORK/out")"
	assert_contains "the memory bill" "together" "$(cat "$WORK/out")"
	assert_eq "stderr" "" "$(cat "$WORK/err")"
}

test_check_json_has_the_same() {
	run cordon check -o json "$WORK/good.yaml"
	assert_status 0
	assert_eq "fields" "1 true 2 2 2 0 0" \
		"$(jq -r '[.schema, .ok, .devices, .rules, .tests.passed, .tests.failed, .errors] | join(" ")' "$WORK/out")"
	assert_eq "the bill adds up" true "$(jq '.memory.bytes == ([.memory.tables[].bytes] | add)' "$WORK/out")"
	run cordon check -o jsonl "$WORK/good.yaml"
	assert_eq "one line" 1 "$(wc -l <"$WORK/out")"
}

test_five_mistakes_in_one_run() {
	cat >"$WORK/five.yaml" <<-'END'
		version: 1
		segments: {cameras: {mood: enforce}}
		devices:
		  - {id: cam, segment: camera, mac: "aa:bb:cc:00:11:22", ip: [192.168.1.31]}
		  - {id: tv, segment: cameras, mac: "aa:bb:cc:00:11", ip: [192.168.1.32]}
		rules:
		  - {id: cloud, from: segment:cameras, to: internet, allow: [tcp/70000]}
		  - {id: lan, from: device:camm, to: gateway, allow: [dns]}
	END
	run cordon check "$WORK/five.yaml"
	assert_status 1
	assert_eq "places" "2:22 4:24 5:37 7:62 8:21" \
		"$(sed -n "s|^$WORK/five.yaml:\([0-9]*:[0-9]*\): .*|\1|p" "$WORK/err" | sort -V | tr '\n' ' ' | sed 's/ $//')"
	assert_contains "the nearest name" "cameras" "$(grep ':4:24' "$WORK/err")"
	run cordon check -o json "$WORK/five.yaml"
	assert_status 1
	assert_eq "the same in JSON" "false 5 5" "$(jq -r '[.ok, .errors, (.diagnostics | length)] | join(" ")' "$WORK/out")"
	assert_eq "stderr with -o json" "" "$(cat "$WORK/err")"
}

test_a_failed_test_is_exit_3() {
	sed 's/expect: allow/expect: deny/' "$WORK/good.yaml" >"$WORK/wrong.yaml"
	run cordon check "$WORK/wrong.yaml"
	assert_status 3
	assert_contains "its place" "wrong.yaml:11:" "$(cat "$WORK/err")"
	assert_contains "summary" "1 passed, 1 failed" "$(cat "$WORK/out")"
}

test_a_folder_is_read_in_name_order() {
	mkdir "$WORK/folder"
	printf 'version: 1\nsegments: {cameras: {}}\n' >"$WORK/folder/20.yaml"
	printf 'version: 1\nsegments: {cameras: {}}\n' >"$WORK/folder/10.yaml"
	run cordon check "$WORK/folder"
	assert_status 1
	assert_contains "the later file is the second" "20.yaml:2:" "$(cat "$WORK/err")"
	run cordon check "$WORK/nothing-here.yaml"
	assert_status 1
	assert_contains "stderr" "nothing-here.yaml" "$(cat "$WORK/err")"
}

test_addresses_of_the_gateway_come_from_c() {
	cat >"$WORK/gw.yaml" <<-'END'
		version: 1
		ports: {p1: {}}
		uplinks: {up0: {}}
		addresses: {p1: {ip: [192.168.1.1/24]}, up0: {ip: [203.0.113.1/24]}}
	END
	sed '/^tests/,$d' "$WORK/good.yaml" >"$WORK/view.yaml"
	cat >>"$WORK/view.yaml" <<-'END'
		tests:
		  - {from: device:cam, to: "203.0.113.9", service: tcp/443, expect: allow, rule: cloud}
		  - {from: device:cam, to: "203.0.113.1", service: tcp/443, expect: deny, rule: null}
		  - {from: device:cam, to: "192.168.1.99", service: tcp/443, expect: deny, rule: null}
	END
	run cordon check "$WORK/view.yaml"
	assert_status 3
	run cordon check -c "$WORK/gw.yaml" "$WORK/view.yaml"
	assert_status 0
}

test_a_policy_over_the_capacity_is_refused() {
	printf 'version: 1\ncapacity: {devices: 1}\n' >"$WORK/small.yaml"
	run cordon check -c "$WORK/small.yaml" "$WORK/good.yaml"
	assert_status 1
	assert_contains "what is needed and what is there" "needs 2 devices with a MAC, and \`capacity:\` has room for 1" "$(cat "$WORK/err")"
}

test_explain_offline() {
	run cordon explain --policy "$WORK/good.yaml" --from device:cam --to device:phone --service tcp/445
	assert_status 0
	assert_contains "the rule and its place" "good.yaml:9" "$(cat "$WORK/out")"
	run cordon explain -f "$WORK/good.yaml" --from cam --to 203.0.113.9 --service tcp/443 -o json
	assert_eq "fields" "1 allow rule cloud 8" "$(jq -r '[.schema, .verdict, .reason, .rule, .line] | join(" ")' "$WORK/out")"
	run cordon explain -f "$WORK/good.yaml" --from cam --to 203.0.113.9 --service udp/53 -o json
	assert_eq "fields" "deny default_deny null" "$(jq -r '"\(.verdict) \(.reason) \(.rule)"' "$WORK/out")"
	run cordon explain -f "$WORK/good.yaml" --from device:cma --to internet --service tcp/443
	assert_status 1
	assert_contains "the nearest name" "cam" "$(cat "$WORK/err")"
}

test_names_do_not_steer_the_terminal() {
	# A policy cannot hold such a name; tables must not lean on that.
	run cordon check "$WORK/good.yaml"
	assert_eq "control characters in a table" "" "$(tr -d '\n -~' <"$WORK/out" | LC_ALL=C tr -d '\200-\377')"
	script -qec "NO_COLOR=1 cordon check $WORK/good.yaml" /dev/null >"$WORK/out" </dev/null
	assert_lacks "NO_COLOR on a terminal" $'\033' "$(cat "$WORK/out")"
	TERM=xterm script -qec "cordon check $WORK/good.yaml" /dev/null >"$WORK/out" </dev/null
	assert_contains "a terminal" $'\033' "$(cat "$WORK/out")"
}

test_output_that_cannot_be_written_is_an_error() {
	run sh -c "cordon check $WORK/good.yaml >/dev/full"
	assert_status 1
	assert_contains "stderr" "cannot write" "$(cat "$WORK/err")"
}

# Every command and option of --help stands in the manual page, and the page has no others.
test_help_and_manual_agree() {
	local command option
	cordon --help | sed -n '/^First steps/q; s/^  \([a-z][a-z-]*\) .*/\1/p' >"$WORK/commands"
	[ "$(wc -l <"$WORK/commands")" -ge 10 ] || fail "no commands in --help"
	assert_eq "commands in cordon(1)" "$(sort "$WORK/commands")" \
		"$(sed -n '/^\.Ss/,/^\.Sh REPLAY/s/^\.It Cm \([a-z]*\).*/\1/p' docs/man/cordon.1 | sort)"
	while read -r command; do
		assert_ok cordon "$command" --help
		while read -r option; do
			grep -q -- "Fl \(. , \)\?-${option//-/[-]}\>" docs/man/cordon.1 || fail "cordon(1) lacks --$option of $command"
		done < <(cordon "$command" --help | sed -n '/^Options/,/^$/s/^  \(-[A-Za-z], \|    \)--\([a-z-]*\).*/\2/p')
	done <"$WORK/commands"
}

test_completion_knows_commands_and_options() {
	local reply
	# shellcheck disable=SC1091,SC2034
	complete_words() {
		. scripts/completion/cordon.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_cordon
		echo "${COMPREPLY[*]}"
	}
	assert_eq "commands" "rollback" "$(complete_words cordon roll)"
	assert_eq "options" "--verdict" "$(complete_words cordon observe --verd)"
	assert_eq "values" "allow" "$(complete_words cordon observe --verdict al)"
	assert_eq "lists" "quarantines" "$(complete_words cordon get q)"
	reply=$(complete_words cordon "")
	assert_contains "all commands" "describe" "$reply"
}

# A file from anyone ends in a clear error, in 2 s of this processor and 256 MiB of address space.
assert_refused() { # FILE PART
	local status=0 spent
	spent=$(
		ulimit -v $((256 * 1024))
		TIMEFORMAT='%U %S'
		{ time timeout $((30 * SLOW)) cordon check "$1" >"$WORK/out" 2>"$WORK/err"; } 2>&1
	) || status=$?
	assert_eq "exit status for $1" 1 "$status"
	assert_contains "stderr for $1" "$2" "$(head -c 4000 "$WORK/err")"
	awk -v limit=$((2 * SLOW)) '{ exit !($1 + $2 <= limit) }' <<<"$spent" || fail "$1 took $spent s (user, system)"
}

# yes(1) without the complaint about whoever stops reading it
lines() { # NUMBER TEXT
	yes -- "$2" 2>/dev/null | head -n "$1" || [ $? -eq 141 ]
}

test_too_many_yaml_events() {
	{ printf 'version: 1\nrules: ['; lines 9000000 a, | tr -d '\n'; echo ']'; } >"$WORK/flow.yaml"
	assert_refused "$WORK/flow.yaml" "too large"
	rm "$WORK/flow.yaml"
	{ printf 'version: 1\nrules:\n'; lines 4500000 '- {}'; } >"$WORK/block.yaml"
	assert_refused "$WORK/block.yaml" "too large"
	rm "$WORK/block.yaml"
}

test_too_large() {
	lines 4200000 '# a comment line' >"$WORK/large.yaml"
	assert_refused "$WORK/large.yaml" "64 MiB"
	rm "$WORK/large.yaml"
	{ printf 'version: 1\nsite: {name: "'; lines 1500000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | tr -d '\n'; echo '"}'; } >"$WORK/scalar.yaml"
	assert_refused "$WORK/scalar.yaml" "scalar.yaml:2:"
	rm "$WORK/scalar.yaml"
}

test_brackets() {
	head -c 10000 /dev/zero | tr '\0' '[' >"$WORK/square.yaml"
	assert_refused "$WORK/square.yaml" "nested deeper than 16"
	head -c 10000 /dev/zero | tr '\0' '{' >"$WORK/curly.yaml"
	assert_refused "$WORK/curly.yaml" "curly.yaml:1:"
}

test_alias_bomb() {
	local i
	{
		echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
		for i in {1..9}; do
			echo "a$i: &a$i [$(printf "*a$((i - 1)),%.0s" {1..10})]"
		done
	} >"$WORK/bomb.yaml"
	assert_refused "$WORK/bomb.yaml" "aliases"
}

test_random_bytes() {
	local seed=${CORDON_SEED:-20261122} i
	say "CORDON_SEED=$seed"
	for i in {1..20}; do
		LC_ALL=C awk -v seed=$((seed + i)) 'BEGIN { srand(seed); for (i = 0; i < 20000; i++) printf "%c", int(rand() * 256) }' >"$WORK/random.yaml"
		assert_refused "$WORK/random.yaml" "random.yaml"
	done
}
