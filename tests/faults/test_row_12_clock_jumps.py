"""Row 12: a clock jumps an hour either way. Timers are monotonic; nothing coasts or clears by it."""

import threading
import time

import pytest
from live_station import Station, ended, radar, write_site

from casemate.io.feeds import clock as clocks
from casemate.io.feeds.clock import StationClock


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_the_clock_of_a_radar_jumps(tmp_path, jump_s):
    with Station(write_site(tmp_path), ["udp://127.0.0.1:8712"], tmp_path / "run") as station:
        sender = radar(8712, n_things=6, jump_at_s=6.0, jump_s=jump_s)
        n_sent = sender.run(10.0)
        time.sleep(0.2)
    (feed,) = station.summary["feeds"]
    told = feed["clocks"]["radar-1"]
    assert told["n_jumps"] == 1
    assert told["shift_s"] == pytest.approx(-jump_s, abs=0.05)
    assert told["is_off"]
    assert ended(station.watch) == set()
    assert station.summary["counts"]["tracks_confirmed"] == 6
    # what the first three datagrams after the jump held is refused and counted, no more
    assert n_sent - 2 <= feed["n_plots"] + feed["n_refused"]
    assert feed["n_plots"] >= n_sent - 2


@pytest.mark.parametrize("jump_ns", [3_600_000_000_000, -3_600_000_000_000])
def test_the_clock_of_the_station_jumps(tmp_path, jump_ns, monkeypatch):
    # setting the machine's clock takes rights that a test should not have: what reads it is shifted instead
    system, jumped = time.time_ns, [0]
    monkeypatch.setattr(clocks.time, "time_ns", lambda: system() + jumped[0])
    with Station(write_site(tmp_path), ["udp://127.0.0.1:8713"], tmp_path / "run") as station:
        jump = threading.Timer(4.0, lambda: jumped.__setitem__(0, jump_ns))  # amid what the radar sends
        jump.start()
        n_sent = radar(8713, n_things=6).run(7.0)
        jump.join()
        time.sleep(0.2)
    (feed,) = station.summary["feeds"]
    assert feed["n_plots"] == n_sent
    assert feed["clocks"]["radar-1"]["n_jumps"] == 0
    assert feed["clocks"]["radar-1"]["offset_s"] == pytest.approx(0.0, abs=0.1)
    assert station.summary["counts"]["tracks_confirmed"] == 6
    assert ended(station.watch) == set()
    steps = [scan.t_recv_ns for scan in station.watch.scans]
    assert steps == sorted(steps)


def test_no_jump_moves_the_time_of_the_station(monkeypatch):
    system, jumped = time.time_ns, [0]
    monkeypatch.setattr(clocks.time, "time_ns", lambda: system() + jumped[0])
    clock = StationClock()
    before = clock.now_ns()
    for jumped[0] in (3_600_000_000_000, -3_600_000_000_000):
        assert 0 <= clock.now_ns() - before < 1_000_000_000
        assert clock.of_stamp_ns(system()) - before < 1_000_000_000
        assert clock.jump_s() == pytest.approx(jumped[0] / 1e9, abs=1.0)
