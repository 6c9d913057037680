"""The dispatcher: a sink of the runner that hands what a step changed to a thread, and that thread to the couriers.

The decision waits for nothing here: it appends to a queue. Heralds and couriers work behind it.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from casemate.io.channels import precedence
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.courier import PATIENCE_S, Courier
from casemate.io.channels.herald import Herald
from casemate.io.channels.tally import Tally
from casemate.model.messages import Aside, Events, Input, Scan, Tick, ZoneWarning
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture, Notice
from casemate.model.records import freeze

N = TypeVar("N", bound=AnyNotice)
P = TypeVar("P", bound=AnyPicture)
H = TypeVar("H", bound=AnyHeartbeat)

CAPACITY: Final = 4096
"""Steps that may wait for a recording's dispatcher; of live feeds there is no bound: one of 60 tracks takes 0.3 ms."""
GRACE_S: Final = 5.0
"""What channels get to take what waits when the station stops."""
_NEVER_S: Final = 3600.0

CHANNEL: Final = np.dtype(
    [
        ("channel", "U80"),
        ("t_ns", "i8"),
        ("state", "U10"),
        ("n_offered", "u8"),
        ("n_sent", "u8"),
        ("n_retries", "u8"),
        ("n_expired", "u8"),
        ("n_refused", "u8"),
        ("n_overflowed", "u8"),
        ("n_held", "u8"),
        ("n_waiting", "u8"),
        ("why", "U120"),
    ]
)
"""How a channel is, as journalled when its state changes and with each heartbeat; counts are since the start."""
AUDIT_HEAD: Final = np.dtype([("t_ns", "i8"), ("n", "u8"), ("sha256", "U64")])
"""How far the audit log had come."""


class Rhythm(NamedTuple):
    """How often something is told that is no notice [s]; None: never, as of a recording played as fast as it can."""

    heartbeat_s: float | None = None
    picture_s: float | None = None


class _Real(NamedTuple):
    """That a zone of a drill is, or no longer is, really warned."""

    zone_id: int
    is_warned: bool


class _Step(NamedTuple):
    message: Scan | Tick
    events: Events


class Dispatcher(Generic[N, P, H]):
    """Takes steps from the runner, and has told what they call for.

    Parameters
    ----------
    herald : Herald
    couriers : sequence of Courier
        Of the herald's own types.
    audit : AuditLog
        Closed by `finish`.
    now_ns : callable
        The station's clock.
    rhythm : Rhythm
        Of heartbeats and pictures.
    is_patient : bool
        A recording: the runner waits when `CAPACITY` steps do.
    listeners : sequence of callables
        Called with each notice by this dispatcher's thread.
    off : sequence of Tally
        Channels that are declared and not opened, to be shown.
    unfinished : sequence of notices
        Of a run that was broken off: said again, first of all, under their own names.
    """

    def __init__(
        self,
        herald: Herald[N, P, H],
        couriers: Sequence[Courier[N, P, H]],
        audit: AuditLog,
        now_ns: Callable[[], int],
        rhythm: Rhythm,
        *,
        is_patient: bool = False,
        listeners: Sequence[Callable[[Notice], None]] = (),
        off: Sequence[Tally] = (),
        unfinished: Sequence[N] = (),
    ) -> None:
        self._herald, self._couriers, self._audit, self._now_ns = herald, tuple(couriers), audit, now_ns
        self._rhythm, self._is_patient, self._listeners = rhythm, is_patient, tuple(listeners)
        self._off = tuple(off)
        self._steps: queue.SimpleQueue[_Step | _Real | None] = queue.SimpleQueue()
        self._precedence = precedence.Precedence()
        self._n_notices = self._n_silent = 0
        self._n_taken_over = len(unfinished)
        self._failure = ""
        self._states: dict[str, str] = {}
        self._beat_s = self._show_s = 0.0  # monotonic time of the last; the first at once
        self._told_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        for courier in self._couriers:
            courier.start()
        self._tell(unfinished)
        self._thread.start()

    def take(self, message: Input, events: Events | None) -> None:
        """Queue a step; of an aside nothing is told."""
        if events is None or isinstance(message, Aside):
            return
        self._steps.put(_Step(message, events))
        while self._is_patient and self._steps.qsize() > CAPACITY:
            time.sleep(0.001)

    def yield_zone(self, zone_id: int, is_warned: bool) -> None:  # noqa: FBT001 the shape that `follow` calls
        """Take in that a zone is, or no longer is, really warned: this drill is over there."""
        self._steps.put(_Real(zone_id, is_warned))

    def tallies(self) -> list[Tally]:
        """Return how each channel is."""
        return [*(courier.tally() for courier in self._couriers), *self._off]

    def asides(self) -> list[Aside]:
        """Return how the channels are, for the journal: those whose state has changed, or all with each heartbeat."""
        t_ns, now_s = self._now_ns(), time.monotonic()
        is_due = now_s - self._told_s >= (self._rhythm.heartbeat_s or _NEVER_S)
        out: list[Aside] = []
        for tally in self.tallies():
            if is_due or self._states.get(tally.channel) != tally.state:
                self._states[tally.channel] = tally.state
                out.append(Aside(t_ns=t_ns, kind="channel", rows=_row(tally, t_ns)))
        if is_due:
            self._told_s = now_s
            out.append(Aside(t_ns=t_ns, kind="audit", rows=freeze(np.array([(t_ns, *self._audit.head)], AUDIT_HEAD))))
        return out

    def finish(self) -> dict[str, object]:
        """Have everything told that waits, for `GRACE_S` at most, and return what became of it."""
        self._steps.put(None)
        self._thread.join(None if self._is_patient else GRACE_S)
        states = [tally.state for tally in self.tallies()]  # before they take leave
        for courier in self._couriers:
            courier.ask_to_leave(PATIENCE_S if self._is_patient else GRACE_S)
        for courier in self._couriers:
            courier.wait_until_left()
        self._audit.note("end", self._now_ns(), n_notices=self._n_notices)
        self._audit.close()
        return {
            "channels": [
                msgspec.to_builtins(tally._replace(state=state)._asdict())
                for tally, state in zip(self.tallies(), states, strict=True)
            ],
            "n_notices": self._n_notices,
            "n_silent": self._n_silent,
            "n_taken_over": self._n_taken_over,
            "failure": self._failure,
            "audit": {**self._audit.head._asdict(), "n_lost": self._audit.n_lost, "trouble": self._audit.trouble},
        }

    def _run(self) -> None:
        while True:
            wait_s = min(_due_s(self._beat_s, self._rhythm.heartbeat_s), _due_s(self._show_s, self._rhythm.picture_s))
            try:
                item = self._steps.get(timeout=max(wait_s, 0.0) + 0.001)
            except queue.Empty:
                item = ()
            if item is None:
                return
            try:
                self._work(item)
                self._keep_rhythm()
            except Exception as error:  # noqa: BLE001 one step that cannot be told must not silence the next
                self._failure = f"{type(error).__name__}: {error}"
                self._audit.note("fault", self._now_ns(), why=self._failure)

    def _keep_rhythm(self) -> None:
        if _due_s(self._beat_s, self._rhythm.heartbeat_s) <= 0.0:
            self._beat_s = time.monotonic()
            heartbeat = self._herald.heartbeat(self._now_ns())
            for courier in self._couriers:
                courier.beat(heartbeat)
        if _due_s(self._show_s, self._rhythm.picture_s) <= 0.0 and self._steps.empty():  # what waits is newer
            self._show_s = time.monotonic()
            picture = self._herald.picture(self._now_ns())
            for courier in self._couriers:
                courier.show(picture)

    def _work(self, item: "_Step | _Real | tuple[()]") -> None:
        match item:
            case _Step(message, events):
                if events.warnings:
                    spoken, silent = self._precedence.split(events.warnings)
                    self._silence(silent)
                    events = msgspec.structs.replace(events, warnings=spoken)
                self._tell(self._herald.take(message, events))
            case _Real(zone_id, is_warned):
                if self._precedence.real(zone_id, is_warned=is_warned):
                    self._tell(self._herald.end(zone_id, self._now_ns(), precedence.REASON))
            case _:
                pass

    def _silence(self, silent: Sequence[ZoneWarning]) -> None:
        for each in silent:
            self._n_silent += 1
            self._audit.note("silenced", self._now_ns(), zone_id=each.zone_id, why=precedence.REASON)

    def _tell(self, notices: Sequence[N]) -> None:
        for notice in notices:
            self._n_notices += 1
            for courier in self._couriers:
                courier.offer(notice)
            for listener in self._listeners:
                listener(notice)


def _due_s(last_s: float, every_s: float | None) -> float:
    return _NEVER_S if every_s is None else last_s + every_s - time.monotonic()


def _row(tally: Tally, t_ns: int) -> np.ndarray:
    row = np.zeros(1, CHANNEL)
    row["t_ns"] = t_ns
    for name, value in tally._asdict().items():
        if name in (CHANNEL.names or ()):
            row[name] = value
    return freeze(row)
