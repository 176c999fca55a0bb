# SPDX-License-Identifier: Apache-2.0
# cordon: `make help` says what there is.

ARCH     ?= $(shell uname -m | sed 's/aarch64/arm64/')
BUILD    ?= build
PREFIX   ?= /usr/local
DESTDIR  ?=
CLANG    ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL  ?= PATH="$$PATH:/usr/sbin" bpftool
VERSION  := 0.1.0

# SAN=1: address and undefined-behaviour sanitizers, in a folder of their own.
ifdef SAN
ifeq ($(filter %/san,$(BUILD)),)
override BUILD := $(BUILD)/san
endif
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN   :=
else
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
endif
ifneq ($(ARCH),x86_64)
HARDEN   := $(filter-out -fcf-protection,$(HARDEN))
endif

LIBS     := libbpf libelf zlib libnl-3.0 libnl-route-3.0 yaml-0.1 jansson libevent sqlite3 libcap-ng libsystemd libcrypto libpcap
# Asked once, and not before the first recipe: on a new machine pkg-config comes with `deps`.
PKG_cflags = $(eval PKG_cflags := $(shell pkg-config --cflags $(LIBS)))$(PKG_cflags)
PKG_libs   = $(eval PKG_libs := $(shell pkg-config --libs $(LIBS)))$(PKG_libs)
PKG        = $(PKG_$(1))

# V=1 shows the commands.
ifeq ($(V),1)
say      = @:
Q        :=
else
say      = @printf '  %-8s %s\n' $(1) $(2)
Q        := @
endif
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
             -D_GNU_SOURCE -DCORDON_VERSION='"$(VERSION)"' -Iinclude -I$(BUILD)/bpf -fPIE $(HARDEN) $(SANFLAGS) $(call PKG,cflags) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)

# Rooms that make the one library the programs and tests link; the order is the order of who may include whom.
ROOMS    := lib policy config state dataplane identity events control
LIB_SRCS := $(foreach r,$(ROOMS),$(wildcard user/$(r)/*.c))
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/%.o)
PROGRAMS := cordon cordond
BINS     := $(PROGRAMS:%=$(BUILD)/%)

.PHONY: all
all: $(BINS)

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make            build build/cordon and build/cordond
## make demo       build, then the whole road once in a lab of network namespaces (root); KEEP=1 leaves it up
## make test       all tiers: unit, bpf, netns, vm (root)
## make check      house rules: include directions, formatting of tables
## make install    DESTDIR= PREFIX=/usr/local
## make SAN=1      sanitizer build under build/san
## make vmlinux    regenerate the small vmlinux.h of this architecture

# The programs in the kernel.
BPF_HDRS := $(wildcard bpf/*.h) $(wildcard include/cordon/*.h) vmlinux/$(ARCH)/vmlinux.h
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-function -Wno-address-of-packed-member \
              -D__TARGET_ARCH_$(subst x86_64,x86,$(ARCH)) -Iinclude -Ivmlinux/$(ARCH) -Ibpf

$(BUILD)/bpf/cordon.bpf.o: bpf/cordon.bpf.c $(BPF_HDRS) | deps
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $(@:.o=.raw.o)
	$(Q)$(BPFTOOL) gen object $@ $(@:.o=.raw.o)

$(BUILD)/bpf/cordon.skel.h: $(BUILD)/bpf/cordon.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name cordon_bpf > $@.tmp && mv $@.tmp $@

# User space.
$(filter $(BUILD)/user/dataplane/%,$(LIB_OBJS)): $(BUILD)/bpf/cordon.skel.h
$(BUILD)/user/%.o: user/%.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libcordon.a: $(LIB_OBJS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

define program
$(BUILD)/$(1): $$(patsubst %.c,$$(BUILD)/%.o,$$(wildcard user/$(1)/*.c)) $$(BUILD)/libcordon.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call PKG,libs)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# The same engine with failpoints, for the tests that kill it at every step.
FAIL_OBJS := $(patsubst %.c,$(BUILD)/failpoints/%.o,$(LIB_SRCS) $(wildcard user/cordond/*.c))
$(filter $(BUILD)/failpoints/user/dataplane/%,$(FAIL_OBJS)): $(BUILD)/bpf/cordon.skel.h
$(BUILD)/failpoints/user/%.o: user/%.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -DCORDON_FAILPOINTS -MMD -MP -c $< -o $@
$(BUILD)/failpoints/cordond: $(FAIL_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call PKG,libs)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# Installs Debian packages that are missing; a no-op where all are there.
.PHONY: deps
deps:
	@scripts/deps build

include tests/tests.mk
include tests/differential/differential.mk
include tests/bench/bench.mk

.PHONY: demo
demo:
	@scripts/deps build demo
	@$(MAKE) --no-print-directory all $(BUILD)/tests/frame
	@scripts/demo $(if $(KEEP),--keep)

.PHONY: vmlinux
vmlinux:
	scripts/vmlinux vmlinux/$(ARCH)/vmlinux.h

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	           $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	           $(DESTDIR)$(PREFIX)/share/doc/cordon/policies $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 755 $(BUILD)/cordond $(DESTDIR)$(PREFIX)/sbin/cordond
	install -m 755 $(BUILD)/cordon $(DESTDIR)$(PREFIX)/bin/cordon
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(wildcard docs/man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 $(wildcard docs/man/*.8) $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 scripts/completion/cordon.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cordon
	install -m 644 $(wildcard policies/*.yaml) $(DESTDIR)$(PREFIX)/share/doc/cordon/policies/
	sed 's|@PREFIX@|$(PREFIX)|' scripts/cordond.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/cordond.service
	install -m 644 scripts/cordon.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/cordon.conf

.PHONY: clean
clean:
	rm -rf $(BUILD)

.DELETE_ON_ERROR:
.SECONDARY:
