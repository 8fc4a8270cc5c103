"""What the programs that a send and its receive pass take by the kernel's own clock: steady on a busy machine, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from bench.attached import Hopscope, empty_object
from bench.measure import Loop, quartiles, table
from hopscope.agent.kernel import Kernel
from hopscope.libbpf import Program, run_time, statistics

TITLE = "What the programs take of a send with its receive (ns more than empty ones beside them, median and quartiles)"
ROUNDS, CHUNKS = 6, 25
HOT, COLD = (1, "pair 1 1000"), (1000, "pair 4 1000")


def run() -> Iterator[str]:
    """One table: a row per variant."""
    loop, product = Loop(), Hopscope()
    counters, timers = product.choice.rung.counters, product.choice.rung.timers
    variants: dict[str, tuple[Callable[[], AbstractContextManager[object]], tuple[str, ...]]] = {
        "counts, bytes, RTT": (product.counts(), counters),
        "every call timed": (product.every_call(), (*counters, *timers)),
        "a process that is not traced": (product.untraced(), counters),
    }
    try:
        found = [_measured(loop, connections, command, variants) for connections, command in (HOT, COLD)]
    finally:
        loop.close()
    rows = [(name, *(_cell(column[name]) for column in found)) for name in variants]
    yield table((f"rung {product.choice.rung.name}", "1 connection", "1000 connections"), rows)


def _cell(values: list[float]) -> str:
    low, middle, high = quartiles(values)
    return f"{middle:.0f} ({low:.0f} .. {high:.0f})"


def _measured(
    loop: Loop,
    connections: int,
    command: str,
    variants: dict[str, tuple[Callable[[], AbstractContextManager[object]], tuple[str, ...]]],
) -> dict[str, list[float]]:
    """ns a pair by variant, more than the empty programs took in the same stretch."""
    loop.ask(f"open {connections}")
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, (state, hooks) in variants.items():
            with ExitStack() as stack:
                floor = stack.enter_context(empty_object(hooks))
                kernel = stack.enter_context(state())
                assert isinstance(kernel, Kernel)
                ours = [program for hook, program in kernel.programs.items() if hook in floor]
                loop.ask(command)
                stack.enter_context(statistics())
                for _ in range(CHUNKS):
                    found[name].append(_stretch(loop, command, ours, list(floor.values())))
    return found


def _stretch(loop: Loop, command: str, ours: list[Program], floor: list[Program]) -> float:
    before = [run_time(program) for program in (*ours, *floor)]
    loop.ask(command)
    each = []
    for program, (ns, runs) in zip((*ours, *floor), before, strict=True):
        ns_after, runs_after = run_time(program)
        each.append((ns_after - ns) / max(1, runs_after - runs))
    return sum(each[: len(ours)]) - sum(each[len(ours) :])
