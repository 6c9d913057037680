"""The packaged scenarios, closed loop through the whole corridor: what must hold for any seed that is tried here."""

import tomllib
from importlib import resources

import msgspec
import pytest

from casemate.model.catalog import RoundFile, SiteFile
from casemate.model.messages import Aside
from casemate.model.records import TrackStatus
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.outcome import RoundFate, Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World
from casemate.study.nights import Way, fly_night, ground_of
from casemate.study.tally import Night

DATA = resources.files("casemate").joinpath("data")


def run(name, seed, *, with_intercept=True, duration_s=None, watch=lambda events: None):
    text = DATA.joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")
    scenario = msgspec.convert(tomllib.loads(text), Scenario)
    if duration_s is not None:
        scenario = msgspec.structs.replace(scenario, duration_s=duration_s)
    site = msgspec.toml.decode(DATA.joinpath("sites", f"{scenario.site}.toml").read_bytes(), type=SiteFile)
    rounds = msgspec.toml.decode(DATA.joinpath("rounds.toml").read_bytes(), type=RoundFile).round
    plan = Plan(site=site, rounds=rounds)
    frame = plan.frame()
    world = World(scenario, site, rounds, frame, seed, with_intercept=with_intercept, environment=plan.environment())
    scorer, pipeline = Scorer(world, site, frame), Pipeline(plan)
    for message in with_ticks(world):
        events = None if isinstance(message, Aside) else pipeline.step(message)
        world.take(message, events)
        scorer.take(message, events)
        if events is not None:
            watch(events)
    return scorer.outcome()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "n", "failed"),
    [("green-zone-2020", 21, 3), ("green-zone-as-first-told", 3, 0), ("camp-barrage", 30, 3), ("mortar-team", 10, 0)],
)
def test_every_raid_is_flown_judged_and_accounted_for(name, n, failed, seed):
    outcome = run(name, seed)
    assert (outcome.n_rounds, outcome.n_failed, outcome.n_unfinished) == (n, failed, 0)
    assert outcome.intercepted.k + outcome.leaked.k + outcome.landed_outside.k == n
    zoned = n - outcome.outside_every_zone.k
    judged = (outcome.warned_in_time, outcome.warned_late, outcome.no_useful_warning_possible, outcome.missed)
    assert sum(rate.k for rate in judged) == zoned
    assert sum(outcome.impacts_by_zone.values()) + outcome.impacts_outside == n - outcome.intercepted.k
    assert outcome.kills >= outcome.intercepted.k
    assert outcome.confirmed.k >= 0.9 * n
    assert outcome.false_warnings.k == 0


@pytest.mark.slow
def test_people_outside_the_site_are_warned_and_nobody_shoots_at_what_hurts_nobody():
    flown = fly_night(ground_of("not-our-problem"), Way(1))
    night, site = Night.of(flown), flown.ground.plan.site
    told = {site.zone[each.zone_id].name for each in flown.told}
    assert "Market Quarter" in told
    assert night.n_bound_for_nobody > 0  # else there is nobody to be left alone
    assert (night.bursts.nowhere, night.bursts.zone) == (0, 0)
    assert flown.world.with_intercept


@pytest.mark.slow
def test_a_spill_over_the_wall_is_warned_of_on_both_sides():
    outcome = run("november-spill", 2)
    sides = {r.zone: r.warning for r in outcome.rounds}
    assert {"Alpha South-East", "Palm District"} <= set(sides)
    assert outcome.warned_in_time_where_possible.k == outcome.warned_in_time_where_possible.n == 7
    assert outcome.false_warnings.k == 0


@pytest.mark.slow
def test_two_rounds_say_nearly_nothing():
    outcome = run("two-rocket-probe", 1)
    assert outcome.n_rounds == 2
    assert outcome.intercepted.high - outcome.intercepted.low > 0.6


@pytest.mark.slow
def test_drones_under_power_are_followed_and_taken_for_no_round():
    followed, fallen = set(), set()

    def watch(events):
        followed.update(events.tracks["track_id"][events.tracks["status"] == TrackStatus.CONFIRMED].tolist())
        fallen.update(events.impacts["track_id"].tolist())

    outcome = run("slow-pair", 1, watch=watch)
    assert len(followed) >= 2
    assert not fallen
    assert (outcome.zone_warnings, outcome.bursts) == (0, 0)


@pytest.mark.slow
def test_the_same_raid_flies_with_and_without_intercept():
    shot, spared = run("green-zone-2020", 5), run("green-zone-2020", 5, with_intercept=False)
    keys = ("label", "rise_s", "impact_s", "impact_e_m", "impact_n_m", "zone", "asset")
    for a, b in zip(shot.rounds, spared.rounds, strict=True):
        assert [getattr(a, key) for key in keys] == [getattr(b, key) for key in keys]
    assert spared.bursts == 0
    assert not [r for r in spared.rounds if r.fate is RoundFate.INTERCEPTED]
    assert shot.bursts > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_flat_and_close_is_said_to_be_beyond_warning(seed):
    outcome = run("flat-and-close", seed)
    assert outcome.no_useful_warning_possible.k == outcome.n_rounds == 4
    assert outcome.warned_in_time.k == 0


@pytest.mark.slow
def test_ten_minutes_of_a_busy_quiet_hour_alarm_nobody():
    outcome = run("busy-quiet-hour", 9, duration_s=600.0)
    assert outcome.n_rounds == 0
    assert outcome.zone_warnings == 0
