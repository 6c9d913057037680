import msgspec
import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.sim.intercept.debris import (
    CARRIER,
    CHARGE_SHARE,
    DEAD_ROUND,
    FALLEN,
    GROUND_STRIKE,
    LIVE_BODY,
    PIECES,
    UNBURST,
    Loose,
    land,
    loose_round,
    loose_shots,
    piece_air,
)
from casemate.sim.intercept.fire import Shared, Spent, command, fire
from casemate.sim.intercept.gun import Fate, GunKind, packaged_kinds
from casemate.sim.intercept.residue import HAZARDOUS_J, fall_of_burst, fall_of_round, gather, table_of
from casemate.sim.intercept.shots import Shots, path_ahead

FRAME = SiteFrame(33.3, 44.39, 34.0)
SHAPE = drag_shape_of("generic")
AIR = build_environment(EnvironmentSettings(), FRAME, SHAPE)
STEADY = Profile(np.array([0.0, 9e3]), None, None, np.full(2, 8.0), np.zeros(2))
WINDY = build_environment(EnvironmentSettings(), FRAME, SHAPE, None, STEADY)
INBOUND = np.array([100.0, 1900.0, 700.0, 0.0, -220.0, -80.0, np.log(1.3e-4)])
BODY = read_rounds()[0]


def spent(kind="g20", n=60, air=AIR, *, is_flown=True, seed=1, **changes):
    figures = msgspec.convert(msgspec.to_builtins(packaged_kinds()[kind]) | changes, GunKind)
    shots, place = Shots(figures, air), np.array([0.0, 0.0, 6.0])
    path = path_ahead(INBOUND, 0.3, 8.0, AIR)
    told = command(shots, place, path, n)
    shared, rng = Shared(np.zeros(2), 0.0, np.zeros(3)), np.random.default_rng(seed)
    return Spent(shots, told, shared, fire(shots, told, path, BODY, shared, rng, is_every_round_flown=is_flown))


def dropped(mass_kg, n=1.0, height_m=1500.0, ln_drag=None):
    drag = np.log(0.0554 * (mass_kg / 1e-3) ** (-1 / 3)) if ln_drag is None else ln_drag
    state = np.array([[0.0, 0.0, height_m, 0.0, 0.0, -1.0, drag]])
    return Loose(state, np.array([PIECES], "U14"), np.array([n]), np.array([n * mass_kg]), np.array([False]))


LISTED = ((1e-4, 11.0), (1e-3, 17.0), (1e-2, 24.0), (3e-2, 29.0), (0.1, 36.0))
KEPT = ((Fate.DETONATED, 1.0 - CHARGE_SHARE), (Fate.BROKEN, 1.0), (Fate.FUZE_DEAD, 1.0))


@pytest.mark.parametrize(("mass_kg", "speed_mps"), LISTED)
def test_pieces_fall_at_the_published_speeds(mass_kg, speed_mps):
    """Within 6 %: the list's terminal fall of steel in still air, and its energies."""
    row = land(dropped(mass_kg, n=50.0), piece_air(AIR))[0]
    assert (2.0 * row["energy_j"] / mass_kg) ** 0.5 == pytest.approx(speed_mps, rel=0.06)
    assert (row["n"], row["mass_kg"]) == (50.0, pytest.approx(50.0 * mass_kg))


def test_a_cloud_piece_and_a_tumbling_body_fall_at_theirs():
    """3.3 g of tungsten 41 to 86 m/s, a 20 mm body 35 to 130, a 35 mm one 50 to 180 (section 3 of the list)."""
    fallen = fall_of_burst(spent("g35", 8), np.random.default_rng(1))
    piece = fallen[fallen["what"] == PIECES]
    speed = np.sqrt(2.0 * piece["energy_j"] * piece["n"] / piece["mass_kg"])
    assert 41.0 < np.median(speed) < 86.0
    carrier = fallen[fallen["what"] == CARRIER]
    assert 30.0 < np.median(np.sqrt(2.0 * carrier["energy_j"] / carrier["mass_kg"])) < 180.0


@pytest.mark.parametrize("is_flown", [True, False])
@pytest.mark.parametrize("kind", packaged_kinds())
def test_what_a_burst_fired_comes_down_but_for_what_burnt(kind, is_flown):
    one, n = spent(kind, 12, is_flown=is_flown, p_self_destruct_fails=0.2), 12
    fallen, figures = fall_of_burst(one, np.random.default_rng(2)), one.shots.kind
    n_whole = fallen["n"][fallen["is_live"]].sum()
    fired_kg = n * figures.mass_kg - (n - n_whole) * figures.charge_kg
    assert fallen["mass_kg"].sum() == pytest.approx(fired_kg, rel=1e-9)
    assert np.isfinite(fallen["pos_m"]).all()
    grid = gather(fallen, 20_000.0, 500.0)
    on_grid_kg = grid.mass_kgpkm2.sum() * 0.25
    assert on_grid_kg + grid.beyond_kg == pytest.approx(fired_kg, rel=1e-9)
    assert grid.beyond_kg < 0.01 * fired_kg
    assert grid.n_live_per_km2.sum() * 0.25 == pytest.approx(n_whole)
    assert sum(line.mass_kg for line in table_of(fallen, 1000.0)) == pytest.approx(fired_kg, rel=1e-9)


@pytest.mark.slow  # without the compiler; else 1 s
def test_as_many_stay_whole_as_declared_and_all_of_them_are_hazardous():
    rng, n = np.random.default_rng(3), 0
    rows = [fall_of_burst(spent("g20", 120, seed=i), rng) for i in range(20)]
    fallen = np.concatenate(rows)
    whole = fallen[fallen["what"] == UNBURST]
    n = len(whole)
    assert 2400 * 0.02 - 3.3 * (2400 * 0.02 * 0.98) ** 0.5 < n < 2400 * 0.02 + 3.3 * (2400 * 0.02 * 0.98) ** 0.5
    assert whole["is_live"].all()
    assert (whole["energy_j"] > HAZARDOUS_J).all()
    pieces = fallen[fallen["what"] == PIECES]
    share = pieces["n"][pieces["energy_j"] > HAZARDOUS_J].sum() / pieces["n"].sum()
    assert share < 0.01  # "self-destruct pieces mostly below"
    assert np.hypot(*np.median(whole["pos_m"], axis=0)) > 3000.0  # they fly on beyond the site


def test_wind_carries_the_light_ones_farther():
    calm, windy = (land(dropped(m), piece_air(air))["pos_m"][0, 0] for m in (1e-3,) for air in (AIR, WINDY))
    heavy = land(dropped(0.1), piece_air(WINDY))["pos_m"][0, 0]
    fall_s = land(dropped(1e-3), piece_air(AIR))["t_s"][0]
    assert abs(calm) < 1.0
    assert windy == pytest.approx(8.0 * fall_s, rel=0.05)
    assert heavy < 0.6 * windy


@pytest.mark.parametrize(("fate", "kept"), KEPT)
def test_what_is_left_of_a_round_that_was_hit_comes_down(fate, kept):
    path = path_ahead(INBOUND, 0.0, 8.0, AIR)
    fallen = fall_of_round(loose_round(path, 3.0, BODY, fate, np.random.default_rng(4)), AIR)
    assert fallen.dtype == FALLEN
    assert fallen["mass_kg"].sum() == pytest.approx(kept * BODY.mass_kg, rel=1e-9)
    assert np.isfinite(fallen["pos_m"]).all()
    assert fallen["n"][fallen["is_live"]].sum() == (fate is Fate.BROKEN)
    assert (set(fallen["what"]) & {LIVE_BODY, DEAD_ROUND}) == {
        Fate.DETONATED: set(),
        Fate.BROKEN: {LIVE_BODY},
        Fate.FUZE_DEAD: {DEAD_ROUND},
    }[fate]


def test_a_round_whose_fuze_is_dead_comes_down_where_it_would_have():
    path = path_ahead(INBOUND, 0.0, 8.0, AIR)
    early, late = (
        fall_of_round(loose_round(path, t, BODY, Fate.FUZE_DEAD, np.random.default_rng(4)), AIR)["pos_m"][0]
        for t in (1.0, 4.0)
    )
    assert np.linalg.norm(early - late) < 100.0  # the believed and the class's own drag differ
    broken = fall_of_round(loose_round(path, 1.0, BODY, Fate.BROKEN, np.random.default_rng(4)), AIR)
    body = broken["pos_m"][broken["what"] == LIVE_BODY][0]
    assert body[1] > early[1] + 100.0  # it tumbles, and falls short


@pytest.mark.slow  # without the compiler; else 1 s
def test_rounds_told_into_the_ground_come_down_whole():
    one = spent("g20", 24, self_destruct_s=60.0, sigma_self_destruct_s=0.0, p_self_destruct_fails=0.0)
    whole, pieces = loose_shots(one, np.random.default_rng(1))
    assert len(whole.n) + int(one.end.is_hit.sum()) == 24
    assert set(whole.what) == {GROUND_STRIKE}
    assert len(pieces.n) == 3 * int(one.end.is_hit.sum())


def test_nothing_comes_down_of_nothing_and_a_cell_must_fit():
    none = np.zeros(0, FALLEN)
    grid = gather(none, 1000.0, 100.0)
    assert (grid.mass_kg, grid.beyond_kg, grid.mass_kgpkm2.shape) == (0.0, 0.0, (20, 20))
    assert table_of(none, 1000.0) == ()
    for cell_m in (0.0, 300.0, 3000.0, np.nan):
        with pytest.raises(DomainError, match="cell_m"):
            gather(none, 1000.0, cell_m)
    with pytest.raises(ValueError, match="FALLEN"):
        gather(np.zeros(0, [("pos_m", "f8", (2,))]), 1000.0, 100.0)


def test_the_lost_are_counted_as_beyond():
    rows = np.zeros(3, FALLEN)
    rows["mass_kg"], rows["n"], rows["pos_m"] = 1.0, 1.0, [[0.0, 0.0], [5000.0, 0.0], [np.nan, np.nan]]
    grid = gather(rows, 1000.0, 100.0)
    assert (grid.mass_kg, grid.beyond_kg) == (3.0, 2.0)
    assert grid.mass_kgpkm2[10, 10] == pytest.approx(100.0)
