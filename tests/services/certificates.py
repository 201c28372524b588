"""A certificate authority for tests: what TLS needs on loopback, and what it must refuse."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of one certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder; ``.ca`` is the file that a client has to trust."""

    def __init__(self, folder: Path, name: str = "mailticket test CA") -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(parents=True, exist_ok=True)
        own = (
            _draft(self._name, self._name, self._key.public_key(), 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
        )
        own = self._identified(own, self._key.public_key())
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def issue(self, *hosts: str, days: int = 30) -> Certificate:
        """Issue a certificate for these host names and addresses; negative ``days``: expired."""
        hosts = hosts or ("localhost", "127.0.0.1")
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        draft = _draft(_name(hosts[0]), self._name, key.public_key(), days)
        draft = draft.add_extension(names, critical=False)
        draft = draft.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        draft = draft.add_extension(_usage(signs_certificates=False), critical=True)
        draft = self._identified(draft, key.public_key())
        stem = f"{hosts[0]}-{x509.random_serial_number():x}"
        issued = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        issued.certificate.write_bytes(_pem(draft.sign(self._key, hashes.SHA256())))
        issued.key.write_bytes(_private(key))
        issued.key.chmod(0o600)
        return issued

    def _identified(
        self, draft: x509.CertificateBuilder, public: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        """Add the key identifiers that strict verification asks for (RFC 5280, 4.2.1.1 and 2)."""
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return draft.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        ).add_extension(of_authority, critical=False)


def self_signed(folder: Path, host: str = "localhost") -> Certificate:
    """Issue a certificate that its own key signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_general_name(host)])
    draft = _draft(_name(host), _name(host), key.public_key(), 30).add_extension(names, False)
    made = Certificate(folder / "own.pem", folder / "own.key")
    made.certificate.write_bytes(_pem(draft.sign(key, hashes.SHA256())))
    made.key.write_bytes(_private(key))
    made.key.chmod(0o600)
    return made


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _draft(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    end = dt.datetime.now(dt.UTC) + days * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, dt.datetime.now(dt.UTC)) - _DAY)
        .not_valid_after(end)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
