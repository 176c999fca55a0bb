# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What cordon leaves in the kernel can be read with bpftool alone: names, pins, fields.

setup() {
	lab up "$PREFIX" --static
	mkdir "$WORK/policy"
	cp policies/demo.yaml "$WORK/policy/"
	cat >"$WORK/gateway.yaml" <<-END
		version: 1
		ports: {p1: {place: door}, p2: {place: hall}, p3: {place: living-room}, p4: {place: kitchen}, p5: {place: workshop}, p6: {place: office}}
		uplinks: {up0: {}}
		policy: $WORK/policy
		state: $WORK/state
		run: $WORK/run
		bpffs: $BPFFS/cordon
		capacity: {devices: 64, flows: 256, cache: 1MiB}
	END
	spawn engine gw cordond -c "$WORK/gateway.yaml" --foreground
	wait_for 20 grep -q ' ready config=' "$WORK/engine.log"
	wait_for 10 on laptop ping -n -q -c 1 -W 1 192.168.50.1
}

# bpftool adds "formatted" where BTF names the fields. Row 0 of each array is there.
assert_field() { # MAP JQ-PATH
	bpftool -j map lookup pinned "$BPFFS/cordon/maps/$1" key 0 0 0 0 >"$WORK/output"
	jq -e ".formatted.value | $2 != null" "$WORK/output" >/dev/null || fail "map $1 has no field $2: $(head -c 300 "$WORK/output")"
}

test_programs_are_pinned_by_name() {
	assert_eq "xdp" xdp_from_device "$(bpftool -j prog show pinned "$BPFFS/cordon/progs/xdp_from_device" | jq -r .name)"
	assert_eq "tc" tc_to_device "$(bpftool -j prog show pinned "$BPFFS/cordon/progs/tc_to_device" | jq -r .name)"
	assert_contains "programs listed by name" xdp_from_device "$(bpftool prog show)"
	assert_eq "links of six ports" 6 "$(find "$BPFFS/cordon/links" -name 'xdp-*' | wc -l)"
}

test_maps_show_named_fields() {
	assert_field control .generation
	assert_field heads .service_classes
	assert_field ports .ifindex
	assert_field device_index .slot
	assert_field binding_index .spilled
	assert_field devices .key
	assert_field bindings .address.byte
	assert_field devices ".budget.bucket[0].tokens"
	assert_field counters '.passed[0].packets'
}

test_a_flow_can_be_found_by_its_fields() {
	# The laptop's ping: ICMP, allowed by a rule (reason 1), answered.
	bpftool -j map dump pinned "$BPFFS/cordon/maps/flows" >"$WORK/flows"
	jq -e '[.[].formatted.value.row[] | select(.id.proto == 1 and .verdict == 0 and .reason == 1 and .side[1].packets > 0)] | length > 0' \
		"$WORK/flows" >"$WORK/output" || fail "no such flow: $(jq -c '.[].formatted.value.row[] | select(.birth > 0)' "$WORK/flows")"
}

test_the_tables_of_the_policy_in_force_have_types_too() {
	local side inner
	side=$(($(bpftool -j map lookup pinned "$BPFFS/cordon/maps/control" key 0 0 0 0 | jq .formatted.value.generation) & 1))
	for map in pairs verdicts networks; do
		inner=$(bpftool -j map lookup pinned "$BPFFS/cordon/maps/$map" key $side 0 0 0 | jq -r '.value | map(ltrimstr("0x")) | reverse | join("")')
		inner=$((16#$inner))
		bpftool -j map dump id "$inner" | jq -e '.[0].formatted.value | type == "object"' >"$WORK/output" ||
			fail "$map (id $inner) has no named fields"
	done
}
