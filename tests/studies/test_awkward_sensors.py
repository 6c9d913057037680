"""Radars that storm, fall silent and tell the wrong time: nobody is warned for nothing, nobody is not warned."""

from collections import Counter

import numpy as np
import pytest
from bench_awkward import Run

from casemate.io import settings
from casemate.model.catalog import SiteFile


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_storm_of_false_plots_the_one_rocket_is_warned_of_and_nothing_else(seed):
    outcome = Run("false-plot-storm", seed).outcome
    assert outcome.n_rounds == 1
    assert outcome.missed.k == outcome.warned_late.k == outcome.false_warnings.k == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_alone_warns_nobody(seed):
    assert Run("false-plot-storm-quiet", seed).outcome.zone_warnings == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_loss_of_the_best_radar_at_the_apex_costs_no_warning_and_is_told(seed):
    run = Run("sensor-dropout", seed)
    outcome, world = run.outcome, run.world
    first = world.rounds[0]
    silent_s = world.scenario.radar[0].fault[0].from_s
    apex_s = first.start_s + float(first.trajectory.t_s[np.argmax(first.trajectory.pos_m[:, 2])])
    assert abs(apex_s - silent_s) < 1.0
    assert outcome.n_rounds == 4
    assert outcome.missed.k == outcome.warned_late.k == outcome.false_warnings.k == 0
    for label in [f"round-{i}" for i in (1, 2, 3, 4)]:
        sensors = Counter(sensor_id for _, sensor_id, _ in run.fed[label])
        assert min(sensors[1], sensors[2]) >= 5, label  # the late 3D and the 2D radar, both
        track = Counter(track for track, _, _ in run.fed[label]).most_common(1)[0][0]
        assert {s for t, s, _ in run.fed[label] if t == track} >= {1, 2}, label  # into one track
    (told_s,) = run.told_lost_s()
    assert silent_s < told_s < silent_s + 2.0 + 1.0


def test_a_packaged_site_has_radars_of_three_kinds():
    site = settings.read_toml(settings.packaged("sites", "site-charlie"), SiteFile)
    kinds = [(radar.antenna, radar.sigma_elevation_deg is None) for radar in site.sensor]
    assert kinds == [("rotating", False), ("staring", False), ("rotating", True)]
