# SPDX-License-Identifier: Apache-2.0
#
# gomemd: make, make install, make check, make demo. `make help` lists the rest; doc/HACKING.md explains.

VERSION := 0.1.0
PREFIX ?= /usr
DESTDIR ?=
BUILD ?= build
CC ?= gcc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
V ?= 0

Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-8s %s\n' $(1) $(2))

DAEMON_LIBS := libsystemd json-c libseccomp
CTL_LIBS := libsystemd json-c libseccomp
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wwrite-strings -Wvla -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
CPPFLAGS += -D_GNU_SOURCE -DGOMEMD_VERSION='"$(VERSION)"' -Idaemon
OPT ?= -O2 -D_FORTIFY_SOURCE=2
CFLAGS += -std=gnu11 -g $(OPT) $(WARNINGS) $(HARDEN) $(shell $(PKG_CONFIG) --cflags $(DAEMON_LIBS)) \
	  $(SANITIZE)
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE)
LDLIBS := $(shell $(PKG_CONFIG) --libs $(DAEMON_LIBS)) -linih

SOURCES := $(sort $(wildcard daemon/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
CLI := $(filter $(BUILD)/daemon/cli/%,$(OBJECTS))
MAINS := $(BUILD)/daemon/core/main.o
LIBRARY := $(filter-out $(CLI) $(MAINS),$(OBJECTS))
# gomemctl has nothing of the rooms that act.
CLI_ROOMS := base wire gobin kube policy decide host
CLI_LIBRARY := $(foreach room,$(CLI_ROOMS),$(filter $(BUILD)/daemon/$(room)/%,$(OBJECTS)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test-*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))

.PHONY: all help deps check check-quick check-unit check-native check-guest soak demo bench lint \
	format fuzz asan coverage install uninstall dist clean clean-cache

all: $(BUILD)/gomemd $(BUILD)/gomemctl

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(BUILD)/gomemd: $(LIBRARY) $(MAINS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/gomemctl: $(CLI) $(CLI_LIBRARY)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

## make deps          install what building and testing need, from Debian
deps:
	$(Q)tests/deps.sh

## make check         all tests (root): lint, unit, native, guest
check:
	$(Q)tests/check.sh

## make check-quick   lint and unit tests
check-quick: lint check-unit

$(BUILD)/tests/%: tests/unit/%.c $(wildcard tests/fixture/*.h) $(LIBRARY)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

## make check-unit    unit tests, without root
check-unit: $(UNIT_TESTS)
	$(Q)tests/unit.sh $(UNIT_TESTS)

## make check-native  real Go programs on this machine (root)
check-native: all $(BUILD)/tests/native-write
	$(Q)tests/native.sh

$(BUILD)/tests/native-write: tests/native/write.c $(LIBRARY)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

## make check-guest   systemd and cgroup v2 in a guest (root); T=pattern
check-guest: all
	$(Q)tests/guest/run $(T)

## make soak          the same tests at full length
soak: all
	$(Q)SOAK=1 ROUNDS=1000 tests/native.sh
	$(Q)SOAK=1 tests/guest/run $(T)

## make demo          three real Go services, governed
demo: all
	$(Q)tests/demo/demo.sh

## make bench         figures: time, memory, cost
bench: all
	$(Q)$(MAKE) -s $(BUILD)/bench/bench
	$(Q)tests/bench/bench.sh

$(BUILD)/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

## make lint          format, clang-tidy, cppcheck, layers, headers, documentation
lint:
	$(Q)tests/lint.sh

## make format        clang-format over the sources
format:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

## make fuzz          each fuzz target for FUZZ_SECONDS (600)
fuzz:
	$(Q)tests/fuzz.sh

## make asan          the unit tests under ASan and UBSan
asan:
	$(Q)$(MAKE) BUILD=$(BUILD)/asan OPT='-O1' SANITIZE='-fsanitize=address,undefined -DGOMEMD_SANITIZED' check-unit

## make coverage      line coverage of the unit tests
coverage:
	$(Q)$(MAKE) BUILD=$(BUILD)/coverage OPT='-O0' SANITIZE='--coverage' check-unit
	$(Q)cd $(BUILD)/coverage && gcov -n $$(find . -name '*.gcda' -path './daemon/*') 2>/dev/null | \
		awk '/^File .daemon/ {f=$$2} /^Lines/ && f {print $$0, f; f=""}' | sort

## make install       PREFIX=/usr DESTDIR=
install: all
	install -D -m 755 $(BUILD)/gomemd $(DESTDIR)$(PREFIX)/sbin/gomemd
	install -D -m 755 $(BUILD)/gomemctl $(DESTDIR)$(PREFIX)/bin/gomemctl
	install -d $(DESTDIR)/usr/lib/systemd/system
	sed 's|@SBIN@|$(PREFIX)/sbin|' units/gomemd.service > $(DESTDIR)/usr/lib/systemd/system/gomemd.service
	install -D -m 644 policies/50-sizing.ini $(DESTDIR)/usr/lib/gomemd/policies.d/50-sizing.ini
	test -e $(DESTDIR)/etc/gomemd/gomemd.conf || \
		install -D -m 644 config/gomemd.conf $(DESTDIR)/etc/gomemd/gomemd.conf
	install -D -m 644 config/gomemd.sysusers $(DESTDIR)/usr/lib/sysusers.d/gomemd.conf
	install -D -m 644 config/gomemd.catalog $(DESTDIR)/usr/lib/systemd/catalog/gomemd.catalog
	install -D -m 644 config/gomemctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/gomemctl
	for page in doc/*.[1578]; do install -D -m 644 $$page \
		$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	if [ -z "$(DESTDIR)" ]; then systemd-sysusers gomemd.conf || true; \
		journalctl --update-catalog || true; systemctl daemon-reload || true; fi

uninstall:
	if [ -z "$(DESTDIR)" ]; then systemctl disable --now gomemd 2>/dev/null || true; fi
	rm -f $(DESTDIR)$(PREFIX)/sbin/gomemd $(DESTDIR)$(PREFIX)/bin/gomemctl \
		$(DESTDIR)/usr/lib/systemd/system/gomemd.service \
		$(DESTDIR)/usr/lib/gomemd/policies.d/50-sizing.ini \
		$(DESTDIR)/usr/lib/sysusers.d/gomemd.conf \
		$(DESTDIR)/usr/lib/systemd/catalog/gomemd.catalog \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/gomemctl
	for page in doc/*.[1578]; do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	@echo "kept: /etc/gomemd, /var/lib/gomemd"

dist:
	git archive --prefix=gomemd-$(VERSION)/ -o gomemd-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

clean-cache:
	rm -rf $${GOMEMD_CACHE:-/var/cache/gomemd-test}
