"""The page of a run that is over: each connection has a playhead of its own, and all else is as on a live page."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Generator, Iterator

from casemate.constants import NS_PER_S
from casemate.errors import JournalError
from casemate.io.web import picture
from casemate.io.web.film import Film, Key, changes
from casemate.io.web.hub import Client, Hub, framed
from casemate.io.web.page import BEAT_S, PICTURE_S, Note, Obey, Page
from casemate.io.web.roles import Role
from casemate.io.web.scene import CRUMB_NS
from casemate.io.web.wire import Ledger, Play, Said, Visitor


class Playhead:
    """Where one connection is in a film, and how it goes on.

    Parameters
    ----------
    film : Film
    epochs : iterator of int
        A new one for each jump.
    visitor : Visitor
    """

    def __init__(self, film: Film, epochs: Iterator[int], visitor: Visitor) -> None:
        self._film, self._epochs = film, epochs
        self._visitor = visitor._replace(role=Role.VIEWER.value)  # nothing is acknowledged in what is over
        self._key = film.at(film.span_ns[0])
        self._ledger = Ledger(self._key.scene, next(epochs), film.span_ns)
        self._from_ns, self._from_s, self._speed = film.span_ns[0], time.monotonic(), 1.0
        self._n_pictures = self._n_jumps = 0

    async def play(self, asked: Play) -> list[str | bytes]:
        """Go to a moment, and on from there; return all that holds then."""
        self._n_jumps += 1
        t_ns = self._clamped(asked.t_ns)
        key = await asyncio.to_thread(self._film.at, t_ns)
        self._key, self._from_ns, self._from_s, self._speed = key, t_ns, time.monotonic(), asked.speed
        self._ledger.restart(key.scene, next(self._epochs))
        return self.whole()

    def whole(self) -> list[str | bytes]:
        """Return all that holds, as for who lost count."""
        return [self._ledger.hello(self._visitor), self._picture(with_trails=True)]

    async def go_on(self) -> list[str | bytes]:
        """Return what has changed since it was last asked; nothing where it stands."""
        n_jumps, old = self._n_jumps, self._key
        passed_ns = round(self._speed * (time.monotonic() - self._from_s) * NS_PER_S)
        t_ns = self._clamped(self._from_ns + passed_ns)
        if not self._speed or (t_ns < old.next_ns and t_ns >= old.t_ns):
            return []
        new = await asyncio.to_thread(self._film.at, t_ns, old)
        if self._n_jumps != n_jumps or old.row == new.row:  # it went elsewhere meanwhile
            return []
        return self._told(old, new)

    def _told(self, old: Key, new: Key) -> list[str | bytes]:
        facts = changes(old.scene, new.scene)
        self._key = new
        if facts is None:
            self._ledger.restart(new.scene, next(self._epochs))
            return self.whole()
        self._ledger.scene = new.scene
        is_step = 0 < new.t_ns - old.t_ns <= CRUMB_NS
        since = old.scene.n_plots if is_step else new.scene.n_plots
        return [*self._ledger.frames(facts), self._picture(since=since, with_trails=not is_step)]

    def beat(self, server_ns: int) -> str:
        """Return the frame that says that the server lives."""
        return self._ledger.beat(server_ns, 0.0)

    def _clamped(self, t_ns: int) -> int:
        return min(max(t_ns, self._film.span_ns[0]), self._film.span_ns[1])

    def _picture(self, *, since: int = 0, with_trails: bool) -> bytes:
        self._n_pictures += 1
        return picture.encode(
            self._key.scene, self._ledger.epoch, self._n_pictures, since=since, with_trails=with_trails
        )


class Screening:
    """A film as a page: what `app` asks of either.

    Parameters
    ----------
    film : Film
    note : Note
        Whom acts are told to: signing in, and what was refused.
    """

    is_over = True  # nothing can be acknowledged
    is_ready = True
    age_s = 0.0

    def __init__(self, film: Film, note: Note) -> None:
        self.film, self.note, self.hub = film, note, Hub()
        self.marks = tuple(film.marks)
        self.ledger = Ledger(film.at(film.span_ns[1]).scene, 0, film.span_ns)  # of the end, for who names no moment
        self.n_steps, self.n_shed, self.n_notices, self.n_pictures = film.n_steps, 0, len(film.marks), 0
        if film.marks:  # whoever looks waits for no compiler
            picture.whole(film.at(film.marks[0].t_ns).scene, 0)
        self._epochs = itertools.count(note.now_ns() // 10**6)
        self._seats: dict[Client, Playhead] = {}

    async def run(self) -> None:
        """Play for all who look until cancelled."""
        beat_s = 0.0
        while True:
            begin_s = time.monotonic()
            is_due = begin_s >= beat_s
            for client, head in list(self._seats.items()):
                try:
                    _tell(client, await head.go_on())
                except JournalError as error:  # gone or damaged since it was opened: who looks at that part is told off
                    self.note.audit("fault", self.note.now_ns(), channel="page", why=str(error))
                    client.cut()
                if is_due:
                    client.tell(framed(head.beat(self.note.now_ns())))
            if is_due:
                beat_s = begin_s + BEAT_S
                self.hub.sweep()
            await asyncio.sleep(max(PICTURE_S - (time.monotonic() - begin_s), 0.01))

    @contextlib.contextmanager
    def seated(self, client: Client, visitor: Visitor) -> Generator[Obey]:
        """Serve a client for as long as the block lasts; what it yields obeys what the client says."""
        head = Playhead(self.film, self._epochs, visitor)

        async def obey(said: Said) -> bool:
            _tell(client, await head.play(said) if isinstance(said, Play) else head.whole())
            return True

        with self.hub.attended(client):
            _tell(client, head.whole())
            self._seats[client] = head
            try:
                yield obey
            finally:
                del self._seats[client]

    def acknowledge(self, incident: str, by: str) -> bool:
        """Refuse: what is over is only looked at."""
        raise KeyError(incident, by)

    async def at(self, t_ns: int) -> Ledger:
        """Return what held at a moment."""
        key = await asyncio.to_thread(self.film.at, t_ns)
        return self.ledger.showing(key.scene)


AnyPage = Page | Screening


def _tell(client: Client, frames: list[str | bytes]) -> None:
    for frame in frames:
        if isinstance(frame, str):
            client.tell(framed(frame))
        else:
            client.show(framed(frame))
