"""Scans of two radars, shuffled within 2 s and 5 % of them twice, with registration at work: the same picture."""

import numpy as np
import pytest
from registration_cases import T0_NS, TWO
from two_radars import UNDECLARED, inputs_of, pipeline_of

from casemate.constants import NS_PER_S
from casemate.model.messages import Scan, Tick

SPAN_S, LAG_S = 30.0, 2.5


def at_the_end(inputs):
    """Step through the inputs and what comes after; return tracks, offsets, corrections and warnings, to the bit."""
    pipeline = pipeline_of(UNDECLARED, LAG_S)
    warnings = []
    for message in [*inputs, Tick(t_ns=T0_NS + 40 * NS_PER_S)]:
        warnings += pipeline.step(message).warnings
    registration, tracker = pipeline._registration, pipeline._lagged.tracker
    picture = tracker.picture(T0_NS + 40 * NS_PER_S)
    history = [(t, [each.offset.tobytes() for each in now]) for t, now in registration._history]
    return picture.tobytes(), len(picture), registration.report, history, warnings


@pytest.mark.parametrize("seed", [1, 2])
def test_order_and_repetition_inside_the_lag_change_nothing_that_stands_in_the_end(seed):
    ordered, _ = inputs_of(UNDECLARED, seed, TWO, SPAN_S)
    ordered = sorted(ordered, key=lambda m: (m.t_end_ns, 0, m.sensor_id) if isinstance(m, Scan) else (m.t_ns, 1, 0))
    rng = np.random.default_rng([seed, 9])
    times = np.array([m.t_end_ns if isinstance(m, Scan) else m.t_ns for m in ordered])
    twice = rng.random(len(ordered)) < 0.05
    arrival = np.concatenate([times, times[twice]]) + rng.uniform(0.0, 2.0 * NS_PER_S, len(times) + twice.sum())
    every = [*ordered, *(ordered[i] for i in np.flatnonzero(twice))]
    shuffled = [every[i] for i in np.argsort(arrival)]
    clean, messy = at_the_end(ordered), at_the_end(shuffled)
    assert clean[1] >= 6
    assert any(each.applied for each in clean[2])
    assert messy == clean
