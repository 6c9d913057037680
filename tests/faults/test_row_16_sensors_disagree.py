"""Row 16: two disagree: wider covariance, both kept, the operator told; and one that is lost breaks no track."""

import numpy as np
import pytest
from registration_cases import T0_NS, TWO
from two_radars import DECLARED, UNDECLARED, confirmed, run

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, SensorState

HALF_S = 30.0


def width(rows):
    """Give the mean standard deviation of a position [m]."""
    return float(np.sqrt(np.trace(rows["cov"][:, :3, :3], axis1=1, axis2=2)).mean())


@pytest.mark.parametrize("seed", [1, 2])
def test_both_are_kept_ellipses_widen_and_it_is_said(seed):
    apart, clean = run(UNDECLARED, seed, TWO), run(UNDECLARED, seed)
    assert {each.state for each in apart.health.values()} & {SensorState.DEGRADED}
    fates = [each.fates for each in apart.events[-40:] if len(each.fates)]
    assert (np.concatenate(fates)["refusal"] == 0).all()
    late, clean_late = confirmed(apart.events, 45.0, 60.0), confirmed(clean.events, 45.0, 60.0)
    assert len(np.unique(late["track_id"])) == len(np.unique(clean_late["track_id"])) == 8
    assert width(late) > width(clean_late)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sensor_that_is_lost_widens_ellipses_and_breaks_no_track_that_the_other_sees(seed):
    def is_kept(message):
        is_gone = isinstance(message, Scan) and message.sensor_id == 1
        return not (is_gone and message.t_end_ns > T0_NS + round(HALF_S * NS_PER_S))

    away = TWO.copy()
    away[:, 3] = 0.0
    whole, lost = run(DECLARED, seed, away), run(DECLARED, seed, away, is_kept=is_kept)
    assert lost.health[1].state is SensorState.LOST
    before, after = confirmed(lost.events, HALF_S - 5.0, HALF_S), confirmed(lost.events, 55.0, 60.0)
    assert set(before["track_id"]) <= set(after["track_id"])
    assert width(after) > 1.05 * width(confirmed(whole.events, 55.0, 60.0))
