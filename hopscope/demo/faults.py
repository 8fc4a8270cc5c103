"""The faults: one row each. What they make lives in the demo's namespaces and processes, and ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hopscope.demo import DemoError, cgroups, containers, delay, namespaces, network
from hopscope.demo.topology import BRIDGE, INBOUND, Container, Mesh, Pod

_TABLE = "hopscope_fault"


@dataclass(slots=True)
class Place:
    """Where a fault is: a pod, in a mesh that runs. `helpers`: programs that the fault runs as long as it is on."""

    pod: Pod
    mesh: Mesh
    spaces: Mapping[str, int]
    pids: Mapping[Container, int]
    where: cgroups.Hierarchies
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def node(self) -> int:
        """The bridge's namespace."""
        return self.spaces[self.mesh.dns.name]

    def inside(self, command: str, text: str = "") -> None:
        """Runs a tool in the pod's namespace."""
        network.run(command.split(), self.spaces[self.pod.name], text)

    def outside(self, command: str, text: str = "") -> None:
        """Runs a tool in the bridge's namespace."""
        network.run(command.split(), self.node, text)

    def app(self, command: str, **arguments: Any) -> None:
        """Tells the pod's application."""
        if self.pod.app is None:
            raise DemoError(f"{self.pod.name} has no application")
        containers.ask(self.pod.app, command, **arguments)


Switch = Callable[[Place, float], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. `changes`: the edges and metrics that it should move, and no others."""

    name: str
    sentence: str
    unit: str
    value: float
    pod: str
    changes: str
    on: Switch
    off: Switch


def _rules(hook: str, rule: str) -> Switch:
    # One rule in the pod's own namespace, on packets that come through its link.
    def on(place: Place, value: float) -> None:
        text = f"table inet {_TABLE} {{ chain in {{ type filter hook {hook}; policy accept; {rule}\n}}\n}}"
        place.inside("nft -f -", text.replace("VALUE", f"{value:g}"))

    return on


def _rules_off(place: Place, value: float) -> None:
    place.inside(f"nft delete table inet {_TABLE}")


def _loss(place: Place, value: float) -> None:
    # At ingress on both ends of the link: a drop in the sender's own output would be told to its TCP at once.
    for run, device in ((place.inside, "eth0"), (place.outside, place.pod.link)):
        chain = f"type filter hook ingress device {device} priority 0; policy accept;"
        rule = f"ip protocol tcp numgen random mod 10000 < {round(value * 100)} counter drop"
        run("nft -f -", f"table netdev {_TABLE}_{place.pod.link} {{ chain in {{ {chain} {rule}\n}}\n}}")


def _loss_off(place: Place, value: float) -> None:
    for run in (place.inside, place.outside):
        run(f"nft delete table netdev {_TABLE}_{place.pod.link}")


def _narrow(place: Place, value: float) -> None:
    shape = f"tbf rate {value:g}kbit burst 2kb latency 1s"
    place.outside(f"tc qdisc add dev {place.pod.link} root {shape}")
    place.inside(f"tc qdisc add dev eth0 root {shape}")


def _narrow_off(place: Place, value: float) -> None:
    place.outside(f"tc qdisc del dev {place.pod.link} root")
    place.inside("tc qdisc del dev eth0 root")


def _delay(jitter: bool) -> Switch:
    # The link moves to a bridge of its own, and a program carries the frames between the two bridges.
    def on(place: Place, value: float) -> None:
        link = place.pod.link
        names = [f"{link}-n", f"{link}-p"]
        command = [str(containers.PYTHON), delay.__file__, *names, str(value), str(value if jitter else 0)]
        group = cgroups.create("node/delay", place.where)
        helper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=namespaces.birth(place.node, group)
        )
        place.helpers.append(helper)
        assert helper.stdout is not None
        if not helper.stdout.readline():
            raise DemoError("there are no TAP devices here; modprobe tun")
        place.outside(
            "ip -batch -",
            f"link add {link}-b type bridge forward_delay 0\nlink set {link}-b up\n"
            f"link set {names[0]} master {BRIDGE} up\nlink set {names[1]} master {link}-b up\n"
            f"link set {link} master {link}-b",
        )

    return on


def _delay_off(place: Place, value: float) -> None:
    link = place.pod.link
    place.outside(f"ip link set {link} master {BRIDGE}")
    _end(place)
    place.outside(f"ip link del {link}-b")


def _end(place: Place) -> None:
    for helper in place.helpers:
        helper.kill()
        helper.wait()
        if helper.stdout is not None:
            helper.stdout.close()
    place.helpers.clear()


def _app(name: str) -> tuple[Switch, Switch]:
    def on(place: Place, value: float) -> None:
        place.app("fault", name=name, value=value)

    def off(place: Place, value: float) -> None:
        place.app("fault", name=name, value=0)

    return on, off


def _signal(number: signal.Signals) -> Switch:
    def send(place: Place, value: float) -> None:
        if place.pod.app is None:
            raise DemoError(f"{place.pod.name} has no application")
        os.kill(place.pids[place.pod.app], number)

    return send


def _starve(place: Place, value: float) -> None:
    # A long period, so that the few ms of a sidecar come in lumps with long waits between.
    period = 500_000
    _limit(place, period, max(1000, round(period * value / 100)))


def _starve_off(place: Place, value: float) -> None:
    _limit(place, 100_000, None)


def _limit(place: Place, period: int, quota: int | None) -> None:
    if place.pod.sidecar is None:
        raise DemoError(f"{place.pod.name} has no sidecar")
    cgroups.limit_cpu(containers.path_of(place.pod.sidecar), place.where, period, quota)


def _slow_dns(place: Place, value: float) -> None:
    assert place.mesh.dns.app is not None
    containers.ask(place.mesh.dns.app, "slow", value=value)


def _fast_dns(place: Place, value: float) -> None:
    _slow_dns(place, 0)


_FILTER = 'iifname "eth0" tcp dport ' + str(INBOUND)
_INPUT = "input priority 0"

TABLE: tuple[Fault, ...] = (
    Fault("loss", "packets lost on the pod's link, both ways", "%", 5, "ratings-v1",
          "retransmits on the edges of that link", _loss, _loss_off),
    Fault("delay", "a longer way to the pod, both ways", "ms", 20, "details-v1",
          "srtt, min_rtt and connect time of the edges of that link", _delay(False), _delay_off),
    Fault("jitter", "a way whose length varies, both ways", "ms", 20, "details-v1",
          "rttvar of the edges of that link", _delay(True), _delay_off),
    Fault("narrow", "a narrow link", "kbit/s", 16, "reviews-v1",
          "srtt and retransmits of the edges of that link", _narrow, _narrow_off),
    Fault("blackhole", "packets to the sidecar vanish", "", 1, "details-v1",
          "retransmits, then failed connects: aborted, for the sidecar waits only a second",
          _rules(_INPUT, _FILTER + " counter drop"), _rules_off),
    Fault("refuse", "connections to the sidecar are refused", "", 1, "details-v1",
          "resets by the peer once, then failed connects: refused",
          _rules(_INPUT, _FILTER + " reject with tcp reset"), _rules_off),
    Fault("reset-network", "the network resets connections, now and then", "% of packets", 10, "details-v1",
          "resets by the peer, new connections",
          _rules(_INPUT, _FILTER + " tcp flags & (syn | psh) == psh numgen random mod 100 < VALUE "
                 "reject with tcp reset"), _rules_off),
    Fault("reset-app", "the application resets instead of answering", "", 1, "details-v1",
          "resets by the local application on sidecar → application", *_app("reset")),
    Fault("slow-app", "the application takes its time", "s", 0.1, "details-v1",
          "the answers' latency; no TCP metric", *_app("sleep")),
    Fault("cpu", "the application computes", "s", 0.02, "reviews-v1",
          "the answers' latency and its CPU; no TCP metric", *_app("cpu")),
    Fault("hang", "the application stands still", "", 1, "details-v1",
          "sidecar → application: no bytes come back", _signal(signal.SIGSTOP), _signal(signal.SIGCONT)),
    Fault("error", "the application answers with an error", "status", 500, "details-v1",
          "the answers' status; no TCP metric", *_app("error")),
    Fault("starve", "the sidecar gets little CPU", "%", 0.4, "details-v1",
          "the answers' latency; no TCP error", _starve, _starve_off),
    Fault("zero-window", "the application asks for much and reads late", "s", 0.3, "productpage-v1",
          "rwnd_limited on application → sidecar, server side", *_app("slow_read")),
    Fault("accept-overflow", "the application accepts one connection in a while", "s", 0.5, "details-v1",
          "listener overflows, accept queue and connect time on sidecar → application", *_app("accept_delay")),
    Fault("churn", "the application closes after each answer", "", 1, "details-v1",
          "opened and closed connections on sidecar → application", *_app("churn")),
    Fault("slow-dns", "the DNS server takes its time (over TCP)", "s", 0.5, "node-local-dns",
          "the latency of pages that wait for a name; no TCP metric", _slow_dns, _fast_dns),
)  # fmt: skip


class Faults:
    """What is switched on."""

    def __init__(
        self, mesh: Mesh, spaces: Mapping[str, int], pids: Mapping[Container, int], where: cgroups.Hierarchies
    ) -> None:
        self._mesh, self._spaces, self._pids, self._where = mesh, spaces, pids, where
        self._on: dict[str, tuple[Fault, Place, float, float]] = {}

    def active(self) -> list[dict[str, Any]]:
        """What is on, where, how strong, since when (Unix time)."""
        return [
            {"name": name, "pod": place.pod.name, "value": value, "since": since}
            for name, (_, place, value, since) in self._on.items()
        ]

    def on(self, name: str, pod: str | None = None, value: float | None = None) -> str:
        """Switches a fault on. Returns what it should change. Raises DemoError; nothing is then left half on."""
        fault = find(name)
        if name in self._on:
            raise DemoError(f"{name} is on already, on {self._on[name][1].pod.name}; hopscope demo fault off {name}")
        place = Place(self._pod(pod or fault.pod), self._mesh, self._spaces, self._pids, self._where)
        strength = fault.value if value is None else value
        if not 0 < strength < 1e6:
            raise DemoError(f"--value {strength:g}: must be above 0, in {fault.unit or 'any unit'}")
        self._switch(fault, place, strength)
        self._on[name] = fault, place, strength, time.time()
        amount = f" ({strength:g} {fault.unit})" if fault.unit else ""
        return f"{fault.name} on {place.pod.name}{amount}: {fault.sentence}; should change {fault.changes}"

    def _switch(self, fault: Fault, place: Place, strength: float) -> None:
        if any(placed.pod is place.pod and held.off is fault.off for held, placed, _, _ in self._on.values()):
            raise DemoError(f"{fault.name} excludes a fault that is on at {place.pod.name}; switch that off first")
        if not place.pod.link and fault.off in (_loss_off, _narrow_off, _delay_off, _rules_off):
            raise DemoError(f"{place.pod.name} has no link of its own; choose another --pod")
        try:
            fault.on(place, strength)
        except (DemoError, OSError) as error:
            _end(place)
            raise DemoError(f"{fault.name} is not possible here: {error}") from error

    def _pod(self, name: str) -> Pod:
        for pod in self._mesh.pods:
            if pod.name == name:
                return pod
        raise DemoError(f"there is no pod {name}; the pods are {', '.join(pod.name for pod in self._mesh.pods)}")

    def off(self, name: str | None = None) -> str:
        """Switches one fault off, or all. Raises DemoError."""
        if name is not None and name not in self._on:
            find(name)
            raise DemoError(f"{name} is not on")
        names = [name] if name is not None else list(self._on)
        for each in names:
            fault, place, value, _ = self._on.pop(each)
            fault.off(place, value)
        return f"off: {', '.join(names)}" if names else "no fault is on"

    def end(self) -> None:
        """Wakes what stands still and ends helpers; all else goes with the namespaces and processes."""
        for fault, place, value, _ in self._on.values():
            _end(place)
            if fault.name == "hang":
                fault.off(place, value)
        self._on.clear()


def find(name: str) -> Fault:
    """A fault by its name. Raises DemoError."""
    for fault in TABLE:
        if fault.name == name:
            return fault
    raise DemoError(f"there is no fault {name!r}; hopscope demo fault list names them")
