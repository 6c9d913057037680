"""Compiled drag curves against the standard tables, and against measured ones that no smooth curve can meet."""

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from casemate.physics.drag import compile_drag, drag_at


def table_of(file):
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return np.array([[float(cell) for cell in line.split(",")[:2]] for line in lines]).T


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("G1", 5e-4),  # a quintic of the same kind, made independently, differs from the monotone cubic by 5e-4 for G1
        ("G7", 2.3e-3),  # and by 2.3e-3 for G7, near Mach 1.01
    ],
)
def test_standard_tables(shared, name, beside):
    mach, cd = table_of(shared / "reference" / f"drag_{name}.csv")
    curve = compile_drag(mach, cd)
    assert curve.form == "quintic"
    assert np.max(np.abs(drag_at(curve.table, mach) - cd)) == curve.node_error <= 5e-5  # four decimals are printed
    at = np.arange(0.0, 5.0, 1e-4)
    # Two digits of the figures above; the rest is how each solver stops inside the same limits
    assert np.max(np.abs(drag_at(curve.table, at) - PchipInterpolator(mach, cd)(at))) == pytest.approx(beside, rel=0.05)


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("andromeda_2022/drag_coefficient.csv", 0.005),  # two sweeps, up and down in Mach, 0.005 apart at Mach 0.15
        ("erebus_2022/drag_curve.csv", 0.014),  # two sweeps in one column, 0.014 apart at Mach 0.19
    ],
)
def test_measured_tables(shared, name, apart):
    mach, cd = table_of(shared / "reference" / "rocket_flights" / name)
    curve = compile_drag(mach, cd)
    assert curve.form == "pchip"
    off = np.abs(drag_at(curve.table, mach) - cd)
    assert curve.node_error == off.max()
    assert curve.node_error < 0.25  # below Mach 0.02 drag goes from 0 to 0.6 within two cells
    assert np.max(off[mach > 0.15]) < apart  # the speeds that a flight has
    value = drag_at(curve.table, np.linspace(0.0, 2.0, 10_001))
    assert cd.min() <= value.min()
    assert value.max() <= cd.max()


def test_a_dense_table_of_a_smooth_curve_gives_it_back(shared):
    curve = compile_drag(*table_of(shared / "reference" / "drag_G7.csv"))
    mach = np.linspace(0.3, 2.7013, 400)  # closer than a cell, and ends between cells
    again = compile_drag(mach, drag_at(curve.table, mach))
    assert (again.form, again.node_error <= 5e-5) == ("quintic", True)
    at = np.linspace(0.31, 2.69, 5_000)
    assert np.max(np.abs(drag_at(again.table, at) - drag_at(curve.table, at))) < 1e-4  # twice the error at a point
