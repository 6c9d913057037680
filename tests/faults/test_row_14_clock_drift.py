"""Row 14: a sensor's clock drifts: estimated, flagged."""

import math

import pytest
from two_radars import UNDECLARED, run

from casemate.model.messages import SensorState


@pytest.mark.parametrize("seed", [1, 2])
def test_a_clock_that_runs_away_is_followed_and_the_difference_told(seed):
    health = run(UNDECLARED, seed, drift=(0.0, 4e-3), span_s=75.0).health  # 0.3 s late in the end
    apart_s = health[1].bias_time_s - health[0].bias_time_s
    assert 0.12 < apart_s < 0.33  # between the mean of all that it was and what it is
    assert SensorState.DEGRADED in {each.state for each in health.values()}
    assert any("clock" in each.reason for each in health.values())
    assert math.isfinite(health[1].sigma_time_s)
    assert any("time" in each.applied for each in health.values())
