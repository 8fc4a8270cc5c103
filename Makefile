# hopscope: `make run` starts it, `make test` proves it. Each sets up what it needs.
VENV := .venv
PY := $(VENV)/bin/python
APT := clang llvm libbpf-dev libbpf1 clang-format gcc libc6-dev python3-venv
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror -Ihopscope/bpf

.PHONY: run test bpf setup
setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml
	@missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(APT) 2>&1 | grep -v 'install ok' || true); \
	if [ -n "$$missing" ]; then echo "  APT      $(APT)"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(APT) >/dev/null; fi
	@echo "  VENV     $(VENV)"
	@python3 -m venv $(VENV) && $(PY) -m pip install -q -e '.[agent,dev]'
	@touch $@

bpf: hopscope/bpf/hopscope.x86.o

hopscope/bpf/hopscope.x86.o: $(wildcard hopscope/bpf/*.c hopscope/bpf/*.h)
	@echo "  BPF      $(notdir $@)"
	@clang $(BPF_FLAGS) -D__TARGET_ARCH_x86 -idirafter /usr/include/x86_64-linux-gnu -c hopscope/bpf/hopscope.bpf.c -o $@ && llvm-strip -g $@

test: setup bpf
	@$(PY) -m ruff check hopscope tests
	@$(PY) -m pytest -q tests

run: setup bpf
	@$(VENV)/bin/hopscope profile
