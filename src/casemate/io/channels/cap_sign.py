"""Signing alerts: an enveloped XML signature, ECDSA on P-256 with SHA-256, its certificate inside.

The key is the station's, its certificate from an authority that receivers know. The certificate in the signature says
who signed; whether that one may is the receiver's to ask of its authority.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from casemate.errors import SettingsError

_METHOD: Final = SignatureMethod.ECDSA_SHA256
_DIGEST: Final = DigestAlgorithm.SHA256
_C14N: Final = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
"""Exclusive: the signature holds when a receiver puts the alert into another document, as feeds do."""
MAX_BYTES: Final = 1_000_000
"""Largest key, certificate or alert that is read."""


class Signer:
    """The station's key and certificate, read once.

    Parameters
    ----------
    key, certificate : path
        PEM files: a private key on P-256 without a password, and the chain of certificates, its own first.

    Raises
    ------
    SettingsError
        A file cannot be read, the key is of another kind, the two do not belong together, or the certificate's time is
        over or has not come.
    """

    def __init__(self, key: Path, certificate: Path) -> None:
        self._key = _read_key(key)
        self._chain = _read_chain(certificate)
        if self._chain[0].public_key() != self._key.public_key():
            raise SettingsError(str(certificate), "", f"does not belong to the key in {key}")
        first, last = self._chain[0].not_valid_before_utc, self._chain[0].not_valid_after_utc
        if not first <= datetime.now(UTC) <= last:
            raise SettingsError(str(certificate), "", f"is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d} only")
        self._signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=_METHOD,
            digest_algorithm=_DIGEST,
            c14n_algorithm=_C14N,
        )

    def sign(self, alert: etree.Element) -> etree.Element:
        """Return a signed copy of `alert`."""
        return self._signer.sign(alert, key=self._key, cert=self._chain)


def parser() -> etree.XMLParser:
    """Return a parser for what others wrote: no entities, no network, no documents of hundreds of megabytes."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        raise SettingsError(str(path), "", "is not a private key in PEM without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(str(path), "", "is not a key on P-256 (`openssl ecparam -name prime256v1 -genkey`)")
    return key


def _read_chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise SettingsError(str(path), "", "holds no certificate in PEM") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None
