"""The ladder: which programs measure what on this kernel, chosen by trying them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from platform import machine

from hopscope.agent.strays import TIDY_UP, reason_name
from hopscope.edges.model import Probe
from hopscope.libbpf import WITHOUT_ROOT, LibbpfError, btf_enum, btf_func_args, trial

_ARCHITECTURES = {"x86_64": "x86", "aarch64": "arm64"}
OBJECT = Path(__file__).parent.parent / "bpf" / f"hopscope.{_ARCHITECTURES.get(machine(), machine())}.o"

ALWAYS = (
    "on_state",
    "on_destroy",
    "on_fork",
    "on_exec",
    "on_exit",
    "on_attach",
    "prime",
    "look",
)
"""Programs that nothing works without."""

SELECTING = ("decide_all", "release")
"""Programs that are loaded, too, where some processes are traced and others not."""

RUN = frozenset(("prime", "look", *SELECTING))
"""Programs that user space runs; the others are put on hooks."""


@dataclass(frozen=True, slots=True)
class Optional:
    """A program that one metric is lost without."""

    metric: str
    tracepoint: str


OPTIONAL = {
    "on_send_reset": Optional("reset", "tcp_send_reset"),
    "on_receive_reset": Optional("reset", "tcp_receive_reset"),
    "on_retransmit_synack": Optional("retransmit", "tcp_retransmit_synack"),
    "on_drop": Optional("drop", "kfree_skb"),
}

_KERNEL_RESETS = (
    "SK_RST_REASON_TCP_ABORT_ON_MEMORY",
    "SK_RST_REASON_TCP_KEEPALIVE_TIMEOUT",
    "SK_RST_REASON_TCP_TIMEOUT",
)
"""enum sk_rst_reason, include/net/rstreason.h: resets that a timer or want of memory sends, nobody's call."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way of seeing reads and writes. `timers` are attached only while times are taken.

    `scout`: a small program of its kind. Where that is refused the others are not tried: the verifier takes a second
    for those that look at payload. `fentry`: the scout is of that kind, which not every kernel puts on a hook twice.
    """

    name: str
    counters: tuple[str, ...]
    timers: tuple[str, ...]
    hook: str
    time: str  # "time_ns" or "call_ns": what its durations mean
    scout: str | None = None
    fentry: bool = False


_FUNCTIONS = ("inet_sendmsg", "inet6_sendmsg", "inet_recvmsg", "inet6_recvmsg", "tcp_splice_read")
_LENGTHS = ("on_send_length", "on_recv_length")
_CALLS = ("inet_stream_connect", "inet_accept")
_LAYER = "inet_sendmsg, inet_recvmsg, tcp_splice_read, inet_stream_connect, inet_accept, inet_release"


def rungs() -> tuple[Rung, ...]:
    """The ladder on this kernel, best first. Functions that this kernel does not have are left out."""
    functions = _FUNCTIONS + (("inet_sendpage",) if btf_func_args("inet_sendpage") else ())
    accept = "on_inet_accept3" if btf_func_args("inet_accept") == 3 else "on_inet_accept4"
    calls = ("on_inet_stream_connect", "enter_inet_stream_connect", accept)
    if btf_func_args("btf_trace_sock_recv_length"):
        # Two hits for a call cost less than four; and few kernels preempt a task in a tracepoint, which costs hits.
        moves: tuple[str, ...] = (*_LENGTHS, "on_tcp_splice_read")
        hook = f"fentry and fexit of {_LAYER}; returns by tracepoints sock_send_length, sock_recv_length"
    else:
        moves, hook = tuple(f"on_{name}" for name in functions), f"fentry and fexit of {_LAYER}"
    return (
        Rung(
            "L1",
            (*moves, *calls),
            (*(f"enter_{name}" for name in functions), "enter_inet_release", "on_inet_release"),
            hook,
            "call_ns",
            "enter_inet_release",
            fentry=True,
        ),
        Rung(
            "L2",
            _LENGTHS,
            ("on_sendmsg_locked", "on_copy_datagram"),
            "tracepoints sock_send_length, sock_recv_length",
            "time_ns",
            "on_sendmsg_locked",
        ),
        Rung(
            "L3",
            tuple(f"{way}_{name}" for way in ("return", "probe") for name in (*functions, *_CALLS)),
            (*(f"begin_{name}" for name in functions), "return_inet_release", "probe_inet_release"),
            f"kprobe and kretprobe of {_LAYER}",
            "call_ns",
            "probe_inet_release",
        ),
        Rung("L4", ("on_sys_exit",), ("on_sys_enter",), "raw tracepoints sys_enter, sys_exit", "call_ns"),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why not the rest.

    `again`: what was taken off its hook may be put on it again. Before 5.13 (commit f3a95075549e) fentry may not.
    """

    rung: Rung
    optional: tuple[str, ...]
    refused: Mapping[str, str]
    rodata: Mapping[str, int]
    again: bool

    @property
    def programs(self) -> tuple[str, ...]:
        """All programs to load."""
        return (*ALWAYS, *self.optional, *self.rung.counters, *self.rung.timers)


def rodata() -> dict[str, int]:
    """What this kernel's type information says and the programs need to know before they are loaded."""
    arguments = btf_func_args("btf_trace_kfree_skb")
    reset_arguments = btf_func_args("btf_trace_tcp_send_reset")
    reasons, drops = btf_enum("sk_rst_reason"), btf_enum("skb_drop_reason")
    return {
        "send_reset_args": reset_arguments - 1 if reset_arguments else 2,
        "kernel_reset_reasons": sum(1 << reasons[name] for name in _KERNEL_RESETS if name in reasons),
        "tidy_up": sum(1 << number for name, number in drops.items() if reason_name(name) in TIDY_UP),
        "kfree_skb_args": arguments - 1 if arguments else 2,
        "has_task_pt_regs": "BPF_FUNC_task_pt_regs" in btf_enum("bpf_func_id"),
    }


@cache
def _takes(path: Path, programs: tuple[str, ...], constants: tuple[tuple[str, int], ...]) -> None:
    """Raises LibbpfError when the kernel does not take these programs; what it took once it takes again."""
    error = trial(path, programs, dict(constants))
    if error is not None:
        raise error


def _attaches_twice(path: Path, program: str, constants: Mapping[str, int]) -> bool:
    try:
        _takes(path, (program, program), tuple(constants.items()))
    except LibbpfError:
        return False
    return True


def choose(path: Path = OBJECT, only: str | None = None) -> Choice:
    """The first rung all of whose programs load and attach.

    Raises LibbpfError when none does, with each rung's reason.
    """
    constants = rodata()
    refused: dict[str, str] = {}

    def works(*programs: str) -> bool:
        try:
            _takes(path, programs, tuple(constants.items()))
            return True
        except LibbpfError as error:
            if len(programs) == 1:
                refused[programs[0]] = str(error)
                return False
        # Most of a trial is reading the kernel's types: one by one only to learn which.
        return all(works(program) for program in programs)

    if not works(*ALWAYS):
        ((program, why),) = refused.items()
        if why.endswith(WITHOUT_ROOT):
            raise LibbpfError("putting probes into the kernel needs root: run as root (sudo)")
        raise LibbpfError(f"this kernel refuses {program}, which everything needs: {why}")
    optional = tuple(OPTIONAL) if works(*OPTIONAL) else tuple(name for name in OPTIONAL if works(name))
    for rung in rungs():
        if only not in (None, rung.name) or (rung.scout is not None and not works(rung.scout)):
            continue
        if works(*rung.counters, *rung.timers):
            again = not rung.fentry or rung.scout is None or _attaches_twice(path, rung.scout, constants)
            return Choice(rung, optional, refused, constants, again)
    reasons = "; ".join(f"{program}: {why}" for program, why in refused.items())
    raise LibbpfError(f"no way of counting reads and writes works on this kernel ({reasons})")


def refusals(rung: Rung, path: Path = OBJECT) -> dict[str, str]:
    """What the kernel refuses of a rung, by program; empty when all of it loads and attaches."""
    constants, programs = rodata(), (*rung.counters, *rung.timers)
    if rung.scout is not None and (error := trial(path, (rung.scout,), constants)) is not None:
        return {rung.scout: str(error)}
    if trial(path, programs, constants) is None:
        return {}
    for program in programs:
        if (error := trial(path, (program,), constants)) is not None:
            return {program: str(error)}
    return {}


def describe(choice: Choice) -> dict[str, Probe]:
    """The chosen probe of each metric, for `probes` in the JSON."""
    always = {
        "connect": "tracepoint inet_sock_set_state",
        "accept": "tracepoint inet_sock_set_state",
        "close": "tracepoints inet_sock_set_state, tcp_destroy_sock",
        "retransmit": "the connection's own total_retrans",
    }
    probes = {name: Probe("all", hook) for name, hook in always.items()}
    for name in ("write", "read", "write_rtt"):
        probes[name] = Probe(choice.rung.name, choice.rung.hook)
    for metric in {optional.metric for optional in OPTIONAL.values()}:
        programs = [program for program, optional in OPTIONAL.items() if optional.metric == metric]
        names = ", ".join(OPTIONAL[program].tracepoint for program in programs)
        if missing := [program for program in programs if program not in choice.optional]:
            probes[metric] = Probe(None, None, choice.refused[missing[0]])
        elif metric not in probes:
            probes[metric] = Probe("all", f"tracepoint{'s' if len(programs) > 1 else ''} {names}")
    return probes | _parts(choice)


def _parts(choice: Choice) -> dict[str, Probe]:
    """The durations that this rung has no value for, as `metric.part`."""
    if choice.rung.time == "call_ns":
        whole = "this rung sees a call begin and end, not what happens in between"
        return {f"{name}.time_ns": Probe(None, None, whole) for name in ("write", "read")}
    moment = "the tracepoints of this rung fire inside the call; L1, L3 and L4 see it begin and end"
    parts = ("write.call_ns", "read.call_ns", "connect.call_ns", "accept.queue_ns", "close.call_ns")
    return {name: Probe(None, None, moment) for name in parts}
