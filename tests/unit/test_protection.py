"""Harm of what comes down, and answers of many nights: what they count, and that they count it once."""

import math
import pickle

import msgspec
import numpy as np
import pytest

from casemate.assess.warning.rule import spared
from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io import settings
from casemate.physics.harm import harm_area_m2
from casemate.runner import plan_of
from casemate.sim.fallen import COME_DOWN, WHOLE
from casemate.sim.intercept.debris import DEAD_ROUND, DUD_BODY, GROUND_STRIKE, LIVE_BODY, PIECES, UNBURST
from casemate.sim.people import Crowd
from casemate.study import protection
from casemate.study.harm import (
    BEYOND,
    HURT_BY_ALARM,
    PEOPLE_INSIDE_PER_M2,
    PEOPLE_OUTSIDE_PER_M2,
    STRIKE_M,
    STRUCK_M2,
    Alarm,
    areas_m2,
    borne_by,
    crowd_of,
    inside_of,
)
from casemate.study.lines import mean_line, ratio_line
from casemate.study.nights import Variant, find, fly, fly_all
from casemate.study.protection_plot import draw
from casemate.study.protection_table import table_of_answer
from casemate.study.tally import Aimed, Night

RADIUS_M, P_DUD = 16.0, 0.06  # of r107


@pytest.fixture(scope="module")
def site():
    plan = plan_of(settings.packaged("sites", "site-alpha"))
    scenario, _ = find("green-zone-2020")
    return plan, plan.frame(), scenario, {body.name: body for body in plan.rounds}


def fallen(*rows):
    out = np.zeros(len(rows), COME_DOWN)
    for row, (what, pos_m, t_s, round_id, energy_j, mass_kg, n) in zip(out, rows, strict=True):
        row["what"], row["pos_m"], row["t_ns"], row["round_id"] = what, pos_m, t_s * NS_PER_S, round_id
        row["energy_j"], row["mass_kg"], row["n"] = energy_j, mass_kg, n
    return out


def borne(site, down, alarms=()):
    plan, frame, scenario, classes = site
    crowd = crowd_of(scenario, plan.site, frame)
    inside = inside_of(plan.site, frame)
    return {b.place: b for b in borne_by(down, alarms, plan.site, crowd, inside, classes, ["r107"])}


def test_inside_the_site_are_the_zones_with_a_defended_asset(site):
    plan, frame, _, _ = site
    names = [plan.site.zone[i].name for i in inside_of(plan.site, frame)]
    assert names == ["Alpha North-West", "Alpha North-East", "Alpha South-West", "Alpha South-East"]


def test_a_whole_round_hurts_by_density_area_and_duds(site):
    found = borne(site, fallen((WHOLE, (100.0, 100.0), 50.0, 1, 1e5, 19.0, 1.0)))
    expected = PEOPLE_INSIDE_PER_M2 * (1.0 - P_DUD) * harm_area_m2(RADIUS_M)
    assert found["Alpha North-East"].raid == pytest.approx(expected)
    assert sum(b.raid + b.guns for b in found.values()) == pytest.approx(expected)


def test_a_warning_in_force_spares_what_its_shelter_curve_says(site):
    plan, _, _, _ = site
    down = fallen((WHOLE, (100.0, 100.0), 50.0, 1, 1e5, 19.0, 1.0))
    found = borne(site, down, [Alarm(1, 38 * NS_PER_S, 200 * NS_PER_S)])["Alpha North-East"]
    share = float(spared(np.array([12.0]), np.array([10.0]), plan.site.warning.share_acting)[0])
    assert found.raid_warned == pytest.approx(found.raid * (1.0 - share))
    assert 0.2 < share < 0.8
    people = PEOPLE_INSIDE_PER_M2 * 1198.6 * 1000.4  # of the zone's ring
    assert found.alarm == pytest.approx(HURT_BY_ALARM * people, rel=0.01)


@pytest.mark.parametrize("alarm", [Alarm(1, 51 * NS_PER_S, 2**62), Alarm(1, 0, 49 * NS_PER_S), Alarm(0, 0, 2**62)])
def test_a_warning_later_over_or_elsewhere_spares_nobody(site, alarm):
    found = borne(site, fallen((WHOLE, (100.0, 100.0), 50.0, 1, 1e5, 19.0, 1.0)), [alarm])["Alpha North-East"]
    assert found.raid_warned == found.raid > 0.0


def test_what_falls_hurts_by_what_it_is(site):
    _, _, _, classes = site
    at = (0.0, 9000.0)
    down = fallen(
        (LIVE_BODY, at, 1.0, 1, 900.0, 11.0, 1.0),
        (DEAD_ROUND, at, 1.0, 1, 1e5, 19.0, 1.0),
        (DUD_BODY, at, 1.0, 1, 900.0, 11.0, 1.0),
        (UNBURST, at, 1.0, 0, 50.0, 0.1, 1.0),
        (GROUND_STRIKE, at, 1.0, 0, 4e4, 0.1, 1.0),
        (PIECES, at, 1.0, 0, 80.0, 0.1, 30.0),
        (PIECES, at, 1.0, 0, 78.0, 0.1, 30.0),
    )
    strike = math.pi * STRIKE_M**2 * 0.1 ** (2.0 / 3.0)
    whole = (1.0 - P_DUD) * harm_area_m2(RADIUS_M)
    assert areas_m2(down, classes, ["r107"]) == pytest.approx(
        [whole, STRUCK_M2, STRUCK_M2, STRUCK_M2, strike, 30.0 * STRUCK_M2, 0.0]
    )
    found = borne(site, down)[BEYOND]
    assert found.guns == pytest.approx(PEOPLE_OUTSIDE_PER_M2 * (STRUCK_M2 * 31.0 + strike))
    assert not found.is_inside


def test_what_a_scenario_says_of_people_is_taken_and_nothing_is_assumed(site):
    plan, frame, _, _ = site
    scenario, _ = find("debris-over-town")
    assert crowd_of(scenario, plan.site, frame).per_m2_in_zones.tolist() == (
        Crowd(scenario, plan.site, frame).per_m2_in_zones.tolist()
    )


def test_a_place_without_ground_holds_nobody(site):
    found = borne(site, fallen((PIECES, (math.nan, 0.0), 1.0, 0, 500.0, 0.1, 30.0)))
    assert sum(b.raid + b.guns for b in found.values()) == 0.0


def night(seed, n_intercepted=0, n_down=21):
    return Night(
        seed=seed, n_rounds=21, n_bound_for_asset=5, n_bound_for_nobody=4, n_met=3, n_intercepted=n_intercepted,
        n_destroyed=n_intercepted, n_down_inside=n_down, n_live_inside=n_down, n_live_at_asset=5, n_shots=800, n_held=0,
        bursts=Aimed(asset=5, zone=2, nowhere=1, nothing=1), borne=(),
    )  # fmt: skip


def test_the_sweep_counts_nights_with_what_was_reported_and_what_was_claimed():
    asked = protection.guns("green-zone-2020", *find("green-zone-2020"), 2)
    nights = {v.name: [night(1, 12, 9), night(2, 21, 0), night(3, 2, 19)] for v in asked.variants}
    answer = asked.answer(nights, 3)
    assert [v.name for v in asked.variants] == ["0 guns", "1 gun", "2 guns"]
    assert answer.value("1 gun", "8 to 10 came down inside").value == pytest.approx(1 / 3)
    assert answer.value("1 gun", "most destroyed in the air").value == pytest.approx(2 / 3)
    assert answer.value("1 gun", "all destroyed in the air").value == pytest.approx(1 / 3)
    share = answer.value("1 gun", "share intercepted")
    assert (share.value, share.n) == (pytest.approx(35 / 63), 63)
    assert share.low < 0.3
    assert share.high > 0.8


def test_the_sweep_and_the_four_ways_fly_the_same_nights_once():
    given = find("green-zone-2020")
    sweep = {v.name: v.digest(Night) for v in protection.guns("g", *given, 4).variants}
    ways = {v.name: v.digest(Night) for v in protection.risk("g", *given).variants}
    assert ways == {"no guns": sweep["0 guns"], "guns": sweep["2 guns"]}
    assert len(set(sweep.values())) == 5
    truth = protection.sensing("g", *given).variants
    assert {v.digest(Night) for v in truth} & set(sweep.values()) == {sweep["2 guns"]}


def test_one_gun_leaves_of_many_what_the_window_leaves():
    (rung,) = (
        v for v in protection.ladder("g", *find("green-zone-2020"), [6], sees_truth=False).variants if "60" in v.name
    )
    assert len({(gun.lat_deg, gun.lon_deg) for gun in rung.scenario.gun}) == 6
    assert rung.scenario.raid[0].count == 60
    asked = protection.ladder("g", *find("green-zone-2020"), [1], sees_truth=False)
    nights = {v.name: [msgspec.structs.replace(night(s), n_rounds=v.scenario.raid[0].count, n_met=1) for s in (1, 2)]
              for v in asked.variants}  # fmt: skip
    answer = asked.answer(nights, 2)
    assert answer.value("1 guns, 60 rounds", "no burst met it").value == pytest.approx(59 / 60)
    assert 0.9 < answer.value("1 guns, 60 rounds", "fixed window").value < 1.0
    assert "1 guns: nine tenths of up to 1 at once are met" in answer.notes


def test_intervals_hold_the_mean_and_are_never_narrower_than_counts_allow():
    line = mean_line("", "", [1.0, 2.0, 3.0, 10.0], "night")
    assert line.low < line.value == 4.0 < line.high
    one = ratio_line("", "", [0], [21], "rounds")
    assert (one.low, one.high) == (pytest.approx(0.0, abs=1e-9), pytest.approx(0.155, abs=0.001))
    assert math.isnan(ratio_line("", "", [0], [0], "rounds").value)


def test_nights_that_are_kept_are_not_flown_again_and_stopping_loses_none(tmp_path, monkeypatch):
    scenario, site = find("green-zone-2020")
    variant = Variant(name="guns", scenario=scenario, site=site)
    flown = []

    def fly(_kind, _variant, seed):
        flown.append(seed)
        return night(seed)

    monkeypatch.setattr("casemate.study.nights.fly", fly)
    some = fly_all(Night, [variant], range(1, 6), tmp_path, is_stopped=lambda: len(flown) >= 2)
    assert [n.seed for n in some["guns"]] == flown == [1, 2]
    whole = fly_all(Night, [variant], range(1, 6), tmp_path)
    assert [n.seed for n in whole["guns"]] == flown == [1, 2, 3, 4, 5]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("kind", ["risk", "guns", "ladder", "hold", "sensing"])
def test_every_answer_has_its_picture(tmp_path, kind):
    name = "friendly-in-sector" if kind == "hold" else "green-zone-2020"
    given = find(name)
    asked = {
        "risk": lambda: protection.risk(name, *given),
        "guns": lambda: protection.guns(name, *given, 2),
        "ladder": lambda: protection.ladder(name, *given, [1, 2], sees_truth=False),
        "hold": lambda: protection.hold(name, *given),
        "sensing": lambda: protection.sensing(name, *given),
    }[kind]()
    nights = {
        v.name: [night(seed, n_intercepted=seed % 2, n_down=20 - seed) for seed in (1, 2, 3)] for v in asked.variants
    }
    file = tmp_path / f"{kind}.png"
    draw(asked.answer(nights, 3), nights, file)
    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert file.stat().st_size > 15_000  # an empty sheet has 5,000
    text = table_of_answer(asked.answer(nights, 3))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({row.count(" | ") for row in rows}) == 1
    assert len(rows) == 2 + len({line.case for line in asked.answer(nights, 3).lines})


@pytest.mark.parametrize("sees_truth", [False, True])
def test_a_night_without_a_raid_harms_nobody(sees_truth):
    scenario, site = find("green-zone-2020")
    quiet = msgspec.structs.replace(scenario, raid=(), duration_s=2.0)
    variant = msgspec.structs.replace(protection.sensing("g", scenario, site).variants[0], scenario=quiet)
    flown = fly(Night, msgspec.structs.replace(variant, sees_truth=sees_truth), 1)
    assert (flown.n_rounds, flown.n_shots, flown.n_bursts) == (0, 0, 0)
    assert flown.harm(is_warned=False) == 0.0


def test_bursts_are_told_apart_by_what_they_were_fired_at():
    asked = protection.sensing("g", *find("green-zone-2020"))
    nights = {
        v.name: [night(1), night(2)] for v in asked.variants
    }  # of 9 each, 5 at an asset's, 2 at a zone's, 1 at nobody's
    answer = asked.answer(nights, 2)
    for what, k in (
        ("bursts at rounds bound for no asset", 6),
        ("of them, for no zone either", 2),
        ("bursts at no round", 2),
    ):
        line = answer.value("estimate", what)
        assert (line.value, line.n) == (pytest.approx(k / 18), 18)
        assert line.low < line.value < line.high


def test_an_error_of_a_worker_reaches_who_asked():
    error = pickle.loads(pickle.dumps(SettingsError("file", "key", "why")))  # noqa: S301 our own
    assert (str(error), error.key) == ("file: key: why", "key")
