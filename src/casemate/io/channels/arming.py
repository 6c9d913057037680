"""Two keys: live channels are off until two different holders of keys have signed what is armed, and for how long.

A statement names the channels file and the zone list by their hashes, so that neither can change under a signature.
`Armed` is what opening a live channel takes; it is made by `arm` alone, of statements that hold.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, NoReturn, final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.opening import ChannelsFile, KeyHolder
from casemate.io.profile import StrPath
from casemate.model.catalog import Declaration, Name

MAX_S: Final = 12.0 * 3600.0
"""Longest that a statement holds [s]: a watch; nobody arms for a night that he is not there for [A]."""
_MAX_BYTES: Final = 100_000
_EARLY_NS: Final = 60 * NS_PER_S  # clocks of the holders' machines may be so much ahead
_CONTEXT: Final = b"casemate arming statement 1\n"
"""Signed before the statement itself, so that a signature for anything else is none for this."""
_Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16,64}$")]
_SEAL: Final = object()


class Statement(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a holder of a key signs."""

    holder: Name
    channels_sha256: _Digest  # of the channels file's bytes
    zone_list: _Digest
    site: str
    t_from_ns: int
    t_until_ns: int


class Signed(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement with its signature: what an arming file holds, as JSON."""

    statement: Statement
    signature: str  # Ed25519, base64


class Scope(NamedTuple):
    """What is to be armed, as it is found when the station starts."""

    channels_sha256: str
    zone_list: str
    site: str


@final
class Armed:
    """That two holders of keys armed the live channels; nothing but `arm` can make one.

    Parameters
    ----------
    seal : object
        This module's own.
    holders : tuple of str
    t_until_ns : int
        When it ends [ns].
    """

    __slots__ = ("holders", "t_until_ns")

    def __init__(self, seal: object, holders: tuple[str, ...], t_until_ns: int) -> None:
        if seal is not _SEAL:
            raise TypeError("Armed is made by verified statements alone")
        self.holders: Final = holders
        self.t_until_ns: Final = t_until_ns

    def __init_subclass__(cls) -> None:
        raise TypeError("Armed has no kinds")


def arm(declared: ChannelsFile, scope: Scope, files: Sequence[Path], now_ns: int, audit: AuditLog) -> Armed:
    """Verify statements and return the proof that live channels may be opened.

    Parameters
    ----------
    declared : ChannelsFile
        Whose key holders count.
    scope : Scope
        What the statements must name.
    files : sequence of Path
        The arming files.
    now_ns : int
        The station's clock.
    audit : AuditLog
        Told of each statement, taken or refused, and of the arming.

    Raises
    ------
    SettingsError
        A statement does not hold, or there are not two of different holders; names file, key and cause.
    """
    taken: dict[str, Statement] = {}
    for path in files:
        try:
            found = _verified(path, declared.key_holder, scope, now_ns)
            if found.holder in taken:
                _refuse(path, "statement.holder", f"{found.holder} has armed already: it takes two different holders")
        except SettingsError as error:
            audit.note("arming-refused", now_ns, file=error.file, key=error.key, why=error.why)
            raise
        taken[found.holder] = found
        audit.note("arming", now_ns, holder=found.holder, t_from_ns=found.t_from_ns, t_until_ns=found.t_until_ns)
    if len(taken) < 2:
        why = f"takes two statements of different key holders to arm live channels, got {len(taken)}"
        audit.note("arming-refused", now_ns, file="--arm", key="", why=why)
        raise SettingsError("--arm", "", why)
    armed = Armed(_SEAL, tuple(taken), min(each.t_until_ns for each in taken.values()))
    audit.note("armed", now_ns, holders=list(armed.holders), t_until_ns=armed.t_until_ns, **scope._asdict())
    return armed


def scope_of(channels: StrPath, zone_list: str, site: str) -> Scope:
    """Return what is to be armed: the channels file's own bytes count, comments and all."""
    return Scope(hashlib.sha256(_read(Path(channels))).hexdigest(), zone_list, site)


def sign(declared: ChannelsFile, scope: Scope, key: Path, t_from_ns: int, for_s: float) -> Signed:
    """Sign a statement as the holder that the channels file names for a private key.

    Raises
    ------
    SettingsError
        The key cannot be read, belongs to nobody who is named, or the time is not within (0, 12] hours.
    """
    if not 0.0 < for_s <= MAX_S:
        why = f"must be more than 0 and at most {MAX_S / 3600.0:g} hours, is {for_s / 3600.0:g}"
        raise SettingsError("--for", "", why)
    private = _private_key(key)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    holder = next((each for each in declared.key_holder if each.public_key == public), None)
    if holder is None:
        _refuse(key, "", f"belongs to no [[key_holder]] of the channels file (its public key is {public})")
    statement = Statement(
        holder=holder.name,
        channels_sha256=scope.channels_sha256,
        zone_list=scope.zone_list,
        site=scope.site,
        t_from_ns=t_from_ns,
        t_until_ns=t_from_ns + round(for_s * NS_PER_S),
    )
    return Signed(statement=statement, signature=base64.b64encode(private.sign(_signed_bytes(statement))).decode())


def make_keys(name: str, folder: Path) -> tuple[Path, str]:
    """Write a new private key, for its holder's eyes only; return its path and the public key in hex.

    Raises
    ------
    SettingsError
        There is a key of that name already, or the folder cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{name}.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        _refuse(path, "", "exists already; a key is never written over")
    except OSError as error:
        _refuse(path, "", f"cannot be written: {error.strerror or error}")
    return path, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _verified(path: Path, holders: Sequence[KeyHolder], scope: Scope, now_ns: int) -> Statement:
    try:
        signed = msgspec.json.decode(_read(path), type=Signed)
    except msgspec.DecodeError as error:
        _refuse(path, "", f"is no arming statement: {error}")
    said = signed.statement
    holder = next((each for each in holders if each.name == said.holder), None)
    if holder is None:
        _refuse(path, "statement.holder", f"'{said.holder}' is no [[key_holder]] of the channels file")
    try:
        signature = base64.b64decode(signed.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(holder.public_key)).verify(signature, _signed_bytes(said))
    except (InvalidSignature, ValueError):
        _refuse(path, "signature", f"is not that of {holder.name}'s key")
    if said.channels_sha256 != scope.channels_sha256:
        _refuse(path, "statement.channels_sha256", "is of another channels file, or of this one before it was changed")
    if (said.zone_list, said.site) != (scope.zone_list, scope.site):
        _refuse(path, "statement.zone_list", f"is of other zones than {scope.site} has now ({scope.zone_list})")
    if said.t_until_ns - said.t_from_ns > round(MAX_S * NS_PER_S):
        _refuse(path, "statement.t_until_ns", f"is more than {MAX_S / 3600.0:g} hours after its beginning")
    if said.t_from_ns > now_ns + _EARLY_NS:
        _refuse(path, "statement.t_from_ns", f"begins only in {(said.t_from_ns - now_ns) / NS_PER_S:.0f} s")
    if said.t_until_ns <= now_ns:
        _refuse(path, "statement.t_until_ns", f"ended {(now_ns - said.t_until_ns) / NS_PER_S:.0f} s ago")
    return said


def _signed_bytes(statement: Statement) -> bytes:
    return _CONTEXT + msgspec.json.encode(statement, order="deterministic")


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(_read(path), None)
    except (ValueError, TypeError):
        _refuse(path, "", "is no private key without a password, in PEM")
    if not isinstance(key, Ed25519PrivateKey):
        _refuse(path, "", "is no Ed25519 key")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        _refuse(path, "", f"cannot be read: {error.strerror or error}")
    if len(content) > _MAX_BYTES:
        _refuse(path, "", f"is larger than {_MAX_BYTES} bytes")
    return content


def _refuse(path: Path, key: str, why: str) -> NoReturn:
    raise SettingsError(str(path), key, why)
