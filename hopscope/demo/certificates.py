"""The mesh's own authority and a SPIFFE certificate for each sidecar, as istiod would sign them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hopscope.demo.topology import PROXY_UID, RUN, Mesh, Pod

TRUST_DOMAIN = "cluster.local"
ROOT = RUN / "root.pem"
_LIFE = timedelta(days=365)


def spiffe(pod: Pod) -> str:
    """The identity of a pod's service account."""
    return f"spiffe://{TRUST_DOMAIN}/ns/{pod.namespace}/sa/bookinfo-{pod.service}"


def issue(mesh: Mesh) -> None:
    """Writes the root and, into each sidecar's folder, its chain and key, readable by the proxy's user alone."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN)])
    root = (
        _begun(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    ROOT.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for pod in mesh.pods:
        if pod.sidecar is not None:
            own = ec.generate_private_key(ec.SECP256R1())
            leaf = (
                _begun(x509.Name([]), name, own.public_key(), now)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_usage(sign=False), critical=True)
                .add_extension(
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
                )
                # RFC 5280 4.2.1.6: critical, for the subject is empty.
                .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe(pod))]), True)
                .sign(key, hashes.SHA256())
            )
            _keep(pod, leaf, own)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _LIFE)


def _usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not sign, False, False, False, False, sign, sign, False, False)


def _keep(pod: Pod, leaf: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    assert pod.sidecar is not None
    folder = pod.sidecar.folder
    (folder / "chain.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    held = os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
    with os.fdopen(held, "wb") as file:
        os.fchown(held, PROXY_UID, PROXY_UID)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(encoding, form, serialization.NoEncryption()))
