"""A courier: a thread in front of each channel that carries what it is given, in order, and tries again.

Whoever hands something over never waits, and a channel that does not answer delays no other. What could not be queued,
was given up or came too late is counted, audited and shown: nothing is lost silently.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Final, Generic, TypeVar

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, InvariantError
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.channel import Channel
from casemate.io.channels.stamps import Stamp
from casemate.io.channels.tally import CourierState, Tally
from casemate.model.messages import WarningPhase
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

N = TypeVar("N", bound=AnyNotice)
P = TypeVar("P", bound=AnyPicture)
H = TypeVar("H", bound=AnyHeartbeat)

CAPACITY: Final = 10_000
"""Notices that may wait: 1,600 zones with six phases each."""
BATCH: Final = 200
"""Notices that a channel with `send_all` gets at once."""
BACKOFF_S: Final = 0.1
BACKOFF_MAX_S: Final = 2.0
"""The wait before another try doubles from the one to the other: a channel that is back has the news within 2 s."""
DEAD_NS: Final = 10 * NS_PER_S
"""A channel that failed, or did not return, for so long is called dead; it is still tried."""
PATIENCE_S: Final = 30.0
"""What a recording waits for a channel that is slow, once; for one that fails it does not wait."""
ALWAYS_NS: Final = 2**63 - 1
_COUNTS: Final = ("offered", "sent", "retries", "expired", "refused", "overflowed", "held")
_ENDS: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})
_LOOK_S: Final = 1.0  # how often an idle courier looks whether its leave has ended


class Courier(Generic[N, P, H]):
    """Carries notices of one stamp's types to one channel: notices first, then heartbeats, then the newest picture.

    Parameters
    ----------
    channel : Channel
        Used by this courier's thread alone.
    stamp : Stamp
        What may be handed over; anything else is an `InvariantError`.
    audit : AuditLog
    now_ns : callable
        The station's clock.
    until_ns : int
        When it stops to take new incidents; those that it was told of are carried to their end.
    is_patient : bool
        A recording, played as fast as it can: a full queue is waited for, and nothing grows too old.
    """

    def __init__(
        self,
        channel: Channel[N, P, H],
        stamp: Stamp[N, P, H],
        audit: AuditLog,
        now_ns: Callable[[], int],
        until_ns: int = ALWAYS_NS,
        *,
        is_patient: bool = False,
    ) -> None:
        self.name = channel.name
        self._channel, self._stamp, self._audit, self._now_ns = channel, stamp, audit, now_ns
        self._send_all: Callable[[Sequence[N]], None] | None = getattr(channel, "send_all", None)
        self._show_parts: Callable[[P], Iterator[None]] | None = getattr(channel, "show_parts", None)
        self._showing: tuple[P, Iterator[None]] | None = None  # half shown
        self._n_batch = BATCH if self._send_all else 1
        self._until_ns, self._is_patient = until_ns, is_patient
        self._notices: deque[N] = deque()
        self._heartbeat: H | None = None
        self._picture: P | None = None
        self._open_incidents: set[str] = set()
        self._changed = threading.Condition()
        self._is_leaving = self._is_off = self._is_open = False
        self._end_s = 0.0  # monotonic; after it what waits is left
        self._counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        self._t_sent_ns = 0
        self._why = ""
        self._failing_since_ns = self._busy_since_ns = 0  # monotonic, 0: it is not
        self._thread = threading.Thread(target=self._run, name=f"channel-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def offer(self, notice: N) -> None:
        """Hand over a notice; returns at once, unless the courier is patient.

        Raises
        ------
        InvariantError
            It is not of the type that this courier carries: a fault of the program, and nothing goes out.
        """
        if type(notice) is not self._stamp.notice:
            raise InvariantError(f"{self.name} carries {self._stamp.notice.__name__}, not {type(notice).__name__}")
        with self._changed:
            self._counts["offered"] += 1
            is_known = notice.incident in self._open_incidents
            if not is_known and self._now_ns() > self._until_ns:
                self._drop("held", notice, "the arming has ended")
                return
            if self._is_patient:
                self._changed.wait_for(lambda: len(self._notices) < CAPACITY or self._failing_since_ns, PATIENCE_S)
            if len(self._notices) >= CAPACITY and not self._make_room():
                self._drop("overflowed", notice, f"{CAPACITY} wait already")
                return
            self._open_incidents.add(notice.incident)
            self._notices.append(notice)
            self._changed.notify_all()

    def beat(self, heartbeat: H) -> None:
        """Hand over a heartbeat; the newest counts."""
        with self._changed:
            self._heartbeat = heartbeat
            self._changed.notify_all()

    def show(self, picture: P) -> None:
        """Hand over a picture; the newest counts."""
        with self._changed:
            self._picture = picture
            self._changed.notify_all()

    def ask_to_leave(self, grace_s: float) -> None:
        """Let it carry what waits for at most `grace_s` [s], and then take leave; returns at once."""
        with self._changed:
            self._is_leaving = True
            if self._is_patient and self._failing_since_ns:  # a recording waits for who is slow, not for who fails
                grace_s = min(grace_s, BACKOFF_MAX_S)
            self._end_s = time.monotonic() + grace_s
            self._changed.notify_all()

    def wait_until_left(self) -> None:
        """Return when it has left, or does not return from its channel; what it still holds is counted and audited."""
        self._thread.join(max(self._end_s - time.monotonic(), 0.0) + 1.0)
        with self._changed:
            for notice in self._notices:
                self._note("left", notice, "the station stopped")

    def tally(self) -> Tally:
        """Return how the channel is."""
        busy_ns = time.monotonic_ns() - self._busy_since_ns if self._busy_since_ns else 0
        stuck = f"does not return for {busy_ns / NS_PER_S:.0f} s" if busy_ns > DEAD_NS else ""
        return Tally(
            self.name,
            self._state(),
            stuck or self._why,
            *self._counts.values(),
            n_waiting=len(self._notices),
            t_sent_ns=self._t_sent_ns,
        )

    def _state(self) -> CourierState:
        now_ns = time.monotonic_ns()
        since_ns = [each for each in (self._failing_since_ns, self._busy_since_ns) if each]
        if self._is_off:
            return CourierState.OFF
        if any(now_ns - each > DEAD_NS for each in since_ns):
            return CourierState.DEAD
        if self._failing_since_ns:
            return CourierState.RETRYING
        return CourierState.OK if self._is_open else CourierState.WAITING

    def _run(self) -> None:
        wait_s = BACKOFF_S
        n_tries = 0
        while self._wait_for_work():
            item = self._next()
            n_tries = n_tries + 1 if isinstance(item, self._stamp.notice) else 0
            why = self._try(item)
            if not why:
                wait_s, n_tries = BACKOFF_S, 0
                continue
            if isinstance(item, self._stamp.notice):
                self._counts["retries"] += 1
                self._note("retry", item, why, n_tries=n_tries)
            self._pause(wait_s)
            wait_s = min(2.0 * wait_s, BACKOFF_MAX_S)
        self._leave()

    def _wait_for_work(self) -> bool:
        # whether to go on: there is work, or the channel is to be opened
        with self._changed:
            while True:
                if self._is_leaving and (not self._notices or time.monotonic() >= self._end_s):
                    return False
                if not self._notices and not self._open_incidents and self._now_ns() > self._until_ns:
                    return False
                if not self._is_open or self._notices or self._heartbeat or self._showing or self._picture:
                    return True
                self._changed.wait(_LOOK_S)

    def _next(self) -> N | P | H | None:
        # The first of the queue stays there until it is delivered; None: only open.
        with self._changed:
            while self._notices and self._is_past(self._notices[0]):
                self._drop("expired", self._pop(), "nobody is to act on it any more")
            if self._notices:
                return self._notices[0]
            return self._heartbeat or (self._showing[0] if self._showing else self._picture)

    def _try(self, item: N | P | H | None) -> str:
        """Open the channel where it is not, and deliver; return why that failed, empty where it did not."""
        self._busy_since_ns = time.monotonic_ns()
        try:
            self._deliver(item)
        except ChannelError as error:
            if not error.is_final:
                return self._failed(error.why)
            with self._changed:
                if isinstance(item, self._stamp.notice):
                    self._drop("refused", self._pop(), error.why)
                self._forget(item)
        except Exception as error:  # noqa: BLE001 a fault in one channel must not silence it for good, nor others at all
            return self._failed(f"{type(error).__name__}: {error}")
        finally:
            self._busy_since_ns = 0
        if self._failing_since_ns:
            self._audit.note("back", self._now_ns(), channel=self.name)
        self._failing_since_ns, self._why = 0, ""
        return ""

    def _deliver(self, item: N | P | H | None) -> None:
        if not self._is_open:
            self._channel.open()
            self._is_open = True
            self._audit.note("open", self._now_ns(), channel=self.name)
        if isinstance(item, self._stamp.notice):
            self._send(item)
        elif isinstance(item, self._stamp.heartbeat):
            self._channel.beat(item)
        elif isinstance(item, self._stamp.picture) and not self._show(item):
            return
        self._forget(item)

    def _show(self, picture: P) -> bool:
        # Whether it is shown whole. Part by part where the channel can: an alarm waits for a part, not for all of it.
        if self._show_parts is None:
            self._channel.show(picture)
            return True
        _, parts = self._showing = self._showing or (picture, self._show_parts(picture))
        if next(parts, parts) is None:
            return False
        self._showing = None
        return True

    def _send(self, first: N) -> None:
        with self._changed:
            rest = islice(self._notices, 1, self._n_batch)
            batch = [first, *takewhile(lambda each: not self._is_past(each), rest)]
        if self._send_all:
            self._send_all(batch)
        else:
            self._channel.send(first)
        self._t_sent_ns = self._now_ns()
        self._counts["sent"] += len(batch)
        for notice in batch:
            with self._changed:
                self._pop()
            self._note("sent", notice)

    def _forget(self, item: N | P | H | None) -> None:
        # of what is shown only the newest counts: it may have been replaced meanwhile
        with self._changed:
            if self._heartbeat is item:
                self._heartbeat = None
            if self._picture is item:
                self._picture = None

    def _failed(self, why: str) -> str:
        if not self._failing_since_ns:
            self._failing_since_ns = time.monotonic_ns()
            self._audit.note("failing", self._now_ns(), channel=self.name, why=why)
        self._why, self._is_open, self._showing = why, False, None
        self._close_channel()
        return why

    def _pause(self, wait_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_leaving and time.monotonic() >= self._end_s, wait_s)

    def _leave(self) -> None:
        is_disarmed = not self._is_leaving
        self._is_off = True
        self._audit.note("disarmed" if is_disarmed else "closed", self._now_ns(), channel=self.name)
        self._close_channel()

    def _close_channel(self) -> None:
        try:
            self._channel.close()
        except Exception as error:  # noqa: BLE001 it is being given up; the reason is kept
            self._why = self._why or f"{type(error).__name__}: {error}"

    def _pop(self) -> N:
        notice = self._notices.popleft()
        self._close_incident(notice)
        self._changed.notify_all()
        return notice

    def _close_incident(self, notice: N) -> None:
        if notice.phase in _ENDS:
            self._open_incidents.discard(notice.incident)

    def _make_room(self) -> bool:
        past = next((i for i, each in enumerate(self._notices) if i >= self._n_batch and self._is_past(each)), 0)
        if past:
            self._drop("expired", self._notices[past], "nobody is to act on it any more")
            del self._notices[past]
        return bool(past)

    def _is_past(self, notice: N) -> bool:
        return not self._is_patient and self._now_ns() > notice.t_expires_ns

    def _drop(self, what: str, notice: N, why: str) -> None:
        self._counts[what] += 1
        self._close_incident(notice)
        self._note(what, notice, why)

    def _note(self, what: str, notice: N, why: str = "", **facts: object) -> None:
        said = {"why": why} if why else {}
        self._audit.note(
            what,
            self._now_ns(),
            channel=self.name,
            notice=notice.notice_id,
            incident=notice.incident,
            zone=notice.zone,
            phase=notice.phase.value,
            **said,
            **facts,
        )
