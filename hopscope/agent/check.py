"""What this kernel allows: for each metric the probe, what its value means, and its cost as measured here and now."""

from __future__ import annotations

import dataclasses
import os
import platform
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hopscope.agent.probes import ALWAYS, OBJECT, OPTIONAL, RUN, Choice, Rung, choose, describe, refusals, rungs
from hopscope.libbpf import LibbpfError, Object, run_time, statistics
from hopscope.metrics import METRICS

PAIRS, FLOOR_RUNS = 1000, 300
"""Sends and receives of the measurement; runs of the empty program."""

_ENABLE = {
    "L1": "a kernel with CONFIG_FUNCTION_TRACER and CONFIG_DEBUG_INFO_BTF, on arm64 also with"
    " CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS (6.4), that lets root load fentry programs",
    "L2": "a kernel with the tracepoints sock_send_length, sock_recv_length and tcp_sendmsg_locked",
    "L3": "a kernel with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS",
    "L4": "a kernel with CONFIG_HAVE_SYSCALL_TRACEPOINTS",
}
_PRIVILEGE = "root, or the capabilities CAP_BPF and CAP_PERFMON: sudo hopscope check"


@dataclass(frozen=True, slots=True)
class MetricProbe:
    """What measures a metric here. `why_not` is set when nothing does, `enable` says what would."""

    metric: str
    rung: str | None
    hook: str | None
    meaning: str
    cost: str | None = None
    why_not: str | None = None
    enable: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A rung that this kernel refuses, or that was not tried."""

    rung: str
    hook: str
    why: str
    enable: str


@dataclass(frozen=True, slots=True)
class Found:
    """What this kernel allows."""

    kernel: str
    machine: str
    probes: tuple[MetricProbe, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return dataclasses.asdict(self)


def check() -> Found:
    """Tries each rung and measures the best one on connections of its own over loopback.

    Without the privilege it says so instead. Raises LibbpfError without libbpf or type information.
    """
    ladder = rungs()
    if os.geteuid() != 0:
        try:
            choose()
        except LibbpfError as error:
            return _untried(ladder, str(error))
    refusals_of = {rung.name: refusals(rung) for rung in ladder}
    refused = [
        Refused(rung.name, rung.hook, next(iter(why.values())), _ENABLE[rung.name])
        for rung in ladder
        if (why := refusals_of[rung.name])
    ]
    if len(refused) == len(ladder):
        return _found((_without(name, refused[0].why, refused[0].enable) for name in _metrics()), refused, ())
    best = choose()
    costs = _costs(best)
    notes = (
        "costs: run time of our programs for a call, measured just now over loopback with a cold start; "
        "the entry of a hook, the same for an empty program, comes on top",
        *(f"{name} works here too" for name, why in refusals_of.items() if not why and name != best.rung.name),
    )
    return _found((_probe(name, best, costs) for name in _metrics()), refused, notes)


def _found(probes: Iterable[MetricProbe], refused: Iterable[Refused], notes: Iterable[str]) -> Found:
    return Found(platform.release(), platform.machine(), tuple(probes), tuple(refused), tuple(notes))


def _untried(ladder: Iterable[Rung], why: str) -> Found:
    reason = f"it could not be tried without root ({why.split(':')[-1].strip()})"
    refused = [Refused(rung.name, rung.hook, reason, _PRIVILEGE) for rung in ladder]
    return _found((_without(name, reason, _PRIVILEGE) for name in _metrics()), refused, ("nothing was loaded",))


def _metrics() -> dict[str, str]:
    return {metric.name: metric.sentence for metric in METRICS if metric.where == "side"}


def _without(name: str, why: str, enable: str) -> MetricProbe:
    return MetricProbe(name, None, None, _metrics()[name], why_not=why, enable=enable)


def _probe(name: str, choice: Choice, costs: Mapping[str, str]) -> MetricProbe:
    probe = describe(choice)[name]
    if probe.hook is None:
        wanted = ", ".join(optional.tracepoint for optional in OPTIONAL.values() if optional.metric == name)
        return _without(name, probe.why_not or "refused", f"a kernel with the tracepoints {wanted}")
    meaning = _metrics()[name]
    if name in ("write", "read"):
        meaning += f" Here: {choice.rung.time}."
    return MetricProbe(name, probe.rung, probe.hook, meaning, costs.get(name), probe.why_not)


def _costs(choice: Choice) -> dict[str, str]:
    obj = _load(choice)
    links = []
    try:
        programs = obj.programs
        attached = [*ALWAYS, *choice.optional, *choice.rung.counters]
        links = [programs[name].attach() for name in attached if name not in RUN]
        with statistics():
            floor = _floor(obj)
            with _Pair() as pair:
                pair.exchange(PAIRS // 10)
                counted = _each(obj, choice.rung.counters, floor, pair.exchange)
                look = _look(obj, floor)
                links += [programs[name].attach() for name in choice.rung.timers]
                timed = _each(obj, (*choice.rung.counters, *choice.rung.timers), floor, pair.exchange)
            ns, runs = run_time(programs["on_state"])
            state = max(0.0, ns / runs - floor) if runs else 0.0
    finally:
        for link in links:
            link.close()
        obj.close()
    kinds = {"write": ("send",), "read": ("recv", "copy")}
    costs = {}
    for name, words in kinds.items():
        plain, more = (_sum(found, words) for found in (counted, timed))
        costs[name] = f"{plain:.0f} ns a call, {max(0.0, more - plain):.0f} ns more while calls are timed"
    changes = f"{state:.0f} ns a change of state"
    return costs | {
        "write_rtt": "part of write",
        "connect": changes,
        "accept": changes,
        "close": changes,
        "retransmit": f"0 ns a segment, {look:.0f} ns an idle connection and second",
        "drop": "nothing while nothing is dropped",
        "reset": "nothing while nothing is reset",
    }


def _load(choice: Choice) -> Object:
    obj = Object.open(OBJECT)
    try:
        for name, value in choice.rodata.items():
            obj.set_rodata(name, value)
        for name, program in obj.programs.items():
            program.set_autoload(name in choice.programs or name == "nothing")
        obj.load()
    except LibbpfError:
        obj.close()
        raise
    return obj


def _floor(obj: Object) -> float:
    """What the measurement itself takes, ns."""
    for _ in range(FLOOR_RUNS):
        obj.programs["nothing"].run()
    ns, runs = run_time(obj.programs["nothing"])
    return ns / runs


def _each(obj: Object, names: Iterable[str], floor: float, work: Callable[[int], None]) -> dict[str, float]:
    """ns of each program for one of the PAIRS, or for one hit where others hit it more often."""
    programs = [obj.programs[name] for name in names]
    before = [run_time(program) for program in programs]
    work(PAIRS)
    found = {}
    for program, (ns, runs) in zip(programs, before, strict=True):
        ns_after, runs_after = run_time(program)
        hits = runs_after - runs
        total = max(0.0, ns_after - ns - hits * floor)
        found[program.name] = total / PAIRS if hits <= PAIRS * 1.5 else total / hits
    return found


def _sum(found: Mapping[str, float], words: tuple[str, ...]) -> float:
    """Programs of one direction; a program whose name tells none sees both."""
    named = [ns for name, ns in found.items() if any(word in name for word in words)]
    return sum(named) if named else sum(found.values())


def _look(obj: Object, floor: float) -> float:
    """ns of one look at one idle connection: the first slot that has one, again and again."""
    slots, size = obj.maps["slots"].mmap(), obj.maps["slots"].value_size
    index = next(i for i in range(len(slots) // size) if any(slots[i * size + 2 : i * size + 8]))  # a kernel address
    wanted, count = obj.maps["wanted"], 64
    for place in range(count):
        wanted.update(place.to_bytes(4, "little"), index.to_bytes(4, "little"))
    look = obj.programs["look"]
    before = run_time(look)
    for _ in range(10):
        look.run(0, count)
    ns, runs = (after - earlier for after, earlier in zip(run_time(look), before, strict=True))
    return max(0.0, ns / runs - floor) / count


class _Pair:
    """Both ends of one loopback connection in this process."""

    def __enter__(self) -> _Pair:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._client = socket.create_connection(listener.getsockname())
            self._server, _ = listener.accept()
        return self

    def exchange(self, pairs: int) -> None:
        """So many sends of 64 bytes, each received: requests and answers, whose protocol is known after the first."""
        for turn in range(pairs):
            sender, receiver = (self._server, self._client) if turn % 2 else (self._client, self._server)
            sender.sendall((b"HTTP/1.1 200 OK\r\n" if turn % 2 else b"GET / HTTP/1.1\r\n").ljust(64))
            receiver.recv(64)

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.close()
