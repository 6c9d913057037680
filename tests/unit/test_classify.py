import msgspec
import numpy as np
import pytest

from casemate.assess.classify import ClassStage, Settings
from casemate.assess.classify.drag import ByDrag, drag_parameter
from casemate.model.catalog import RadarSite, RoundClass
from casemate.model.messages import Scan
from casemate.model.records import FATE, PLOT, TRACK, Kind, Motion, Refusal, TrackStatus, freeze, missing
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

S = 1_000_000_000
G = 9.80665
FRAME = SiteFrame(33.3, 44.39, 34.0)
RADAR = RadarSite(
    name="radar", lat_deg=33.3, lon_deg=44.39, height_m=34.0, scan_period_s=1.0, sigma_range_m=15.0,
    sigma_azimuth_deg=0.2, sigma_elevation_deg=0.3, sigma_range_rate_mps=1.0,
)  # fmt: skip
(SENSOR,) = sensor_models((RADAR,), FRAME)


def round_class(name, k, kind="mortar", spread=0.05):
    calibre, mass = 0.1, 10.0
    cd = k * mass / (np.pi * calibre**2 / 4.0)
    return RoundClass(
        name=name, title=name, kind=kind, mass_kg=mass, calibre_m=calibre, mach=(0.0, 0.8, 1.1),
        cd=(cd, cd, 2 * cd), drag_sigma_round=0.03, drag_sigma_make=spread, hazard_radius_m=10.0,
        sigma_range_share=0.01, sigma_cross_share=0.01, p_dud=0.05, source={},
    )  # fmt: skip


ROUNDS = (round_class("slender", 7e-5, "shell"), round_class("middle", 1.3e-4, "rocket"), round_class("blunt", 2.8e-4))


def by_drag(weights=(1.0, 1.0, 1.0)):
    return ByDrag(ROUNDS, weights, Settings().sigma_curve_share)


def test_the_subsonic_drag_parameter_is_cd_area_over_mass():
    assert drag_parameter(ROUNDS[1]) == pytest.approx(1.3e-4)


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_well_known_drag_finds_its_class(i):
    p = by_drag().posterior(np.log([drag_parameter(ROUNDS[i])]), np.array([0.01**2]))[0]
    assert np.argmax(p) == i
    assert p[i] > 0.95


def test_an_unknown_drag_leaves_the_prior():
    for variance in (1e6, np.nan):
        p = by_drag((1.0, 1.0, 3.0)).posterior(np.log([1.3e-4]), np.array([variance]))[0]
        assert p == pytest.approx([0.2, 0.2, 0.6], abs=1e-3)
    assert by_drag((0.0, 0.0, 0.0)).prior == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_the_posterior_of_the_class_is_bayes_written_out():
    ln_drag, variance = np.log(2.0e-4), 0.2**2
    spread = variance + 0.03**2 + 0.05**2 + Settings().sigma_curve_share ** 2
    like = np.array([np.exp(-0.5 * (ln_drag - np.log(drag_parameter(c))) ** 2 / spread) for c in ROUNDS])
    p = by_drag().posterior(np.array([ln_drag]), np.array([variance]))[0]
    assert p == pytest.approx(like / like.sum(), abs=1e-12)


class Sky:
    """Things that fly as told, seen by a radar once a second, each plot given to its track."""

    def __init__(self, rounds=ROUNDS, seed=1, **settings):
        self.stage = ClassStage((SENSOR,), rounds, Settings(**settings))
        self.rng, self.t_s = np.random.default_rng(seed), 0

    def look(self, pos, vel, p_ballistic=0.5, p_exists=1.0, status=TrackStatus.CONFIRMED, noise=1.0):
        pos, vel = np.atleast_2d(pos), np.atleast_2d(vel)
        n, t_ns = len(pos), 10**18 + self.t_s * S
        seen, plots = SENSOR.measure(pos, vel), missing(PLOT, n)
        plots["t_ns"], plots["plot_id"], plots["sensor_id"] = t_ns, np.arange(n), 0
        draw = noise * self.rng.normal(size=(4, n))
        plots["range_m"] = seen.range_m + 15.0 * draw[0]
        plots["az_rad"] = seen.az_rad + np.radians(0.2) * draw[1]
        plots["el_rad"] = seen.el_rad + np.radians(0.3) * draw[2]
        plots["range_rate_mps"] = seen.range_rate_mps + draw[3]
        fates, tracks = np.zeros(n, FATE), np.zeros(n, TRACK)
        fates["plot_id"], fates["track_id"] = plots["plot_id"], np.arange(1, n + 1)
        tracks["track_id"], tracks["status"], tracks["t_ns"] = fates["track_id"], status, t_ns
        tracks["p_ballistic"], tracks["motion"], tracks["p_exists"] = p_ballistic, Motion.BALLISTIC, p_exists
        tracks["state"][:, 6], tracks["cov"][:, 6, 6] = np.log(1.3e-4), 0.3**2
        self.t_s += 1
        scan = Scan(
            sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, az_from_rad=0.0, az_to_rad=0.0,
            plots=freeze(plots),
        )  # fmt: skip
        return self.stage.step(t_ns, scan, tracks, fates)

    def fly(self, pos, vel, accel, n, **look):
        """Fly on with a steady acceleration for n looks; return the answers, and where and how fast it then is."""
        pos, vel, accel = (np.array(v, float) for v in (pos, vel, accel))
        out = []
        for _ in range(n):
            out.append(self.look(pos, vel, **look)[0])
            pos, vel = pos + vel + 0.5 * accel, vel + accel
        return out, pos, vel


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "pos", "vel"),
    [
        (Kind.AIRCRAFT, (9000.0, 4000.0, 3000.0), (-90.0, -40.0, 0.0)),
        (Kind.BIRD, (2000.0, 1500.0, 250.0), (-9.0, 11.0, 0.5)),
        (Kind.HELICOPTER, (4000.0, -3000.0, 300.0), (35.0, 40.0, 1.0)),
    ],
)
def test_what_flies_level_is_never_a_round_whatever_the_tracker_holds_it_for(kind, pos, vel, seed):
    answers, _, _ = Sky(seed=seed).fly(pos, vel, (0.0, 0.0, 0.0), 25, p_ballistic=0.9999)
    assert all(a["i_class"] == -1 for a in answers)
    assert answers[-1]["i_kind"] == kind
    assert answers[-1]["p_kind"][kind] > 0.9
    for a in answers:
        assert a["p_kind"].sum() == pytest.approx(1.0)
        assert a["p_class"] == pytest.approx(1.0 - a["p_round"])


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("pos", "vel"),
    [((5500.0, 1000.0, 150.0), (-280.0, 40.0, 90.0)), ((2500.0, 1500.0, 100.0), (-60.0, 30.0, 130.0))],
)
def test_a_round_is_declared_from_its_third_plot(pos, vel, seed):
    answers, _, _ = Sky(seed=seed).fly(pos, vel, (3.0, 0.0, -G), 12, p_ballistic=0.95)
    assert answers[0]["i_class"] == -1  # one plot shows no motion
    assert all(a["i_class"] >= 0 and a["i_kind"] < Kind.AIRCRAFT for a in answers[2:])
    assert all(a["p_round"] > 0.9 for a in answers[2:])
    last = answers[-1]
    assert last["p_class"] == pytest.approx(last["p_kind"][: Kind.AIRCRAFT].max())  # here a kind is a class


def test_a_drone_that_stands_in_the_air_is_no_bird():
    sky = Sky()
    sky.fly((900.0, 700.0, 80.0), (8.0, 6.0, 0.0), (0.0, 0.0, 0.0), 5)
    answers, _, _ = sky.fly((940.0, 730.0, 80.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 60)
    assert answers[-1]["i_kind"] == Kind.DRONE


def test_a_falcon_that_stoops_was_a_bird_before_and_stays_one():
    """Two seconds of free fall: an acceleration like a round's, on a thing that flew."""
    for seed in range(5):
        sky = Sky(seed=seed)
        _, pos, vel = sky.fly((1500.0, 900.0, 300.0), (10.0, -8.0, 0.0), (0.0, 0.0, 0.0), 20)
        answers, pos, vel = sky.fly(pos, vel, (0.0, 0.0, -G), 3, p_ballistic=0.999)
        answers += sky.fly(pos, vel, (0.0, 0.0, 0.0), 3, p_ballistic=0.999)[0]
        assert all(a["i_class"] == -1 for a in answers)


def test_what_the_tracker_surely_holds_as_level_is_no_round():
    answers, _, _ = Sky().fly((5500.0, 1000.0, 150.0), (-280.0, 40.0, 90.0), (3.0, 0.0, -G), 5, p_ballistic=1e-9)
    assert all(a["i_class"] == -1 for a in answers)


def test_what_may_be_false_plots_is_declared_no_round():
    """However well it flies; the probability that it would be one, if it is anything, stands."""
    flight = (5500.0, 1000.0, 150.0), (-280.0, 40.0, 90.0), (3.0, 0.0, -G), 4
    sure, _, _ = Sky().fly(*flight)
    doubtful, _, _ = Sky().fly(*flight, p_exists=0.99)
    assert sure[-1]["i_class"] >= 0 > doubtful[-1]["i_class"]
    assert doubtful[-1]["p_round"] == sure[-1]["p_round"] > 0.5
    assert doubtful[-1]["i_kind"] >= Kind.AIRCRAFT


def test_without_a_catalog_nothing_is_a_round():
    answers, _, _ = Sky(rounds=()).fly((5500.0, 1000.0, 150.0), (-280.0, 40.0, 90.0), (3.0, 0.0, -G), 4)
    assert all(a["i_class"] == -1 and a["p_round"] == 0.0 and a["p_class"] == 1.0 for a in answers)


def test_a_track_without_plots_holds_the_prior_and_a_dropped_one_is_forgotten():
    sky = Sky()
    tracks = np.zeros(1, TRACK)
    tracks["track_id"], tracks["p_ballistic"] = 9, np.nan
    prior = sky.stage.step(10**18, None, tracks, np.zeros(0, FATE))[0]
    assert prior["i_kind"] == Kind.BIRD
    sky.fly((5500.0, 1000.0, 150.0), (-280.0, 40.0, 90.0), (3.0, 0.0, -G), 3)
    sky.look((4000.0, 1000.0, 300.0), (-280.0, 40.0, 60.0), status=TrackStatus.DROPPED)
    tracks["track_id"] = 1
    again = sky.stage.step(10**18 + 9 * S, None, tracks, np.zeros(0, FATE))[0]
    assert again["p_kind"] == pytest.approx(prior["p_kind"])


def test_a_track_that_comes_with_several_plots_at_once_is_judged_at_once():
    """As a tracker with many hypotheses gives it: nobody's plots, then a track with a state."""
    sky = Sky()
    for vel, kind in (((-280.0, 40.0, 90.0), Kind.ROCKET), ((10.0, -8.0, 0.0), Kind.BIRD)):
        tracks, fates, plots = np.zeros(1, TRACK), np.zeros(1, FATE), missing(PLOT, 1)
        tracks["track_id"] = fates["track_id"] = 20 + kind
        t_ns = 10**18 + 7 * S
        tracks["t_ns"], plots["t_ns"] = t_ns, t_ns
        tracks["n_hit"], tracks["is_height_known"], tracks["p_ballistic"], tracks["p_exists"] = 3, True, 0.9, 1.0
        tracks["state"] = [3000.0, 1000.0, 300.0, *vel, np.log(1.3e-4)]
        tracks["cov"] = np.diag([15.0, 15.0, 20.0, 8.0, 8.0, 10.0, 0.1]) ** 2
        plots["range_m"], plots["az_rad"], plots["el_rad"] = 3178.0, 1.25, 0.09
        scan = Scan(
            sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, az_from_rad=0.0,
            az_to_rad=0.0, plots=plots,
        )  # fmt: skip
        row = sky.stage.step(t_ns, scan, tracks, fates)[0]
        assert row["i_kind"] == kind
        assert row["p_kind"][kind] > 0.5


def test_a_refused_plot_and_one_of_no_track_say_nothing():
    sky, twin = Sky(), Sky()
    for k in range(3):
        a, b = (s.look((5500.0 - 280.0 * k, 1000.0, 150.0), (-280.0, 0.0, 90.0)) for s in (sky, twin))
        assert a.tobytes() == b.tobytes()
    plots = missing(PLOT, 2)
    plots["t_ns"], plots["range_m"], plots["az_rad"] = 10**18 + 3 * S, 3000.0, 1.0
    fates = np.zeros(2, FATE)
    fates["track_id"], fates["refusal"] = (1, 0), (Refusal.LATE, Refusal.NONE)
    t_ns = 10**18 + 3 * S
    scan = Scan(
        sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, az_from_rad=0.0, az_to_rad=0.0, plots=plots
    )
    sky.stage.step(t_ns, scan, np.zeros(0, TRACK), fates)
    assert sky.look((4660.0, 1000.0, 420.0), (-280.0, 0.0, 60.0)).tobytes() == (
        twin.look((4660.0, 1000.0, 420.0), (-280.0, 0.0, 60.0)).tobytes()
    )


def test_tracks_do_not_mix():
    """Two things at once are judged as each would be alone, not as the other."""
    both, one = Sky(seed=4), Sky(seed=4)
    fast, slow = np.array([5500.0, 1000.0, 150.0]), np.array([2000.0, 1500.0, 250.0])
    for k in range(8):
        there = fast + k * np.array([-280.0, 0.0, 0.0])
        here = slow + k * np.array([10.0, 0.0, 0.0])
        pair = both.look([there, here], [[-280.0, 0.0, 0.0], [10.0, 0.0, 0.0]], noise=0.0)
        alone = one.look(there, [-280.0, 0.0, 0.0], noise=0.0)
        assert pair[0]["p_kind"] == pytest.approx(alone[0]["p_kind"], abs=1e-12)
    assert pair[1]["i_kind"] == Kind.BIRD


def test_no_tracks_no_rows_and_the_answer_is_frozen():
    out = Sky().stage.step(10**18, None, np.zeros(0, TRACK), np.zeros(0, FATE))
    assert out.shape == (0,)
    assert not out.flags.writeable


def test_a_misspelt_knob_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"p_rnd_min": 0.6}, Settings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"p_round_min": 0.4}, Settings)
