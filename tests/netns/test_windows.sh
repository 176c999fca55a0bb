# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Schedules and expiry on the wire, with nobody at home: the engine is killed before the minute in which they take effect.
# vm: no, the kernel's part of it is tests/bpf/test_windows.c
# deadline: 300

GATEWAY=192.168.50.1 CAMERA=192.168.50.11 LOCK=192.168.50.12

setup() {
	lab up "$PREFIX" --static
}

# The time of the site is that of New York, so that none of UTC's hours fits by chance.
policy() { # MINUTE
	cat <<-END
		version: 1
		site: {name: test, timezone: America/New_York, mode: enforce}
		segments: {cameras: {}, plant: {}, office: {}}
		devices:
		  - {id: camera, segment: cameras, mac: "02:50:00:00:00:11", ip: [192.168.50.11]}
		  - {id: lock, segment: plant, mac: "02:50:00:00:00:12", ip: [192.168.50.12]}
		  - {id: laptop, segment: office, mac: "02:50:00:00:00:16", ip: [192.168.50.16]}
		rules:
		  - {id: opens, from: device:camera, to: gateway, allow: [icmp/echo], when: later}
		  - {id: ends, from: device:laptop, to: device:camera, allow: [icmp/echo], expires: "$1"}
		  - {id: shuts, from: device:laptop, to: device:lock, deny: any, when: later}
		  - {id: until-then, from: device:laptop, to: device:lock, allow: [icmp/echo]}
		schedules:
		  later: {start: "$1", end: "2099-01-01T00:00"}
	END
}

fresh() { # MINUTE [LINE OF GATEWAY.YAML]
	rm -rf "$BPFFS/cordon" "$WORK/state" "$WORK/run" "$WORK/policy"
	mkdir "$WORK/policy"
	policy "$1" >"$WORK/policy/site.yaml"
	shift
	gateway_yaml "$@" >"$WORK/gateway.yaml"
	engine_start
}

site_time() { # SECONDS SINCE THE EPOCH
	TZ=America/New_York date -d "@$1" +%Y-%m-%dT%H:%M
}

# New conversations, one after the other; the times of those that were answered. The pause keeps them far below a device's
# quota of flows, however fast the machine.
answers() { # NAME NODE ADDRESS
	# shellcheck disable=SC2016
	spawn "$1" "$2" bash -c 'while :; do ping -n -q -c 1 -W 0.2 "$1" >/dev/null 2>&1 && date +%s.%N; sleep 0.05; done' _ "$3"
}

# One conversation that goes on; the times of its answers.
keeps_on() { # NAME NODE ADDRESS
	spawn "$1" "$2" ping -n -D -i 0.02 -W 1 "$3"
}

last_answer() { # NAME
	sed -n 's/^\[\([0-9.]*\)\] .* bytes from .*/\1/p' "$WORK/$1.log" | tail -n1
}

# Milliseconds from then to a time with fractions.
after() { # SECONDS TIME
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%d\n", (b - a) * 1000 }'
}

within() { # WHAT FROM TO VALUE
	say "$1: $4 ms"
	[ "$4" -ge "$2" ] && [ "$4" -le "$3" ] || fail "$1: $4 ms from the minute, not $2 to $3"
}

is_past() { # SECONDS SINCE THE EPOCH
	[ "$(date +%s)" -ge "$1" ]
}

test_a_minute_comes_with_the_engine_dead() {
	local minute
	# Time enough to start; the minute is the language's finest measure.
	minute=$((($(date +%s) + 15 * SLOW + 59) / 60 * 60))
	fresh "$(site_time $minute)" "clock: trusted"
	assert_ok reaches laptop "$CAMERA"
	assert_ok reaches laptop "$LOCK"
	assert_fails reaches camera "$GATEWAY"
	kill -KILL "$ENGINE"
	wait "$ENGINE" 2>/dev/null || :
	answers opens camera "$GATEWAY"
	answers ends laptop "$CAMERA"
	keeps_on live-ends laptop "$CAMERA"
	keeps_on live-shuts laptop "$LOCK"
	answers shuts laptop "$LOCK"
	wait_for 80 is_past $((minute + 2))
	wait_for 10 test -s "$WORK/opens.log"
	assert_fails reaches laptop "$CAMERA"
	assert_fails reaches laptop "$LOCK"
	assert_ok reaches camera "$GATEWAY"
	# A ping that was asked in time may be told a process's start later.
	within "the first answer of a schedule that opens" 0 $((700 * SLOW)) "$(after $minute "$(head -n1 "$WORK/opens.log")")"
	within "the last answer of a rule that expires" $((-700 * SLOW)) $((100 * SLOW)) "$(after $minute "$(tail -n1 "$WORK/ends.log")")"
	within "the last answer of a live flow whose rule expires" -100 $((100 * SLOW)) "$(after $minute "$(last_answer live-ends)")"
	within "the last answer of a live flow that a deny ends" -100 $((100 * SLOW)) "$(after $minute "$(last_answer live-shuts)")"
	within "the last answer before a deny begins" $((-700 * SLOW)) $((100 * SLOW)) "$(after $minute "$(tail -n1 "$WORK/shuts.log")")"
}

# "With an unsynchronised clock allows that depend on time are off and denies on."
test_a_clock_that_nobody_set_opens_nothing() {
	local past
	past=$(site_time $(($(date +%s) - 120)))
	fresh "$past"
	cordon status -c "$WORK/gateway.yaml" -o json >"$WORK/status.json" || :
	jq -e '.degraded[] | select(.what == "clock")' "$WORK/status.json" >/dev/null || skip "this machine's clock is synchronised"
	assert_fails reaches camera "$GATEWAY"
	assert_fails reaches laptop "$LOCK"
	stop "$ENGINE"
	fresh "$past" "clock: trusted"
	assert_ok reaches camera "$GATEWAY"
	assert_fails reaches laptop "$LOCK"
	assert_eq "degraded" "" "$(cordon status -c "$WORK/gateway.yaml" -o json | jq -r '[.degraded[].what] | join(" ")')"
}
