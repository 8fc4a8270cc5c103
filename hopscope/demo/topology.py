"""What the mesh is made of: pods, their containers, addresses, and who calls whom. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

RUN = Path("/run/hopscope-demo")
APP_PORT, GATEWAY_PORT, DNS_PORT = 9080, 8080, 53
INBOUND, OUTBOUND = 15006, 15001
APP_UID, PROXY_UID = 65534, 1337
BRIDGE, BRIDGE_ADDRESS, PREFIX = "mesh0", "10.77.0.1", 16
DNS_ADDRESS, TRAFFIC_ADDRESS = "10.96.0.10", "10.77.255.10"
PROXY = "istio-proxy"
MAX_COPIES = 200

# Service, version, and the services it calls: bookinfo's. `reviews` v1 shows no stars.
_BOOKINFO: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("productpage", "v1", ("details", "reviews")),
    ("details", "v1", ()),
    ("reviews", "v1", ()),
    ("reviews", "v2", ("ratings",)),
    ("ratings", "v1", ()),
)
SERVICES = tuple(dict.fromkeys(service for service, _, _ in _BOOKINFO))


@dataclass(frozen=True, slots=True)
class Options:
    """How a demo is wanted. `rate`: pages a second through all ingress gateways; `retries`: of a call that found no
    connection."""

    scale: int = 1
    mtls: bool = True
    protocol: Literal["http1", "http2"] = "http1"
    rate: float = 20.0
    server: bool = True
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """One container: its process is `name` for an app and `envoy` for a sidecar."""

    pod: str
    name: str
    layer: str
    process: str

    @property
    def folder(self) -> Path:
        """Its files: configuration, log, control socket."""
        return RUN / "pods" / self.pod / self.name


@dataclass(frozen=True, slots=True)
class Pod:
    """A network namespace with its containers. `link`: its interface on the bridge, empty for the node itself."""

    name: str
    namespace: str
    service: str
    version: str
    address: str
    link: str
    app: Container | None
    sidecar: Container | None
    calls: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def containers(self) -> tuple[Container, ...]:
        """The application first."""
        return tuple(container for container in (self.app, self.sidecar) if container is not None)

    @property
    def full_service(self) -> str:
        """Service and namespace, as SkyWalking names it."""
        return f"{self.service}.{self.namespace}"


@dataclass(frozen=True, slots=True)
class Copy:
    """One bookinfo: a gateway and its pods, in a Kubernetes namespace of its own."""

    namespace: str
    gateway: Pod
    pods: tuple[Pod, ...]
    virtual: Mapping[str, str]

    def of(self, service: str) -> tuple[Pod, ...]:
        """The pods of a service."""
        return tuple(pod for pod in self.pods if pod.service == service)


@dataclass(frozen=True, slots=True)
class Mesh:
    """All of it. `dns` lives in the bridge's namespace, as a node-local DNS cache does; `traffic` outside the mesh."""

    options: Options
    copies: tuple[Copy, ...]
    dns: Pod
    traffic: Pod

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Every pod, the outside ones last."""
        return (*(pod for copy in self.copies for pod in (copy.gateway, *copy.pods)), self.dns, self.traffic)

    @property
    def containers(self) -> tuple[Container, ...]:
        """Every container."""
        return tuple(container for pod in self.pods for container in pod.containers)

    def names(self) -> dict[str, str]:
        """What the DNS server knows: full name to cluster address."""
        return {host(service, copy.namespace): ip for copy in self.copies for service, ip in copy.virtual.items()}


def host(service: str, namespace: str) -> str:
    """A service's full name in the cluster."""
    return f"{service}.{namespace}.svc.cluster.local"


def mesh(options: Options) -> Mesh:
    """The mesh for these options."""
    dns = _outside("node-local-dns", "kube-dns", "kube-system", DNS_ADDRESS, "", "dns")
    traffic = _outside("traffic", "traffic", "default", TRAFFIC_ADDRESS, "traffic", "traffic")
    return Mesh(options, tuple(_copy(number) for number in range(options.scale)), dns, traffic)


def _outside(name: str, service: str, namespace: str, address: str, link: str, process: str) -> Pod:
    app = Container(name, process, "K8S_SERVICE", process)
    return Pod(name, namespace, service, "v1", address, link, app, None, labels={"app": service})


def _copy(number: int) -> Copy:
    namespace, suffix = ("default", "") if number == 0 else (f"copy-{number + 1}", f"-{number + 1}")
    name = f"istio-ingressgateway{suffix}"
    proxy = Container(name, PROXY, "MESH_DP", "envoy")
    gateway = Pod(
        name, namespace, "istio-ingressgateway", "v1", f"10.77.{number}.10", f"c{number}gateway", None, proxy,
        ("productpage",), _labels("istio-ingressgateway", "v1"),
    )  # fmt: skip
    pods = []
    for place, (service, version, calls) in enumerate(_BOOKINFO):
        name = f"{service}-{version}{suffix}"
        app, proxy = Container(name, service, "MESH", service), Container(name, PROXY, "MESH_DP", "envoy")
        address, link = f"10.77.{number}.{11 + place}", f"c{number}{service[:7]}{version}"
        labels = _labels(service, version)
        pods.append(Pod(name, namespace, service, version, address, link, app, proxy, calls, labels))
    virtual = {service: f"10.96.{number}.{11 + place}" for place, service in enumerate(SERVICES)}
    return Copy(namespace, gateway, tuple(pods), virtual)


def _labels(service: str, version: str) -> dict[str, str]:
    return {"app": service, "version": version, "service.istio.io/canonical-name": service}
