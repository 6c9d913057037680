import math

import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.model.catalog import Motor
from casemate.physics.body import build_body
from casemate.physics.drag import compile_drag
from casemate.physics.exact import WGS84, Rail, fly_exact, mach_of
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.trajectory import Trajectory, ground_range_between_m

FRAME = SiteFrame(39.4, -8.3, 160.0)
CD = compile_drag([0.0, 0.8, 1.05, 2.0], [0.2, 0.2, 0.45, 0.35]).table
SHELL = build_body(40.0, 0.0177, CD)
MOTOR = Motor(thrust_s=(0.0, 0.05, 2.5, 3.0), thrust_n=(0.0, 1500.0, 1200.0, 0.0), propellant_kg=2.0)
ROCKET = build_body(18.0, 0.012, CD, motor=MOTOR)
RAIL = Rail(5.0, math.radians(120.0), math.radians(80.0))
ORIGIN = np.zeros(3)


def up(degrees, speed_mps):
    return speed_mps * np.array([math.cos(math.radians(degrees)), 0.0, math.sin(math.radians(degrees))])


@pytest.mark.parametrize(("pos", "vel", "name"), [
    ([0.0, math.nan, 0.0], up(45.0, 300.0), "pos_m"),
    (ORIGIN, [math.inf, 0.0, 300.0], "vel_mps"),
    ([0.0, 0.0, -1.0], up(45.0, 300.0), "height_m"),
    ([0.0, 0.0, 90_000.0], up(45.0, 300.0), "height_m"),
    (ORIGIN, up(-10.0, 300.0), "climb_mps"),
    (ORIGIN, up(45.0, 1800.0), "mach"),
    ([0.0, 0.0, 60_000.0], up(90.0, 1200.0), "height_m"),
    (ORIGIN, [1e100, 0.0, 1e100], "mach"),
])  # fmt: skip
def test_what_is_outside_the_model_is_refused_by_name(pos, vel, name):
    with pytest.raises(DomainError) as caught:
        fly_exact(SHELL, FRAME, np.array(pos, np.float64), np.array(vel, np.float64))
    assert caught.value.name == name
    assert not caught.value.low <= caught.value.value <= caught.value.high


def test_a_flight_that_does_not_come_down_is_refused():
    feather = build_body(0.001, 1.0, CD)
    with pytest.raises(DomainError, match="flight_s = 400"):
        fly_exact(feather, FRAME, np.array([0.0, 0.0, 3000.0]), np.zeros(3))


def test_the_last_mach_number_of_a_curve_is_a_limit():
    body = SHELL._replace(mach_top=1.2)
    assert fly_exact(body, FRAME, ORIGIN, up(45.0, 400.0)).flight_s > 30.0
    with pytest.raises(DomainError, match=r"mach = 1\.3\d* is outside \[0, 1\.2\]"):
        fly_exact(body, FRAME, ORIGIN, up(45.0, 450.0))


@pytest.mark.parametrize(("rail", "thrust", "name"), [
    (RAIL._replace(length_m=0.0), 1500.0, "length_m"),
    (RAIL._replace(elevation_rad=-0.1), 1500.0, "elevation_rad"),
    (RAIL._replace(azimuth_rad=math.nan), 1500.0, "azimuth_rad"),
    (RAIL, 170.0, "thrust_n"),  # 174 N of weight along the rail, empty
    (RAIL._replace(length_m=4000.0), 1500.0, "rail_travel_m"),
])  # fmt: skip
def test_a_rail_that_cannot_be_left_is_refused(rail, thrust, name):
    motor = Motor(thrust_s=(0.0, 3.0), thrust_n=(thrust, thrust), propellant_kg=2.0)
    with pytest.raises(DomainError) as caught:
        fly_exact(build_body(18.0, 0.012, CD, motor=motor), FRAME, ORIGIN, rail=rail)
    assert caught.value.name == name


def test_a_body_without_a_motor_stays_on_its_rail():
    with pytest.raises(DomainError, match="thrust_n"):
        fly_exact(SHELL, FRAME, ORIGIN, rail=RAIL)


@pytest.mark.parametrize("bad", [{"mass_kg": 0.0}, {"mass_kg": math.nan}, {"area_m2": -1.0}, {"area_m2": math.inf}])
def test_a_body_that_makes_no_sense_is_refused(bad):
    with pytest.raises(DomainError, match=next(iter(bad))):
        build_body(**({"mass_kg": 1.0, "area_m2": 1.0, "cd": CD} | bad))


def test_off_the_rail_it_flies_as_thrown_from_its_end():
    whole = fly_exact(ROCKET, FRAME, ORIGIN, rail=RAIL)
    i = int(np.searchsorted(whole.t_s, whole.rail_exit_s))
    direction = whole.pos_m[i] / np.linalg.norm(whole.pos_m[i])
    assert np.linalg.norm(whole.pos_m[i]) == pytest.approx(5.0, abs=1e-6)
    assert np.allclose(whole.pos_m[: i + 1], np.outer(whole.pos_m[: i + 1] @ direction, direction), atol=1e-6)
    azimuth, elevation = math.atan2(direction[0], direction[1]), math.asin(direction[2])
    assert math.degrees(azimuth) == pytest.approx(120.0, abs=1e-6)
    assert math.degrees(elevation) == pytest.approx(80.0, abs=1e-6)
    assert set(MOTOR.thrust_s) <= set(whole.t_s.tolist())  # steps end at the knots
    assert math.isnan(fly_exact(SHELL, FRAME, ORIGIN, up(45.0, 300.0)).rail_exit_s)


def test_the_speed_off_a_rail_is_the_rocket_equations():
    # No air, no drag: v = (impulse / propellant) ln(m0 / m) - g sin(elevation) t, for a thrust that is constant.
    motor = Motor(thrust_s=(0.0, 2.0), thrust_n=(2000.0, 2000.0), propellant_kg=6.0)
    path = fly_exact(build_body(14.0, 0.0, CD, motor=motor), FRAME, ORIGIN, rail=RAIL)
    t = path.rail_exit_s
    gravity = 9.8007  # normal gravity at 39.4 degrees, 160 m: TR8350.2, equation 4-3
    along = 2000.0 * 2.0 / 6.0 * math.log(20.0 / (20.0 - 3.0 * t)) - gravity * math.sin(RAIL.elevation_rad) * t
    assert np.linalg.norm(path.at(t)[1]) == pytest.approx(along, abs=1e-3)


def test_thrust_is_into_the_flow():
    # In a wind from the west the rocket turns into it and drifts upwind while it burns; in calm air it does not.
    z = np.array([-100.0, 9000.0])
    west = Profile(z, None, None, np.array([6.0, 6.0]), np.zeros(2))
    straight = Rail(5.0, 0.0, 0.5 * math.pi)
    calm, windy = (
        fly_exact(build_body(18.0, 0.012, CD, motor=MOTOR, wind=wind), FRAME, ORIGIN, rail=straight)
        for wind in (None, west)
    )
    assert abs(calm.at(3.0)[0][0, 0]) < 0.1
    assert windy.at(3.0)[0][0, 0] < -10.0


def test_the_air_is_at_the_height_of_the_sea():
    # 60 m of geoid under the same ellipsoidal ground: the air of 100 m, not of 160 m.
    low = SiteFrame(39.4, -8.3, 100.0)
    same = fly_exact(SHELL, SiteFrame(39.4, -8.3, 160.0, 60.0), ORIGIN, up(45.0, 400.0))
    assert same.pos_m[-1, 0] == pytest.approx(fly_exact(SHELL, low, ORIGIN, up(45.0, 400.0)).pos_m[-1, 0], abs=0.5)
    assert same.pos_m[-1, 0] < fly_exact(SHELL, FRAME, ORIGIN, up(45.0, 400.0)).pos_m[-1, 0] - 10.0


@pytest.mark.slow  # without the compiler; else half a second
def test_crossing_a_level_leaves_no_corner():
    # Kinks of 25 m/s within 400 m, and of the temperature: the impact moves by 0.005 mm with the step (n = 40,
    # measured), by 5 mm where steps do not end at the levels.
    rng = np.random.default_rng(3)
    z = np.arange(-200.0, 12_000.0, 400.0)
    warm = 290.0 - 0.0065 * z + rng.normal(0.0, 3.0, z.size)
    wind = rng.normal(0.0, 15.0, (2, z.size))
    sounding = Profile(z, 101_325.0 * np.exp(-z / 8000.0), warm, wind[0], wind[1], rng.uniform(0.0, 100.0, z.size))
    body = build_body(40.0, 0.0177, CD, wind=sounding, air=sounding)
    for degrees in (25.0, 45.0, 70.0):
        ends = [fly_exact(body, FRAME, ORIGIN, up(degrees, 500.0), step_s=step).pos_m[-1] for step in (0.05, 0.002)]
        assert np.linalg.norm(ends[0] - ends[1]) < 1e-4


def test_apex_and_impact():
    path = fly_exact(SHELL, FRAME, ORIGIN, up(40.0, 300.0))
    apex, impact = path.apex(FRAME), path.impact(FRAME)
    dense = FRAME.enu_to_geodetic(path.at(np.linspace(0.0, path.flight_s, 20_001))[0])[:, 2]
    assert apex.height_m == pytest.approx(dense.max(), abs=1e-4)
    assert impact.t_s == path.flight_s
    assert impact.height_m == pytest.approx(160.0, abs=1e-5)
    assert impact.speed_mps == pytest.approx(float(np.linalg.norm(path.vel_mps[-1])))
    assert 0.7 < impact.fall_angle_rad < 1.0
    # 5 km away the local vertical leans by 0.045 degrees against the site's
    site_angle = math.atan2(-path.vel_mps[-1, 2], math.hypot(*path.vel_mps[-1, :2]))
    assert math.degrees(impact.fall_angle_rad - site_angle) == pytest.approx(
        -impact.ground_range_m / 111_200.0, abs=1e-3
    )
    assert mach_of(path, FRAME, SHELL)[0] == pytest.approx(300.0 / 339.7, abs=1e-3)


@pytest.mark.parametrize("climb_mps", [0.01, 0.1, 0.24])
def test_a_flight_shorter_than_a_step_ends_on_the_ground(climb_mps):
    path = fly_exact(SHELL, FRAME, ORIGIN, np.array([100.0, 0.0, climb_mps]))
    assert path.impact(FRAME).height_m == pytest.approx(160.0, abs=1e-6)
    # the turning Earth takes 0.1 % of the weight at 100 m/s; 1e-7 m of the ground are 0.5 % of the shortest time
    assert path.flight_s == pytest.approx(2.0 * climb_mps / 9.8, rel=0.01)
    assert path.apex(FRAME).t_s == pytest.approx(0.5 * path.flight_s, rel=0.01)


def test_ground_range():
    equator = ground_range_between_m(np.zeros(2), np.array([0.0, 0.9]))
    assert equator == pytest.approx(WGS84.a_m * math.radians(0.9), abs=0.001)
    lat = np.linspace(0.0, math.radians(1.8), 100_001)
    arc = np.trapezoid(WGS84.a_m * (1.0 - WGS84.e2) / (1.0 - WGS84.e2 * np.sin(lat) ** 2) ** 1.5, lat)
    assert ground_range_between_m(np.zeros(2), np.array([1.8, 0.0])) == pytest.approx(arc, abs=0.01)
    over, away = (np.array(pair) for pair in (((40.0, 179.9), (40.1, -179.9)), ((40.0, 9.9), (40.1, 10.1))))
    assert ground_range_between_m(*over) == pytest.approx(ground_range_between_m(*away), abs=1e-6)  # the date line


def test_a_trajectory_that_only_falls_has_its_start_as_apex():
    path = fly_exact(SHELL, FRAME, np.array([0.0, 0.0, 900.0]), np.array([100.0, 0.0, 0.0]))
    assert path.apex(FRAME).t_s == 0.0
    assert isinstance(path, Trajectory)


def test_earth_turns_a_shot_to_the_right():
    still = WGS84._replace(omega_radps=0.0)
    north = np.array([0.0, 300.0, 300.0])
    turned, straight = (fly_exact(SHELL, FRAME, ORIGIN, north, earth=earth).pos_m[-1, 0] for earth in (WGS84, still))
    assert turned - straight > 5.0
