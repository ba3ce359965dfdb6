"""A test authority, a server certificate, the clients' keys: made fresh at each start."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import ECKey, RSAKey

VALID_FOR = timedelta(days=180)
RSA_BITS = 2048
NO_USES = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


def write_secret(path: Path, secret: bytes) -> Path:
    """Write a file that only its owner can read, in place of an older one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    return path


@dataclass(frozen=True, slots=True)
class Wish:
    """How a server's certificate differs from a good one; None: as usual."""

    since: datetime | None = None
    until: datetime | None = None
    hosts: tuple[str, ...] | None = None
    is_self_signed: bool = False


class Authority:
    """A certificate authority for one run.

    Args:
        moments: instants that all certificates must be valid at: the real and the simulated present.
        hosts: further names for the servers' certificates.
        name: how it calls itself.
    """

    def __init__(self, *moments: datetime, hosts: Sequence[str] = (), name: str = "Clinic test authority") -> None:
        self._since, self._until = min(moments) - timedelta(days=1), max(moments) + VALID_FOR
        self._hosts = ("localhost", *hosts)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        uses = x509.KeyUsage(**NO_USES | {"key_cert_sign": True, "crl_sign": True})
        certificate = self._draft(self._name, self._key.public_key(), Wish())
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = certificate.add_extension(uses, critical=True)
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def server_context(self, directory: Path, wish: Wish = Wish()) -> ssl.SSLContext:
        """A TLS context for this machine by its names; its key is on disk only while it is loaded."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in wish.hosts or self._hosts]
        if wish.hosts is None:
            names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
        certificate = self._draft(_name("clinic"), key.public_key(), wish)
        certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        certificate = certificate.add_extension(uses, critical=False)
        signed = certificate.sign(key if wish.is_self_signed else self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _context(directory, private + signed.public_bytes(Encoding.PEM))

    def _draft(self, name: x509.Name, key: ec.EllipticCurvePublicKey, wish: Wish) -> x509.CertificateBuilder:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        vouching = key if wish.is_self_signed else self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name if wish.is_self_signed else self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(wish.since or self._since)
            .not_valid_after(wish.until or self._until)
            .add_extension(identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(vouching), critical=False)
        )


def _context(directory: Path, pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    path = write_secret(directory / "server.pem", pem)
    context.load_cert_chain(path)
    path.unlink()
    return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def client_keys() -> dict[str, RSAKey | ECKey]:
    """The Epic client's private keys by key id: one for RS384, one for ES384."""
    rsa, ecdsa = "clinic-rs384", "clinic-es384"
    return {
        rsa: RSAKey.generate_key(RSA_BITS, {"kid": rsa, "use": "sig", "alg": "RS384"}),
        ecdsa: ECKey.generate_key("P-384", {"kid": ecdsa, "use": "sig", "alg": "ES384"}),
    }
