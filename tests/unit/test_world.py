"""The world as source and sink: order, sectors, labels, truth, and the closed loop."""

import itertools
from importlib import resources

import msgspec
import numpy as np
import pytest

from casemate.model.catalog import RadarSite, RoundFile, SiteFile, SitePoint
from casemate.model.messages import Aside, Events, Scan, Tick
from casemate.model.records import PLOT, TRACK, TrackStatus
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame
from casemate.sim import world as world_module
from casemate.sim.intercept.declared import Flight, Reports
from casemate.sim.intercept.gun import ENGAGEMENT, Fate, Gun, Outcome, PlannedBurst
from casemate.sim.intercept.schedule import Settled
from casemate.sim.outcome import Scorer
from casemate.sim.raid import Round
from casemate.sim.scenario import RadarTruth, Scenario, Traffic
from casemate.sim.world import TRUTH, World

FRAME = SiteFrame(33.3, 44.39, 34.0)
DATA = resources.files("casemate").joinpath("data")
CLASSES = msgspec.toml.decode(DATA.joinpath("rounds.toml").read_bytes(), type=RoundFile).round
RADAR = RadarSite(
    name="radar-1",
    lat_deg=33.3,
    lon_deg=44.39,
    height_m=34.0,
    scan_period_s=1.0,
    sigma_range_m=20.0,
    sigma_azimuth_deg=0.2,
    sigma_elevation_deg=0.34,
    p_detection=0.999,
    false_plots_per_scan=5.0,
)
SITE = SiteFile(site=SitePoint(name="s", lat_deg=33.3, lon_deg=44.39, height_m=34.0), sensor=(RADAR,))
BIRDS = Traffic(
    kind="bird",
    per_hour=1200.0,
    speed_mps=(8.0, 22.0),
    height_m=(100.0, 700.0),
    rcs_dbsm=(-20.0, -10.0),
    life_s=(20.0, 60.0),
    leg_s=(5.0, 20.0),
    reach_m=5000.0,
    load_g=0.5,
    turn_dps=30.0,
)
GUN = Gun(name="g", lat_deg=33.3, lon_deg=44.39, height_m=34.0)


def flight(flight_s=20.0, e0=3000.0):
    t = np.linspace(0.0, flight_s, 81)
    vel = np.column_stack([np.full(81, -100.0), np.full(81, 40.0), 9.81 * (flight_s / 2 - t)])
    pos = np.column_stack([e0 - 100.0 * t, 500.0 + 40.0 * t, 0.5 * 9.81 * t * (flight_s - t)])
    return Trajectory(t, pos, vel)


@pytest.fixture
def make(monkeypatch):
    """Make worlds with two hand-made rounds."""
    rounds = tuple(
        Round(i, f"round-{i}", 0, "m82", s, s + 20.0, np.array([1000.0, 1300.0]), -10.0, 1, flight())
        for i, s in ((1, 2.2), (2, 6.9))
    )
    monkeypatch.setattr(world_module, "draw_rounds", lambda *_: rounds)

    def build(seed=1, site=SITE, **changes):
        with_intercept = changes.pop("with_intercept", True)
        declared = {"title": "t", "source": "s", "seed": 1, "t_start": 10**18, "duration_s": 40.0, "site": "s"}
        scenario = Scenario(**(declared | {"traffic": (BIRDS,)} | changes))
        return World(scenario, site, CLASSES, FRAME, seed, with_intercept=with_intercept)

    return build


def scans(messages):
    return [m for m in messages if isinstance(m, Scan)]


def asides(messages, kind):
    return [m for m in messages if isinstance(m, Aside) and m.kind == kind]


def time_of(message):
    """Return when a message arrives; a label arrives with the scan that it stands before."""
    return message.t_recv_ns if isinstance(message, Scan) else message.t_ns


def test_messages_come_as_they_arrive_and_tile_event_time(make):
    messages = list(make())
    assert np.all(np.diff([time_of(m) for m in messages if not (isinstance(m, Aside) and m.kind == "label")]) >= 0)
    sectors = scans(messages)
    assert len(sectors) == 8 * 40
    assert all(a.t_end_ns == b.t_start_ns for a, b in itertools.pairwise(sectors))
    assert all(a.az_to_rad == pytest.approx(b.az_from_rad) for a, b in itertools.pairwise(sectors))
    assert all(s.t_recv_ns == s.t_end_ns + 150_000_000 for s in sectors)


def test_every_plot_has_its_own_time_in_its_sector_and_a_running_number(make):
    sectors = scans(make())
    plots = np.concatenate([s.plots for s in sectors])
    assert plots.dtype == PLOT
    np.testing.assert_array_equal(plots["plot_id"], np.arange(1, len(plots) + 1))
    for s in sectors:
        assert not s.plots.flags.writeable
        assert np.all((s.plots["t_ns"] >= s.t_start_ns) & (s.plots["t_ns"] <= s.t_end_ns))
        off = np.angle(np.exp(1j * (s.plots["az_rad"] - (s.az_from_rad + np.pi / 8))))
        assert np.all(np.abs(off) < np.pi / 8 + 0.05)


def test_labels_stand_before_their_scan_and_leave_false_plots_out(make):
    messages = list(make())
    n_false = n_plots = 0
    for i, message in enumerate(messages):
        if isinstance(message, Scan):
            before = messages[i - 1]
            is_label = isinstance(before, Aside) and before.kind == "label"
            ids = before.rows["plot_id"].tolist() if is_label else []
            assert set(ids) <= set(message.plots["plot_id"].tolist())
            n_false += len(message.plots) - len(ids)
            n_plots += len(message.plots)
    assert n_false / 40 == pytest.approx(5.0, abs=4 * np.sqrt(5 / 40))
    labels = set(np.concatenate([a.rows["label"] for a in asides(messages, "label")]).tolist())
    assert {"round-1", "round-2"} <= labels
    assert all(name.startswith(("round-", "bird-")) for name in labels)


def test_truth_follows_the_flight_and_ends_with_it(make):
    rows = np.concatenate([a.rows for a in asides(make(), "truth")])
    assert rows.dtype == TRUTH
    own = rows[rows["truth_id"] == 1]
    t_s = (own["t_ns"] - 10**18) / 1e9 - 2.2
    np.testing.assert_allclose(own["pos_m"], flight().at(np.clip(t_s, 0, 20.0))[0], atol=1e-3)
    assert own["is_alive"].tolist() == [True] * (len(own) - 1) + [False]
    assert t_s[-1] == pytest.approx(20.0, abs=1e-6)
    assert set(own["label"].tolist()) == {"round-1"}


def test_the_same_seed_is_the_same_world_and_another_is_not(make):
    one, two, other = (np.concatenate([s.plots for s in scans(make(seed=k))]) for k in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_a_run_outlasts_its_last_impact(make):
    world = make(duration_s=5.0)
    assert world.t_end_ns == 10**18 + round((6.9 + 20.0 + 10.0) * 1e9)


def test_two_radars_take_turns_as_their_scans_arrive(make):
    other = msgspec.structs.replace(RADAR, name="radar-2", scan_period_s=1.7)
    truths = (RadarTruth(name="radar-2", sectors=3, delay_s=0.4),)
    sectors = scans(make(site=msgspec.structs.replace(SITE, sensor=(RADAR, other)), radar=truths))
    assert np.all(np.diff([s.t_recv_ns for s in sectors]) >= 0)
    assert np.any(np.diff([s.t_end_ns for s in sectors]) < 0)
    assert {s.sensor_id for s in sectors} == {0, 1}
    assert sum(s.sensor_id == 1 for s in sectors) == 3 * int(40 / 1.7) + 1


class OneShot:
    """A fire control that shoots once, at 15 s, and always hits what it meets."""

    fate = Fate.BROKEN

    def __init__(self, *_, **__):
        self.met = []
        self.is_done = False

    def step(self, t_ns, tracks, threats):
        if self.is_done or not len(tracks):
            return ()
        self.is_done = True
        return (PlannedBurst(1, 7, 0, t_ns, 10**18 + 15_040_000_000, 60, 0.5),)

    def settle(self, burst, truth, body):
        self.met.append(truth)
        if truth is None:
            return Settled(np.array([(*burst, Outcome.MISS.value, "")], ENGAGEMENT), 0, None)
        row = np.array([(*burst, Outcome.KILL.value, self.fate)], ENGAGEMENT)
        return Settled(row, 10**18 + 15_040_000_000, None)

    def not_engaged(self, t_ns):
        return np.zeros(0, ENGAGEMENT)


def track_at(pos, t_ns):
    row = np.zeros(1, TRACK)
    row["track_id"], row["status"], row["t_ns"] = 7, TrackStatus.CONFIRMED, t_ns
    row["state"][0, :3], row["state"][0, 6] = pos, np.log(1e-4)
    return row


def fly(world, offset_m):
    """Run a world closed loop with a pipeline that always knows round-1, off by so much."""
    messages = []
    for message in world:
        messages.append(message)
        if isinstance(message, Scan):
            t_s = (message.t_end_ns - 10**18) / 1e9 - 2.2
            tracks = np.zeros(0, TRACK)
            if 0.0 < t_s < 20.0:
                pos, vel = flight().at(t_s)
                tracks = track_at(pos[0] + [offset_m, 0.0, 0.0], message.t_end_ns)
                tracks["state"][0, 3:6] = vel[0]
            world.take(message, Events(t_ns=message.t_end_ns, tracks=tracks))
        else:
            world.take(message, None)
    world.close()
    return messages


def test_a_killed_round_is_absent_from_then_on_and_all_else_is_as_it_was(make, monkeypatch):
    monkeypatch.setattr(world_module, "FireControl", OneShot)
    shot, spared = make(gun=(GUN,)), make(gun=(GUN,), with_intercept=False)
    with_it, without = fly(shot, 5.0), fly(spared, 5.0)
    assert list(shot.dead_s) == [1]
    assert shot.dead_s[1] == pytest.approx(15.04)
    assert not spared.dead_s
    rows = np.concatenate([a.rows for a in asides(with_it, "engagements")])
    assert rows["outcome"].tolist() == [Outcome.KILL]
    assert not asides(without, "engagements")
    last = max(
        plot["t_ns"] for s in scans(with_it) for plot in s.plots if plot["plot_id"] in labelled(with_it, "round-1")
    )
    assert last < 10**18 + 15_040_000_000
    assert len(labelled(without, "round-1")) > len(labelled(with_it, "round-1"))
    np.testing.assert_array_equal(ranges(with_it, "round-1"), ranges(without, "round-1"))
    truth = np.concatenate([a.rows for a in asides(with_it, "truth")])
    gone = truth[(truth["truth_id"] == 1) & ~truth["is_alive"]]
    assert gone["t_ns"].tolist() == [10**18 + 15_040_000_000]


def labelled(messages, name):
    rows = np.concatenate([a.rows for a in asides(messages, "label")])
    return set(rows["plot_id"][rows["label"] == name].tolist())


def ranges(messages, name):
    """Ranges of all plots but those of one round."""
    ids = labelled(messages, name)
    return np.array([p["range_m"] for s in scans(messages) for p in s.plots if p["plot_id"] not in ids])


def test_a_round_whose_fuze_is_dead_flies_on(make, monkeypatch):
    class Deaf(OneShot):
        fate = Fate.FUZE_DEAD

    monkeypatch.setattr(world_module, "FireControl", Deaf)
    shot, spared = make(gun=(GUN,)), make(gun=(GUN,), with_intercept=False)
    with_it, without = fly(shot, 5.0), fly(spared, 5.0)
    assert (shot.duds, shot.dead_s) == ({1}, {})
    assert labelled(with_it, "round-1") == labelled(without, "round-1")
    rows = np.concatenate([a.rows for a in asides(with_it, "engagements")])
    assert rows["fate"].tolist() == [Fate.FUZE_DEAD]


def test_a_burst_at_an_empty_place_misses(make, monkeypatch):
    monkeypatch.setattr(world_module, "FireControl", OneShot)
    world = make(gun=(GUN,), traffic=())
    rows = np.concatenate([a.rows for a in asides(fly(world, 900.0), "engagements")])
    assert rows["outcome"].tolist() == [Outcome.MISS]
    assert not world.dead_s


def test_the_real_fire_control_accepts_what_the_world_hands_it(make):
    world = make(gun=(GUN,))
    fly(world, 0.0)
    world.take(Tick(t_ns=world.t_end_ns), Events(t_ns=world.t_end_ns))


@pytest.mark.parametrize("has_height", [True, False])
def test_a_friend_without_height_is_held_to_be_at_all_heights_and_told(make, has_height):
    way = ((33.31, 44.37), (33.31, 44.41))
    reports = Reports(has_height=has_height, gaps_per_hour=0.0)
    friend = Flight(name="HELI", way_deg=way, height_m=150.0, speed_mps=50.0, reports=reports)
    world = make(gun=(GUN,), friend=(friend,))
    scorer = Scorer(world, SITE, FRAME)
    labels = {str(x) for m in asides(list(world), "truth") for x in m.rows["label"]}
    assert "helicopter-HELI" in labels
    outcome = scorer.outcome()
    assert outcome.friends_without_height == (not has_height)
    told = dict(outcome.table()).get("friends without height: held at all heights")
    assert told == (None if has_height else "1")
