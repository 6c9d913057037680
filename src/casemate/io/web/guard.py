"""What every request passes before it is answered: host, origin, size; and what every answer carries."""

from collections.abc import MutableMapping
from typing import Any, Final

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 65_536
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; worker-src 'self' blob:; img-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
}


class _TooLarge(Exception):  # noqa: N818 says what happened
    pass


class Guard:
    """Refuses what another site makes a browser send, foreign hosts, and bodies beyond `MAX_BODY`.

    Parameters
    ----------
    app : ASGI application
    hosts : frozenset of str, optional
        Names that the server goes by, without port; None: any, as behind a name that only the network knows. On the
        loopback this keeps out pages that had their own name point here.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, send, *refusal)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        n_body, is_begun = 0, False

        async def limited() -> Message:
            nonlocal n_body
            message = await receive()
            n_body += len(message.get("body", b""))
            if n_body > MAX_BODY:
                raise _TooLarge
            return message

        async def told(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                _secure(message)
            await send(message)

        try:
            await self._app(scope, limited, told)
        except _TooLarge:
            if not is_begun:
                await _refuse(scope, send, 413, f"the body is larger than {MAX_BODY} bytes")

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return 421, "this server does not go by that name"
        origin = headers.get("origin")
        if scope["type"] == "websocket" or scope["method"] not in _SAFE:
            if origin is not None and origin.partition("://")[2] != host:
                return 403, "another site asked for it"
            if scope["type"] == "http" and origin is None and "x-casemate" not in headers:
                return 403, "the header X-Casemate is missing: a browser page of another site cannot set it"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return 413, f"the body is larger than {MAX_BODY} bytes"
        return None


def _name(host: str) -> str:
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].lower()


def _secure(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers[name] = value
    if "cache-control" not in headers:
        headers["cache-control"] = "no-store"


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    body = msgspec.json.encode({"error": why})
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    start: Message = {
        "type": f"{kind}.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), (b"connection", b"close")],
    }
    _secure(start)
    await send(start)
    await send({"type": f"{kind}.body", "body": body})
