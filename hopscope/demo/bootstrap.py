"""Envoy's configuration as istiod would give it: listeners, clusters, mTLS and access logs of one sidecar. Pure."""

from __future__ import annotations

from typing import Any

from hopscope.demo.topology import (
    APP_PORT,
    GATEWAY_PORT,
    INBOUND,
    OUTBOUND,
    RUN,
    Copy,
    Options,
    Pod,
    host,
)

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TYPE = "type.googleapis.com/"
ACCESS_LOG_SOCKET = RUN / "server" / "server.sock"
# Envoy picks its codec by the chosen ALPN, so the server's list holds only what it understands.
_SERVER_ALPN = ["h2", "http/1.1"]
CLIENT_ALPN = {"http1": ["istio-http/1.1", "istio", "http/1.1"], "http2": ["istio-h2", "istio", "h2"]}

Json = dict[str, Any]


def sidecar(copy: Copy, pod: Pod, options: Options) -> Json:
    """The bootstrap of a pod's sidecar, or of the ingress gateway."""
    services = [service for service in copy.virtual if copy.of(service)]
    listeners = _gateway_listeners(copy) if pod is copy.gateway else _sidecar_listeners(copy, pod, options)
    clusters = [_access_log_cluster(), _passthrough("PassthroughCluster")]
    clusters += [_passthrough("InboundPassthroughCluster", "127.0.0.6"), _passthrough(_inbound(), "127.0.0.6")]
    clusters += [_service(copy, pod, service, options) for service in services]
    assert pod.sidecar is not None
    return {
        "node": _node(copy, pod),
        "admin": {"address": _pipe(str(pod.sidecar.folder / "admin.sock"))},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def outbound(service: str, namespace: str) -> str:
    """The name of a service's cluster."""
    return f"outbound|{APP_PORT}||{host(service, namespace)}"


def sni(service: str, namespace: str) -> str:
    """The SNI that a client's sidecar sends for a service."""
    return f"outbound_.{APP_PORT}_._.{host(service, namespace)}"


def _inbound() -> str:
    return f"inbound|{APP_PORT}||"


def _socket(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}


def _pipe(path: str) -> Json:
    return {"pipe": {"path": path}}


def _typed(name: str, kind: str, **settings: Any) -> Json:
    return {"name": name, "typed_config": {"@type": _TYPE + kind, **settings}}


def _node(copy: Copy, pod: Pod) -> Json:
    kind = "router" if pod is copy.gateway else "sidecar"
    metadata = {
        "NAME": pod.name,
        "NAMESPACE": pod.namespace,
        "WORKLOAD_NAME": f"{pod.service}-{pod.version}",
        "CLUSTER_ID": "Kubernetes",
        "INSTANCE_IPS": pod.address,
        "LABELS": dict(pod.labels),
    }
    identity = f"{kind}~{pod.address}~{pod.name}.{pod.namespace}~{pod.namespace}.svc.cluster.local"
    return {"id": identity, "cluster": pod.full_service, "metadata": metadata}


def _access_log(kind: str) -> Json:
    settings = {
        "log_name": f"{kind}_envoy_accesslog",
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": "envoy_accesslog_service"}},
        "buffer_flush_interval": "1s",
    }
    types = "envoy.extensions.access_loggers.grpc.v3."
    config = "HttpGrpcAccessLogConfig" if kind == "http" else "TcpGrpcAccessLogConfig"
    return _typed(f"envoy.access_loggers.{kind}_grpc", types + config, common_config=settings)


def _access_log_cluster() -> Json:
    name = "envoy_accesslog_service"
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": _protocol("http2"),
        "load_assignment": _endpoints(name, [_pipe(str(ACCESS_LOG_SOCKET))]),
    }


def _protocol(protocol: str) -> Json:
    explicit: Json = {"http2_protocol_options": {}} if protocol == "http2" else {"http_protocol_options": {}}
    return {_HTTP_OPTIONS: {"@type": _TYPE + _HTTP_OPTIONS, "explicit_http_config": explicit}}


def _endpoints(name: str, addresses: list[Json]) -> Json:
    ends = [{"endpoint": {"address": address}} for address in addresses]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": ends}]}


def _passthrough(name: str, source: str | None = None) -> Json:
    cluster: Json = {"name": name, "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "1s"}
    if source is not None:
        # The redirect rules know a sidecar's call to its own app by this address.
        cluster["upstream_bind_config"] = {"source_address": {"address": source, "port_value": 0}}
    return cluster


def _service(copy: Copy, pod: Pod, service: str, options: Options) -> Json:
    name = outbound(service, copy.namespace)
    cluster: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN",
        "typed_extension_protocol_options": _protocol(options.protocol),
        "load_assignment": _endpoints(name, [_socket(end.address, APP_PORT) for end in copy.of(service)]),
    }
    if options.mtls:
        context = _tls(pod, CLIENT_ALPN[options.protocol])
        # A client's default maximum is TLS 1.2.
        context["tls_params"] = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
        kind = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
        name = sni(service, copy.namespace)
        cluster["transport_socket"] = _typed("envoy.transport_sockets.tls", kind, common_tls_context=context, sni=name)
    return cluster


def _tls(pod: Pod, alpn: list[str]) -> Json:
    assert pod.sidecar is not None
    folder = pod.sidecar.folder
    certificate = {
        "certificate_chain": {"filename": str(folder / "chain.pem")},
        "private_key": {"filename": str(folder / "key.pem")},
    }
    matcher = {"san_type": "URI", "matcher": {"prefix": "spiffe://cluster.local/"}}
    validation = {"trusted_ca": {"filename": str(RUN / "root.pem")}, "match_typed_subject_alt_names": [matcher]}
    return {"tls_certificates": [certificate], "validation_context": validation, "alpn_protocols": alpn}


def _http(prefix: str, hosts: list[Json], **more: Any) -> Json:
    return _typed(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=prefix,
        server_name="istio-envoy",
        route_config={"name": prefix, "virtual_hosts": hosts},
        http_filters=[_typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")],
        access_log=[_access_log("http")],
        **more,
    )


def _tcp(name: str) -> Json:
    kind = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return _typed(
        "envoy.filters.network.tcp_proxy", kind, stat_prefix=name, cluster=name, access_log=[_access_log("tcp")]
    )


def _route(name: str, domains: list[str], cluster: str, timeout: str, retries: int = 0) -> Json:
    route: Json = {"cluster": cluster, "timeout": timeout}
    if retries:
        route["retry_policy"] = {"retry_on": "connect-failure,refused-stream", "num_retries": retries}
    return {"name": name, "domains": domains, "routes": [{"match": {"prefix": "/"}, "route": route}]}


def _gateway_listeners(copy: Copy) -> list[Json]:
    route = _route("bookinfo", ["*"], outbound("productpage", copy.namespace), "15s")
    return [
        {
            "name": f"0.0.0.0_{GATEWAY_PORT}",
            "address": _socket("0.0.0.0", GATEWAY_PORT),
            "traffic_direction": "OUTBOUND",
            "filter_chains": [{"filters": [_http(f"outbound_0.0.0.0_{GATEWAY_PORT}", [route])]}],
        }
    ]


def _sidecar_listeners(copy: Copy, pod: Pod, options: Options) -> list[Json]:
    routes = []
    for service in copy.virtual:
        names = [service, host(service, copy.namespace)]
        domains = [*names, *(f"{name}:{APP_PORT}" for name in names)]
        called = outbound(service, copy.namespace)
        routes.append(_route(f"{names[1]}:{APP_PORT}", domains, called, "15s", options.retries))
    return [
        {
            "name": "virtualOutbound",
            "address": _socket("0.0.0.0", OUTBOUND),
            # Hands each connection over to the listener of its original port, if there is one.
            "use_original_dst": True,
            "traffic_direction": "OUTBOUND",
            "filter_chains": [{"filters": [_tcp("PassthroughCluster")]}],
        },
        {
            "name": f"0.0.0.0_{APP_PORT}",
            "address": _socket("0.0.0.0", APP_PORT),
            "bind_to_port": False,
            "traffic_direction": "OUTBOUND",
            "filter_chains": [{"filters": [_http(f"outbound_0.0.0.0_{APP_PORT}", routes)]}],
        },
        _virtual_inbound(pod, options),
    ]


def _virtual_inbound(pod: Pod, options: Options) -> Json:
    kinds = "envoy.extensions.filters.listener."
    filters = [_typed("envoy.filters.listener.original_dst", kinds + "original_dst.v3.OriginalDst")]
    filters.append(_typed("envoy.filters.listener.tls_inspector", kinds + "tls_inspector.v3.TlsInspector"))
    route = _route(f"inbound|http|{APP_PORT}", ["*"], _inbound(), "0s")
    forward: Json = {}
    if options.mtls:
        forward = {
            "forward_client_cert_details": "APPEND_FORWARD",
            "set_current_client_cert_details": {"uri": True, "subject": True},
        }
    transport = "tls" if options.mtls else "raw_buffer"
    chain: Json = {
        "name": f"0.0.0.0_{APP_PORT}",
        "filter_chain_match": {"destination_port": APP_PORT, "transport_protocol": transport},
        "filters": [_http(f"inbound_0.0.0.0_{APP_PORT}", [route], **forward)],
    }
    if options.mtls:
        kind = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
        chain["transport_socket"] = _typed(
            "envoy.transport_sockets.tls",
            kind,
            common_tls_context=_tls(pod, _SERVER_ALPN),
            require_client_certificate=True,
        )
    return {
        "name": "virtualInbound",
        "address": _socket("0.0.0.0", INBOUND),
        "traffic_direction": "INBOUND",
        "listener_filters": filters,
        "filter_chains": [chain],
        "default_filter_chain": {"filters": [_tcp("InboundPassthroughCluster")]},
    }
