"""Scenario declarations: what is accepted, what is refused and how."""

import tomllib
from datetime import UTC, datetime
from importlib import resources

import msgspec
import numpy as np
import pytest

from casemate.errors import SettingsError
from casemate.model.catalog import RoundFile, SiteFile
from casemate.sim.scenario import Raid, Scenario, check_scenario

DATA = resources.files("casemate").joinpath("data")
NAMES = (
    "busy-quiet-hour",
    "busy-quiet-day",
    "busy-town-hour",
    "camp-barrage",
    "false-plot-storm",
    "false-plot-storm-quiet",
    "flat-and-close",
    "green-zone-2020",
    "green-zone-as-first-told",
    "mortar-team",
    "sensor-dropout",
)
SENSORS = msgspec.toml.decode(DATA.joinpath("sites", "site-alpha.toml").read_bytes(), type=SiteFile).sensor


def packaged(name):
    text = DATA.joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Scenario)


def classes():
    return msgspec.toml.decode(DATA.joinpath("rounds.toml").read_bytes(), type=RoundFile).round


def scenario_of(raid):
    return Scenario(title="t", source="s", seed=1, t_start=0, duration_s=60.0, site="site-alpha", raid=(raid,))


GOOD = {
    "round_class": "m82",
    "count": 2,
    "impact_e_m": 0.0,
    "impact_n_m": 0.0,
    "bearing_deg": 90.0,
    "ground_range_m": (2500.0, 3000.0),
    "arc": "high",
    "start_s": 5.0,
    "spread_s": (1.0, 2.0),
    "rcs_dbsm": -20.0,
}


def check(**changes):
    check_scenario(scenario_of(Raid(**(GOOD | changes))), "file.toml", classes(), SENSORS)


@pytest.mark.parametrize("name", NAMES)
def test_packaged_scenarios_hold_together_with_their_site(name):
    scenario = packaged(name)
    site = msgspec.toml.decode(DATA.joinpath("sites", f"{scenario.site}.toml").read_bytes(), type=SiteFile)
    check_scenario(scenario, name, classes(), site.sensor)
    assert site.zone
    assert site.asset
    assert scenario.source


def test_counts_are_those_of_the_scenario_list():
    raid = packaged("green-zone-2020").raid[0]
    assert (raid.round_class, raid.count, raid.failed, raid.ground_range_m) == ("r107", 21, 3, (5000.0, 8000.0))
    barrage = packaged("camp-barrage")
    assert (barrage.raid[0].count, barrage.raid[0].failed, barrage.gun) == (30, 3, ())
    quiet = packaged("busy-quiet-hour")
    an_hour = {t.kind: t.per_hour for t in quiet.traffic}
    assert an_hour == {"aircraft": 10, "light": 7, "helicopter": 2, "bird": 210, "drone": 1}
    day = {t.kind: 24.0 * t.per_hour for t in packaged("busy-quiet-day").traffic}
    assert day["aircraft"] + day["light"] == pytest.approx(400)
    assert (day["helicopter"], day["bird"], day["drone"]) == pytest.approx((40, 5000, 20))
    assert quiet.rain
    assert quiet.turbines
    assert not quiet.raid


def test_no_key_of_a_raid_sets_a_launcher():
    words = ("elevation", "azimuth", "charge", "launch", "muzzle", "tube", "rail", "quadrant")
    assert not [key for key in Raid.__struct_fields__ if any(word in key for word in words)]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"round_class": "m83"}, "round_class"),
        ({"impact_e_m": None}, "impact_e_m"),
        ({"impact_lat_deg": 33.3}, "impact_e_m"),
        ({"impact_lat_deg": 33.3, "impact_lon_deg": 44.4}, "impact_e_m"),
        ({"arc": None}, "arc"),
        ({"flight_s": (20.0, 30.0)}, "arc"),
        ({"spread_s": None}, "spread_s"),
        ({"interval_s": (1.0, 2.0)}, "spread_s"),
        ({"ground_range_m": (3000.0, 2500.0)}, "ground_range_m"),
        ({"spread_s": (-2.0, -1.0)}, "spread_s"),
        ({"spread_s": (0.0, float("nan"))}, "spread_s"),
    ],
)
def test_a_raid_that_contradicts_itself_is_refused_by_key(changes, key):
    check()
    with pytest.raises(SettingsError) as caught:
        check(**changes)
    assert caught.value.key == f"raid[0].{key}"
    assert caught.value.file == "file.toml"


@pytest.mark.parametrize(
    "bad",
    [
        {"cuont": 2},
        {"count": 0},
        {"bearing_deg": 360.0},
        {"arc": "low"},
        {"swerling": 4},
        {"impact_sigma_m": -1.0},
        {"rcs_dbsm": 90.0},
    ],
)
def test_a_misspelt_key_or_an_impossible_value_is_refused(bad):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | bad, Raid)


def test_a_radar_that_the_site_lacks_is_refused():
    text = DATA.joinpath("scenarios", "flat-and-close.toml").read_text(encoding="utf-8")
    scenario = msgspec.convert(tomllib.loads(text), Scenario)
    with pytest.raises(SettingsError, match="no sensor of the site"):
        check_scenario(scenario, "f", classes(), (msgspec.structs.replace(SENSORS[0], name="radar-9"),))


def test_start_time_is_exact_and_needs_a_zone():
    at = datetime(2020, 12, 20, 17, 40, 0, 1, tzinfo=UTC)
    base = scenario_of(Raid(**GOOD))
    assert msgspec.structs.replace(base, t_start=at).t_start_ns() == 1_608_486_000_000_001_000
    assert msgspec.structs.replace(base, t_start=7).t_start_ns() == 7
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(datetime(2020, 12, 20), Scenario.__annotations__["t_start"])  # noqa: DTZ001


def test_wind_blows_from_where_it_is_said_to_come():
    text = DATA.joinpath("scenarios", "green-zone-2020.toml").read_text(encoding="utf-8")
    profile = msgspec.convert(tomllib.loads(text), Scenario).wind_profile()
    assert profile is not None
    np.testing.assert_allclose(np.hypot(profile.wind_e_mps, profile.wind_n_mps), [3.0, 8.0])
    assert np.all(profile.wind_e_mps > 0.0)  # from the north-west, so toward the south-east
    assert np.all(profile.wind_n_mps < 0.0)
    assert scenario_of(Raid(**GOOD)).wind_profile() is None
