"""What came down in a whole run: guns that hit whenever they fire, told where rounds are as a fair tracker would."""

import msgspec
import numpy as np
import pytest

from casemate.io.settings import packaged, read_rounds, read_toml
from casemate.model.catalog import SiteFile
from casemate.model.messages import Aside, Events, Scan, Threat
from casemate.model.records import TRACK, Motion, TrackStatus
from casemate.physics.geodesy import SiteFrame
from casemate.sim.fallen import COME_DOWN, WHOLE, come_down, hit_rounds
from casemate.sim.intercept.debris import DEAD_ROUND, DUD_BODY, LIVE_BODY, PIECES, UNBURST
from casemate.sim.intercept.gun import Fate, Gun, packaged_kinds
from casemate.sim.outcome import RoundFate, Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

S = 1_000_000_000
SIGMA = np.array([2.0] * 3 + [1.0] * 3 + [0.02])
GOOD = {"aim_error_mrad": 0.1, "boresight_mrad": 0.0, "p_kill_given_hit": 1.0, "n_pieces": 10_000, "piece_kg": 1e-5}
BROKEN = {"share_detonated": 0.0, "share_broken": 1.0}
WHOLLY = {"share_detonated": 1.0, "share_broken": 0.0}
DEAD = {"share_detonated": 0.0, "share_broken": 0.0}


def estimates(world, t_s):
    """Return tracks of all rounds in the air, and all of them as threats."""
    up = [r for r in world.rounds if r.start_s + 4.0 < t_s < r.impact_s - 0.5 and r.truth_id not in world.dead_s]
    rows = np.zeros(len(up), TRACK)
    for row, r in zip(rows, up, strict=True):
        flight = r.trajectory
        at = flight.t_s - flight.t_s[0] + r.start_s
        row["track_id"], row["status"], row["motion"] = r.truth_id, TrackStatus.CONFIRMED, Motion.BALLISTIC
        row["t_ns"] = world.t_start_ns + round(t_s * S)
        row["state"][:3] = [np.interp(t_s, at, flight.pos_m[:, i]) for i in range(3)]
        row["state"][3:6] = [np.interp(t_s, at, flight.vel_mps[:, i]) for i in range(3)]
        row["state"][6], row["cov"] = np.log(1.28e-4), np.diag(SIGMA**2)
    threats = [
        Threat(
            threat_id=r.truth_id, track_id=r.truth_id, asset_id=0, t_ns=0, p_hit=0.9, round_class="r107", rank=1,
            t_impact_ns=world.t_start_ns + round(r.impact_s * S), reason="",
        )
        for r in up
    ]  # fmt: skip
    return rows, tuple(threats)


def night(seed=1, is_flown=False, until_s=1e9, **changes):
    """Fly six rounds over four guns of changed figures; return the world and its scorer."""
    scenario = read_toml(packaged("scenarios", "green-zone-2020"), Scenario)
    site = read_toml(packaged("sites", scenario.site), SiteFile)
    frame, rounds = SiteFrame.of(site.site), read_rounds()
    kind = msgspec.convert(msgspec.to_builtins(packaged_kinds()["g35"]) | GOOD | changes, type(packaged_kinds()["g35"]))
    places = [(33.301, 44.386), (33.297, 44.395), (33.303, 44.395), (33.295, 44.386)]
    guns = tuple(
        Gun(name=f"gun-{i}", lat_deg=lat, lon_deg=lon, height_m=40.0, figures=kind)
        for i, (lat, lon) in enumerate(places)
    )
    raid = msgspec.structs.replace(scenario.raid[0], count=6, failed=0, spread_s=(20.0, 20.0))
    scenario = msgspec.structs.replace(scenario, gun=guns, raid=(raid,), duration_s=10.0)
    world = World(scenario, site, rounds, frame, seed, is_every_round_flown=is_flown)
    scorer, next_s = Scorer(world, site, frame), 0.0
    for message in world:
        events = None
        if isinstance(message, Scan):
            t_s = (message.t_recv_ns - world.t_start_ns) / S
            if t_s > until_s:
                break
            tracks, threats = estimates(world, t_s) if t_s >= next_s else (np.zeros(0, TRACK), ())
            next_s = max(next_s, t_s + 0.25) if t_s >= next_s else next_s
            events = Events(t_ns=message.t_recv_ns, tracks=tracks, threats=threats)
        world.take(message, events)
        if isinstance(message, (Scan, Aside)):
            scorer.take(message, events)
    return world, scorer


@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize(("changes", "what"), [(BROKEN, LIVE_BODY), (DEAD, DEAD_ROUND), (WHOLLY, PIECES)])
def test_what_was_hit_is_among_what_came_down(changes, what):
    world, scorer = night(**changes)
    down, hit = come_down(world), set(world.dead_s) | world.duds
    assert len(hit) >= 3  # else this test would say nothing
    assert hit <= set(down["round_id"][down["what"] == what].tolist())
    assert set(range(1, 7)) == set(down["round_id"].tolist()) - {0}
    whole = down[down["what"] == WHOLE]
    assert sorted(whole["round_id"].tolist()) == sorted(set(range(1, 7)) - hit)
    outcome = scorer.outcome()
    assert outcome.intercepted.k == len(hit)
    assert outcome.fell_live_in_zones.k + outcome.fell_live_outside.k == (len(hit) if changes is BROKEN else 0)
    assert {r.label for r in outcome.rounds if r.fate is RoundFate.INTERCEPTED} == {f"round-{i}" for i in hit}


def spent_at(world, truth_id, kill_s, fate):
    """Return a burst of the past, as if it had done so at that time, for `world.spent`."""
    t_fire_ns, _, spent = world.spent[0]
    fire_s = (t_fire_ns - world.t_start_ns) / S
    return t_fire_ns, truth_id, spent._replace(end=spent.end._replace(fate=fate, kill_s=kill_s - fire_s))


@pytest.fixture(scope="module")
def deafened():
    """Return a night stopped after its first bursts, which killed fuzes only."""
    world, _ = night(until_s=40.0, **DEAD)
    assert world.spent
    return world


@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize(
    ("hits", "what"),
    [
        ([(-2.0, Fate.FUZE_DEAD), (-1.0, Fate.BROKEN)], DUD_BODY),
        ([(-1.0, Fate.BROKEN), (-2.0, Fate.FUZE_DEAD)], DUD_BODY),  # settled first, but came later
        ([(-2.0, Fate.BROKEN), (-1.0, Fate.FUZE_DEAD)], LIVE_BODY),  # nothing was left to deafen
        ([(-1.0, Fate.DETONATED), (-2.0, Fate.BROKEN)], LIVE_BODY),
        ([(-2.0, Fate.FUZE_DEAD), (-1.0, Fate.DETONATED)], PIECES),
    ],
)
def test_of_several_hits_the_first_in_time_counts(hits, what, deafened, monkeypatch):
    world = deafened
    left = next(r for r in world.rounds if r.truth_id not in world.duds)
    more = [spent_at(world, left.truth_id, left.impact_s + before_s, fate) for before_s, fate in hits]
    gone_s = min(left.impact_s + before_s for before_s, fate in hits if fate is not Fate.FUZE_DEAD)
    monkeypatch.setattr(world, "spent", world.spent + more)
    monkeypatch.setattr(world, "dead_s", {left.truth_id: gone_s})
    rows = come_down(world)
    rows = rows[rows["round_id"] == left.truth_id]
    bodies = rows[rows["what"] != PIECES]["what"].tolist()
    assert bodies == ([what] if what != PIECES else [])
    assert rows["is_live"].tolist() == (rows["what"] == LIVE_BODY).tolist()
    assert rows["mass_kg"].sum() == pytest.approx(
        world.classes["r107"].mass_kg * (0.85 if what == PIECES else 1.0), rel=1e-9
    )


@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize("seed", [1, 2])
def test_rounds_that_are_deafened_and_then_broken_do_not_come_down_live(seed):
    world, scorer = night(seed, share_detonated=0.0, share_broken=0.5, p_kill_unseen=1.0, assess_s=0.0)
    down, hit = come_down(world), hit_rounds(world)
    both = {i for i in world.dead_s if i in world.duds}
    assert both  # else this test would say nothing
    bodies = down[np.isin(down["what"], (LIVE_BODY, DUD_BODY))]
    assert sorted(bodies["round_id"].tolist()) == sorted(world.dead_s)
    assert set(bodies["round_id"][~bodies["is_live"]].tolist()) == both
    of_rounds = down["mass_kg"][down["round_id"] > 0].sum()
    assert of_rounds == pytest.approx(6 * world.classes["r107"].mass_kg, rel=1e-9)
    outcome = scorer.outcome()
    assert outcome.intercepted.k == len(hit)
    assert outcome.fell_live_in_zones.k + outcome.fell_live_outside.k == len(world.dead_s) - len(both)
    kills = [(i, spent.end.fate) for _, i, spent in world.spent if spent.end.fate is not None]
    assert sum(fate is Fate.BROKEN for _, fate in kills) == len(world.dead_s)  # no round is destroyed twice


@pytest.mark.slow  # without the compiler
@pytest.mark.parametrize("is_flown", [False, True])
def test_no_mass_is_lost(is_flown):
    world, _ = night(is_flown=is_flown, **BROKEN)
    down, kind = come_down(world), world.spent[0][2].shots.kind
    fired = sum(spent.told.left_s.size for _, _, spent in world.spent)
    unburst = down[(down["round_id"] == 0) & down["is_live"]]
    burnt_kg = (fired - len(unburst)) * kind.charge_kg
    assert down["mass_kg"][down["round_id"] == 0].sum() == pytest.approx(fired * kind.mass_kg - burnt_kg, rel=1e-9)
    of_rounds = down["mass_kg"][down["round_id"] > 0].sum()
    assert of_rounds == pytest.approx(6 * world.classes["r107"].mass_kg, rel=1e-9)


@pytest.mark.slow  # without the compiler
def test_asking_again_or_first_says_the_same_and_changes_nothing():
    world, scorer = night(p_self_destruct_fails=0.5)
    one = come_down(world)
    outcome = scorer.outcome()
    assert come_down(world).tobytes() == one.tobytes()
    assert scorer.outcome() == outcome
    assert one.dtype == COME_DOWN
    assert (one["what"] == UNBURST).sum() > 10
    assert (np.diff((one["round_id"] == 0).astype(int)) >= 0).all()
    assert (one["t_ns"] >= world.t_start_ns).all()


@pytest.mark.slow  # without the compiler
def test_what_is_still_in_the_air_has_not_come_down():
    world, _ = night(until_s=0.0)
    ends = sorted(r.impact_s for r in world.rounds)
    for k in (0, 2, 5):
        assert (come_down(world, ends[k] + 1e-6)["what"] == WHOLE).sum() == k + 1
