# hopscope: `make run` starts it, `make test` proves it. Each sets up what it needs; V=1 shows the commands.
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
Q := $(if $(V),,@)

APT_BUILD := clang llvm libbpf-dev libbpf1 clang-format gcc libc6-dev python3-venv
APT_TEST :=
APT := $(APT_BUILD) $(APT_TEST)

BPF_OBJECTS := hopscope/bpf/hopscope.x86.o hopscope/bpf/hopscope.arm64.o
BPF_SOURCES := $(wildcard hopscope/bpf/*.c hopscope/bpf/*.h)
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror -Ihopscope/bpf
# Only the kernel's own headers, which for us are the same on each architecture.
BPF_FLAGS += -idirafter /usr/include/$(shell uname -m)-linux-gnu

PYTEST := $(PY) -m pytest -q

.PHONY: run test setup bpf lint wheel clean
run: setup bpf
	$(Q)$(BIN)/hopscope run

test: setup bpf lint
	$(Q)$(PYTEST) tests

# What is missing is installed, and nothing else is asked of apt.
setup: $(VENV)/ready
$(VENV)/ready: pyproject.toml Makefile
	$(Q)missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(APT) 2>&1 | grep -v 'install ok' || true); \
	if [ -n "$$missing" ]; then echo "  APT      $(APT)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT) >/dev/null; fi
	@echo "  VENV     $(VENV)"
	$(Q)test -x $(PY) || python3 -m venv $(VENV)
	$(Q)$(PY) -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

bpf: $(BPF_OBJECTS)
hopscope/bpf/hopscope.%.o: $(BPF_SOURCES)
	@echo "  BPF      $(notdir $@)"
	$(Q)clang $(BPF_FLAGS) -D__TARGET_ARCH_$* -c hopscope/bpf/hopscope.bpf.c -o $@.tmp && llvm-strip -g $@.tmp && mv $@.tmp $@

lint: setup bpf | build
	@echo "  LINT     ruff, mypy, import contracts, clang-format"
	$(Q)$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check .
	$(Q)$(BIN)/mypy
	$(Q)$(BIN)/lint-imports --no-logo >build/contracts.txt || { cat build/contracts.txt; exit 1; }
	$(Q)clang-format --dry-run -Werror $(BPF_SOURCES) $(wildcard tests/workloads/*.c bench/*.c)

wheel: setup bpf
	@echo "  WHEEL    dist/"
	$(Q)$(PY) -m build -q --wheel --outdir dist .

build:
	@mkdir -p $@

clean:
	rm -rf $(VENV) build dist hopscope/bpf/*.o
