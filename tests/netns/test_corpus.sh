# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The corpus of frames (tests/corpus): whole in itself, judged alike by hand and by the oracle, and by the programs through `cordon replay`.
# deadline: 400

CORPUS=tests/corpus

# What no kernel changes needs no machine of its own.
test_every_reason_has_a_frame_and_each_dropped_frame_a_twin_that_passes() {
	skip_in_vm "no kernel is asked"
	assert_ok "$CORPUS/corpus" coverage
}

test_the_oracle_judges_each_frame_as_it_was_written_by_hand() {
	skip_in_vm "no kernel is asked"
	assert_ok "$CORPUS/corpus" oracle
}

# What is known to differ stands in known.txt, and why in differences.md; a line that is true no more fails, too.
test_the_programs_judge_each_frame_as_expected_but_for_what_is_known() {
	assert_ok "$CORPUS/corpus" replay "$BUILD/cordon" "$WORK/corpus" "$CORPUS/known.txt"
}
