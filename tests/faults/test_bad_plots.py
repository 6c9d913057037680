"""Plots that cannot be, through `casemate track`: refused, counted in summary.json, and no track feels them."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io.tables import FIELD_OF

INF = math.inf


def with_faults(recording, faults):
    """Put bad copies of good plots between them, each differing in the given columns."""
    n = len(recording) // (len(faults) + 1)
    rows = list(recording)
    for k, fault in enumerate(faults):
        rows.insert((k + 1) * n + k, recording[(k + 1) * n] | fault)
    return rows


def check(track, clean, outcome, rows, refused, suffix=".parquet", is_drawn=False):
    """The run must count what was refused and conclude what it does without it."""
    summary, out = track(rows, suffix, is_drawn)
    assert summary["refused"] == refused
    assert summary["counts"]["plots"] == len(rows)
    check_same(outcome(out), clean)


OF_THE_TIME = ["t_ns", "reason", "lead_s", "benefit", "cost", "would_change"]


def check_same(got, want):
    """Equal to the bit; but when a warning was given, and its words, hang on a sector's end, fitted to all azimuths."""
    for one, other in zip(got[:2], want[:2], strict=True):
        assert one.equals(other)
    assert got[2].drop_columns(OF_THE_TIME).equals(want[2].drop_columns(OF_THE_TIME))
    assert np.abs(got[2]["lead_s"].to_numpy() - want[2]["lead_s"].to_numpy()).max() < 1e-3
    assert np.abs(got[2]["t_ns"].to_numpy() - want[2]["t_ns"].to_numpy()).max() < 1_000_000


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_row_01_nan_or_inf(track, clean, outcome, recording, suffix):
    faults = [{"range_m": math.nan}, {"range_m": None}] if suffix == ".parquet" else [{"range_m": math.nan}]
    faults += [{name: value} for name in FIELD_OF if name != "azimuth_deg" for value in (INF, -INF)]
    check(track, clean, outcome, with_faults(recording, faults), {"not_finite": len(faults)}, suffix, is_drawn=True)


@pytest.mark.parametrize("value", [math.nan, -INF])
def test_row_01_an_azimuth_that_is_no_number(track, clean, outcome, recording, value):
    """An antenna is looked for among azimuths: those that are none must not hide it."""
    faults = [{"azimuth_deg": value}] * 5
    check(track, clean, outcome, with_faults(recording, faults), {"not_finite": 5}, is_drawn=True)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_row_02_huge_numbers(track, clean, outcome, recording, suffix):
    sigmas = [name for name in FIELD_OF if name.startswith("sigma_")]
    others = [name for name in FIELD_OF if name not in sigmas]
    faults = [{name: value} for name in others for value in (1e300, -1e300, 1e15)]
    bad_sigmas = [{name: value} for name in sigmas for value in (1e300, 5e-324, -1e300)]
    refused = {"out_of_range": len(faults), "bad_sigma": len(bad_sigmas)}
    check(track, clean, outcome, with_faults(recording, faults + bad_sigmas), refused, suffix)


@pytest.mark.parametrize(("t_ns", "why"), [(2**63 - 1, "future"), (2**62, "future"), (-(2**63), "late")])
def test_row_02_huge_times(track, clean, outcome, recording, t_ns, why):
    check(track, clean, outcome, [*recording, recording[0 if t_ns < 0 else -1] | {"t_ns": t_ns}], {why: 1})


def test_row_07_unknown_sensor(track, clean, outcome, recording):
    faults = [{"sensor": name} for name in ("radar-2", "", "Radar-1", "r" * 10_000)]
    check(track, clean, outcome, with_faults(recording, faults), {"unknown_sensor": 4})


@pytest.mark.parametrize("hours", [-12, 12])
def test_row_08_timestamps_hours_off(track, recording, hours):
    """In a file nobody can say which of its times is wrong: the one plot is a track of none, and the rest goes on."""
    off_ns = hours * 3600 * NS_PER_S
    summary, _ = track([*recording, recording[40] | {"t_ns": recording[40]["t_ns"] + off_ns}])
    assert summary["counts"]["tracks_confirmed"] == 4
    assert summary["counts"]["warnings"] == 1


def test_row_09_duplicate_plot(track, clean, outcome, recording):
    check(track, clean, outcome, [row for row in recording for _ in range(2)], {"duplicate": len(recording)})
