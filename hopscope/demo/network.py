"""The wires: one bridge, one veth pair for each pod, and Istio's REDIRECT rules in each pod that has a sidecar."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from hopscope.demo import DemoError, namespaces
from hopscope.demo.topology import BRIDGE, BRIDGE_ADDRESS, DNS_ADDRESS, INBOUND, OUTBOUND, PREFIX, PROXY_UID, Mesh, Pod

# What istio-init sets up with iptables: inbound to 15006, outbound to 15001, the sidecar's own traffic untouched,
# and a call to oneself (through lo, not to 127.0.0.1) back in through the inbound listener.
REDIRECT = f"""
table ip istio {{
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport {{ 15020, 15021, 15090 }} return
    meta l4proto tcp redirect to :{INBOUND}
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    meta l4proto != tcp return
    oifname "lo" ip saddr 127.0.0.6 return
    oifname "lo" ip daddr != 127.0.0.1 meta skuid {PROXY_UID} meta l4proto tcp redirect to :{INBOUND}
    oifname "lo" meta skuid != {PROXY_UID} return
    meta skuid {PROXY_UID} return
    ip daddr 127.0.0.1 return
    meta l4proto tcp redirect to :{OUTBOUND}
  }}
}}
"""


def run(command: list[str], namespace: int, text: str = "", keep: tuple[int, ...] = ()) -> str:
    """Runs a tool inside a namespace and returns what it says. Raises DemoError with its complaint."""
    done = subprocess.run(
        command,
        input=text,
        text=True,
        capture_output=True,
        pass_fds=keep,
        preexec_fn=namespaces.birth(namespace),
        check=False,
    )
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise DemoError(f"{' '.join(command)}: {complaint[0]}")
    return done.stdout


def build(mesh: Mesh) -> dict[str, int]:
    """All namespaces with their links and rules, as descriptors by pod name. Raises DemoError."""
    node = namespaces.create()
    made = {pod.name: namespaces.create() if pod.link else node for pod in mesh.pods}
    _bridge(mesh, node, made)
    for pod in mesh.pods:
        if not pod.link:
            continue
        run(["ip", "-batch", "-"], made[pod.name], _inside(pod))
        if pod.app is not None and pod.sidecar is not None:
            run(["nft", "-f", "-"], made[pod.name], REDIRECT)
    return made


def _bridge(mesh: Mesh, node: int, made: Mapping[str, int]) -> None:
    lines = [
        "link set lo up",
        f"link add {BRIDGE} type bridge forward_delay 0",
        f"addr add {BRIDGE_ADDRESS}/{PREFIX} dev {BRIDGE}",
        f"addr add {DNS_ADDRESS}/32 dev lo",
        f"link set {BRIDGE} up",
    ]
    for pod in mesh.pods:
        if pod.link:
            lines.append(f"link add {pod.link} type veth peer name eth0 netns /proc/self/fd/{made[pod.name]}")
            lines.append(f"link set {pod.link} master {BRIDGE} up")
    run(["ip", "-batch", "-"], node, "\n".join(lines), tuple(made.values()))
    # The DNS server is no root; this setting is the namespace's own.
    run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"], node)


def _inside(pod: Pod) -> str:
    return "\n".join(
        (
            "link set lo up",
            f"addr add {pod.address}/{PREFIX} dev eth0",
            "link set eth0 up",
            f"route add default via {BRIDGE_ADDRESS}",
        )
    )
