"""Damaged SAPIENT never raises: whatever comes, it is a plot or it is counted, and what comes after it is read."""

import math

import numpy as np
import pytest
import sapient_cases as cases

from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import WireClock
from casemate.io.feeds.sapient import wire
from casemate.io.feeds.sapient.node import Node, node_id_of
from casemate.io.feeds.sapient.plots import Sensors
from casemate.io.feeds.sapient.session import Register, Session

SENSORS = Sensors(cases.a_site())


def a_session():
    tally = Tally()
    register = Register(SENSORS, tally, [WireClock() for _ in SENSORS.models])
    session = Session(Node(node_id_of("Alpha"), "Alpha"), register, is_client=False)
    session.take(wire.frame(cases.a_registration()), cases.at())
    return session, register, tally


def n_counted(tally):
    return sum(each.count for each in tally.refused())


@pytest.mark.parametrize("seed", range(5))
def test_two_thousand_mutated_messages_in_whole_frames(seed):
    """Ten thousand in all: each is a plot or an answer or a reason, and a good detection still comes through."""
    rng = np.random.default_rng(seed)
    kinds_of = cases.every_kind()
    kinds = [each.SerializeToString() for each in kinds_of]
    session, register, tally = a_session()
    n_refused = n_plots = 0
    for i in range(2000):
        if i % 20 == 0:  # a mutated report may have said goodbye, or that the sensor stands elsewhere
            n_plots += sum(len(each.scan.plots) for each in session.take(wire.frame(kinds_of[0]), cases.at()).looks)
        payload = cases.mutated(kinds[rng.integers(len(kinds))], rng)
        taken = session.take(len(payload).to_bytes(4, "little") + payload, cases.at(cases.T0_NS + i))
        assert not taken.is_over
        for look in taken.looks:
            plots = look.scan.plots
            assert (plots["t_ns"] >= 0).all()
            assert math.isfinite(look.scan.az_from_rad + look.scan.az_to_rad)
        n_plots += sum(len(look.scan.plots) for look in taken.looks)
        for answer in wire.Framing().take(taken.answer):
            wire.read(answer)  # whatever we were sent, what we say is of the standard
        assert n_counted(tally) >= n_refused
        n_refused = n_counted(tally)
    assert 500 < n_refused < 2000
    assert n_plots > 5
    assert len(tally.refused()) < 200  # a reason never holds what a sender wrote
    session.take(wire.frame(cases.a_registration()), cases.at())
    before = register.nodes[cases.NODE].n_detections
    session.take(wire.frame(cases.a_bearing()), cases.at())
    assert register.nodes[cases.NODE].n_detections == before + 1


@pytest.mark.parametrize("seed", range(4))
def test_mutated_streams_in_pieces(seed):
    """The length bytes are damaged too: a connection may end, memory stays bounded, a new one works."""
    rng = np.random.default_rng(100 + seed)
    stream = b"".join(wire.frame(each) for each in cases.every_kind())
    n_over = 0
    for _ in range(300):
        session, _, tally = a_session()
        content = cases.mutated(stream, rng)
        at, is_over = 0, False
        while at < len(content) and not is_over:
            n_bytes = int(rng.integers(1, 900))
            is_over = session.take(content[at : at + n_bytes], cases.at()).is_over
            at += n_bytes
        session.end()
        n_over += is_over
        assert is_over or n_counted(tally) >= 0
    assert 0 < n_over < 300


def test_random_bytes():
    rng = np.random.default_rng(7)
    for _ in range(500):
        session, _, tally = a_session()
        body = rng.bytes(int(rng.integers(0, 200)))
        session.take(len(body).to_bytes(4, "little") + body, cases.at())
        assert n_counted(tally) == 1


def test_numbers_at_the_edge_of_what_a_double_holds():
    session, _, tally = a_session()
    edges = (0.0, -0.0, 5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan, 2.0**63)
    n_sent = 0
    for value in edges:
        for field in ("range", "azimuth", "elevation", "range_error", "azimuth_error", "elevation_error"):
            session.take(wire.frame(cases.a_bearing(**{field: value})), cases.at())
            n_sent += 1
        for field in ("x", "y", "z", "x_error", "y_error", "z_error"):
            for system in (1, 2, 5):
                place = cases.a_place(coordinate_system=system, utm_zone="38N", **{field: value})
                speed = place.detection_report.enu_velocity
                speed.east_rate, speed.north_rate, speed.up_rate, speed.up_rate_error = value, 1.0, value, value
                session.take(wire.frame(place), cases.at())
                n_sent += 1
    assert n_sent > n_counted(tally) > 100
