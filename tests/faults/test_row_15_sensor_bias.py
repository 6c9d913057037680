"""Row 15: a sensor is off: estimated, shown as degraded; and one that is not off is left alone."""

import math

import numpy as np
import pytest
from registration_cases import TWO
from two_radars import DECLARED, UNDECLARED, run

from casemate.model.messages import SensorState


@pytest.mark.parametrize("seed", [1, 2])
def test_a_radar_that_is_further_off_than_declared_is_named_with_its_offsets(seed):
    health = run(UNDECLARED, seed, TWO).health
    assert health[1].state is SensorState.DEGRADED
    assert "azimuth" in health[1].reason
    assert health[1].bias_az_rad == pytest.approx(math.radians(0.3), abs=5.0 * health[1].sigma_az_rad)
    assert health[1].bias_range_m == pytest.approx(60.0, abs=5.0 * health[1].sigma_range_m)
    assert {"range", "az"} <= set(health[1].applied)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_inside_the_declaration_is_taken_off_and_no_fault(seed):
    away = TWO.copy()
    away[:, 3] = 0.0
    health = run(DECLARED, seed, away).health
    assert {each.state for each in health.values()} == {SensorState.OK}
    assert "az" in health[1].applied
    assert np.isfinite([health[1].bias_range_m, health[1].sigma_range_m]).all()


@pytest.mark.parametrize("seed", [3, 4])
def test_radars_that_are_not_off_are_left_alone(seed):
    health = run(UNDECLARED, seed).health
    assert {each.state for each in health.values()} == {SensorState.OK}
    assert {each.applied for each in health.values()} == {()}
    assert health[0].n_common == 8
