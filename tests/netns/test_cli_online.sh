# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The commands that talk to the daemon: what they print in each form, and how they end.

setup() {
	skip_in_vm "nothing here depends on the kernel"
	node_add gw cam hub
	on gw ip link add br0 address 02:50:00:00:00:01 type bridge
	device cam 1
	device hub 2
	on gw ip link set br0 up
	on gw ip addr add 192.168.50.1/24 dev br0
	mkdir "$WORK/policy"
	policy >"$WORK/policy/home.yaml"
	policy | sed 's|allow: \[icmp/echo\]|allow: [icmp/echo, tcp/80]|' >"$WORK/wider.yaml"
	printf '%s\n' 'version: 1' 'ports: {"p*": {}}' "policy: $WORK/policy" "state: $WORK/state" "run: $WORK/run" \
		"bpffs: $BPFFS/cordon" "capacity: {devices: 4096, flows: 65536, cache: 8MiB}" >"$WORK/gateway.yaml"
	export CORDON_CONFIG=$WORK/gateway.yaml
	spawn engine gw cordond --foreground
	wait_for 20 cordon status
	wait_for 10 all_attached
	on cam ping -n -q -c 1 -W 1 192.168.50.12
	on hub ping -n -q -c 1 -W 1 192.168.50.1 && fail "what no rule allows came through"
	wait_for 5 deny_seen
}

policy() {
	cat <<-'END'
		version: 1
		site: {name: home}
		segments: {cameras: {}, hubs: {}}
		devices:
		  - {id: cam, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		  - {id: hub, segment: hubs, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		rules:
		  - {id: ping, from: segment:cameras, to: segment:hubs, allow: [icmp/echo]}
	END
}

device() { # NODE NUMBER
	ip link add "p$2" netns "$PREFIX-gw" type veth peer name eth0 netns "$PREFIX-$1" address "02:50:00:00:00:1$2"
	on gw ip link set "p$2" master br0 up
	on "$1" ip link set eth0 up
	on "$1" ip addr add "192.168.50.1$2/24" dev eth0
}

all_attached() {
	[ "$(cordon status -o json | jq '[.ports[] | select(.attached)] | length')" = 2 ]
}

deny_seen() {
	cordon observe --verdict deny --device hub -o jsonl | grep -q '"default_deny"'
}

# Every document says its schema.
assert_schema() { # COMMAND...
	"$@" >"$WORK/json" || fail "exit $? from $*"
	[ -s "$WORK/json" ] || fail "no document from $*"
	jq -e -s 'all(.[]; .schema == 1)' "$WORK/json" >"$WORK/output" || fail "schema of $*: $(head -c 300 "$WORK/json")"
}

test_lists_in_every_form() {
	local kind
	for kind in devices segments rules flows revisions; do
		assert_schema cordon get $kind -o json
		assert_eq "keys of $kind" "schema $kind" "$(jq -r 'keys_unsorted | join(" ")' "$WORK/json")"
		jq -c ".${kind}[]" "$WORK/json" >"$WORK/items"
		assert_schema cordon get $kind -o jsonl
		assert_eq "lines of $kind" "$(jq -c 'keys' "$WORK/items")" "$(jq -c 'del(.schema) | keys' "$WORK/json")"
		cordon get $kind >"$WORK/table"
		assert_eq "rows of the table of $kind" $(($(wc -l <"$WORK/items") + 1)) "$(wc -l <"$WORK/table")"
	done
	assert_eq "an empty list" "no quarantines" "$(cordon get quarantines)"
	assert_eq "an empty list in JSON" '{"schema":1,"quarantines":[]}' "$(cordon get quarantines -o json | jq -c .)"
	assert_eq "history" "$(cordon get revisions -o json)" "$(cordon history -o json)"
}

test_flow_records() {
	assert_eq "header" "ts,device,peer,name,proto,dport,dir,packets,bytes,rpackets,rbytes,verdict" "$(cordon get flows -o csv | head -n 1)"
	assert_eq "the ping" "cam,hub,,icmp,0,out,1,84,1,84,allow" "$(cordon get flows --device cam -o csv | sed -n '2s/^[0-9.]*,//p')"
	assert_eq "at most one" 1 "$(cordon get flows --limit 1 -o jsonl | wc -l)"
	assert_eq "a denied conversation" "hub deny" "$(cordon get flows --ended -o json | jq -r '.flows[] | "\(.device) \(.verdict)"' | sort -u)"
}

test_describe() {
	assert_schema cordon describe device cam -o json
	assert_eq "id and row" "cam number" "$(jq -r '.device | "\(.id) \(.row | type)"' "$WORK/json")"
	assert_schema cordon describe rule ping -o json
	assert_contains "for people" "icmp/echo" "$(cordon describe rule ping)"
	assert_exit 4 cordon describe device kam
	assert_exit 4 cordon describe rule pong
	assert_contains "a plural will do" "cam" "$(cordon describe devices cam)"
}

test_status() {
	assert_schema cordon status -o json
	assert_eq "fields" "enforce array number string" "$(jq -r '"\(.mode) \(.degraded | type) \(.revision | type) \(.hash | type)"' "$WORK/json")"
	assert_contains "for people" "p1    port" "$(cordon status)"
	assert_eq "stderr" "" "$(cordon status 2>&1 >"$WORK/output")"
}

test_observe_with_filters() {
	assert_schema cordon observe -o json
	assert_eq "keys" "schema events" "$(jq -r 'keys_unsorted | join(" ")' "$WORK/json")"
	assert_schema cordon observe --kind flow --rule ping -o jsonl
	assert_eq "the ping" "cam p1 from_device 192.168.50.11 192.168.50.12 icmp allow ping 1" \
		"$(jq -r '[.device, .port, .dir, .src, .dst, .proto, .verdict, .rule, .count] | join(" ")' "$WORK/json" | head -n 1)"
	assert_eq "nothing of another reason" "" "$(cordon observe --reason quarantine)"
	assert_contains "a line for people" "DENY hub 192.168.50.12" "$(cordon observe --verdict deny --device hub)"
	assert_eq "the last" 1 "$(cordon observe --last 1 -o jsonl | wc -l)"
	assert_exit 2 cordon observe -f -o json
}

test_observe_follows_through_a_pipe() {
	spawn follow gw sh -c 'cordon observe -f --kind flow -o jsonl | cat'
	wait_for 5 pinged_and_seen
}

pinged_and_seen() {
	on cam ping -n -q -c 1 -W 1 192.168.50.12
	jq -e 'select(.rule == "ping")' "$WORK/follow.log"
}

test_explain_says_the_same_on_and_offline() {
	cordon explain --from cam --to hub --service icmp/echo -o json >"$WORK/online"
	cordon explain --from cam --to hub --service icmp/echo -o json --policy "$WORK/policy" >"$WORK/offline"
	assert_eq "answers" "$(cat "$WORK/offline")" "$(cat "$WORK/online")"
	assert_exit 1 cordon explain --from kam --to hub --service tcp/80
	assert_contains "stderr" "cam" "$(cat "$WORK/output")"
}

test_apply_diff_rollback() {
	assert_exit 3 cordon diff "$WORK/wider.yaml"
	assert_contains "who gains" "tcp/80" "$(cat "$WORK/output")"
	assert_exit 3 cordon apply --dry-run "$WORK/wider.yaml" -o json
	assert_eq "the same in JSON" "1 true deny allow" "$(jq -r '"\(.schema) \(.changed) \(.diff[0].before) \(.diff[0].after)"' "$WORK/output")"
	assert_exit 0 cordon diff "$WORK/policy"
	assert_exit 0 cordon apply "$WORK/wider.yaml" --why 'a reason'
	assert_contains "how to undo it" "cordon rollback 1" "$(cat "$WORK/output")"
	assert_eq "who and why" "root a reason true" "$(cordon history -o json | jq -r '.revisions[0] | "\(.who) \(.why) \(.active)"')"
	assert_exit 3 cordon reload --dry-run
	assert_exit 0 cordon rollback 1 -o json
	assert_eq "applied" "1 true 3 cordon rollback 2" "$(jq -r '"\(.schema) \(.changed) \(.revision) \(.undo)"' "$WORK/output")"
	assert_exit 0 cordon reload -o json
	assert_eq "nothing to do" "1 false 3 null" "$(jq -r '"\(.schema) \(.changed) \(.revision) \(.undo)"' "$WORK/output")"
	assert_exit 4 cordon rollback 99
}

test_a_bad_policy_is_refused_with_its_places() {
	printf 'version: 1\nrulse: []\n' >"$WORK/bad.yaml"
	assert_exit 1 cordon apply "$WORK/bad.yaml"
	assert_eq "stderr" "$WORK/bad.yaml:2:1" "$(grep -o '^[^ ]*:2:1' "$WORK/output")"
	assert_eq "told once" 1 "$(grep -c rulse "$WORK/output")"
	assert_exit 1 cordon apply "$WORK/none.yaml"
}

test_texts_do_not_steer_the_terminal() {
	assert_exit 0 cordon apply "$WORK/wider.yaml" --why $'\033[2Jgone'
	assert_contains "the text" "?[2Jgone" "$(cordon history)"
	assert_exit 0 cordon reload
}

test_quarantine_and_release() {
	assert_exit 0 cordon quarantine cam --dry-run
	assert_eq "not yet" "no quarantines" "$(cordon get quarantines)"
	assert_exit 0 cordon quarantine cam --reason test
	assert_contains "how to undo it" "cordon release cam" "$(cat "$WORK/output")"
	assert_eq "the list" "cam" "$(cordon get quarantines -o jsonl | jq -r .device)"
	assert_fails on cam ping -n -q -c 1 -W 1 192.168.50.12
	assert_exit 0 cordon release cam
	assert_ok on cam ping -n -q -c 1 -W 1 192.168.50.12
	assert_exit 4 cordon quarantine kam
}

test_the_brake_shows_as_degraded() {
	assert_exit 0 cordon brake on
	assert_exit 8 cordon status
	assert_contains "for people" "BRAKE ON" "$(cat "$WORK/output")"
	assert_ok on hub ping -n -q -c 1 -W 1 192.168.50.1
	assert_exit 0 cordon brake release
	assert_exit 0 cordon status
	assert_fails on hub ping -n -q -c 1 -W 1 192.168.50.1
}

test_another_user_is_exit_6() {
	chmod 755 "$WORK" "$WORK/run"
	assert_exit 6 setpriv --reuid 65534 --clear-groups "$(command -v cordon)" status
	assert_exit 6 setpriv --reuid 65534 --clear-groups "$(command -v cordon)" brake on
}

test_completion_offers_names_of_the_daemon() {
	local reply
	# shellcheck disable=SC1091,SC2034
	reply=$(
		. scripts/completion/cordon.bash
		COMP_WORDS=(cordon quarantine c) COMP_CWORD=2
		_cordon
		echo "${COMPREPLY[*]}"
	)
	assert_eq "devices" cam "$reply"
}
