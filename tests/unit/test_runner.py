import os
import signal

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.messages import Aside, Events, Scan, Tick
from casemate.model.records import FATE, PLOT, TRACK, Refusal, TrackStatus, missing
from casemate.runner import PacedClock, run, stop_on_signal, with_ticks
from casemate.runner.counters import Latency, TrackTally


def _scan(t_s, n_plots=0, lasts_s=0.0):
    t_ns, end_ns = round(t_s * NS_PER_S), round((t_s + lasts_s) * NS_PER_S)
    plots = missing(PLOT, n_plots)
    return Scan(
        sensor_id=0, t_start_ns=t_ns, t_end_ns=end_ns, t_recv_ns=end_ns, az_from_rad=0.0, az_to_rad=0.0, plots=plots
    )


class _Stages:
    def __init__(self, log):
        self.log = log

    def step(self, message):
        self.log.append("step")
        t_ns = message.t_end_ns if isinstance(message, Scan) else message.t_ns
        fates = np.zeros(len(message.plots) if isinstance(message, Scan) else 0, FATE)
        fates["refusal"] = Refusal.LATE
        return Events(t_ns=t_ns, fates=fates, diagnostics={"seen": 1})


class _Keeper:
    def __init__(self, log):
        self.log, self.messages = log, []

    def put(self, message):
        self.log.append("journal events" if isinstance(message, Events) else "journal input")
        self.messages.append(message)

    def take(self, message, events):
        self.log.append("sink")


def test_an_input_is_journalled_before_its_step_and_sinks_come_before_the_next_input():
    log = []

    def source():
        for t_s in (1.0, 2.0):
            log.append("source")
            yield _scan(t_s)

    keeper = _Keeper(log)
    run(source(), _Stages(log), [keeper], keeper)
    assert log == ["source", "journal input", "step", "journal events", "sink"] * 2


def test_an_aside_is_journalled_and_handed_on_and_never_stepped():
    log = []
    keeper = _Keeper(log)
    run([Aside(t_ns=1, kind="label", rows=np.zeros(0, FATE))], _Stages(log), [keeper], keeper)
    assert log == ["journal input", "sink"]


def test_ticks_fill_silence_each_half_second_and_never_lie_inside_a_scan():
    scans = [_scan(10.25, lasts_s=0.25), _scan(10.75, lasts_s=0.5), _scan(13.5)]
    times = [(type(m).__name__, getattr(m, "t_ns", None) or m.t_start_ns) for m in with_ticks(scans)]
    assert [(name, t_ns / NS_PER_S) for name, t_ns in times] == [
        ("Scan", 10.25),
        ("Tick", 10.5),
        ("Scan", 10.75),
        *(("Tick", t_s) for t_s in (11.0, 11.5, 12.0, 12.5, 13.0)),
        ("Scan", 13.5),
    ]


def test_stats_count_plots_refusals_and_diagnostics():
    log = []
    keeper = _Keeper(log)
    stats = run([_scan(1.0, 3), Tick(t_ns=2 * NS_PER_S)], _Stages(log), [], keeper)
    assert stats.counts["plots"] == 3
    assert stats.counts["scans"] == 1
    assert stats.counts["steps"] == 2
    assert stats.refused == {"late": 3}
    assert stats.diagnostics == {"seen": 2}
    assert not stats.is_stopped


def test_the_tally_counts_a_track_once_and_knows_who_never_had_a_height():
    tally = TrackTally()
    rows = np.zeros(3, TRACK)
    rows["track_id"], rows["status"] = [1, 2, 3], [TrackStatus.CONFIRMED, TrackStatus.CONFIRMED, TrackStatus.TENTATIVE]
    tally.add(rows)
    rows["is_height_known"] = [True, False, True]
    tally.add(rows)
    rows["status"] = TrackStatus.DROPPED
    tally.add(rows)
    assert tally.counts() == {"tracks_confirmed": 2, "tracks_without_height": 1}


def test_a_signal_stops_between_two_steps():
    log = []
    keeper = _Keeper(log)

    def source():
        yield _scan(1.0)
        os.kill(os.getpid(), signal.SIGINT)
        yield _scan(2.0)
        yield _scan(3.0)

    with stop_on_signal() as is_stopped:
        stats = run(source(), _Stages(log), [keeper], keeper, is_stopped=is_stopped)
    assert stats.is_stopped
    assert log == ["journal input", "step", "journal events", "sink"]


def test_a_second_signal_interrupts_at_once():
    with stop_on_signal():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_percentiles_are_within_a_bin_of_the_truth():
    latency = Latency()
    rng = np.random.default_rng(5)
    steps = rng.lognormal(13.0, 1.0, 20_000).astype(np.int64)
    for step in steps:
        latency.add(int(step))
    for percent in (50.0, 99.0, 99.9):
        truth = np.percentile(steps, percent) / 1e6
        assert truth <= latency.percentile_ms(percent) * 1.001 <= truth * 10**0.055


def test_a_paced_clock_waits_for_event_time(monkeypatch):
    now, slept = [0], []
    monkeypatch.setattr("casemate.runner.loop.time.monotonic_ns", lambda: now[0])
    monkeypatch.setattr("casemate.runner.loop.time.sleep", slept.append)
    clock = PacedClock(4.0)
    clock.sleep_until(100 * NS_PER_S)
    now[0] = NS_PER_S // 4
    clock.sleep_until(102 * NS_PER_S)
    assert slept == [0.25]
