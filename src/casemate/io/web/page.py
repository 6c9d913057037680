"""The page of a run: takes its steps and notices from other threads, and tells them to browsers from its own.

The decision waits for nothing here: `take` and `hear` append to a queue. Folding, encoding and sockets live in the
server's loop. Steps that the loop cannot follow are shed, the oldest first, and counted; notices never are.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Final, NamedTuple

from casemate.constants import NS_PER_S
from casemate.io.web import picture
from casemate.io.web.facts import Fact
from casemate.io.web.film import Mark
from casemate.io.web.hub import Client, Hub, framed
from casemate.io.web.scene import Premises, Scene
from casemate.io.web.wire import Ledger, Resync, Said, Visitor
from casemate.model.messages import Events, Input
from casemate.model.notices import Notice

CAPACITY: Final = 4096
"""Steps that may wait: two minutes of one radar with 32 sectors a turn and a turn a second."""
_AT_ONCE: Final = 64
"""Steps that are folded before clients are looked after again: some 20 ms."""
PICTURE_S: Final = picture.BETWEEN_NS / NS_PER_S
"""Between two pictures, at least."""
_SHARE: Final = 4.0
"""A picture rests this many times as long as it took: encoding takes a fifth of a core at most."""
BEAT_S: Final = 1.0
_POLL_S: Final = 0.02
Obey = Callable[[Said], Awaitable[bool]]
"""Does what a client says; False where that cannot be done here."""


class Note(NamedTuple):
    """Whom acts are told to: what is audited, and the station's clock."""

    audit: Callable[..., None]  # as `AuditLog.note`
    now_ns: Callable[[], int]
    file: Path | None = None  # the audit log


Change = Callable[[], tuple[Scene, tuple[Fact, ...]]]
"""Changes a scene; returns it, or another that takes its place, and the facts that it changed."""


class Page:
    """A run as it happens.

    Parameters
    ----------
    premises : Premises
    note : Note
    epoch : int
    """

    marks: tuple[Mark, ...] = ()  # moments to go to: of a replay only

    def __init__(self, premises: Premises, note: Note, epoch: int) -> None:
        self.ledger = Ledger(Scene(premises), epoch)
        self.hub = Hub()
        self.note = note
        self.is_over = False  # nothing more comes, and nothing can be acknowledged
        self.n_steps = self.n_shed = self.n_notices = self.n_pictures = 0
        self._steps: deque[tuple[Input, Events | None]] = deque()
        self._notices: deque[Notice] = deque()
        self._changes: deque[tuple[Change, bool]] = deque()
        self._told_s = time.monotonic()
        self._since = self._n_shown = 0  # plots, and steps, that the newest picture has
        self._full: tuple[int, bytes] = (-1, b"")

    @property
    def is_ready(self) -> bool:
        """Whether steps come: whoever runs them has warmed up before."""
        return self.n_steps > 0

    @property
    def age_s(self) -> float:
        """Time since the newest step was taken in [s]."""
        return time.monotonic() - self._told_s

    def take(self, message: Input, events: Events | None) -> None:
        """Queue a step; of any thread."""
        if len(self._steps) >= CAPACITY:
            self._steps.popleft()
            self.n_shed += 1
        self._steps.append((message, events))

    def hear(self, notice: Notice) -> None:
        """Queue a notice; of any thread."""
        self._notices.append(notice)

    def follow(self, change: Change, *, is_news: bool) -> None:
        """Queue a change, of any thread, for what is not one run. What is no news leaves the picture to age."""
        self._changes.append((change, is_news))

    async def run(self) -> None:
        """Fold and tell until cancelled."""
        picture_s = beat_s = 0.0
        while True:
            self._fold()
            now_s = time.monotonic()
            if now_s >= picture_s and self.n_steps > self._n_shown and self.hub.clients:
                self._show()
                picture_s = now_s + max(PICTURE_S, _SHARE * (time.monotonic() - now_s))
            if now_s >= beat_s:
                beat_s = now_s + BEAT_S
                self.hub.tell([self.beat()])
                self.hub.sweep()
            await asyncio.sleep(0.0 if self._steps or self._notices or self._changes else _POLL_S)

    @contextlib.contextmanager
    def seated(self, client: Client, visitor: Visitor) -> Generator[Obey]:
        """Serve a client for as long as the block lasts; what it yields obeys what the client says, or says no."""

        async def obey(said: Said) -> bool:
            if not isinstance(said, Resync):
                return False
            self.greet(client, visitor)
            return True

        with self.hub.attended(client):
            self.greet(client, visitor)
            yield obey

    async def at(self, t_ns: int) -> Ledger:
        """Refuse: it has no other moment than now.

        Raises
        ------
        LookupError
        """
        raise LookupError(t_ns)

    def beat(self) -> str:
        """Return the frame that says that the server lives."""
        return self.ledger.beat(self.note.now_ns(), self.age_s)

    def greet(self, client: Client, visitor: Visitor) -> None:
        """Tell a client everything: who comes, and who lost count."""
        client.tell(framed(self.ledger.hello(visitor)))
        if self.n_steps:
            client.tell(framed(self._whole()))

    def acknowledge(self, incident: str, by: str) -> bool:
        """Note, tell and audit that somebody has seen an alarm; return whether nobody had before.

        Raises
        ------
        KeyError
            There is no such alarm.
        """
        scene = self.ledger.scene
        facts = scene.acknowledge(incident, by, scene.t_ns)
        self.hub.tell(self.ledger.frames(facts))
        self.note.audit("acknowledged", self.note.now_ns(), channel="page", incident=incident, who=by)
        return bool(facts)

    def _fold(self) -> None:
        scene = self.ledger.scene
        for _ in range(min(len(self._steps), _AT_ONCE)):
            message, events = self._steps.popleft()
            self.hub.tell(self.ledger.frames(scene.take(message, events)))
            self._told_s = time.monotonic()
            self.n_steps += events is not None
        while self._notices:
            self.n_notices += 1
            self.hub.tell(self.ledger.frames(scene.hear(self._notices.popleft())))

        for _ in range(min(len(self._changes), _AT_ONCE)):
            self._change(*self._changes.popleft())

    def _change(self, change: Change, is_news: bool) -> None:  # noqa: FBT001 private, one caller
        scene, facts = change()
        self.n_steps += 1
        self._told_s = time.monotonic() if is_news else self._told_s
        if scene is self.ledger.scene:
            self.hub.tell(self.ledger.frames(facts))
        else:  # another place: numbers begin anew, and whoever counts them asks for everything
            self.ledger = Ledger(scene, self.ledger.epoch + 1)
            self._full = (-1, b"")
            self.hub.tell([self.beat()])

    def _show(self) -> None:
        scene = self.ledger.scene
        self.n_pictures += 1
        self.hub.show(picture.encode(scene, self.ledger.epoch, self.n_pictures, since=self._since))
        self._since, self._n_shown = scene.n_plots, self.n_steps

    def _whole(self) -> bytes:
        if self._full[0] != self.n_pictures:
            scene = self.ledger.scene
            whole = picture.encode(scene, self.ledger.epoch, self.n_pictures, with_trails=True)
            self._full = self.n_pictures, whole
        return self._full[1]
