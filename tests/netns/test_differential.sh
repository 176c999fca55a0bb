# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Frames made at random (tests/differential): the programs judge each as the oracle of tests/corpus does. `make test-long` is the long form.
# vm: no, the corpus runs there; emulation would leave too few of these
# deadline: 300

# The same frames each time, however fast the machine is.
test_programs_and_oracle_judge_random_frames_alike() {
	assert_ok tests/differential/differential -b "$BUILD" -s "${SEED:-1}" -B 20
}
