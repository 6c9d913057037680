import math
import pathlib
import re

import msgspec
import numpy as np
import pytest

import casemate
from casemate.errors import DomainError
from casemate.model.catalog import RoundFile
from casemate.physics import arrival
from casemate.physics.ballistics import Trajectory, solve_arrival
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.roots import newton_pair, rising_root

FRAME = SiteFrame(33.3, 44.39, 34.0)
POINT = np.array([300.0, -200.0])
DATA = pathlib.Path(casemate.__file__).parent / "data" / "rounds.toml"
ROUNDS = {one.name: one for one in msgspec.toml.decode(DATA.read_bytes(), type=RoundFile).round}


def solve(name, km, arc="flat", flight_s=None, **more):
    return solve_arrival(ROUNDS[name], FRAME, POINT, math.radians(130.0), 1000.0 * km, arc, flight_s, **more)


@pytest.mark.parametrize(("name", "km", "arc"), [("r107", 6.0, "flat"), ("r107", 6.0, "high"), ("m82", 2.0, "high")])
def test_it_ends_at_the_point_from_the_bearing_and_starts_at_the_range(name, km, arc):
    path = solve(name, km, arc)
    assert np.allclose(path.pos_m[-1, :2], POINT, atol=0.1)
    east, north = -path.vel_mps[-1, :2]
    assert math.degrees(math.atan2(east, north)) == pytest.approx(130.0, abs=0.01)
    assert np.linalg.norm(path.pos_m[0] - path.pos_m[-1]) == pytest.approx(1000.0 * km, abs=0.1)
    heights = FRAME.enu_to_geodetic(path.pos_m)[:, 2]
    assert np.allclose(heights[[0, -1]], FRAME.height_m, atol=0.05)


def test_the_burn_ends_at_the_burnout_speed():
    path = solve("r107", 5.0)
    i = int(np.argmin(np.abs(path.t_s - ROUNDS["r107"].burn_s)))
    assert path.t_s[i] == pytest.approx(ROUNDS["r107"].burn_s, abs=1e-9)
    assert np.linalg.norm(path.vel_mps[i]) == pytest.approx(378.0, abs=0.01)
    assert 20.0 < np.linalg.norm(path.vel_mps[0]) < 60.0


@pytest.mark.parametrize("flight_s", [25.0, 30.0, 36.0])
def test_a_bombs_time_is_met(flight_s):
    assert solve("m82", 3.0, flight_s=flight_s).flight_s == pytest.approx(flight_s, abs=0.01)


@pytest.mark.parametrize(("name", "km", "more"), [
    ("r107", 9.0, {}), ("m82", 0.5, {}), ("m82", 3.0, {"flight_s": 8.0}),
    ("m82", 3.0, {"flight_s": 80.0}),
])  # fmt: skip
def test_what_cannot_be_is_refused(name, km, more):
    with pytest.raises(DomainError):
        solve(name, km, **more)


def test_wind_and_drag_change_the_flight_not_the_impact():
    wind = Profile(np.array([0.0, 3000.0]), None, None, np.array([5.0, 15.0]), np.array([0.0, 5.0]))
    calm, windy, heavy = solve("m120", 5.0), solve("m120", 5.0, wind=wind), solve("m120", 5.0, drag_factor=1.2)
    for path in (windy, heavy):
        assert np.allclose(path.pos_m[-1], calm.pos_m[-1], atol=0.1)
        assert np.linalg.norm(path.pos_m[0] - calm.pos_m[0]) < 400.0
    assert np.linalg.norm(windy.pos_m[0] - calm.pos_m[0]) > 1.0
    assert np.linalg.norm(heavy.vel_mps[0]) > np.linalg.norm(calm.vel_mps[0])


def test_a_class_without_bands_needs_a_time():
    bare = msgspec.structs.replace(ROUNDS["m82"], ground_range_m=None, descent_deg=None, arrival_speed_mps=None)
    with pytest.raises(ValueError, match="flight_s"):
        solve_arrival(bare, FRAME, POINT, 0.0, 2000.0)
    assert solve_arrival(bare, FRAME, POINT, 0.0, 2000.0, flight_s=27.0).flight_s == pytest.approx(27.0, abs=0.01)


def test_every_figure_of_a_round_has_its_source():
    free = {"name", "title", "kind", "spin", "source"}
    for one in (*ROUNDS.values(), *(each.spin for each in ROUNDS.values() if each.spin is not None)):
        given = {key for key, value in msgspec.structs.asdict(one).items() if value is not None} - free
        assert given == set(one.source)
        assert all(re.search(r"\[(S\d+|K|A|A:calc)\]", text) for text in one.source.values())


def test_a_trajectory_reads_between_its_rows():
    t = np.linspace(0.0, 4.0, 9)
    path = Trajectory(
        t, np.column_stack((10.0 * t, t**2, t**3)), np.column_stack((10.0 + 0.0 * t, 2.0 * t, 3.0 * t**2))
    )
    pos, vel = path.at([0.3, 3.9])
    assert np.allclose(pos, [[3.0, 0.09, 0.027], [39.0, 15.21, 59.319]])
    assert np.allclose(vel, [[10.0, 0.6, 0.27], [10.0, 7.8, 45.63]])
    assert np.isnan(path.at([-0.1, 4.1])[0]).all()
    with pytest.raises(ValueError, match="read-only"):
        path.t_s[0] = 1.0


def test_roots():
    assert rising_root(lambda x: x**3 - 8.0, 0.5, 0.1, 0.0, 10.0, 1e-6) == pytest.approx(2.0, abs=1e-6)
    assert rising_root(lambda x: math.inf if x > 3.0 else x - 2.5, 9.0, 0.5, 0.0, 10.0, 1e-9) == pytest.approx(2.5)
    assert rising_root(lambda x: x - 20.0, 1.0, 1.0, 0.0, 10.0, 1e-6) is None
    found = newton_pair(lambda x, y: np.array([x * y - 6.0, x - y - 1.0]), (5.0, 1.0), (1e-6, 1e-6), (9.0, 9.0), 1e-9)
    assert found == pytest.approx((3.0, 2.0))
    assert newton_pair(lambda _x, _y: None, (0.0, 0.0), (1e-6, 1e-6), (1.0, 1.0), 1e-9) is None
    assert arrival.Arc is not None
