# SPDX-License-Identifier: Apache-2.0
# The programs against the oracle of tests/corpus on frames made at random; tests/differential/README.md tells how.

## make test-long  50 million frames made at random, by the oracle and by the programs (root); FRAMES=N SEED=N JOBS=N CAPTURES=FOLDER

DIFFERENTIAL := $(BUILD)/tests/differential/driver

$(BUILD)/tests/differential/driver.o: $(BUILD)/bpf/cordon.skel.h
$(DIFFERENTIAL): $(BUILD)/tests/differential/driver.o $(patsubst %.c,$(BUILD)/%.o,$(filter-out user/cordon/main.c,$(wildcard user/cordon/*.c))) \
		$(BUILD)/libcordon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call PKG,libs)

TEST_BUILDS += $(DIFFERENTIAL)
test-programs: $(DIFFERENTIAL)

.PHONY: test-long
test-long: deps-test
	@scripts/deps long
	@$(MAKE) --no-print-directory $(PARALLEL) $(DIFFERENTIAL)
	@$$(command -v pypy3 || echo python3) tests/differential/differential -b $(BUILD) -n $(or $(FRAMES),50000000) $(if $(SEED),-s $(SEED)) \
		$(if $(JOBS),-j $(JOBS)) $(if $(CAPTURES),-c $(CAPTURES))
