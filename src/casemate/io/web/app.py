"""The routes: state, alarms, sessions, health and the WebSocket. Names that come in a request never become paths."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from casemate.io.basemap import Shelf
from casemate.io.web import metrics, picture, text
from casemate.io.web.guard import Guard
from casemate.io.web.hub import POLICY, Client
from casemate.io.web.maps import map_routes
from casemate.io.web.roles import SESSION_S, Keeper, Role, may
from casemate.io.web.screening import AnyPage
from casemate.io.web.why import decision_of
from casemate.io.web.wire import Ledger, Said, Visitor

STATIC: Final = Path(__file__).parent / "static"
COOKIE: Final = "casemate_session"
_MAX_LINES: Final = 10_000
_MAX_DIGITS: Final = 18 + 1  # of a time in nanoseconds until the year 2262
_SAID: Final = msgspec.json.Decoder(Said)
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    user: str
    password: str


class Answers:
    """What answers requests: a page, and who may ask.

    Parameters
    ----------
    page : Page or Screening
    keeper : Keeper
    is_tls : bool
        Whether cookies are only ever sent encrypted.
    """

    def __init__(self, page: AnyPage, keeper: Keeper, *, is_tls: bool) -> None:
        self.page, self.keeper, self._is_tls = page, keeper, is_tls
        self._one_at_a_time = asyncio.Lock()  # passwords: 32 MiB and 80 ms each

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/state", self._state),
            Route("/api/picture", self._picture),
            Route("/api/marks", self._marks),
            Route("/api/alarms", self._alarms),
            Route("/api/alarms/{incident}/acknowledge", self._acknowledge, methods=["POST"]),
            Route("/api/alarms/{incident}/why", self._why),
            Route("/api/zones", self._zones),
            Route("/api/tracks", self._tracks),
            Route("/api/session", self._session),
            Route("/api/session", self._sign_in, methods=["POST"]),
            Route("/api/session", self._sign_out, methods=["DELETE"]),
            Route("/api/audit", self._audit),
            Route("/health/live", self._live),
            Route("/health/ready", self._ready),
            Route("/metrics", self._metrics),
            Route("/text", self._text),
            WebSocketRoute("/api/ws", self._socket),
        ]

    def visitor(self, connection: HTTPConnection, role: Role = Role.VIEWER) -> Visitor:
        """Return who asks.

        Raises
        ------
        HTTPException
            Nobody that is known (401), or not of that role (403).
        """
        visitor = self.keeper.visitor(connection.cookies.get(COOKIE, ""))
        if visitor is None:
            raise HTTPException(401, "sign in first")
        if not may(visitor, role):
            self.note("refused", who=visitor.user, why=f"{connection.url.path} needs the role {role.value}")
            raise HTTPException(403, f"this needs the role {role.value}; {visitor.user} is {visitor.role}")
        return visitor

    def note(self, what: str, **facts: object) -> None:
        """Audit an act."""
        self.page.note.audit(what, self.page.note.now_ns(), channel="page", **facts)

    async def _ledger(self, request: Request) -> Ledger:
        """Return what holds: now, or at the moment of a replay that `t_ns` names."""
        asked = request.query_params.get("t_ns")
        if asked is None:
            return self.page.ledger
        if not asked.isdecimal() or len(asked) > _MAX_DIGITS:
            raise HTTPException(400, f"t_ns must be nanoseconds since 1970, got {asked[:30]!r}")
        try:
            return await self.page.at(int(asked))
        except LookupError:
            raise HTTPException(409, "this is no replay: it has no other moment than now") from None

    async def _state(self, request: Request) -> Response:
        visitor = self.visitor(request)
        return _json((await self._ledger(request)).state(visitor))

    async def _picture(self, request: Request) -> Response:
        self.visitor(request)
        ledger = await self._ledger(request)
        return Response(picture.whole(ledger.scene, ledger.epoch), media_type="application/octet-stream")

    async def _marks(self, request: Request) -> Response:
        self.visitor(request)
        return _json([each._asdict() for each in self.page.marks])

    async def _alarms(self, request: Request) -> Response:
        self.visitor(request)
        return _json(list((await self._ledger(request)).scene.alarms.values()))

    async def _zones(self, request: Request) -> Response:
        visitor = self.visitor(request)
        state = (await self._ledger(request)).state(visitor)
        return _json({"zones": state["zones"], "zone_states": state["zone_states"]})

    async def _tracks(self, request: Request) -> Response:
        self.visitor(request)
        return _json(text.tracks_of((await self._ledger(request)).scene))

    async def _acknowledge(self, request: Request) -> Response:
        visitor = self.visitor(request, Role.OPERATOR)
        if self.page.is_over:
            raise HTTPException(409, "the run is over: nothing in it is acknowledged any more")
        incident = request.path_params["incident"]
        try:
            is_first = self.page.acknowledge(incident, visitor.user)
        except KeyError:
            raise HTTPException(404, "there is no such alarm") from None
        alarm = self.page.ledger.scene.alarms[incident]
        return _json({"incident": incident, "is_first": is_first, "acknowledged": alarm.acknowledged})

    async def _why(self, request: Request) -> Response:
        self.visitor(request)
        told = (await self._ledger(request)).scene.decisions.get(request.path_params["incident"])
        if told is None:
            raise HTTPException(404, "there is no such alarm of this run")
        return _json(decision_of(told))

    async def _session(self, request: Request) -> Response:
        visitor = self.visitor(request)
        return _json({**visitor._asdict(), "is_open": self.keeper.is_open})

    async def _sign_in(self, request: Request) -> Response:
        if self.keeper.is_open:
            raise HTTPException(409, "nobody has to sign in here")
        try:
            said = msgspec.json.decode(await request.body(), type=_SignIn)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise HTTPException(400, 'the body must be {"user": ..., "password": ...}') from None
        async with self._one_at_a_time:
            visitor = await asyncio.to_thread(self.keeper.check, said.user, said.password)
        if visitor is None:
            self.note("refused", who=said.user[:80], why="wrong name or password")
            raise HTTPException(401, "wrong name or password")
        self.note("signed-in", who=visitor.user, role=visitor.role)
        answer = _json({**visitor._asdict(), "is_open": False})
        answer.set_cookie(
            COOKIE,
            self.keeper.begin(visitor),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=self._is_tls,
        )
        return answer

    async def _sign_out(self, request: Request) -> Response:
        visitor = self.visitor(request)
        self.keeper.end(request.cookies.get(COOKIE, ""))
        self.note("signed-out", who=visitor.user)
        answer = _json({"is_open": self.keeper.is_open})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=self._is_tls)
        return answer

    async def _audit(self, request: Request) -> Response:
        self.visitor(request, Role.COMMANDER)
        last, file = request.query_params.get("last", "100"), self.page.note.file
        if not last.isdecimal() or not 1 <= int(last) <= _MAX_LINES:
            raise HTTPException(400, f"last must be a number from 1 to {_MAX_LINES:,}, got {last[:20]!r}")
        lines = [] if file is None else await asyncio.to_thread(_last_lines, file, int(last))
        return _json([msgspec.Raw(line) for line in lines])

    async def _live(self, _: Request) -> Response:
        return _json({"is_live": True})

    async def _ready(self, _: Request) -> Response:
        is_ready = self.page.is_ready
        why = "" if is_ready else "kernels are warmed up, and no step was taken yet"
        return _json({"is_ready": is_ready, "why": why}, 200 if is_ready else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(metrics.exposed(self.page), media_type=metrics.MEDIA_TYPE)

    async def _text(self, request: Request) -> Response:
        visitor = self.visitor(request)
        return HTMLResponse(text.page_of(await self._ledger(request), visitor, self.page.age_s))

    async def _socket(self, socket: WebSocket) -> None:
        visitor = self.keeper.visitor(socket.cookies.get(COOKIE, ""))
        if visitor is None:
            await socket.send_denial_response(_json({"error": "sign in first"}, 401))
            return
        await socket.accept()
        client = Client(socket.state.link)
        socket.state.link.on_room = client.flush
        with self.page.seated(client, visitor) as obey, contextlib.suppress(WebSocketDisconnect):
            while (said := _said(await socket.receive())) is not None and await obey(said):
                pass
            self.note("refused", who=visitor.user, why="said what no page says")
            await socket.close(POLICY, "not understood")


def _said(message: Mapping[str, Any]) -> Said | None:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    try:
        return _SAID.decode(message.get("text") or message.get("bytes") or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def make_app(page: AnyPage, keeper: Keeper, *, is_local: bool, is_tls: bool, static: Path = STATIC) -> Starlette:
    """Return the application of a page.

    Parameters
    ----------
    page : Page or Screening
    keeper : Keeper
    is_local : bool
        Whether it is served on the loopback alone: then it goes by no other names.
    is_tls : bool
    static : Path
        The folder of the built page.
    """
    answers = Answers(page, keeper, is_tls=is_tls)
    routes = [*answers.routes(), *map_routes(Shelf(), answers.visitor)]
    if (static / "index.html").is_file():
        routes += [Route("/", _file(static / "index.html")), Mount("/", StaticFiles(directory=static))]
    else:
        routes.append(Route("/", _not_built))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        running = asyncio.create_task(page.run())
        yield
        running.cancel()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard, hosts=_LOCAL_NAMES if is_local else None)],
        exception_handlers={HTTPException: _say_why},
    )


def _last_lines(path: Path, n: int) -> list[bytes]:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        whole = deque((line.rstrip() for line in file if line.endswith(b"\n")), maxlen=n)
        return list(whole)
    return []


def _json(content: Any, status: int = 200) -> Response:  # noqa: ANN401 anything that msgspec can write
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _say_why(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": error.detail}, error.status_code)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(path)

    return answer


async def _not_built(_: Request) -> Response:
    return HTMLResponse(text.NOT_BUILT)
