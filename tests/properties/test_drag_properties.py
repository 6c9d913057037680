"""Drag curves from any table: nowhere negative, no waves between the points, and honest about their errors."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from casemate.physics.drag import compile_drag, drag_at

HALF_DIGIT = 5e-5  # what a quintic may be off a point


@st.composite
def tables(draw, least_gap):
    n = draw(st.integers(2, 25))
    gaps = draw(st.lists(st.floats(least_gap, 0.6), min_size=n, max_size=n))
    mach = np.cumsum(gaps) - (gaps[0] if draw(st.booleans()) else 0.0)
    cd = np.array(draw(st.lists(st.integers(0, 10_000), min_size=n, max_size=n))) * 1e-4
    return mach[mach <= 5.0], cd[mach <= 5.0]


def overshoot(mach, cd, table, reach):
    # How far the curve leaves the band of the two points around it (within `reach` of it), and the rise of the four.
    at = np.linspace(mach[0], mach[-1], 20_001)
    first, last = (np.clip(np.searchsorted(mach, at + r, side="right") - 1, 0, mach.size - 2) for r in (-reach, reach))
    two = np.stack([cd[first], cd[first + 1], cd[last], cd[last + 1]])
    four = np.vstack([two, cd[np.maximum(first - 1, 0)], cd[np.minimum(last + 2, cd.size - 1)]])
    value = drag_at(table, at)
    return np.maximum(two.min(axis=0) - value, value - two.max(axis=0)), np.ptp(four, axis=0)


# Points four cells apart, as the closest of the standard tables are; wilder ones below.
# A peak of this table's curve, beside the point of 0.9278, once lay between two of the places that were looked at.
SPIKE = (
    np.array([0.0, 0.29384901, 0.85707987, 1.08389616, 1.1397081, 1.22462729, 1.69651809, 2.02985142, 2.30740806,
              2.33240806, 2.84670798, 3.34670798, 3.79350983, 3.92340373, 4.25771442, 4.60490861, 4.969534]),
    np.array([0.0, 0.0923, 0.1024, 0.1394, 0.1457, 1.0, 0.0105, 0.022, 0.0125, 0.9278, 0.2785, 0.0376, 0.2029, 0.0023,
              0.038, 0.0176, 0.0565]),
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@example(SPIKE)
@given(tables(least_gap=0.025))
def test_tables_of_any_shape_come_out_without_waves(table):
    mach, cd = table
    curve = compile_drag(mach, cd)
    # Of a monotone cubic only the values at the edges of cells are kept: it feels a point across the cell that it is in
    over, rise = overshoot(mach, cd, curve.table, 0.0 if curve.form == "quintic" else 1.0 / 160.0)
    # 1 % of the local rise as promised, and what the error at a point allows
    assert np.all(over <= 0.01 * rise + HALF_DIGIT)
    assert curve.form == "pchip" or curve.node_error <= HALF_DIGIT
    assert curve.node_error == np.max(np.abs(drag_at(curve.table, mach) - cd))
    assert np.min(drag_at(curve.table, np.linspace(0.0, 6.0, 12_001))) >= -1e-15  # rounding of the cubic


@settings(max_examples=12, deadline=None)
@example([(0.0, 0.0), (1.0, 2.225073858507e-311)])  # once divided by
@example([(2.225073858507e-311, 0.3), (0.0, 0.5), (1.0, 0.4)])
@given(st.lists(st.tuples(st.floats(0.0, 6.0), st.floats(0.0, 2.0)), min_size=1, max_size=40))
def test_scattered_points_never_leave_their_range(points):
    mach, cd = np.array(points).T
    curve = compile_drag(mach, cd)
    value = drag_at(curve.table, np.linspace(0.0, 6.0, 12_001))
    slack = 0.01 * np.ptp(cd) + HALF_DIGIT
    assert np.all((value >= max(cd.min() - slack, -1e-15)) & (value <= cd.max() + slack))
    assert np.isfinite(curve.table).all()
    below, above = drag_at(curve.table, [0.0, mach.min()]), drag_at(curve.table, [min(mach.max(), 5.0), 9.0])
    assert below[0] == below[1] or mach.min() * 160 % 1 > 0.0  # constant outside, to the next edge of a cell inside
    assert above[0] == above[1] or mach.max() * 160 % 1 > 0.0
