"""Row 14: a sensor's clock drifts: estimated, flagged."""

import math

import numpy as np
import pytest
from two_radars import UNDECLARED, run

from casemate.constants import NS_PER_S
from casemate.io.feeds.clock import DRIFT_PPM, WireClock
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


def _after(clock, drift_ppm, span_s, seed, ahead_s=0.0):
    """What a clock is after so long on a wire that takes 5 ms and, now and then, queues for up to 80 ms more."""
    rng = np.random.default_rng(seed)
    for k in range(int(span_s * 8)):  # 8 datagrams a second
        t_ns = 1_790_000_000 * NS_PER_S + k * NS_PER_S // 8
        wait_s = 0.005 + rng.exponential(0.004) + (rng.random() < 0.1) * rng.uniform(0.0, 0.08)
        behind_s = drift_ppm * 1e-6 * k / 8 - ahead_s
        assert clock.take(t_ns - round(behind_s * NS_PER_S), t_ns + round(wait_s * NS_PER_S))
    return clock


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("drift_ppm", [50.0, -50.0])
def test_drift_is_estimated_on_the_wire_and_flagged(seed, drift_ppm):
    clock = WireClock()
    assert not clock.is_off
    assert math.isnan(_after(clock, drift_ppm, 60.0, seed).drift.drift_ppm()[0])  # a minute tells nothing yet
    clock = _after(WireClock(), drift_ppm, 600.0, seed)
    estimate, sigma = clock.drift.drift_ppm()
    assert abs(estimate - drift_ppm) < 5.0 * sigma
    assert sigma < 2.0
    assert clock.is_off
    assert (clock.shift_ns, clock.n_jumps) == (0, 0)  # it is told, and its times are left alone


@pytest.mark.parametrize("seed", range(12))
def test_a_clock_that_keeps_time_is_not_flagged(seed):
    clock = _after(WireClock(), 0.5 * DRIFT_PPM * (-1.0) ** seed, 900.0, seed)
    assert not clock.is_off


def test_a_clock_ahead_of_ours_is_flagged_at_once():
    assert _after(WireClock(), 0.0, 1.0, 1, ahead_s=0.2).is_off  # a wire takes time: it never gives any
    assert not _after(WireClock(), 0.0, 1.0, 1, ahead_s=0.02).is_off
