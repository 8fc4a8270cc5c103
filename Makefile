# hopscope: `make run` starts it, `make test` proves it. Each sets up what it needs; V=1 shows the commands.
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
Q := $(if $(V),,@)

APT_BUILD := clang llvm libbpf-dev libbpf1 clang-format gcc libc6-dev python3-venv
# systemd checks the units, and runs them in namespaces of its own; it need not be what started this machine.
APT_TEST := nginx-light wrk redis-server redis-tools nftables iproute2 curl systemd libseccomp2 chromium
APT_DEMO := nftables iproute2 python3
APT_KERNELS := qemu-system-x86 busybox-static kmod xz-utils zstd
# MySQL, PostgreSQL, and the Java that Kafka and a MongoDB run on.
APT_HEAVY := mariadb-server postgresql default-jdk-headless maven
APT_BENCH := libbpf-tools bpftrace tcpdump strace

WIRE_SOURCES := $(wildcard hopscope/wire/*/v*/*.proto)
WIRE_MODULES := $(WIRE_SOURCES:.proto=_pb2.py)

BPF_OBJECTS := hopscope/bpf/hopscope.x86.o hopscope/bpf/hopscope.arm64.o
BPF_SOURCES := $(wildcard hopscope/bpf/*.c hopscope/bpf/*.h hopscope/bpf/*/*.h)
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror -Ihopscope/bpf
# Only the kernel's own headers, which for us are the same on each architecture.
BPF_FLAGS += -idirafter /usr/include/$(shell uname -m)-linux-gnu

PYTEST := $(PY) -m pytest -q

.PHONY: page run demo test endurance kernels kernel-one bench setup wire bpf lint wheel clean install-services
run: setup bpf page
	$(Q)$(BIN)/hopscope run

demo: setup $(VENV)/demo-programs wire bpf page
	$(Q)$(BIN)/hopscope demo

# The tests look at a kernel and at programs in real time: what fails on a busy machine has to pass alone, and is named.
# Then one other kernel than this machine's.
test: setup $(VENV)/test-programs $(VENV)/demo-programs bpf page lint
	$(Q)$(PYTEST) tests || { echo "  AGAIN    what failed, alone"; $(PYTEST) --last-failed; }
	$(Q)$(MAKE) --no-print-directory kernel-one

# What takes minutes: the same questions, asked often.
endurance: setup $(VENV)/test-programs $(VENV)/demo-programs $(VENV)/heavy-programs bpf page
	$(Q)HOPSCOPE_ENDURANCE=1 $(PYTEST) tests/system tests/server/test_a_killed_server_loses_nothing.py \
	  tests/server/test_receivers_share_a_cluster.py tests/server/test_each_survives_the_others_absence.py \
	  tests/demo/test_a_profile_equals_the_known_graph.py
	$(Q)$(PYTEST) -m heavy tests

# The tests of tests/kernel on Debian's 5.10, 6.1, 6.12 and 7.3, and instructions counted: docs/kernels.md is made from it.
# ACCEPT=1 makes these instruction counts the ones to compare with.
KERNELS := setup $(VENV)/test-programs $(VENV)/kernels-programs bpf build/workloads/pair build/workloads/empty.x86.o
kernels: $(KERNELS)
	$(Q)$(PY) -m tests.kernels $(if $(ACCEPT),--accept)

# Three minutes of it on one kernel.
kernel-one: $(KERNELS)
	@echo "  KERNEL   6.1"
	$(Q)$(PY) -m tests.kernels --only tests --short 6.1

build/workloads/%.x86.o: bench/%.bpf.c
	@echo "  BPF      $(notdir $@)"
	$(Q)mkdir -p $(@D) && clang $(BPF_FLAGS) -D__TARGET_ARCH_x86 -c $< -o $@

build/workloads/%: tests/kernels/%.c
	@echo "  CC       $(notdir $@)"
	$(Q)mkdir -p $(@D) && cc -O2 -Wall -Wextra -Werror -o $@ $<

# Each measurement on its own: make bench NAME=pair
bench: setup $(VENV)/test-programs $(VENV)/bench-programs bpf build/workloads/empty.x86.o
	$(Q)$(PY) -m bench $(NAME)

# What is missing is installed, and nothing else is asked of apt.
setup: $(VENV)/ready $(WIRE_MODULES)
define install
	$(Q)missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(1) 2>&1 | grep -v 'install ok' || true); \
	if [ -n "$$missing" ]; then echo "  APT      $(1)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; fi
endef

# Servers among them: who only wants to run hopscope does not get these.
$(VENV)/test-programs: Makefile | $(VENV)/ready
	$(call install,$(APT_TEST))
	@touch $@
$(VENV)/demo-programs: Makefile | $(VENV)/ready
	$(call install,$(APT_DEMO))
	@touch $@
$(VENV)/kernels-programs: Makefile | $(VENV)/ready
	$(call install,$(APT_KERNELS))
	@touch $@
$(VENV)/heavy-programs: Makefile | $(VENV)/ready
	$(call install,$(APT_HEAVY))
	$(Q)$(PY) -m pip install -q --disable-pip-version-check -e '.[dev,heavy]'
	@touch $@
$(VENV)/bench-programs: Makefile | $(VENV)/ready
	$(call install,$(APT_BENCH))
	@touch $@

$(VENV)/ready: pyproject.toml Makefile
	$(call install,$(APT_BUILD))
	@echo "  VENV     $(VENV)"
	$(Q)test -x $(PY) || python3 -m venv $(VENV)
	$(Q)$(PY) -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

bpf: $(BPF_OBJECTS)
hopscope/bpf/hopscope.%.o: $(BPF_SOURCES)
	@echo "  BPF      $(notdir $@)"
	$(Q)clang $(BPF_FLAGS) -D__TARGET_ARCH_$* -c hopscope/bpf/hopscope.bpf.c -o $@.tmp && llvm-strip -g $@.tmp && mv $@.tmp $@

wire: $(WIRE_MODULES)
hopscope/wire/%_pb2.py: hopscope/wire/%.proto $(VENV)/ready
	@echo "  WIRE     $(notdir $<)"
	$(Q)PATH="$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. --mypy_out=quiet:. \
	  --mypy_grpc_out=quiet:. $<

# The page, built into the package; the second time only what changed. Node is asked for by its command: there are other
# packages of it than Debian's.
PAGE := hopscope/server/page/index.html
UI_SOURCES := $(shell find ui/src -type f) $(wildcard ui/*.json ui/*.ts ui/*.html)
page: $(PAGE)
$(PAGE): $(UI_SOURCES) ui/node_modules/.package-lock.json
	@echo "  PAGE     $(@D)"
	$(Q)cd ui && npm run --silent build
ui/node_modules/.package-lock.json: ui/package-lock.json
	$(Q)command -v npm >/dev/null || { echo "  APT      nodejs npm"; apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; }
	@echo "  NPM      ui/node_modules"
	$(Q)cd ui && npm ci --silent --ignore-scripts
	@touch $@

lint: setup bpf page | build
	@echo "  LINT     ruff, mypy, import contracts, clang-format"
	$(Q)$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check .
	$(Q)$(BIN)/mypy
	$(Q)$(BIN)/lint-imports --no-logo >build/contracts.txt || { cat build/contracts.txt; exit 1; }
	@echo "  LINT     TypeScript: types, eslint, pure tests, size"
	$(Q)cd ui && npm run --silent lint
	$(Q)clang-format --dry-run -Werror $(BPF_SOURCES) $(wildcard tests/workloads/*.c tests/kernels/*.c bench/*.c)

wheel: setup bpf page
	@echo "  WHEEL    dist/"
	$(Q)$(PY) -m build -q --wheel --outdir dist .

# Both services, for a hopscope that is installed in PREFIX (docs/services.md); DESTDIR for who makes packages.
PREFIX := /opt/hopscope
UNITS := hopscope-agent.service hopscope-server.service
install-services:
	$(Q)for unit in $(UNITS); do echo "  UNIT     $$unit"; install -D -m 644 deploy/systemd/$$unit $(DESTDIR)/etc/systemd/system/$$unit \
	  && sed -i 's,/opt/hopscope/,$(PREFIX)/,' $(DESTDIR)/etc/systemd/system/$$unit || exit 1; done
	$(Q)install -D -m 644 deploy/systemd/hopscope.sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/hopscope.conf
	$(Q)test -e $(DESTDIR)/etc/hopscope/hopscope.toml || \
	  install -D -m 644 deploy/systemd/hopscope.toml $(DESTDIR)/etc/hopscope/hopscope.toml

build:
	@mkdir -p $@

clean:
	rm -rf $(VENV) build dist ui/node_modules hopscope/server/page hopscope/bpf/*.o hopscope/wire/*/*/*_pb2*
