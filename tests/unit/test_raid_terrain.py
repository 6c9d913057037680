"""Simulated rounds come down on the terrain."""

import numpy as np
import pytest
import terrain_cases

from casemate.io.settings import read_rounds
from casemate.kernels.terrain import surface_at
from casemate.physics.geodesy import SiteFrame
from casemate.sim.raid import draw_rounds
from casemate.sim.scenario import Raid, Scenario

ROUNDS = read_rounds()
FRAME = SiteFrame(46.8, 8.2, 550.0, 50.0)  # of terrain_cases


def scenario(round_class="m82", arc="high", **other):
    raid = Raid(
        round_class=round_class, impact_e_m=0.0, impact_n_m=0.0, impact_sigma_m=100.0, bearing_deg=90.0,
        ground_range_m=(2500.0, 2600.0), count=2, start_s=0.0, interval_s=(1.0, 1.0), arc=arc,
        rcs_dbsm=-20.0, **other,
    )  # fmt: skip
    return Scenario(title="x", source="y", seed=1, t_start=0, duration_s=60.0, site="z", raid=(raid,))


def draw(terrain, **other):
    return draw_rounds(scenario(**other), ROUNDS, FRAME, np.random.default_rng(3), terrain)


@pytest.mark.parametrize("round_class", ["m60", "m120"])
def test_rounds_end_on_the_ground_at_their_impact(round_class):
    slope = 500.0 + np.add.outer(2.0 * np.arange(200), 5.0 * np.arange(207))  # 4 and 9 degrees, up to the north-east
    terrain = terrain_cases.put(slope)
    for each, level in zip(draw(terrain, round_class=round_class), draw(None, round_class=round_class), strict=True):
        ground, height, is_inside = surface_at(*each.trajectory.pos_m[-1].tolist(), terrain)
        assert is_inside
        assert abs(height - ground) < 1e-3
        # The same draw over level ground ends at the same point of the map: each is solved to 0.1 m of it.
        assert np.linalg.norm(each.impact_m - level.impact_m) < 0.3
        assert each.impact_s - each.start_s == pytest.approx(each.trajectory.flight_s)


def test_a_ridge_in_the_way_ends_the_flight():
    wall = np.full((200, 207), 500.0)
    wall[:, 130] += 800.0  # east of the impacts, whence the rounds come
    open_field = draw(terrain_cases.put(np.full((200, 207), 500.0)), arc="flat")
    stopped = draw(terrain_cases.put(wall), arc="flat")
    for before, after in zip(open_field, stopped, strict=True):
        assert after.impact_m[0] > before.impact_m[0] + 500.0
        assert after.impact_s - after.start_s < before.impact_s - before.start_s
