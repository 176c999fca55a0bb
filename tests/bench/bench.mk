# SPDX-License-Identifier: Apache-2.0
# The benchmarks; docs/bench.md tells what they measure.
#   tests/bench/NAME.c, NAME_*.c   one program NAME a layer, linked with libcordon.a
#   tests/bench/NAME.bpf.c         programs that only it loads: NAME.skel.h
#   tests/bench/{results,table}.c  what every layer is linked with

## make bench      what a packet costs, and what it costs on the wire (root; minutes); QUICK=1, ONLY=REGEX

BENCH_COMMON   := results table
BENCH_SRCS     := $(filter-out %.bpf.c,$(wildcard tests/bench/*.c))
BENCH_NAMES    := $(foreach t,$(filter-out $(BENCH_COMMON),$(basename $(notdir $(BENCH_SRCS)))),$(if $(findstring _,$(t)),,$(t)))
BENCH_PROGRAMS := $(BENCH_NAMES:%=$(BUILD)/tests/bench/%)
BENCH_SKELS    := $(patsubst tests/bench/%.bpf.c,$(BUILD)/tests/bench/%.skel.h,$(wildcard tests/bench/*.bpf.c))

$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c $(wildcard tests/bench/*.h) bpf/cordon.bpf.c $(BPF_HDRS) | deps
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $(@:.o=.raw.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.raw.o)

$(BENCH_SKELS): %.skel.h: %.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(basename $(basename $(@F)))_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/tests/bench/%.o: TEST_CFLAGS += -I$(BUILD)/tests/bench
$(patsubst tests/%.c,$(BUILD)/tests/%.o,$(BENCH_SRCS)): $(BUILD)/bpf/cordon.skel.h $(BENCH_SKELS)

define bench_program
$(BUILD)/tests/bench/$(1): $$(patsubst tests/%.c,$$(BUILD)/tests/%.o,$$(filter-out %.bpf.c,$$(wildcard tests/bench/$(1).c tests/bench/$(1)_*.c)) \
		$$(BENCH_COMMON:%=tests/bench/%.c)) $$(BUILD)/libcordon.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call PKG,libs) -lm
endef
$(foreach n,$(BENCH_NAMES),$(eval $(call bench_program,$(n))))

.PHONY: bench bench-programs
bench-programs: $(BINS) $(BENCH_PROGRAMS)
bench: deps-test
	@scripts/deps bench
	@$(MAKE) --no-print-directory $(PARALLEL) bench-programs
	@tests/bench/run -b $(BUILD) $(if $(QUICK),--quick) $(if $(ONLY),--only '$(ONLY)')
