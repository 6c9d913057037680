"""A run that is over, as what held at any moment of it: keyframes, and what lies between them read again.

One pass over the journal folds the whole run and keeps a copy of the scene now and then. A moment is then the keyframe
before it and a few steps more: any moment takes as long as any other, and a second of an hour no more memory than it
changed.
"""

import bisect
import pathlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from casemate.errors import JournalError, SettingsError
from casemate.io import journal
from casemate.io.web.facts import Fact
from casemate.io.web.scene import Premises, Scene
from casemate.model.messages import Aside, Events, Input, Scan, Tick
from casemate.model.notices import Notice

_NEVER_NS: Final = 2**63 - 1
STEPS: Final = 64
SIZE: Final = 1_000_000
"""Between two keyframes there are so many steps, or bytes of journal, at most: folded again within some 20 ms."""


class Teller(Protocol):
    """What a run told at a step: a herald."""

    def take(self, message: Scan | Tick, events: Events) -> tuple[Notice, ...]:
        """Return the notices of a step."""
        ...


class Key(NamedTuple):
    """What held after a row of the journal; `scene` is copied before it is folded on."""

    t_ns: int
    row: int
    scene: Scene
    next_ns: int = 0  # until when it holds


class Mark(NamedTuple):
    """A moment that is worth finding: what a zone was told."""

    t_ns: int
    zone: str
    phase: str
    incident: str


class Film:
    """A run that can be looked at, at any moment.

    Parameters
    ----------
    path : Path
        The journal.
    premises : Premises
    herald : Teller
        Tells the run's notices again.
    progress : callable, optional
        Hears the data time [ns] of each step of the first pass.

    Raises
    ------
    SettingsError
        The journal holds no step.
    JournalError
        It is damaged.
    """

    def __init__(
        self, path: pathlib.Path, premises: Premises, herald: Teller, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self.path, self.premises = path, premises
        self.n_steps = 0
        self.marks: list[Mark] = []
        self._notices: dict[int, tuple[Notice, ...]] = {}  # by the row of their events
        scene = Scene(premises)
        self._keys = [Key(0, 0, scene.copy())]
        t_first_ns = n_since = 0
        for row, message, events, n_bytes in self._steps(0):
            if events is not None and not isinstance(message, Aside):
                self._tell(row, herald.take(message, events))
                self.n_steps += 1
                progress(events.t_ns)
            self._fold(scene, row, message, events)
            t_first_ns = t_first_ns or scene.t_ns
            n_since += max(n_bytes, SIZE // STEPS)
            if n_since >= SIZE and scene.t_ns > self._keys[-1].t_ns:
                self._keys.append(Key(scene.t_ns, row, scene.copy()))
                n_since = 0
        if not self.n_steps:
            raise SettingsError(str(path), "", "holds no step that could be shown")
        self.span_ns = t_first_ns, scene.t_ns

    def at(self, t_ns: int, near: Key | None = None) -> Key:
        """Return what held at a moment: after the last step whose data time is not later.

        Parameters
        ----------
        t_ns : int
            Before the first step: that one; after the last: the last.
        near : Key, optional
            What held at some other moment: folded on from where that is closer.
        """
        t_ns = min(max(t_ns, self.span_ns[0]), self.span_ns[1])
        key = self._keys[bisect.bisect_right(self._keys, t_ns, key=lambda each: each.t_ns) - 1]
        if near is not None and key.row <= near.row and near.t_ns <= t_ns:
            key = near
        scene, last = key.scene.copy(), key.row
        for row, message, events, _ in self._steps(key.row):
            if events is not None and events.t_ns > t_ns:
                return Key(scene.t_ns, last, scene, events.t_ns)
            self._fold(scene, row, message, events)
            last = row
        return Key(scene.t_ns, last, scene, _NEVER_NS)

    def _tell(self, row: int, notices: tuple[Notice, ...]) -> None:
        if notices:
            self._notices[row] = notices
            self.marks += [Mark(each.t_sent_ns, each.zone, each.phase.value, each.incident) for each in notices]

    def _fold(self, scene: Scene, row: int, message: Input, events: Events | None) -> None:
        scene.take(message, events)
        for notice in self._notices.get(row, ()):
            scene.hear(notice)

    def _steps(self, after: int) -> Iterator[tuple[int, Input, Events | None, int]]:
        # Each input with its events, under the number of the last row of the two, and their size; a torn run ends with
        # an input.
        pending: Scan | Tick | None = None
        n_bytes = 0
        for row, payload in journal.read_rows(self.path, f"seq > {after:d}"):
            try:
                message = journal.decode(payload)
            except ValueError as error:
                raise JournalError(str(self.path), row, f"does not decode: {error}") from error
            match message:
                case Aside():
                    yield row, message, None, len(payload)
                case Events():
                    assert pending is not None  # the loop writes an input before what came of it
                    yield row, pending, message, n_bytes + len(payload)
                case Scan() | Tick():
                    pending, n_bytes = message, len(payload)


def changes(old: Scene, new: Scene) -> tuple[Fact, ...] | None:
    """Return the facts that lead from one scene to another; None where something is gone, and only a hello helps."""
    if not old.alarms.keys() <= new.alarms.keys() or not old.channels.keys() <= new.channels.keys():
        return None
    pairs = ((old.alarms, new.alarms), (old.sensors, new.sensors), (old.zones, new.zones), (old.channels, new.channels))
    return tuple(fact for a, b in pairs for name, fact in b.items() if a.get(name) != fact)
