"""Which acknowledgements of sirens count: a siren's own key, over a notice that was sent and a nonce that it carried.

What was forged, replayed or is late is told as refused, with its reason.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from casemate.model.catalog import Declaration

DOMAIN: Final = "casemate-ack-1"
"""First line of what is signed: a code made for this is good for nothing else."""
MAX_NOTICES: Final = 20_000
"""How many notices may await acknowledgement; the oldest are forgotten beyond: 1,600 zones, a dozen changes each."""
MAX_BYTES: Final = 2_000
"""Longest acknowledgement that is looked at; a true one has 300 bytes."""

SirenName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
SirenKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class SirenKeyFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of the sirens: name to 32 bytes in hex."""

    sirens: dict[SirenName, SirenKey]


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """What a siren publishes on `.../ack/<siren>`."""

    notice_id: str
    nonce: str
    mac: str


class Verdict(NamedTuple):
    """On one acknowledgement; `why` is empty where it counts."""

    notice_id: str
    why: str


class _Sent(NamedTuple):
    nonce: str
    expires_s: float  # of the monotonic clock
    answered: set[str]


class Book:
    """What was sent, and by whom it was acknowledged.

    Parameters
    ----------
    keys : mapping
        Name of a siren to its key in hex.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = {name: bytes.fromhex(key) for name, key in keys.items()}
        self._sent: dict[str, _Sent] = {}
        self._lock = threading.Lock()  # the courier's thread writes what the reader's looks up

    def enter(self, notice_id: str, life_s: float) -> tuple[str, float]:
        """Return the nonce of a notice, the same at every try, and what is left of its life [s].

        Its life begins with the first call, and runs by a clock that never jumps.
        """
        now_s = time.monotonic()
        with self._lock:
            sent = self._sent.get(notice_id)
            if sent is None:
                sent = self._sent[notice_id] = _Sent(secrets.token_hex(16), now_s + life_s, set())
                if len(self._sent) > MAX_NOTICES:
                    del self._sent[next(iter(self._sent))]
        return sent.nonce, sent.expires_s - now_s

    def judge(self, siren: str, payload: bytes) -> Verdict:
        """Return whether an acknowledgement that came on a siren's topic counts; once, for each notice and siren."""
        try:
            if len(payload) > MAX_BYTES:
                return Verdict("", f"has {len(payload)} bytes")
            ack = msgspec.json.decode(payload, type=Ack)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Verdict("", f"is no acknowledgement: {error}")
        with self._lock:
            sent = self._sent.get(ack.notice_id)
            why = self._fault(siren, ack, sent)
            if not why and sent is not None:
                sent.answered.add(siren)
        return Verdict(ack.notice_id, why)

    def _fault(self, siren: str, ack: Ack, sent: _Sent | None) -> str:
        key = self._keys.get(siren)
        if key is None:
            return "no siren of that name has a key here"
        if not hmac.compare_digest(code_of(key, ack.notice_id, ack.nonce, siren).encode(), ack.mac.encode()):
            return "forged: its code was not made with this siren's key"
        return "answers no notice that was sent" if sent is None else _stale(siren, ack, sent)


def _stale(siren: str, ack: Ack, sent: _Sent) -> str:
    if ack.nonce != sent.nonce:
        return "replayed: its nonce is not that of the notice"
    if siren in sent.answered:
        return "replayed: it was acknowledged before"
    return "late: the notice had expired" if time.monotonic() > sent.expires_s else ""


def code_of(key: bytes, notice_id: str, nonce: str, siren: str) -> str:
    """Return the code that proves an acknowledgement: HMAC-SHA-256 over four lines, in hex."""
    return hmac.new(key, f"{DOMAIN}\n{notice_id}\n{nonce}\n{siren}".encode(), hashlib.sha256).hexdigest()
