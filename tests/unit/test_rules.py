"""When a simulated gun may not fire: consent, sectors, roofs, arcs, declared volumes, and friends by their reports."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.model.catalog import EnvironmentSettings
from casemate.model.records import SYSTEM_TRACK
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.declared import Airspace, Flight, NoFire, Reports, Roof, RulesOfFire, SafeArc
from casemate.sim.intercept.gun import Gun
from casemate.sim.intercept.rules import Hold, Rules
from casemate.sim.scenario import Scenario, check_scenario

FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
GUN = Gun(name="g", lat_deg=33.3, lon_deg=44.39, height_m=34.0)
T0 = 10**18
FLIGHT = Flight(name="HELI", way_deg=((33.31, 44.37), (33.31, 44.41)), height_m=150.0, speed_mps=50.0)


def scenario(**changes):
    given = {"title": "t", "source": "s", "seed": 1, "t_start": T0, "duration_s": 60.0, "site": "s", "gun": (GUN,)}
    return Scenario(**(given | changes))


def rules(**changes):
    return Rules(scenario(**changes), FRAME, AIR, 7)


def square(e_m, n_m, half_m):
    """Return a square of the site's ENU as (lat_deg, lon_deg)."""
    corners = np.array([(e_m + a * half_m, n_m + b * half_m, 0.0) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    return tuple((float(lat), float(lon)) for lat, lon, _ in FRAME.enu_to_geodetic(corners))


def asked(held, az_deg, el_deg, t_s=0.0):
    """Return the answers for one burst of 1.85 s in each direction."""
    az, el = np.radians(np.atleast_1d(az_deg)), np.radians(np.atleast_1d(el_deg)) + 0.0 * np.atleast_1d(az_deg)
    t_ns = np.full(az.size, T0 + round(t_s * NS_PER_S))
    return held.bars(0, t_ns, np.full(az.size, 1.85), az, el).tolist()


def straight(az_deg, el_deg, n=120):
    """Return a burst's rounds, all in one direction."""
    az, el = math.radians(az_deg), math.radians(el_deg)
    ray = np.array([math.sin(az) * math.cos(el), math.cos(az) * math.cos(el), math.sin(el)])
    return np.linspace(0.0, 1.85, n), np.tile(1040.0 * ray, (n, 1))


def report(e_m, n_m, up_m, t_s, vel=(0.0, 0.0, 0.0), **changes):
    row = np.zeros(1, SYSTEM_TRACK)
    lat, lon, height = FRAME.enu_to_geodetic(np.array([[e_m, n_m, up_m]])).ravel()
    row["lat_rad"], row["lon_rad"], row["height_m"] = math.radians(lat), math.radians(lon), height
    row["t_ns"], row["category"] = T0 + round(t_s * NS_PER_S), 21
    row["ve_mps"], row["vn_mps"], row["vu_mps"] = vel
    row["sigma_e_m"] = row["sigma_n_m"] = np.nan
    for key, value in changes.items():
        row[key] = value
    return row


def test_nothing_declared_bars_nothing_and_is_not_asked_at_all():
    assert asked(rules(), [0.0, 90.0, 180.0], 10.0) == ["", "", ""]
    assert not scenario().restraint().is_any()
    assert scenario(rules=RulesOfFire()).restraint().is_any()
    assert not scenario(rules=RulesOfFire(is_obeyed=False), no_fire=(NoFire(),)).restraint().is_any()


def test_a_sector_is_barred_with_what_the_rounds_may_stray_through_north_too():
    held = rules(no_fire=(NoFire(azimuth_deg=(350.0, 10.0), elevation_deg=(0.0, 30.0)),))
    assert asked(held, [0.0, 349.8, 12.0, 180.0], 10.0) == ["sector", "sector", "", ""]
    assert asked(held, [0.0], 60.0) == [""]
    assert asked(rules(no_fire=(NoFire(gun="g", azimuth_deg=(90.0, 90.0)),)), [270.0], 10.0) == ["sector"]


def test_a_safe_arc_keeps_the_muzzle_up_in_its_directions_alone():
    held = rules(safe_arc=(SafeArc(azimuth_deg=(90.0, 180.0), least_elevation_deg=10.0),))
    assert held.bars_rounds(0, T0, *straight(135.0, 9.0)) == Hold.ARC
    assert held.bars_rounds(0, T0, *straight(135.0, 11.0)) == ""
    assert held.bars_rounds(0, T0, *straight(45.0, 2.0)) == ""


def test_rounds_are_kept_off_the_ground_that_they_would_meet_before_their_end():
    held = rules(rules=RulesOfFire(keep_off_ground=True))
    assert held.bars_rounds(0, T0, *straight(0.0, 2.0)) == Hold.ARC
    assert held.bars_rounds(0, T0, *straight(0.0, 6.0)) == ""


def test_a_roof_must_be_cleared_and_may_be_fired_beside():
    roof = Roof(name="hangar", polygon_deg=square(0.0, 400.0, 30.0), height_m=34.0 + 40.0)
    held = rules(roof=(roof,))
    assert held.bars_rounds(0, T0, *straight(0.0, 5.0)) == Hold.ROOF
    assert held.bars_rounds(0, T0, *straight(0.0, 15.0)) == ""
    assert held.bars_rounds(0, T0, *straight(20.0, 5.0)) == ""


def test_an_airspace_counts_at_its_heights_and_times():
    box = square(0.0, 1500.0, 200.0)
    low = Airspace(name="a", polygon_deg=box, height_m=(34.0, 234.0), from_s=20.0, to_s=40.0)
    assert asked(rules(airspace=(low,)), [0.0, 180.0], 5.0, t_s=25.0) == ["friend", ""]
    assert asked(rules(airspace=(low,)), [0.0], 5.0, t_s=45.0) == [""]
    assert asked(rules(airspace=(low,)), [0.0], 5.0, t_s=10.0) == [""]
    assert asked(rules(airspace=(low,)), [0.0], 45.0, t_s=25.0) == [""]
    high = Airspace(name="a", polygon_deg=box)
    assert asked(rules(airspace=(high,)), [0.0], 45.0) == ["friend"]


def test_a_corridor_is_as_wide_as_it_says():
    way = tuple(square(0.0, 1500.0, 600.0)[i] for i in (3, 2))  # 2100 m to the north, from west to east
    lane = Airspace(name="lane", way_deg=way, half_width_m=100.0)
    assert asked(rules(airspace=(lane,)), [0.0, 40.0], 5.0) == ["friend", ""]
    near = Airspace(name="lane", way_deg=square(0.0, 900.0, 300.0)[:2], half_width_m=100.0)
    assert asked(rules(airspace=(near,)), [0.0, 90.0], 5.0) == ["friend", ""]


def test_a_friend_holds_fire_where_it_may_be_and_more_of_the_sky_the_longer_it_is_silent():
    held = rules()
    held.take(T0, report(0.0, 1000.0, 150.0, 0.0, vel=(50.0, 0.0, 0.0)))
    # at 3 s it is 150 m to the east, with 4 sigma of 38 m and a manoeuvre about it
    assert asked(held, [8.0, 30.0, -30.0, 180.0], 8.0, t_s=1.0) == ["friend", "", "", ""]
    assert asked(held, [8.0], 45.0, t_s=1.0) == [""]
    assert asked(held, [8.0, 30.0, 180.0], 8.0, t_s=20.0) == ["friend", "friend", "friend"]
    held.take(T0 + 20 * NS_PER_S, report(0.0, 1000.0, 150.0, 20.0, is_end=True))
    assert asked(held, [8.0], 8.0, t_s=20.0) == [""]


def test_an_older_report_is_no_news():
    held = rules()
    held.take(T0, report(0.0, 1000.0, 150.0, 5.0))
    held.take(T0, report(0.0, -1000.0, 150.0, 4.0))
    assert asked(held, [0.0, 180.0], 8.0, t_s=5.0) == ["friend", ""]


@pytest.mark.parametrize(
    ("missing", "az_deg", "el_deg"), [("height_m", 0.0, 60.0), ("vu_mps", 0.0, 30.0), ("ve_mps", 30.0, 8.0)]
)
def test_what_a_friend_does_not_tell_is_held_to_be_anything(missing, az_deg, el_deg):
    told, silent = rules(), rules()
    told.take(T0, report(0.0, 1000.0, 150.0, 0.0))
    silent.take(T0, report(0.0, 1000.0, 150.0, 0.0, **{missing: np.nan}))
    assert asked(told, [az_deg], el_deg, t_s=0.5) == [""]
    assert asked(silent, [az_deg], el_deg, t_s=0.5) == ["friend"]
    assert silent.picture.n_without_height == (missing == "height_m")


def test_the_last_look_sees_a_burst_sweep_over_a_friend_that_its_middle_misses():
    held = rules()
    held.take(T0, report(1000.0 * math.sin(0.5), 1000.0 * math.cos(0.5), 150.0, 0.0))
    left_s, _ = straight(0.0, 8.5)
    muzzle = np.concatenate([straight(az, 8.5, 1)[1] for az in np.linspace(-30.0, 30.0, left_s.size)])
    assert asked(held, [0.0], 8.0) == [""]
    assert held.bars_rounds(0, T0, left_s, muzzle) == Hold.FRIEND


def test_consent_comes_late_by_a_log_normal_time_once_a_threat_in_any_order():
    given = RulesOfFire(consent_s=2.0, consent_factor=1.6, p_veto=0.2)
    one, other = rules(rules=given), rules(rules=given)
    answers = [one.consent(i, T0, 1) for i in range(2000)]
    assert [other.consent(i, T0, 1) for i in reversed(range(2000))] == answers[::-1]
    assert one.consent(5, T0 + NS_PER_S, 1) == answers[5]
    n_veto = sum(why is Hold.VETO for _, why in answers)
    assert abs(n_veto / 2000 - 0.2) < 3.0 * math.sqrt(0.2 * 0.8 / 2000)
    late = np.log([(t - T0) / NS_PER_S for t, why in answers if why is None])
    assert abs(np.mean(late) - math.log(2.0)) < 3.0 * math.log(1.6) / math.sqrt(late.size)
    assert abs(np.std(late) / math.log(1.6) - 1.0) < 0.06


def test_weapons_tight_lets_only_the_worst_ranks_be_engaged():
    held = rules(rules=RulesOfFire(weapons="tight", tight_rank=1))
    assert held.consent(1, T0, 1) == (T0, None)
    assert held.consent(2, T0, 2) == (T0, Hold.TIGHT)
    assert held.consent(2, T0, 1) == (T0, None)


@pytest.mark.parametrize(
    ("changes", "key", "why"),
    [
        ({"no_fire": (NoFire(elevation_deg=(30.0, 10.0)),)}, "no_fire[0].elevation_deg", "upside down"),
        ({"no_fire": (NoFire(gun="h"),)}, "no_fire[0].gun", "'h' is no gun"),
        ({"safe_arc": (SafeArc(gun="h", least_elevation_deg=3.0),)}, "safe_arc[0].gun", "'h' is no gun"),
        ({"airspace": (Airspace(name="a"),)}, "airspace[0].polygon_deg", "give polygon_deg"),
        ({"airspace": (Airspace(name="a", way_deg=((33.3, 44.3), (33.4, 44.3))),)}, "airspace[0].half_width_m", "goes"),
        (
            {"airspace": (Airspace(name="a", polygon_deg=square(0.0, 0.0, 9.0), height_m=(300.0, 100.0)),)},
            "airspace[0].height_m",
            "upside down",
        ),
        (
            {"airspace": (Airspace(name="a", polygon_deg=square(0.0, 0.0, 9.0), from_s=9.0, to_s=3.0),)},
            "airspace[0].to_s",
            "after",
        ),
        ({"friend": (FLIGHT, FLIGHT)}, "friend", "two of one name"),
        (
            {"friend": (Flight(name="H", way_deg=FLIGHT.way_deg, height_m=1.0, speed_mps=9.0, start_s=(5.0, 1.0)),)},
            "friend[0].start_s",
            "band",
        ),
        (
            {
                "friend": (
                    Flight(
                        name="H",
                        way_deg=FLIGHT.way_deg,
                        height_m=1.0,
                        speed_mps=9.0,
                        reports=Reports(latency_s=(-1.0, 1.0)),
                    ),
                )
            },
            "friend[0].reports.latency_s",
            "band",
        ),
    ],
)
def test_what_is_declared_wrong_is_refused_by_file_key_and_cause(changes, key, why):
    with pytest.raises(SettingsError) as caught:
        check_scenario(scenario(**changes), "mine.toml", (), ())
    assert (caught.value.file, caught.value.key) == ("mine.toml", key)
    assert why in caught.value.why
