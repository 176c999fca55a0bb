# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# cordond dies at every step of an apply, and at random moments, while traffic runs: what both policies allow is never dropped,
# what both deny never passes, in either direction, and the next start finds one policy or the other, whole.
# deadline: 900

ALLOWED=7001 DENIED=7003
SEED=${CORDON_SEED:-$$}
# In an emulated machine a start takes many seconds: there every 29th step, and few random moments.
KILLS=${CORDON_KILLS:-$([ "$SLOW" = 1 ] && echo 200 || echo 3)}
STRIDE=$([ "$SLOW" = 1 ] && echo 1 || echo 29)

setup() {
	lab up "$PREFIX" --static
	mkdir "$WORK/policy"
	policy_a >"$WORK/a.yaml"
	policy_b >"$WORK/b.yaml"
	cp "$WORK/a.yaml" "$WORK/policy/site.yaml"
	gateway_yaml >"$WORK/gateway.yaml"
	hash_a=$(hash_of "$WORK/a.yaml") hash_b=$(hash_of "$WORK/b.yaml")
}

# Different in classes, rules, services, addresses and devices; alike in what is asked here.
policy_a() {
	cat <<-END
		version: 1
		site: {name: test, mode: enforce}
		segments: {cameras: {}, others: {}}
		devices:
		  - {id: camera, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11, 192.168.50.111]}
		  - {id: lock, segment: others, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		rules:
		  - {id: only-a, from: segment:cameras, to: segment:others, allow: [tcp/80]}
		  - {id: both-in-a, from: segment:cameras, to: gateway, allow: [udp/$ALLOWED]}
	END
}

policy_b() {
	cat <<-END
		version: 1
		site: {name: test, mode: enforce}
		segments: {door: {}, hall: {}}
		devices:
		  - {id: thermostat, segment: hall, mac: "02:50:00:00:00:13", ip: [192.168.50.13, 192.168.50.12]}
		  - {id: eye, segment: door, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		networks: {far: [10.20.0.0/16]}
		rules:
		  - {id: both-in-b, from: device:eye, to: gateway, allow: [udp/7000-7002]}
		  - {id: no-far, from: segment:hall, to: network:far, deny: any}
		  - {id: only-b, from: segment:hall, to: gateway, allow: any}
	END
}

hash_of() {
	cordon check -o json "$1" 2>/dev/null | jq -r .hash
}

start_engine() { # [FAILPOINT]
	: >"$WORK/engine.log"
	CORDON_FAILPOINT=${1:-} spawn engine gw "$BUILD/failpoints/cordond" -c "$WORK/gateway.yaml" --foreground
	ENGINE=$SPAWNED_PID
	wait_for 20 ready_or_dead
	kill -0 "$ENGINE" 2>/dev/null
}

ready_or_dead() {
	grep -q ' ready config=' "$WORK/engine.log" || ! kill -0 "$ENGINE" 2>/dev/null
}

end_engine() {
	kill -KILL "$ENGINE" 2>/dev/null || :
	wait "$ENGINE" 2>/dev/null || :
}

other_policy() {
	[ "$1" = a ] && echo b || echo a
}

# One of the two policies, whole, and nothing amiss.
assert_clean() { # WHEN
	local status hash
	status=$(ctl status -o json) || fail "$1: status exits $?: $status"
	hash=$(jq -r .hash <<<"$status")
	case $hash in
	"$hash_a") now=a ;;
	"$hash_b") now=b ;;
	*) fail "$1: neither policy is in force but $hash" ;;
	esac
}

traffic_begin() {
	spawn answer gw traffic answer 192.168.50.1 $ALLOWED $DENIED 192.168.50.11
	ANSWER=$SPAWNED_PID
	wait_for 5 on gw bash -c "ss -lun | grep -q :$DENIED"
	spawn ask camera traffic ask 192.168.50.1 $ALLOWED $DENIED
	ASK=$SPAWNED_PID
}

traffic_end() {
	kill -TERM "$ASK"
	wait "$ASK"
	kill -TERM "$ANSWER"
	wait "$ANSWER"
	say "  $(cat "$WORK/ask.log") $(cat "$WORK/answer.log")"
}

# What the programs dropped since the first start, by reason; the tables outlive the engine.
drops() {
	ctl status -o json | jq -c .drops
}

assert_all_accounted_for() {
	say "  dropped: $(drops)"
	local sent answered asked
	sent=$(jq .sent "$WORK/ask.log") answered=$(jq .answered "$WORK/ask.log") asked=$(jq .asked "$WORK/answer.log")
	[ "$sent" -gt 100 ] && [ "$(jq .poked "$WORK/answer.log")" -gt 100 ] || fail "too little traffic to say anything: $sent"
	assert_eq "frames that both policies allow, there" "$sent" "$asked"
	assert_eq "frames that both policies allow, back" "$sent" "$answered"
	assert_eq "frames that both policies deny, from the device" 0 "$(jq .got_through "$WORK/answer.log")"
	assert_eq "frames that both policies deny, to the device" 0 "$(jq .got_through "$WORK/ask.log")"
}

# A start applies too: it puts the revision that it finds into force again, for what the gateway knows may have changed.
test_killed_at_every_step_of_an_apply() {
	local step died_starting=0 died_applying=0 now
	start_engine || fail "the engine does not start: $(cat "$WORK/engine.log")"
	assert_clean "at first"
	traffic_begin
	for ((step = 1; ; step += STRIDE)); do
		end_engine
		if ! start_engine "apply:$step:kill"; then
			died_starting=$((died_starting + 1))
			start_engine || fail "step $step: the next start died: $(tail -3 "$WORK/engine.log")"
			assert_clean "after step $step of a start"
			continue
		fi
		assert_clean "after step $((step - STRIDE))"
		ctl apply "$WORK/$(other_policy "$now").yaml" >/dev/null 2>&1 && break
		wait_for 5 bash -c "! kill -0 $ENGINE" 2>/dev/null
		died_applying=$((died_applying + 1))
	done
	assert_clean "after the last step"
	traffic_end
	say "  killed at $died_starting steps of a start and $died_applying of an apply"
	[ "$died_starting" -ge 1 ] && [ "$died_applying" -ge 1 ] || fail "too few steps were met"
	assert_all_accounted_for
	end_engine
}

test_killed_at_random_moments() {
	local i now applies=0
	RANDOM=$SEED
	say "  seed $SEED (CORDON_SEED repeats it), $KILLS kills"
	start_engine || fail "the engine does not start"
	assert_clean "at first"
	traffic_begin
	for ((i = 1; i <= KILLS; i++)); do
		ctl apply "$WORK/$(other_policy "$now").yaml" >/dev/null 2>&1 &
		# The moment is what is tried here; nothing is waited for.
		perl -e "select(undef, undef, undef, $((RANDOM % 500)) / 1000)"
		end_engine
		wait $! && applies=$((applies + 1))
		start_engine || fail "kill $i: the next start died: $(tail -3 "$WORK/engine.log")"
		assert_clean "after kill $i"
	done
	traffic_end
	say "  $applies of $KILLS applies were over before the kill"
	assert_all_accounted_for
	end_engine
}
