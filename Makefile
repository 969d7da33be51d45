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
# Where pkg-config is not there yet, make deps has not been run, and its own words would be noise.
pkg = $(shell command -v $(PKG_CONFIG) >/dev/null && $(PKG_CONFIG) $(1))
say = $(if $(filter 0,$(V)),@printf '  %-8s %s\n' $(1) $(2))

DAEMON_LIBS := libsystemd json-c libseccomp
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wwrite-strings -Wvla -Werror
# Without errno a square root is an instruction, and no process maps libm for it.
MATH := -fno-math-errno
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
CPPFLAGS += -D_GNU_SOURCE -DGOMEMD_VERSION='"$(VERSION)"' -DGOMEMD_LIBEXEC='"$(PREFIX)/libexec/gomemd"' -Idaemon -I. -isystem $(BUILD)/bpf \
	    -isystem $(BUILD)/proto
OPT ?= -O2 -D_FORTIFY_SOURCE=2
CFLAGS += -std=gnu11 -g $(OPT) $(WARNINGS) $(HARDEN) $(MATH) $(call pkg,--cflags $(DAEMON_LIBS)) \
	  $(SANITIZE)
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE)
LDLIBS := $(call pkg,--libs $(DAEMON_LIBS)) -linih -lm
PROFILE_LIBS := -lprotobuf-nanopb -lz
# The terminal is gomemctl's alone.
SCREEN_LIBS := $(call pkg,--libs ncursesw)

# Instructions of the third BPF set (kernel 5.12): atomics that give a value back.
BPF_CFLAGS = -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror -I/usr/include/$(shell $(CC) -print-multiarch)
SKELETONS := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))

# Decoders of protocol buffers, by nanopb; their objects are held to the compiler's defaults.
PROTO := $(patsubst daemon/%.proto,$(BUILD)/proto/%.pb,$(wildcard daemon/*/*.proto))
NANOPB := nanopb_generator.py -q -I daemon -D $(BUILD)/proto

SOURCES := $(sort $(wildcard daemon/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
CLI := $(filter $(BUILD)/daemon/cli/%,$(OBJECTS))
MAINS := $(BUILD)/daemon/core/main.o
# The helper that listens is a program of its own: the others do without libbpf, and what it costs.
LISTEN_MAIN := $(BUILD)/daemon/core/listen_main.o
LISTEN_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,listen probes kernel_probes event_ring span_watch trap_cost probe_file)
# So is the one that limits the creation of goroutines: a tracer for each process.
THROTTLE_MAIN := $(BUILD)/daemon/core/throttle_main.o
THROTTLE_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,throttle throttle_bucket throttle_tracer event_ring trap_cost probe_file)
# And the one that asks debug endpoints, which loads libcurl when it is first needed.
FETCH_MAIN := $(BUILD)/daemon/core/fetch_main.o
FETCH_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,fetch_serve fetch_socket fetch_curl)
# What loads libcurl.
CURL_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,curl_library)
# What sends a document by it, for the next two.
HTTP_ONLY := $(BUILD)/daemon/host/post_http.o
# The program that sends alerts does ...
POST_MAIN := $(BUILD)/daemon/core/post_main.o
POST_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,post_serve post_curl)
# ... and the client of the Kubernetes API.
KUBE_MAIN := $(BUILD)/daemon/core/kube_main.o
KUBE_ONLY := $(patsubst %,$(BUILD)/daemon/host/%.o,kube_serve kube_follow kube_get kube_post)
HELPERS_ONLY := $(FETCH_MAIN) $(FETCH_ONLY) $(CURL_ONLY) $(HTTP_ONLY) $(POST_MAIN) $(POST_ONLY) $(KUBE_MAIN) $(KUBE_ONLY) \
	$(LISTEN_MAIN) $(LISTEN_ONLY) $(THROTTLE_MAIN) $(THROTTLE_ONLY)
# What of gomemctl is a function of its arguments is tested as such; the daemon has none of it.
CLI_PURE := $(patsubst %,$(BUILD)/daemon/cli/%.o,render top_model top_cells top_detail postmortem_print)
LIBRARY := $(filter-out $(filter-out $(CLI_PURE),$(CLI)) $(MAINS) $(HELPERS_ONLY),$(OBJECTS)) $(PROTO:=.o)
# The daemon reads no profile and no answer of an endpoint: it does without nanopb and zlib.
PROFILES := $(patsubst %,$(BUILD)/daemon/%.o,wire/pprof wire/gzip host/fetch_judge) $(PROTO:=.o)
# gomemctl has nothing of the rooms that act.
CLI_ROOMS := base wire gobin kube escape policy decide host sense
CLI_LIBRARY := $(foreach room,$(CLI_ROOMS),$(filter $(BUILD)/daemon/$(room)/%,$(LIBRARY))) $(PROTO:=.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test-*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))

.PHONY: all generated help deps check check-quick check-unit check-native check-guest check-kube soak suite demo bench image lint \
	format fuzz print-library asan coverage install uninstall dist clean clean-cache

PROGRAMS := gomemd gomemctl gomemd-listen gomemd-throttle gomemd-fetch gomemd-post gomemd-kube
all: $(PROGRAMS:%=$(BUILD)/%)

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(BUILD)/gomemd: $(filter-out $(PROFILES) $(CLI_PURE),$(LIBRARY)) $(MAINS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/gomemd-listen: $(LISTEN_MAIN) $(LISTEN_ONLY) $(BUILD)/daemon/host/duty.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs libbpf)

$(BUILD)/gomemd-throttle: $(THROTTLE_MAIN) $(THROTTLE_ONLY) \
		$(patsubst %,$(BUILD)/daemon/%.o,base/fd base/text gobin/memory host/cgroup_base host/hostroot host/process)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs libbpf)

$(BUILD)/gomemd-fetch: $(FETCH_MAIN) $(FETCH_ONLY) $(CURL_ONLY) $(patsubst %,$(BUILD)/daemon/%.o,host/fetch host/fetch_judge host/fetch_message host/cgroup_base host/confine \
		host/helper_program host/hostroot host/process host/root_path gobin/memory base/decimal base/fd base/text wire/endpoint \
		wire/expvar wire/figures wire/gzip wire/json_read wire/prom_text)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs json-c libseccomp) -lz

$(BUILD)/gomemd-post: $(POST_MAIN) $(POST_ONLY) $(HTTP_ONLY) $(CURL_ONLY) $(patsubst %,$(BUILD)/daemon/%.o,host/confine \
		host/fetch_message host/helper_program base/fd base/text wire/url)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs libseccomp)

$(BUILD)/gomemd-kube: $(KUBE_MAIN) $(KUBE_ONLY) $(HTTP_ONLY) $(CURL_ONLY) $(patsubst %,$(BUILD)/daemon/%.o,host/confine \
		host/fetch_message host/helper_program host/kube_api \
		kube/api_json kube/names kube/quantity kube/record base/decimal base/fd base/text wire/endpoint wire/json_read)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs json-c libseccomp)

$(BUILD)/gomemctl: $(CLI) $(CLI_LIBRARY)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(PROFILE_LIBS) $(SCREEN_LIBS)

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) Makefile
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $< && llvm-strip -g $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(Q)bpftool gen skeleton $< name $*_bpf >$@.tmp && mv $@.tmp $@

$(BUILD)/proto/%.pb.c $(BUILD)/proto/%.pb.h: daemon/%.proto Makefile
	$(call say,PROTO,$<)
	@mkdir -p $(@D)
	$(Q)$(NANOPB) $*.proto

$(BUILD)/proto/%.pb.o: $(BUILD)/proto/%.pb.c
	$(Q)$(CC) -Wno-missing-braces $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Kept: what make takes for intermediate it would remove, and say so.
.PRECIOUS: $(BUILD)/bpf/%.bpf.o $(BUILD)/proto/%.pb.c $(BUILD)/proto/%.pb.h

generated: $(SKELETONS) $(PROTO:=.h)

$(BUILD)/daemon/wire/pprof.o: $(BUILD)/proto/wire/pprof.pb.h
$(patsubst %,$(BUILD)/daemon/host/%.o,probes kernel_probes throttle_bucket): $(SKELETONS)

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

## make deps          install what building and testing need, from Debian
deps:
	$(Q)tests/deps.sh

## make check         all tests (root): lint, unit, native, guest, kube
check:
	$(Q)tests/check.sh

## make check-quick   lint and unit tests
check-quick: lint check-unit

$(BUILD)/tests/%: tests/unit/%.c $(wildcard tests/fixture/*.h) $(LIBRARY)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) $(PROFILE_LIBS) -lcmocka

## make check-unit    unit tests, without root
check-unit: $(UNIT_TESTS)
	$(Q)tests/unit.sh $(UNIT_TESTS)

## make check-native  real Go programs on this machine (root)
check-native: all $(BUILD)/tests/native-write $(BUILD)/tests/native-profile $(BUILD)/tests/native-trace
	$(Q)tests/native.sh

$(BUILD)/tests/native-%: tests/native/%.c $(LIBRARY)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) $(PROFILE_LIBS)

## make check-guest   systemd and cgroup v2 in a guest (root); T=pattern
check-guest: all
	$(Q)tests/guest/run '$(T)'

## make check-kube    pods of a real container runtime in a guest (root); T=pattern
check-kube: all
	$(Q)GUEST_RINGS=kube tests/guest/run '$(T)'

## make soak          the same tests at full length
soak: all
	$(Q)SOAK=1 ROUNDS=1000 tests/native.sh
	$(Q)SOAK=1 tests/guest/run '$(T)'

## make suite         gomemd beside plain Go, GOMEMLIMIT and systemd-oomd (root); T=pattern
suite: all
	$(Q)tests/suite/run '$(T)'

## make demo          three real Go services, governed
demo:
	$(Q)tests/deps.sh
	$(Q)$(MAKE) -j "$$(nproc)" all
	$(Q)tests/demo/demo.sh

## make bench         figures: time, memory, cost
bench: all
	$(Q)$(MAKE) -s $(BUILD)/bench/bench
	$(Q)tests/bench/bench.sh

$(BUILD)/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) $(PROFILE_LIBS)

## make lint          format, clang-tidy, cppcheck, layers, headers, documentation
lint:
	$(Q)tests/lint.sh

## make format        clang-format over the sources
format:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

## make fuzz          each fuzz target for FUZZ_SECONDS (600)
fuzz:
	$(Q)tests/fuzz.sh

# For those that build it in another way.
print-library:
	@echo $(LIBRARY)

## make asan          the unit tests under ASan and UBSan
asan:
	$(Q)$(MAKE) BUILD=$(BUILD)/asan OPT='-O1' SANITIZE='-fsanitize=address,undefined -DGOMEMD_SANITIZED' check-unit

## make coverage      line coverage of the unit tests
coverage:
	$(Q)$(MAKE) BUILD=$(BUILD)/coverage OPT='-O0' SANITIZE='--coverage' check-unit
	$(Q)cd $(BUILD)/coverage && gcov -n $$(find . -name '*.gcda' -path './daemon/*') 2>/dev/null | \
		awk '/^File .daemon/ {f=$$2} /^Lines/ && f {print $$0, f; f=""}' | sort

## make image         a container image (root): IMAGE=gomemd:VERSION, OCI_ARCHIVE=FILE
image: all
	$(Q)deploy/image/build.sh $(IMAGE)

## make install       PREFIX=/usr DESTDIR=
install: all
	install -D -m 755 $(BUILD)/gomemd $(DESTDIR)$(PREFIX)/sbin/gomemd
	install -D -m 755 $(BUILD)/gomemctl $(DESTDIR)$(PREFIX)/bin/gomemctl
	install -D -m 755 $(BUILD)/gomemd-listen $(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-listen
	install -D -m 755 $(BUILD)/gomemd-throttle $(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-throttle
	install -D -m 755 $(BUILD)/gomemd-fetch $(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-fetch
	install -D -m 755 $(BUILD)/gomemd-post $(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-post
	install -D -m 755 $(BUILD)/gomemd-kube $(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-kube
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
		$(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-listen \
		$(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-throttle \
		$(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-fetch \
		$(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-post \
		$(DESTDIR)$(PREFIX)/libexec/gomemd/gomemd-kube \
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
