"""Who may do what: users of a file with hashed passwords, sessions, and what each role may.

A page on the loopback without a file of users has one visitor, an operator: whoever is at the machine could as well
stop the station. Passwords are kept as scrypt (RFC 7914) of 32 MiB.
"""

import base64
import hashlib
import hmac
import secrets
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from casemate.errors import SettingsError
from casemate.io.settings import read_toml
from casemate.io.web.wire import Visitor
from casemate.model.catalog import Declaration

SESSION_S: Final = 12 * 3600.0
"""[A] A shift."""
MAX_SESSIONS: Final = 1_000
_LOG2_N, _R, _P = 15, 8, 1  # 32 MiB and some 80 ms: OWASP, Password Storage Cheat Sheet, with P = 3; P = 1 [A], local
_MAX_MEMORY: Final = 64 * 2**20


class Role(StrEnum):
    """What a visitor may do; each may what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"  # acknowledges
    COMMANDER = "commander"  # reads the audit log


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}
LOCAL: Final = Visitor("local", Role.OPERATOR.value)
"""Whoever is at the machine."""


class User(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user: `[[user]]` of a file of users."""

    name: Annotated[str, Meta(pattern=r"^[\w.@-]{1,80}$")]
    role: Role
    password: Annotated[str, Meta(pattern=r"^scrypt\$\d+\$\d+\$\d+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+$")]


class UserFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of users."""

    user: Annotated[tuple[User, ...], Meta(min_length=1)]


def read_users(path: Path) -> dict[str, User]:
    """Read a file of users, by name.

    Raises
    ------
    SettingsError
        It cannot be used.
    """
    users: dict[str, User] = {}
    for i, user in enumerate(read_toml(path, UserFile).user):
        if user.name in users:
            raise SettingsError(str(path), f"user[{i}].name", f"{user.name!r} is there twice")
        n, r, p = (int(each) for each in user.password.split("$")[1:4])
        if n & (n - 1) or not 2 <= n <= 2**17 or 128 * n * r * p > _MAX_MEMORY or not (r and p):
            raise SettingsError(str(path), f"user[{i}].password", "asks for more than 64 MiB, or n is no power of 2")
        users[user.name] = user
    return users


def hashed(password: str) -> str:
    """Return a password as a file of users keeps it."""
    salt = secrets.token_bytes(16)
    key = _key(password, salt, 2**_LOG2_N, _R, _P)
    return f"scrypt${2**_LOG2_N}${_R}${_P}${_text(salt)}${_text(key)}"


def is_of(password: str, kept: str) -> bool:
    """Tell whether a password is the one that is kept."""
    _, n, r, p, salt, key = kept.split("$")
    found = _key(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(key))


class Keeper:
    """Users and their sessions; of one loop.

    Parameters
    ----------
    users : dict of str to User, or None
        None: whoever comes is `LOCAL`.
    """

    def __init__(self, users: dict[str, User] | None) -> None:
        self._users = users
        self._nobody = hashed(secrets.token_hex(16)) if users else ""  # an unknown name takes as long as a known one
        self._sessions: dict[str, tuple[Visitor, float]] = {}  # by hash of the token, with the end of each

    @property
    def is_open(self) -> bool:
        """Whether nobody has to sign in."""
        return self._users is None

    def check(self, name: str, password: str) -> Visitor | None:
        """Return who has this name and password; takes some 80 ms whoever asks."""
        user = (self._users or {}).get(name)
        is_right = is_of(password, self._nobody if user is None else user.password)
        return Visitor(user.name, user.role.value) if user is not None and is_right else None

    def begin(self, visitor: Visitor) -> str:
        """Begin a session, and return its token."""
        now_s = time.monotonic()
        self._sessions = {key: each for key, each in self._sessions.items() if each[1] > now_s}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = visitor, now_s + SESSION_S
        return token

    def visitor(self, token: str) -> Visitor | None:
        """Return whose session a token is of, None where it is none that lasts."""
        if self.is_open:
            return LOCAL
        visitor, end_s = self._sessions.get(_digest(token), (None, 0.0))
        return visitor if time.monotonic() < end_s else None

    def end(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(token), None)


def may(visitor: Visitor, role: Role) -> bool:
    """Tell whether a visitor may what a role may."""
    return _RANKS[Role(visitor.role)] >= _RANKS[role]


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2 * _MAX_MEMORY, dklen=32)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
