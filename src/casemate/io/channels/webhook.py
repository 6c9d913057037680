"""Notices and heartbeats as HTTP POSTs of JSON, signed as Standard Webhooks (standardwebhooks.com, 1.0) have it.

`webhook-id` is the notice's id, the same at every attempt; `webhook-timestamp` is the attempt's. A receiver checks the
signature over both, refuses old timestamps and keeps the ids: nothing forged, replayed or sent twice alarms anybody.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
from msgspec import Meta

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels.channel import OnReply
from casemate.io.channels.texts import iso, status_of
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)
"""How long the standard wants a secret."""
_MAX_ID: Final = 120
_MAX_ANSWER: Final = 65_536
_LATER: Final = frozenset({408, 425, 429})
"""Refusals that ask for another attempt: timeout, too early, too many."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"):
    """A webhook: `kind = "webhook"`."""

    name: Name
    audience: Literal["live", "drill"]
    url: str
    secret_file: str  # base64, 24 to 64 bytes, with or without "whsec_" before it
    authority_file: str = ""  # PEM; the certificate's authority where the system does not know it
    timeout_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 5.0  # of a whole attempt


class Webhook:
    """One receiver of POSTs; the connection is kept.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Not used.
    on_reply : OnReply
        Not used: the answer to the POST is the answer.

    Raises
    ------
    SettingsError
        The URL is not HTTPS (HTTP only to this machine), or a file cannot be used.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        del folder, on_reply
        self.name = settings.name
        self._url = _checked_url(settings)
        self._target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        self._secret = _read_secret(settings.secret_file)
        self._timeout_s = settings.timeout_s
        self._tls = _tls_of(settings) if self._url.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    def open(self) -> None:
        """Connect, and see whose certificate it is; or raise `ChannelError`."""
        try:
            self._connect()
        except OSError as error:
            raise ChannelError(self.name, f"{self._url.netloc}: {_why(error)}") from None

    def send(self, notice: AnyNotice) -> None:
        """Post a notice; back when the other side said 2xx."""
        times = {"sent": notice.t_sent_ns, "impact": notice.t_impact_ns, "expires": notice.t_expires_ns}
        readable = {name: iso(t_ns) for name, t_ns in times.items()}
        self._post("notice", notice.notice_id, notice, readable | {"status": status_of(notice)})

    def show(self, picture: AnyPicture) -> None:
        """Do nothing: a webhook warns, it is no map."""

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Post a heartbeat."""
        said = {"sent": iso(heartbeat.t_sent_ns), "status": status_of(heartbeat)}
        self._post("heartbeat", f"heartbeat-{heartbeat.t_sent_ns}", heartbeat, said)

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, what: str, message_id: str, told: AnyNotice | AnyHeartbeat, said: dict[str, str]) -> None:
        told_as = {"type": f"{said['status']}.{what}", "timestamp": said["sent"], "data": {**said, what: told}}
        body = msgspec.json.encode(told_as)
        headers = signed_headers(self._secret, header_id(message_id), time.time_ns() // 10**9, body)
        try:
            status = self._exchange(body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: the watch cut a TLS socket
            self.close()
            raise ChannelError(self.name, f"{self._url.netloc}: {_why(error)}") from None
        if not 200 <= status < 300:
            is_final = 300 <= status < 500 and status not in _LATER
            raise ChannelError(self.name, f"{self._url.netloc} answered {status}", is_final=is_final)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> int:
        """Post over the connection that is open, or over a new one where the other side has closed it meanwhile."""
        if self._connection is not None and self._connection.sock is not None:
            try:
                return self._attempt(self._connection, body, headers)
            except ConnectionError:  # http.client's RemoteDisconnected is one
                self.close()
        return self._attempt(self._connect(), body, headers)

    def _attempt(self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> int:
        watch = threading.Timer(self._timeout_s, _cut, [connection.sock])  # a drip of bytes would outlast the socket's
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", self._target, body, headers)
            answer = connection.getresponse()
            answer.read(_MAX_ANSWER)
        finally:
            watch.cancel()
        if not answer.isclosed():
            self.close()
        return answer.status

    def _connect(self) -> http.client.HTTPConnection:
        self.close()
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls)
        connection.connect()
        self._connection = connection
        return connection


def signed_headers(secret: bytes, message_id: str, t_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of an attempt, with HMAC-SHA256 over id, time and body."""
    digest = hmac.digest(secret, f"{message_id}.{t_s}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": message_id,
        "webhook-id": message_id,
        "webhook-timestamp": str(t_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def header_id(message_id: str) -> str:
    """Return an id as a header may carry it; different ids stay different."""
    plain = quote(message_id, safe="", errors="backslashreplace")
    return plain if len(plain) <= _MAX_ID else hashlib.sha256(plain.encode()).hexdigest()


def _checked_url(settings: Settings) -> SplitResult:
    where = f"channel {settings.name}"
    try:
        url = urlsplit(settings.url)
        _ = url.port
    except ValueError as error:
        raise SettingsError(where, "url", f"is no URL: {error}") from None
    if url.scheme not in {"https", "http"} or not url.hostname or not settings.url.isascii() or " " in settings.url:
        raise SettingsError(where, "url", "is not https://HOST[:PORT]/PATH")
    if url.username is not None:
        raise SettingsError(where, "url", "holds a password; the signature says who sends")
    if url.scheme == "http" and not _is_here(url.hostname):
        raise SettingsError(where, "url", "is plain HTTP to another machine; use https")
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_secret(file: str) -> bytes:
    try:
        secret = base64.b64decode(Path(file).read_text("ascii").strip().removeprefix(_PREFIX), validate=True)
    except OSError as error:
        raise SettingsError(file, "", f"cannot be read: {error.strerror or error}") from None
    except (binascii.Error, ValueError):
        raise SettingsError(file, "", "is not base64 (`openssl rand -base64 32` makes a secret)") from None
    if len(secret) not in _SECRET_BYTES:
        raise SettingsError(file, "", f"holds {len(secret)} bytes, not 24 to 64 (`openssl rand -base64 32`)")
    return secret


def _tls_of(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.authority_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(settings.authority_file, "", f"holds no certificate in PEM: {_why(error)}") from None


def _cut(sock: socket.socket) -> None:
    """End an attempt from another thread; past TLS, whose own shutdown is not for two threads."""
    with contextlib.suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    return str(error) or type(error).__name__
