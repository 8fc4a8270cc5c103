"""What runs inside a guest whose clock counts instructions: a send and its recv with and without the programs."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
from pathlib import Path

from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import OBJECT, Choice, Rung, choose
from hopscope.agent.tables import unpack
from hopscope.libbpf import LibbpfError, Object

RESULTS = Path("/run/results")
WORKLOADS = Path("build/workloads")
CHUNKS, CALLS = 31, 20
BURSTS = (1, 7, 31, 89)
WARM = 200
"""Pairs before the ones that count."""


class Pair:
    """The workload, waiting for commands."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [WORKLOADS / "pair"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def ask(self, command: str) -> str:
        """Sends a command and returns its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        return self._process.stdout.readline()

    def measure(self) -> dict[str, float]:
        """Instructions of one pair and of one getppid.

        Of the chunks the median: a timer interrupt falls into few. Of several connections the least: where the kernel's
        allocator has to go the long way for each packet (276 instructions on 6.1) it stays so until something stirs it.
        """
        found: dict[str, list[float]] = {"pair": [], "getppid": []}
        for burst in BURSTS:
            self.ask("connect")
            self.ask(f"burst {burst}")
            self.ask(f"pair 1 {WARM}")
            for what, figures in found.items():
                figures.append(statistics.median(map(int, self.ask(f"{what} {CHUNKS} {CALLS}").split())) / CALLS)
        return {what: min(figures) for what, figures in found.items()}


def floor(rung: Rung, pair: Pair) -> dict[str, dict[str, float]]:
    """With programs that do nothing on the same hooks, as far as a pair passes them."""
    obj, links = Object.open(WORKLOADS / "empty.x86.o"), []
    try:
        present = {name: p for name, p in obj.programs.items() if name in (*rung.counters, *rung.timers)}
        for program in present.values():
            program.set_autoload(True)
        obj.load()
        links += [program.attach() for name, program in present.items() if name in rung.counters]
        counts = pair.measure()
        links += [program.attach() for name, program in present.items() if name in rung.timers]
        return {"empty, counts": counts, "empty, times": pair.measure()}
    finally:
        for link in links:
            link.close()
        obj.close()


def ours(choice: Choice, pair: Pair) -> dict[str, dict[str, float]]:
    """With hopscope's own programs, as the agent attaches them."""
    kernel = Kernel(choice, Limits())
    try:
        counts = pair.measure()
        kernel.take_times(True)
        times = pair.measure()
        _check_counted(kernel, pair)
        return {"counts": counts, "times": times}
    finally:
        kernel.close()


def _check_counted(kernel: Kernel, pair: Pair) -> None:
    """Programs that cost little because they count nothing must not pass for cheap ones."""
    slots = kernel.slots.live
    calls, _ = unpack(slots["moved"][slots["tgid"] == pair.pid].sum(axis=0))
    messages = int(pair.ask("moved"))
    if list(calls) != [messages, messages]:
        raise SystemExit(f"{messages} messages were sent and received, {calls} counted")


def untraced(choice: Choice, pair: Pair) -> dict[str, dict[str, float]]:
    """With hopscope's own programs, while they watch other processes than this one."""
    kernel = Kernel(dataclasses.replace(choice, rodata={**choice.rodata, "trace_all": 0}), Limits())
    try:
        return {"untraced": pair.measure()}
    finally:
        kernel.close()


def main() -> int:
    """Writes instructions.json: under `none` the bare instructions, per rung and variant what is added."""
    pair = Pair()
    base = pair.measure()
    figures = {"none": {"base": base}}
    for name in ("L1", "L2", "L3", "L4"):
        try:
            choice = choose(OBJECT, name)
        except LibbpfError as error:
            print(f"@ {name}: {str(error)[:100]}", flush=True)
            continue
        print(f"@ counting instructions on {name}", flush=True)
        found = {**floor(choice.rung, pair), **ours(choice, pair), **untraced(choice, pair)}
        figures[name] = {variant: {what: on[what] - base[what] for what in base} for variant, on in found.items()}
    again = pair.measure()
    figures["none"]["drift"] = {what: again[what] - base[what] for what in base}  # not 0: something was left behind
    (RESULTS / "instructions.json").write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
