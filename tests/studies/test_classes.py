"""Study: what is not ballistic is never declared a round, what is one is declared soon, in scenes not tuned on."""

import class_scenes as scenes
import numpy as np
import pytest
from scipy.stats import binom

from casemate.model.records import Kind


@pytest.mark.slow
@pytest.mark.parametrize("seed", [31, 32])
@pytest.mark.parametrize(("p_detection", "scan_period_s"), [(0.9, 1.0), (0.6, 2.0)])
def test_a_dense_sky_without_a_threat_holds_no_round(seed, p_detection, scan_period_s):
    """Four minutes of several busy hours at once: more aircraft, helicopters and drones than a day has in two hours."""
    sky = scenes.judge(scenes.dense_traffic(4.0), seed, p_detection=p_detection, scan_period_s=scan_period_s)
    assert len(np.unique(sky.rows["track_id"])) >= 15
    assert not scenes.has_impact(sky.rows, sky.classes).any()
    assert (sky.classes["i_kind"] >= Kind.AIRCRAFT).all()


@pytest.mark.slow
def test_rounds_of_every_class_are_declared():
    """By their fifth plot 95 % are declared rounds, as far as so few can show; most by their kind."""
    sky = scenes.judge(scenes.all_rounds(33, count=2), 33)
    is_five = (sky.rows["n_hit"] >= 5) & (sky.truth >= 0)
    _, first = np.unique(sky.rows["track_id"][is_five], return_index=True)
    truth, classes = sky.truth[is_five][first], sky.classes[is_five][first]
    assert len(first) >= 40
    assert np.sum(classes["i_class"] >= 0) >= binom.ppf(0.01, len(first), 0.95)  # 1 in 100 draws would fall below
    assert np.mean(classes["i_kind"] == truth) >= 0.5
