# SPDX-License-Identifier: Apache-2.0
# What is tested and how it is built; docs/dev/testing.md tells how the tiers work.
#   tests/unit/test_NOUN.c, tests/bpf/test_NOUN.c   one criterion program each, linked with libcordon.a
#   tests/lib/*.c                                   helpers that every one of them is linked with
#   tests/tools/NAME.c, NAME_*.c                    one program NAME for the scripts

## make test-unit, test-bpf, test-netns, test-vm   one tier of the tests; FILTER=GLOB runs the files that match
## make test-san   unit tests under the sanitizers

TEST_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/bpf/test_*.c))
TEST_HELPERS  := $(patsubst tests/%.c,$(BUILD)/tests/%.o,$(wildcard tests/lib/*.c))
TOOL_SRCS     := $(wildcard tests/tools/*.c)
TOOLS         := $(foreach t,$(basename $(notdir $(TOOL_SRCS))),$(if $(findstring _,$(t)),,$(t)))
UNIT_PROGRAMS := $(filter $(BUILD)/tests/unit/%,$(TEST_PROGRAMS))
BPF_PROGRAMS  := $(filter $(BUILD)/tests/bpf/%,$(TEST_PROGRAMS))
TOOL_PROGRAMS := $(TOOLS:%=$(BUILD)/tests/%)
confine_LIBS  := -lseccomp
# Tests of dying, or of an error, at every step are linked with failpoints.
CRASH_PROGRAMS := $(filter %/test_crash %_fails,$(TEST_PROGRAMS))
# Tests of what readers may meet are linked with programs that read slowly (bpf/base.h), too.
WIDE_PROGRAMS := $(filter %_wide,$(TEST_PROGRAMS))
WIDE          := -DCORDON_WIDEN=1500
WIDE_OBJS     := $(patsubst %.c,$(BUILD)/widen/%.o,$(wildcard user/dataplane/*.c))
# A daemon with failpoints, once there is one.
FAIL_PROGRAMS := $(if $(wildcard user/cordond/*.c),$(BUILD)/failpoints/cordond)
TEST_BUILDS   := $(TEST_PROGRAMS) $(TOOL_PROGRAMS) $(FAIL_PROGRAMS)

TEST_CFLAGS = $(ALL_CFLAGS) -Iuser -Itests/lib
TEST_RUN    = scripts/test -b $(BUILD) $(if $(FILTER),-f '$(FILTER)')
PARALLEL    = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: deps-test
deps-test:
	@scripts/deps build demo test vm

$(BUILD)/tests/tools/%.o: tests/tools/%.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(BPF_PROGRAMS:%=%.o) $(TEST_HELPERS): $(BUILD)/bpf/cordon.skel.h
$(CRASH_PROGRAMS:%=%.o): TEST_CFLAGS += -DCORDON_FAILPOINTS
$(WIDE_PROGRAMS:%=%.o): TEST_CFLAGS += $(WIDE)
$(BUILD)/tests/%.o: tests/%.c | deps-test
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(filter-out $(CRASH_PROGRAMS) $(WIDE_PROGRAMS),$(TEST_PROGRAMS)): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_HELPERS) $(BUILD)/libcordon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call PKG,libs) -lcriterion

$(CRASH_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_HELPERS) $(LIB_SRCS:%.c=$(BUILD)/failpoints/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call PKG,libs) -lcriterion

$(BUILD)/widen/bpf/cordon.bpf.o: bpf/cordon.bpf.c $(BPF_HDRS) | deps
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(WIDE) -c $< -o $(@:.o=.raw.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.raw.o)

$(BUILD)/widen/bpf/cordon.skel.h: $(BUILD)/widen/bpf/cordon.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name cordon_bpf > $@.tmp && mv $@.tmp $@

$(WIDE_OBJS): $(BUILD)/widen/%.o: %.c $(BUILD)/widen/bpf/cordon.skel.h | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -I$(BUILD)/widen/bpf $(ALL_CFLAGS) $(WIDE) -MMD -MP -c $< -o $@

$(WIDE_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_HELPERS) $(WIDE_OBJS) $(BUILD)/libcordon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call PKG,libs) -lcriterion

define tool
$(BUILD)/tests/$(1): $$(patsubst tests/%.c,$$(BUILD)/tests/%.o,$$(wildcard tests/tools/$(1).c tests/tools/$(1)_*.c))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call PKG,libs) $$($(1)_LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool,$(t))))

.PHONY: test-programs
test-programs: $(BINS) $(TEST_BUILDS)

# Each tier builds what it runs first, so that nothing is compiled while tests watch clocks, nor inside the machines.
.PHONY: test test-unit test-bpf test-netns test-vm test-san check
test: deps-test
	@$(MAKE) --no-print-directory $(PARALLEL) test-programs
	@$(if $(SAN),,$(MAKE) --no-print-directory $(PARALLEL) SAN=1 unit-programs)
	@$(TEST_RUN) check unit $(if $(SAN),,san) bpf netns vm

.PHONY: unit-programs
unit-programs: $(UNIT_PROGRAMS)

test-unit: deps-test
	@$(MAKE) --no-print-directory $(PARALLEL) unit-programs
	@$(TEST_RUN) unit

test-bpf: deps-test
	@$(MAKE) --no-print-directory $(PARALLEL) $(BPF_PROGRAMS)
	@$(TEST_RUN) bpf

test-netns test-vm: deps-test
	@$(MAKE) --no-print-directory $(PARALLEL) test-programs
	@$(TEST_RUN) $(@:test-%=%)

test-san: deps-test
	@$(MAKE) --no-print-directory $(PARALLEL) SAN=1 unit-programs
	@$(TEST_RUN) san

check:
	@$(TEST_RUN) check
