"""No meeting of a simulated round with a friend that a report and a burst allow is missed by the rule."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings
from casemate.model.records import SYSTEM_TRACK
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.gun import Gun
from casemate.sim.intercept.rules import Hold, Rules
from casemate.sim.intercept.shots import Shots
from casemate.sim.scenario import Scenario

FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
GUN = Gun(name="g", lat_deg=33.3, lon_deg=44.39, height_m=34.0)
T0 = 10**18


def rules():
    given = {"title": "t", "source": "s", "seed": 1, "t_start": T0, "duration_s": 60.0, "site": "s", "gun": (GUN,)}
    return Rules(Scenario(**given), FRAME, AIR, 7)


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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_point_that_a_round_and_a_friend_can_share_is_missed(seed):
    # Independent of the rule's geometry: many friends drawn from all that a report allows, rounds from all that a
    # burst allows; if any round comes within the body of any friend, the burst must be held.
    rng = np.random.default_rng(seed)
    held = rules()
    flight, n_met = Shots(GUN.resolved(), AIR), 0
    place = FRAME.msl_to_enu(GUN.lat_deg, GUN.lon_deg, GUN.height_m).reshape(3)
    for i in range(40):
        start = np.array([rng.uniform(-600.0, 600.0), rng.uniform(300.0, 1900.0), rng.uniform(80.0, 500.0)])
        vel = rng.uniform(-50.0, 50.0, 3) * (1.0, 1.0, 0.1)
        age = float(rng.uniform(0.3, 2.0))
        held.take(T0, report(*start, float(i), vel=vel))
        truly = start + rng.normal(0.0, 38.0, 3) * (1.0, 1.0, 0.6)
        at = truly + (age + 1.5) * vel - place
        az, el = np.arctan2(at[0], at[1]), np.arctan2(at[2], np.hypot(at[0], at[1]))
        az, el = np.degrees([az, el]) + rng.normal(0.0, 2.0, 2)
        left, muzzle = straight(float(az), float(el), 300)
        aloft = rng.uniform(0.0, 4.0, left.size)
        state = flight.at(place, muzzle + rng.normal(0.0, 2.0, muzzle.shape), aloft)[:, :3]
        friend = truly + (age + left + aloft)[:, None] * vel
        if np.min(np.linalg.norm(state - friend, axis=1)) < 40.0:
            n_met += 1
            assert held.bars_rounds(0, T0 + round((i + age) * NS_PER_S), left, muzzle) == Hold.FRIEND
    assert n_met >= 5
