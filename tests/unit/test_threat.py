import numpy as np
import pytest

from casemate.assess.threat import Settings, ThreatStage, p_inside
from casemate.model.catalog import DefendedAsset, RoundClass, WarningZone
from casemate.model.records import IMPACT, TRACK, TRACK_CLASS, Motion, Status, TrackStatus
from casemate.physics.geodesy import SiteFrame

S = 1_000_000_000
FRAME = SiteFrame(33.3, 44.39, 34.0)
HAZARD_M = 20.0
SQUARE = np.array([[-100.0, -100.0], [100.0, -100.0], [100.0, 100.0], [-100.0, 100.0]])
ROUND = RoundClass(
    name="r", title="r", kind="rocket", mass_kg=10.0, calibre_m=0.1, mach=(0.0, 1.0), cd=(0.2, 0.4),
    drag_sigma_round=0.02, drag_sigma_make=0.1, hazard_radius_m=HAZARD_M, sigma_range_share=0.01,
    sigma_cross_share=0.01, p_dud=0.0, source={},
)  # fmt: skip


def ring_deg(ring_m):
    enu = np.column_stack([ring_m, np.zeros(len(ring_m))])
    return tuple((float(lat), float(lon)) for lat, lon, _ in FRAME.enu_to_geodetic(enu))


def stage(**settings):
    zones = (
        WarningZone(name="near", polygon_deg=ring_deg(SQUARE)),
        WarningZone(name="far", polygon_deg=ring_deg(SQUARE + 5000.0)),
    )
    assets = (
        DefendedAsset(name="hall", polygon_deg=ring_deg(SQUARE), priority=2),
        DefendedAsset(name="clinic", polygon_deg=ring_deg(SQUARE / 2.0), priority=1),
    )
    return ThreatStage(zones, assets, (ROUND,), FRAME, Settings(**settings))


def rows(points, t_s=0, left_s=10.0, sigma_m=30.0, first_id=1):
    n = len(points)
    tracks, classes, impacts = np.zeros(n, TRACK), np.zeros(n, TRACK_CLASS), np.zeros(n, IMPACT)
    for table in (tracks, classes, impacts):
        table["track_id"] = np.arange(first_id, first_id + n)
    tracks["status"], tracks["motion"], tracks["n_hit"] = TrackStatus.CONFIRMED, Motion.BALLISTIC, 5
    tracks["p_exists"], classes["p_round"] = 1.0, 1.0
    tracks["t_ns"] = impacts["t_ns"] = t_s * S
    impacts["t_impact_ns"], impacts["sigma_t_s"] = round((t_s + left_s) * S), 0.1
    impacts["point_m"], impacts["cov_m2"] = points, np.eye(2) * sigma_m**2
    return tracks, classes, impacts


NOBODY = (np.zeros(0, TRACK), np.zeros(0, TRACK_CLASS), np.zeros(0, IMPACT))


def dense(ring, point, cov, n=1500, reach=7.0):
    """Midpoint sum of the density over a grid, inside by crossing number: nothing shared with the code."""
    half = reach * np.sqrt(np.diag(cov))
    x, y = (point[i] + half[i] * (2.0 * (np.arange(n) + 0.5) / n - 1.0) for i in range(2))
    gx, gy = np.meshgrid(x, y)
    is_in = np.zeros_like(gx, bool)
    for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y1 != y2:
            is_in ^= ((y1 > gy) != (y2 > gy)) & (gx < x1 + (gy - y1) * (x2 - x1) / (y2 - y1))
    d = np.stack([gx - point[0], gy - point[1]], axis=-1)
    density = np.exp(-0.5 * np.einsum("...i,ij,...j", d, np.linalg.inv(cov), d)) / (
        2 * np.pi * np.sqrt(np.linalg.det(cov))
    )
    return float(np.sum(density[is_in]) * (x[1] - x[0]) * (y[1] - y[0]))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_polygon_integral_is_that_of_a_dense_grid(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 9))  # a star: simple, seldom convex
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(20.0, 200.0, (9, 1))
    a = rng.normal(size=(2, 2)) * 50.0
    point, cov = rng.normal(size=2) * 60.0, a @ a.T + 100.0 * np.eye(2)
    assert p_inside(ring, point, cov) == pytest.approx(dense(ring, point, cov), abs=2e-3)


def test_a_rectangle_is_a_product_of_normal_probabilities():
    from scipy.stats import norm

    for point, sx, sy in (((0.0, 0.0), 30.0, 80.0), ((100.0, 37.0), 40.0, 40.0), ((-160.0, 0.0), 10.0, 500.0)):
        exact = np.prod(
            [norm.cdf((100.0 - m) / s) - norm.cdf((-100.0 - m) / s) for m, s in zip(point, (sx, sy), strict=True)]
        )
        assert p_inside(SQUARE, np.array(point), np.diag([sx**2, sy**2])) == pytest.approx(exact, abs=1e-13)


def test_the_whole_plane_holds_all_and_far_away_holds_nothing():
    cov = np.array([[400.0, 300.0], [300.0, 900.0]])
    assert p_inside(SQUARE * 1e4, np.zeros(2), cov) == pytest.approx(1.0, abs=1e-14)
    assert p_inside(SQUARE, np.array([5e4, 0.0]), cov) < 1e-15
    assert p_inside(SQUARE, np.zeros(2), np.zeros((2, 2))) == pytest.approx(1.0, abs=1e-12)
    assert p_inside(np.repeat(SQUARE, 2, axis=0), np.zeros(2), cov) == pytest.approx(p_inside(SQUARE, np.zeros(2), cov))


def test_the_zone_is_widened_by_the_hazard_radius():
    wide = stage(p_risk_min=0.0).step(0, *rows([[100.0 + HAZARD_M, 0.0]], sigma_m=1.0))
    assert wide.risks["p_hit"][0] == pytest.approx(0.5, abs=1e-3)


def test_risks_of_all_zones_within_reach_and_threats_by_priority():
    out = stage().step(0, *rows([[0.0, 0.0]]))
    assert out.risks["zone_id"].tolist() == [0]
    assert out.risks["p_hit"][0] > 0.99
    assert out.risks["threat_id"][0] == 1
    assert [(t.asset_id, t.rank, t.threat_id) for t in out.threats] == [(1, 1, 1), (0, 2, 2)]
    assert "clinic" in out.threats[0].reason


def test_the_sooner_of_two_equals_ranks_first_and_ids_stay():
    judge = stage()
    slow, soon = rows([[0.0, 0.0]], left_s=20.0), rows([[0.0, 0.0]], left_s=5.0, first_id=2)
    judge.step(0, *slow)
    out = judge.step(0, *soon)
    clinic = next(t for t in out.threats if t.asset_id == 1)
    assert (clinic.track_id, clinic.rank) == (2, 1)
    again = judge.step(1 * S, *rows([[5.0, 0.0]], t_s=1, left_s=19.0))
    assert [t.threat_id for t in again.threats] == [1, 2]
    assert [t.rank for t in again.threats] == [2, 4]


def test_a_risk_is_remembered_until_its_impact_is_past():
    judge = stage()
    judge.step(0, *rows([[0.0, 0.0]], left_s=10.0))
    for t_s, n in ((5, 1), (10, 1), (11, 1), (12, 0)):
        out = judge.step(t_s * S, *NOBODY)
        assert out.risks.size == n
        assert out.threats == ()


def test_a_lost_track_keeps_its_risk_but_one_that_turned_level_does_not():
    judge = stage()
    tracks, classes, impacts = rows([[0.0, 0.0]])
    judge.step(0, tracks, classes, impacts)
    tracks["status"] = TrackStatus.DROPPED
    assert judge.step(S, tracks, classes, impacts[:0]).risks.size == 1
    tracks["status"], tracks["motion"] = TrackStatus.CONFIRMED, Motion.LEVEL
    assert judge.step(2 * S, tracks, classes, impacts[:0]).risks.size == 0


def test_an_impact_that_cannot_be_said_threatens_nobody():
    tracks, classes, impacts = rows([[0.0, 0.0]])
    impacts["status"] = Status.MAX_TIME
    out = stage().step(0, tracks, classes, impacts)
    assert out.risks.size == 0
    assert out.threats == ()


def test_no_zones_and_no_assets_are_fine():
    out = ThreatStage((), (), (ROUND,), FRAME, Settings()).step(0, *rows([[0.0, 0.0]]))
    assert out.risks.size == 0


def test_a_risk_that_is_gone_at_the_next_look_is_gone():
    zone = stage()
    assert zone.step(0, *rows([(0.0, 0.0)])).risks.size == 1
    moved = zone.step(S, *rows([(-4000.0, 0.0)], t_s=1))
    assert moved.risks.size == 0
    assert moved.standing == {1}


@pytest.mark.parametrize("seed", range(4))
def test_many_at_once_say_what_each_says_alone(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-400.0, 400.0, (30, 2))
    together = stage(p_risk_min=1e-9).step(0, *rows(points, sigma_m=60.0)).risks
    alone = [stage(p_risk_min=1e-9).step(0, *rows(points[i : i + 1], sigma_m=60.0, first_id=i + 1)) for i in range(30)]
    each = {int(row["track_id"]): float(row["p_hit"]) for step in alone for row in step.risks if row["zone_id"] == 0}
    mine = together[together["zone_id"] == 0]
    assert {int(i): float(p) for i, p in zip(mine["track_id"], mine["p_hit"], strict=True)} == pytest.approx(
        each, abs=1e-14
    )
    assert len(each) > 20
