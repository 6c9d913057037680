"""Rows 12 and 14 for a sensor that speaks SAPIENT: its clock jumps an hour, the station's does, its clock drifts."""

import math
import socket
import threading
import time

import numpy as np
import pytest
import sapient_cases as cases
from live_station import Station, ended, radar, write_site

from casemate.constants import NS_PER_S
from casemate.io.feeds import clock as clocks
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors
from casemate.io.feeds.sapient.session import Register, Session

N_THINGS = 4
LOOK_S = 0.5
HOUR_NS = 3600 * NS_PER_S


def write_node_site(folder):
    path = write_site(folder, period_s=LOOK_S, antenna="staring")
    path.write_text(path.read_text("utf-8") + f'sigma_elevation_deg = 0.17\nsapient_node = "{cases.NODE}"\n', "utf-8")
    return path


def report(port, n_looks, jump_at=None, jump_ns=0):
    """Connect as a sensor, send looks with the sensor's own time in step with the wall; return the answers' errors."""
    scene, began_ns, began = radar(0, n_things=N_THINGS), time.time_ns(), time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as sock:
        sock.sendall(wire.frame(cases.a_registration(t_ns=began_ns)))
        for k in range(1, n_looks + 1):
            time.sleep(max(0.0, began + k * LOOK_S - time.monotonic()))
            t_ns = began_ns + round(k * LOOK_S * NS_PER_S) + (jump_ns if jump_at is not None and k >= jump_at else 0)
            found = b""
            for thing in range(N_THINGS):
                range_m, az_rad, height_m = scene.place(thing, k * LOOK_S)
                el_deg = math.degrees(math.asin((height_m - 34.0) / range_m))
                found += wire.frame(cases.a_bearing(cases.NODE, t_ns, range_m, math.degrees(az_rad), el_deg))
            sock.sendall(found)
        time.sleep(0.2)
        answers = [wire.read(each) for each in wire.Framing().take(sock.recv(1 << 20))]
    return [each.error.error_message[0] for each in answers if each.HasField("error")]


@pytest.mark.parametrize(("jump_ns", "side"), [(HOUR_NS, "ahead of"), (-HOUR_NS, "behind")])
def test_the_clock_of_a_sensor_jumps(tmp_path, jump_ns, side):
    port = 8722
    with Station(write_node_site(tmp_path), [f"sapient://127.0.0.1:{port}"], tmp_path / "run") as station:
        errors = report(port, n_looks=14, jump_at=7, jump_ns=jump_ns)
    (feed,) = station.summary["feeds"]
    told = feed["clocks"]["radar-1"]
    assert told["n_jumps"] == 1
    assert told["shift_s"] == pytest.approx(-jump_ns / NS_PER_S, abs=0.1)
    assert told["is_off"]
    assert feed["n_plots"] == 12 * N_THINGS  # all but the two looks before the one that was believed
    why = f"detection_report: a time too far {side} its receipt"
    assert feed["refused"] == {why: 2 * N_THINGS}
    assert errors == [why] * 2 * N_THINGS
    assert station.summary["counts"]["tracks_confirmed"] == N_THINGS
    assert ended(station.watch) == set()


@pytest.mark.parametrize("jump_ns", [HOUR_NS, -HOUR_NS])
def test_the_clock_of_the_station_jumps(tmp_path, jump_ns, monkeypatch):
    # as for ASTERIX: what reads the machine's clock is shifted, the machine's clock is not; the sensor keeps its own
    system, jumped, port = time.time_ns, [0], 8723
    with Station(write_node_site(tmp_path), [f"sapient://127.0.0.1:{port}"], tmp_path / "run") as station:
        jump = threading.Timer(3.0, lambda: jumped.__setitem__(0, jump_ns))
        jump.start()
        shifted = type("Time", (), {"__getattr__": lambda _, name: getattr(time, name)})()
        shifted.time_ns = lambda: system() + jumped[0]
        monkeypatch.setattr(clocks, "time", shifted)
        errors = report(port, n_looks=12)
        jump.join()
    (feed,) = station.summary["feeds"]
    assert (feed["n_plots"], errors) == (12 * N_THINGS, [])
    assert feed["clocks"]["radar-1"]["n_jumps"] == 0
    assert feed["clocks"]["radar-1"]["offset_s"] == pytest.approx(0.0, abs=0.1)
    assert station.summary["counts"]["tracks_confirmed"] == N_THINGS
    assert ended(station.watch) == set()
    steps = [scan.t_recv_ns for scan in station.watch.scans]
    assert steps == sorted(steps)


def a_session():
    site, tally = cases.a_site(), Tally()
    register = Register(Sensors(site), tally, [WireClock() for _ in site.sensor])
    session = Session(Node(node_id_of("Alpha"), "Alpha"), register, is_client=False)
    session.take(wire.frame(cases.a_registration()), cases.at())
    return session, register, tally


@pytest.mark.parametrize("drift_ppm", [50.0, -50.0, 0.0])
def test_drift_is_estimated_and_flagged(drift_ppm):
    rng = np.random.default_rng(12)
    session, register, _ = a_session()
    for k in range(1, 600):
        t_ns = cases.T0_NS + k * NS_PER_S
        told_ns = t_ns - round(drift_ppm * 1e-6 * k * NS_PER_S)
        came_ns = t_ns + round((0.005 + rng.exponential(0.004)) * NS_PER_S)
        session.take(wire.frame(cases.a_bearing(t_ns=told_ns)), cases.at(came_ns))
    clock = register.clocks[0]
    estimate, sigma = clock.drift.drift_ppm()
    assert abs(estimate - drift_ppm) < 5.0 * sigma < 25.0
    assert clock.is_off == (drift_ppm != 0.0)
    assert (clock.shift_ns, clock.n_jumps) == (0, 0)
    assert register.nodes[cases.NODE].n_detections == 599


def test_one_look_with_a_wrong_time_does_not_agree_with_itself():
    session, register, tally = a_session()
    wrong = b"".join(wire.frame(cases.a_bearing(t_ns=cases.T0_NS + HOUR_NS, az_deg=float(k))) for k in range(8))
    assert session.take(wrong, cases.at()).looks == []
    session.take(wire.frame(cases.a_bearing()), cases.at())
    assert register.clocks[0].n_jumps == 0
    assert [(each.reason, each.count) for each in tally.refused()] == [
        ("detection_report: a time too far ahead of its receipt", 8)
    ]
    assert register.nodes[cases.NODE].n_detections == 1
