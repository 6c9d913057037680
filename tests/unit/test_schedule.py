import msgspec
import numpy as np
import pytest

from casemate.model.catalog import EnvironmentSettings
from casemate.model.messages import Threat
from casemate.model.records import TRACK, Motion, TrackStatus
from casemate.physics.ballistics import propagate
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.debris import loose_shots
from casemate.sim.intercept.gun import NO_GUN, Fate, Gun, Outcome, PlannedBurst, packaged_kinds
from casemate.sim.intercept.schedule import FireControl
from casemate.sim.intercept.shots import Path, Shots, path_ahead

S = 1_000_000_000
FRAME = SiteFrame(33.3, 44.39, 34.0)
AIR = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"))
INBOUND = np.array([0.0, 2500.0, 900.0, 0.0, -200.0, -60.0, np.log(1.3e-4)])
"""A round that comes down some 100 m from the gun after 10 s."""


SURE = {
    "aim_error_mrad": 0.0,
    "boresight_mrad": 0.0,
    "sigma_lot_mps": 0.0,
    "scatter_mrad": 0.2,
    "p_kill_given_hit": 1.0,
    "n_pieces": 10_000,
    "piece_kg": 1e-5,
    "share_detonated": 1.0,
    "share_broken": 0.0,
    "p_kill_unseen": 0.0,
    "p_kill_mistaken": 0.0,
}


def gun(kind="g35", **changes):
    figures = msgspec.convert(msgspec.to_builtins(packaged_kinds()[kind]) | changes, type(packaged_kinds()[kind]))
    return Gun(name="gun", lat_deg=33.3, lon_deg=44.39, height_m=34.0, figures=figures)


def control(*guns, seed=1, is_flown=False):
    return FireControl(guns, FRAME, AIR, np.random.default_rng(seed), is_every_round_flown=is_flown)


def tracks(*ids, t_ns=0, state=INBOUND, sigma_m=1.0):
    rows = np.zeros(len(ids), TRACK)
    rows["track_id"], rows["t_ns"] = ids, t_ns
    rows["status"], rows["motion"] = TrackStatus.CONFIRMED, Motion.BALLISTIC
    rows["state"], rows["cov"] = state, np.diag([sigma_m**2] * 3 + [0.01 * sigma_m**2] * 3 + [0.01])
    return rows


def threat(track_id, rank=1, t_impact_s=12.0):
    return Threat(
        threat_id=track_id, track_id=track_id, asset_id=0, t_ns=0, t_impact_ns=round(t_impact_s * S),
        p_hit=0.9 if rank == 1 else 0.7, round_class="r107", rank=rank, reason="",
    )  # fmt: skip


def run_until_burst(fire, *ids, until_s=10.0, **more):
    for t_ns in range(0, round(until_s * S), S // 4):
        state = propagate(INBOUND[None], np.array([t_ns / S]), AIR)[0]
        bursts = fire.step(t_ns, tracks(*ids, t_ns=t_ns, state=state, **more), [threat(i, i) for i in ids])
        if bursts:
            return t_ns, bursts
    return None, ()


def truth(burst, offset=(0.0, 0.0, 0.0), start=INBOUND):
    path = path_ahead(start, burst.t_fire_ns / S, 8.0, AIR)
    return Path(path.t_s, path.pos_m + np.array(offset), path.vel_mps)


def test_a_round_that_threatens_nothing_is_left_alone():
    fire = control(gun())
    for t_ns in range(0, 8 * S, S // 2):
        assert fire.step(t_ns, tracks(1, t_ns=t_ns), []) == ()


def test_a_threat_is_taken_in_the_range_band_with_time_to_slew_and_fly():
    kind = gun().resolved()
    fire = control(gun())
    t_ns, (burst,) = run_until_burst(fire, 1)
    middle_s = np.array([(burst.t_intercept_ns - burst.t_fire_ns) / S])
    range_m = np.linalg.norm(truth(burst).at(middle_s)[0])
    assert kind.range_m[0] <= range_m <= kind.range_m[1]
    flight_s = float(Shots(kind, AIR).lever(np.array([range_m])).flight_s[0])
    assert burst.t_intercept_ns - burst.t_fire_ns == pytest.approx((flight_s + kind.rounds_s(24).mean()) * S, abs=1e7)
    assert burst.t_fire_ns - t_ns >= kind.settle_s * S
    assert 0.0 < burst.pk < 1.0
    assert burst.n_rounds == 24


def test_nothing_that_says_where_a_gun_points_leaves_it():
    assert PlannedBurst._fields == (
        "engagement_id",
        "track_id",
        "gun_id",
        "t_fire_ns",
        "t_intercept_ns",
        "n_rounds",
        "pk",
    )


def test_one_burst_at_a_time_per_gun():
    assert len(run_until_burst(control(gun()), 1, 2, 3)[1]) == 1
    _, bursts = run_until_burst(control(gun(), gun()), 1, 2, 3)
    assert len({b.gun_id for b in bursts}) == len(bursts)


def test_two_guns_may_shoot_at_one_round_at_once_unless_told_to_look_first():
    """The same round for both: with a look between, the second waits until the first burst is assessed."""
    for n_at_once, n in ((2, 2), (1, 1)):
        fire = FireControl((gun(), gun()), FRAME, AIR, np.random.default_rng(1), n_at_once=n_at_once)
        state = propagate(INBOUND[None], np.array([4.0]), AIR)[0]
        bursts = fire.step(4 * S, tracks(1, t_ns=4 * S, state=state), [threat(1, t_impact_s=7.5)])
        assert [b.track_id for b in bursts] == [1] * n


def test_a_look_after_a_burst_may_be_wrong_and_what_the_track_shows_puts_it_right():
    state = np.array([0.0, 1500.0, 600.0, 0.0, -30.0, 0.0, np.log(1.3e-4)])
    fire = control(gun(**SURE | {"assess_s": 0.0, "p_kill_mistaken": 1.0}))
    (burst,) = fire.step(0, tracks(1, state=state), [threat(1, t_impact_s=4.0)])
    fire.settle(burst, truth(burst, (50.0, 0.0, 0.0), state), None)  # missed, and said to be a kill
    later_ns, end_s = burst.t_intercept_ns + S // 10, burst.t_intercept_ns / S + 4.0
    assert fire.step(later_ns, tracks(1, t_ns=later_ns, state=state), [threat(1, t_impact_s=end_s)]) == ()
    seen = tracks(1, t_ns=later_ns, state=state)
    seen["n_hit"] = 2  # it is seen again, twice
    assert len(fire.step(later_ns, seen, [threat(1, t_impact_s=end_s)])) == 1


def test_a_gun_is_busy_until_intercept_and_assessment():
    fire = control(gun())
    t_ns, (burst,) = run_until_burst(fire, 1)
    fire.settle(burst, None, None)
    free_ns = burst.t_intercept_ns + round(gun().resolved().assess_s * S)
    for later_ns in range(t_ns, free_ns, S // 4):
        state = propagate(INBOUND[None], np.array([later_ns / S]), AIR)[0]
        assert fire.step(later_ns, tracks(1, t_ns=later_ns, state=state), [threat(1)]) == ()


def test_the_magazine_counts_down_to_nothing():
    fire = control(gun(n_magazine=30, assess_s=0.0, p_kill_mistaken=0.0))
    fired = []
    for t_ns in range(0, 20 * S, S // 4):  # a round that hangs in the sky before the gun
        state = np.array([0.0, 1000.0, 600.0, 0.0, -30.0, 0.0, np.log(1.3e-4)])
        for burst in fire.step(t_ns, tracks(1, t_ns=t_ns, state=state), [threat(1, t_impact_s=12.0)]):
            fire.settle(burst, None, None)
            fired.append(burst.n_rounds)
    assert fired == [24, 6]


def test_out_of_range_out_of_time_or_too_low_is_not_engaged():
    assert run_until_burst(control(gun(range_m=[500.0, 600.0], slew_train_degps=1.0)), 1)[1] == ()
    fire = control(gun())
    assert fire.step(0, tracks(1), [threat(1, t_impact_s=0.5)]) == ()
    far = INBOUND.copy()
    far[1] = 30_000.0
    assert fire.step(0, tracks(1, state=far), [threat(1, t_impact_s=100.0)]) == ()


def test_a_dead_centre_burst_of_sure_rounds_kills_and_a_far_one_misses():
    sure = SURE | {"assess_s": 0.0}
    fire = control(gun(**sure))
    _, (burst,) = run_until_burst(fire, 1)
    row = fire.settle(burst, truth(burst), None).row
    assert row.shape == (1,)
    assert row["fate"][0] == Fate.DETONATED
    assert row["outcome"][0] == Outcome.KILL
    assert (row["engagement_id"][0], row["track_id"][0], row["pk"][0]) == (burst.engagement_id, 1, burst.pk)
    fire = control(gun(**sure))
    _, (burst,) = run_until_burst(fire, 1)
    assert fire.settle(burst, truth(burst, (30.0, 0.0, 0.0)), None).row["outcome"][0] == Outcome.MISS


def test_a_false_track_is_a_miss():
    fire = control(gun())
    _, (burst,) = run_until_burst(fire, 1)
    settled = fire.settle(burst, None, None)
    assert settled.row["outcome"][0] == Outcome.MISS
    whole, pieces = loose_shots(settled.spent, np.random.default_rng(1))  # its rounds fall all the same
    assert whole.mass_kg.sum() + pieces.mass_kg.sum() > 0.9 * burst.n_rounds * gun().resolved().mass_kg


def test_the_aim_follows_the_estimate_until_the_first_round_leaves_never_the_truth():
    """An estimate that is 40 m off makes a miss, whatever the truth is."""
    sure = SURE | {"assess_s": 0.0}
    for late, outcome in ((True, Outcome.MISS), (False, Outcome.KILL)):
        fire = control(gun(**sure))
        t_ns, (burst,) = run_until_burst(fire, 1)
        limit_ns = burst.t_fire_ns - round(gun().resolved().lag_s * S)
        seen_ns = limit_ns + 1 if late else limit_ns - 1
        wrong, right = (propagate(INBOUND[None], np.array([t_ns / S]), AIR)[0] for _ in range(2))
        wrong[0] += 40.0
        fire.step(t_ns, tracks(1, t_ns=t_ns, state=wrong), [threat(1)])
        fire.step(seen_ns, tracks(1, t_ns=t_ns, state=right), [threat(1)])
        assert fire.settle(burst, truth(burst), None).row["outcome"][0] == outcome


@pytest.mark.slow  # without the compiler; else 3 s each
@pytest.mark.parametrize("is_flown", [False, True])
def test_kills_come_as_often_as_the_burst_believed(is_flown):
    """An honest track, sigma 1 m: the truth is drawn about it; 100 bursts, 99.9 % binomial interval."""
    from scipy.stats import binom

    n, kills, rng, pk = 100, 0, np.random.default_rng(8), 0.0
    air = AIR._replace(sigma_wind_mps=0.0)
    for seed in range(n):
        fire = FireControl((gun(),), FRAME, air, np.random.default_rng(seed), is_every_round_flown=is_flown)
        state = propagate(INBOUND[None], np.array([4.0]), AIR)[0]
        rows = tracks(1, t_ns=4 * S, state=state)
        rows["cov"][:, 6, 6] = 1e-6
        (burst,) = fire.step(4 * S, rows, [threat(1, t_impact_s=7.5)])  # now or never
        pk = burst.pk
        off = np.linalg.cholesky(rows["cov"][0]) @ rng.standard_normal(7)
        there = path_ahead(state + off, (burst.t_fire_ns - 4 * S) / S, 6.0, AIR)
        kills += int(fire.settle(burst, there, None).row["outcome"][0] == Outcome.KILL)
    low, high = binom.interval(0.999, n, pk)
    print(f"believed {pk:.4f}, {kills} of {n}")
    assert low <= kills <= high


def test_a_killed_round_is_not_shot_at_again_and_a_missed_one_is():
    for kill, n in ((True, 0), (False, 1)):
        sure = SURE | {"assess_s": 0.0}
        fire = control(gun(**sure))
        state = np.array([0.0, 1500.0, 600.0, 0.0, -30.0, 0.0, np.log(1.3e-4)])
        (burst,) = fire.step(0, tracks(1, state=state), [threat(1, t_impact_s=60.0)])
        fire.settle(burst, truth(burst, (0.0 if kill else 50.0, 0.0, 0.0), state), None)
        t_ns = burst.t_intercept_ns + S
        again = fire.step(t_ns, tracks(1, t_ns=t_ns, state=state), [threat(1, t_impact_s=60.0)])
        assert len(again) == n


def test_threats_that_nobody_shot_at_are_said_once():
    fire = control()
    fire.step(0, tracks(4), [threat(4, t_impact_s=5.0)])
    assert fire.not_engaged(4 * S).size == 0
    rows = fire.not_engaged(6 * S)
    assert rows["track_id"].tolist() == [4]
    assert rows["gun_id"][0] == NO_GUN
    assert rows["outcome"][0] == Outcome.NOT_ENGAGED
    assert fire.not_engaged(7 * S).size == 0


def test_the_same_seed_gives_the_same_night():
    def night(seed):
        fire = control(gun(), gun(), seed=seed)
        _, bursts = run_until_burst(fire, 1, 2)
        return [fire.settle(b, truth(b), None).row.tobytes() for b in bursts], bursts

    assert night(3) == night(3)
