"""Couriers with real channels: files, and in-process ones that fail, hang or forget as networks do."""

import json
import threading
import time

import pytest
from notice_cases import T0_NS, changed, incident, notice

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, InvariantError
from casemate.io.channels import courier as couriers
from casemate.io.channels.audit import AuditLog, verify
from casemate.io.channels.courier import Courier
from casemate.io.channels.live import LIVE
from casemate.io.channels.log import LogChannel, Settings
from casemate.io.channels.stamps import EXERCISE, REHEARSAL
from casemate.io.channels.tally import CourierState
from casemate.model.messages import WarningPhase
from casemate.model.notices import DrillHeartbeat, DrillPicture, ExerciseNotice, LiveNotice, RehearsalNotice


class Line:
    """A channel in this process: `trouble` is called before each notice and may raise or wait."""

    def __init__(self, name="line", trouble=lambda n_tries, notice: None):
        self.name, self.came, self.n_opened, self.n_tries, self._trouble = name, [], 0, 0, trouble

    def open(self):
        self.n_opened += 1

    def send(self, told):
        self.n_tries += 1
        self._trouble(self.n_tries, told)
        self.came.append(told)

    def show(self, picture):
        self.came.append(picture)

    def beat(self, heartbeat):
        self.came.append(heartbeat)

    def close(self):
        pass


@pytest.fixture
def audit(tmp_path):
    log = AuditLog(tmp_path)
    yield log
    log.close()


@pytest.fixture
def carry(audit):
    """Make couriers that have left when the test is over."""
    made = []

    def make(channel, stamp=REHEARSAL, now_ns=lambda: T0_NS, **options):
        courier = Courier(channel, stamp, audit, now_ns, **options)
        made.append(courier)
        courier.start()
        return courier

    yield make
    for courier in made:
        courier.ask_to_leave(0.0)


def _leave(courier, grace_s=5.0):
    courier.ask_to_leave(grace_s)
    courier.wait_until_left()


def _until(condition, within_s=20.0):
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def _lines(audit, tmp_path):
    audit.close()
    return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]


def _picture(t_ns):
    return DrillPicture(station="s", t_ns=t_ns, tracks=(), areas=())


def _heartbeat(t_ns):
    return DrillHeartbeat(station="s", t_sent_ns=t_ns, t_picture_ns=0, zones=(), sensors=())


def _breaks(*at):
    def trouble(n_tries, _):
        if n_tries in at:
            raise ChannelError("line", "no answer")

    return trouble


def test_a_file_gets_an_incident_in_order(tmp_path, carry, audit):
    courier = carry(LogChannel(Settings(name="file", lines="notices.jsonl"), tmp_path, lambda _: None))
    told = incident()
    for each in told:
        courier.offer(each)
    _leave(courier)
    lines = (tmp_path / "notices.jsonl").read_text().splitlines()
    assert [json.loads(line)["notice_id"] for line in lines] == [each.notice_id for each in told]
    assert [line["what"] for line in _lines(audit, tmp_path)] == ["open", *["sent"] * 5, "closed"]
    assert verify(tmp_path / "audit.jsonl", {"memory": audit.head}).is_whole


def test_what_fails_is_tried_again_in_its_place_and_audited(tmp_path, carry, audit):
    line = Line(trouble=_breaks(2, 3, 6))
    courier = carry(line)
    told = incident()
    for each in told:
        courier.offer(each)
    _until(lambda: len(line.came) == 5)
    assert line.came == told
    tally = courier.tally()
    assert (tally.state, tally.n_sent, tally.n_retries, tally.n_waiting) == (CourierState.OK, 5, 3, 0)
    assert line.n_opened == 1 + 3  # each failure connects anew
    _leave(courier)
    retries = [each for each in _lines(audit, tmp_path) if each["what"] == "retry"]
    assert [each["notice"] for each in retries] == ["run-2", "run-2", "run-4"]
    assert [each["n_tries"] for each in retries] == [1, 2, 1]


def test_a_cancel_that_is_lost_is_sent_until_it_is_taken(carry, tmp_path, audit):
    """Row 34."""

    def loses_cancels(n_tries, told):
        if told.phase is WarningPhase.WITHDRAWN and n_tries < 5:
            raise ChannelError("line", "lost")

    line = Line(trouble=loses_cancels)
    courier = carry(line)
    courier.offer(notice())
    courier.offer(notice(n=2, phase=WarningPhase.WITHDRAWN))
    _until(lambda: len(line.came) == 2)
    _leave(courier)
    said = [(each["what"], each.get("phase")) for each in _lines(audit, tmp_path)]
    assert said.count(("retry", "withdrawn")) == 3
    assert ("sent", "withdrawn") in said


def test_a_channel_that_does_not_answer_delays_no_other(carry, monkeypatch):
    monkeypatch.setattr(couriers, "DEAD_NS", NS_PER_S // 5)
    hangs = threading.Event()
    stuck, free = carry(Line("stuck", lambda *_: hangs.wait())), carry(Line("free"))
    begin = time.monotonic()
    for each in incident():
        stuck.offer(each)
        free.offer(each)
    handed_s = time.monotonic() - begin
    _until(lambda: free.tally().n_sent == 5)
    _until(lambda: stuck.tally().state is CourierState.DEAD)
    assert stuck.tally().n_waiting == 5
    assert "does not return for" in stuck.tally().why
    assert handed_s < 0.5
    hangs.set()
    _until(lambda: stuck.tally().n_sent == 5)
    assert stuck.tally().state is CourierState.OK


def test_a_channel_that_fails_is_shown_as_retrying_and_then_as_dead(carry, monkeypatch):
    monkeypatch.setattr(couriers, "DEAD_NS", NS_PER_S // 2)
    is_down = threading.Event()
    is_down.set()

    def trouble(n_tries, _):
        if is_down.is_set():
            raise ConnectionResetError("by peer")  # not even the error that a channel should raise

    courier = carry(Line(trouble=trouble))
    courier.offer(notice())
    _until(lambda: courier.tally().state is CourierState.RETRYING)
    assert courier.tally().why == "ConnectionResetError: by peer"
    _until(lambda: courier.tally().state is CourierState.DEAD)
    is_down.clear()
    _until(lambda: courier.tally().state is CourierState.OK)
    assert courier.tally().why == ""


def test_the_wait_between_tries_doubles_to_two_seconds(carry, monkeypatch):
    waits = []

    def note(self, wait_s):
        waits.append(wait_s)

    def down(*_):
        if len(waits) < 8:
            raise ChannelError("line", "down")

    monkeypatch.setattr(Courier, "_pause", note)
    courier = carry(Line(trouble=down))
    courier.offer(notice())
    _until(lambda: courier.tally().n_sent == 1)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


def test_what_the_channel_never_takes_is_given_up_and_the_next_is_sent(carry, tmp_path, audit):
    def refuses_the_second(_, told):
        if told.n == 2:
            raise ChannelError("line", "too long", is_final=True)

    line = Line(trouble=refuses_the_second)
    courier = carry(line)
    for each in incident():
        courier.offer(each)
    _until(lambda: len(line.came) == 4)
    assert courier.tally().n_refused == 1
    _leave(courier)
    refused = [each for each in _lines(audit, tmp_path) if each["what"] == "refused"]
    assert [(each["notice"], each["why"]) for each in refused] == [("run-2", "too long")]


def test_what_nobody_is_to_act_on_any_more_is_given_up(carry):
    now = [T0_NS]
    line = Line(trouble=_breaks(1))
    courier = carry(line, now_ns=lambda: now[0])
    courier.offer(notice())  # holds until 140 s
    _until(lambda: courier.tally().n_retries == 1)
    now[0] = T0_NS + 141 * NS_PER_S
    courier.offer(notice(n=2, t_expires_ns=T0_NS + 300 * NS_PER_S))
    _until(lambda: len(line.came) == 1)
    assert line.came[0].n == 2
    assert courier.tally().n_expired == 1


def test_a_full_queue_gives_room_to_nothing_silently(carry, monkeypatch, tmp_path, audit):
    monkeypatch.setattr(couriers, "CAPACITY", 3)
    hangs = threading.Event()
    line = Line(trouble=lambda *_: hangs.wait())
    courier = carry(line)
    for each in incident():
        courier.offer(each)
    tally = courier.tally()
    assert (tally.n_offered, tally.n_waiting, tally.n_overflowed) == (5, 3, 2)
    hangs.set()
    _until(lambda: courier.tally().n_sent == 3)
    _leave(courier)
    lost = [each["notice"] for each in _lines(audit, tmp_path) if each["what"] == "overflowed"]
    assert lost == ["run-4", "run-5"]


def test_a_full_queue_gives_up_what_has_expired_first(carry, monkeypatch):
    monkeypatch.setattr(couriers, "CAPACITY", 2)
    hangs, now = threading.Event(), [T0_NS]
    line = Line(trouble=lambda *_: hangs.wait())
    courier = carry(line, now_ns=lambda: now[0])
    courier.offer(notice(t_expires_ns=T0_NS + 10**12))
    courier.offer(notice(n=2))
    now[0] += 200 * NS_PER_S
    courier.offer(notice(n=3, t_expires_ns=T0_NS + 10**12))
    assert (courier.tally().n_expired, courier.tally().n_overflowed) == (1, 0)
    hangs.set()
    _until(lambda: [each.n for each in line.came] == [1, 3])


@pytest.mark.parametrize("kind", [ExerciseNotice, RehearsalNotice])
def test_nothing_but_live_notices_goes_into_a_live_courier(carry, kind):
    line = Line()
    courier = carry(line, LIVE)
    with pytest.raises(InvariantError, match=f"carries LiveNotice, not {kind.__name__}"):
        courier.offer(notice(kind))
    courier.offer(notice(LiveNotice))
    _until(lambda: line.came == [notice(LiveNotice)])


def test_nothing_live_goes_into_a_drills_courier(carry):
    with pytest.raises(InvariantError, match="carries ExerciseNotice, not LiveNotice"):
        carry(Line(), EXERCISE).offer(notice(LiveNotice))


def test_when_the_arming_ends_open_incidents_are_carried_to_their_end_and_no_new_one(carry, tmp_path, audit):
    now = [T0_NS]
    line = Line()
    courier = carry(line, LIVE, now_ns=lambda: now[0], until_ns=T0_NS + 10)
    warn, update, *_, clear = incident(LiveNotice)
    courier.offer(warn)
    now[0] = T0_NS + 11
    courier.offer(changed(warn, incident="other", notice_id="other-1"))
    courier.offer(update)
    courier.offer(clear)
    _until(lambda: courier.tally().state is CourierState.OFF)
    assert line.came == [warn, update, clear]
    assert courier.tally().n_held == 1
    assert [each["what"] for each in _lines(audit, tmp_path)][-1] == "disarmed"


def test_notices_go_before_pictures_and_the_latest_picture_wins(carry):
    first = threading.Event()
    line = Line(trouble=lambda n, _: first.wait() if n == 1 else None)
    courier = carry(line)
    courier.offer(notice())
    _until(lambda: line.n_tries == 1)
    for t_ns in (1, 2, 3):
        courier.show(_picture(t_ns))
        courier.beat(_heartbeat(t_ns))
    courier.offer(notice(n=2))
    first.set()
    _until(lambda: len(line.came) == 4)
    assert line.came == [notice(), notice(n=2), _heartbeat(3), _picture(3)]


def test_what_is_left_when_the_station_stops_is_said(carry, tmp_path, audit):
    courier = carry(Line(trouble=_breaks(*range(1, 100))))
    courier.offer(notice())
    courier.offer(notice(n=2))
    _until(lambda: courier.tally().n_retries >= 1)
    _leave(courier, 0.0)
    assert courier.tally().n_waiting == 2
    left = [each["notice"] for each in _lines(audit, tmp_path) if each["what"] == "left"]
    assert left == ["run-1", "run-2"]


def test_a_recording_waits_for_a_slow_channel(carry, monkeypatch):
    monkeypatch.setattr(couriers, "CAPACITY", 2)
    line = Line(trouble=lambda *_: time.sleep(0.01))
    courier = carry(line, now_ns=lambda: T0_NS + 10**13, is_patient=True)
    for n in range(1, 21):
        courier.offer(notice(n=n))
    _until(lambda: len(line.came) == 20)
    assert courier.tally().n_overflowed == courier.tally().n_expired == 0


def test_a_recording_does_not_wait_at_its_end_for_a_channel_that_fails(carry):
    courier = carry(Line(trouble=_breaks(*range(1, 1000))), is_patient=True)
    courier.offer(notice())
    _until(lambda: courier.tally().n_retries >= 1)
    start_s = time.monotonic()
    _leave(courier, couriers.PATIENCE_S)
    assert (
        time.monotonic() - start_s < couriers.BACKOFF_MAX_S + 3.0
    )  # as long as another try is away, on a busy machine
    assert courier.tally().n_waiting == 1


class Sliced(Line):
    """A line whose pictures come in three parts; the alarm is handed over while the first is on its way."""

    def show_parts(self, picture):
        for i in range(3):
            self.came.append((picture.t_ns, i))
            self.on_part(i)
            yield


def test_an_alarm_passes_between_the_parts_of_a_picture(carry):
    line = Sliced()
    line.on_part = lambda i: courier.offer(notice()) if i == 0 else None
    courier = carry(line)
    courier.show(_picture(1))
    _until(lambda: len(line.came) == 4)
    assert line.came == [(1, 0), notice(), (1, 1), (1, 2)]
    line.on_part = lambda i: courier.show(_picture(3)) if i == 0 else None  # a newer one waits for the end of this
    courier.show(_picture(2))
    _until(lambda: len(line.came) >= 10)
    assert line.came[4:10] == [(2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)]


class Wide(Line):
    """A line that takes many at once."""

    def send_all(self, told):
        self.n_tries += 1
        self._trouble(self.n_tries, told)
        self.came.append([each.notice_id for each in told])


def test_a_channel_that_takes_many_at_once_gets_what_waits_in_order_and_again_if_it_fails(carry, tmp_path, audit):
    go = threading.Event()

    def trouble(n_tries, _):
        go.wait(10.0)
        if n_tries == 2:
            raise ChannelError("line", "no answer")

    line = Wide(trouble=trouble)
    courier, told = carry(line), incident()
    courier.offer(told[0])
    _until(lambda: line.n_tries == 1)
    for each in told[1:]:
        courier.offer(each)
    go.set()
    _leave(courier)
    assert line.came == [[told[0].notice_id], [each.notice_id for each in told[1:]]]
    assert courier.tally().n_sent == len(told)
    assert [line["what"] for line in _lines(audit, tmp_path)].count("sent") == len(told)
