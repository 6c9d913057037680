"""Times that are wrong and inputs out of order, through the runner; the counters are `refused` and `steps_replayed`.

That any order inside the lag gives the tracks of the order of time, to the bit, is the law of
`tests/properties/test_lag.py`, and that such runs replay to the byte is in `tests/replay/test_late_inputs.py`.
"""

import msgspec
import pyarrow.parquet as pq
import pytest

from casemate.constants import NS_PER_S
from casemate.io import tables
from casemate.model.messages import Scan
from casemate.model.records import freeze
from casemate.runner import Origin, plan_of, record, with_ticks

HOUR_NS = 3600 * NS_PER_S
LAG_S = 2.0
KINDS = ("p_kind", "p_class", "p_round")


@pytest.fixture(scope="module")
def plan(folder):
    return plan_of(folder / "site.toml")


@pytest.fixture(scope="module")
def inputs(folder, track, recording, plan):
    """Scans and ticks of the recording, in order of time."""
    track(recording)
    path = max(folder.glob("plots*.parquet"), key=lambda each: each.stat().st_mtime_ns)
    return list(with_ticks(tables.scans(tables.read_plots(path, plan.site), plan.site)))


def played(out, plan, inputs, lag_s=0.0):
    tracking = msgspec.structs.replace(plan.site.tracking, lag_s=lag_s)
    plan = msgspec.structs.replace(plan, site=msgspec.structs.replace(plan.site, tracking=tracking))
    return record(inputs, plan, out, Origin(data="RECORDING", name="faults", inputs={}))


def tracks_of(out):
    return pq.read_table(out / "tracks.parquet")


def full(inputs):
    """Return where the scans with plots are."""
    return [i for i, each in enumerate(inputs) if isinstance(each, Scan) and len(each.plots)]


def stamped(scan, shift_ns, is_whole):
    """Move a scan's plots in time; with `is_whole` the scan too, as it comes from a radar whose clock is wrong."""
    plots = scan.plots.copy()
    plots["t_ns"] += shift_ns
    moved = {"t_start_ns": scan.t_start_ns + shift_ns, "t_end_ns": scan.t_end_ns + shift_ns} if is_whole else {}
    return msgspec.structs.replace(scan, plots=freeze(plots), **moved)


@pytest.mark.parametrize("hours", [-12, -1, 1, 12])
@pytest.mark.parametrize("is_whole", [False, True])
def test_row_08_timestamps_hours_off(tmp_path, plan, inputs, hours, is_whole):
    """They are refused, and no track feels that they came: as if the radar had seen nothing in those scans."""
    away = full(inputs)[20:40:4]
    bad, without = list(inputs), list(inputs)
    for i in away:
        bad[i] = stamped(inputs[i], hours * HOUR_NS, is_whole)
        without[i] = msgspec.structs.replace(inputs[i], plots=freeze(inputs[i].plots[:0]))
    if is_whole:
        without = [each for i, each in enumerate(without) if i not in away]
    n = sum(len(inputs[i].plots) for i in away)
    summary = played(tmp_path / "bad", plan, bad)
    played(tmp_path / "without", plan, without)
    assert summary["refused"] == {"late" if hours < 0 else "future": n}
    assert tracks_of(tmp_path / "bad").equals(tracks_of(tmp_path / "without"))


def test_row_10_out_of_order_inside_the_lag(tmp_path, plan, inputs):
    """Every third input comes after the next three; in the last turn, in order again, tracks are what they would be."""
    n = len(inputs) - 12
    order = sorted(range(n), key=lambda k: k + (3.5 if k % 3 == 0 else 0.0))
    mixed = [inputs[k] for k in order] + inputs[n:]
    summary = played(tmp_path / "mixed", plan, mixed, LAG_S)
    assert summary["refused"] == {}
    assert summary["diagnostics"]["steps_replayed"] > len(inputs) / 4
    played(tmp_path / "in-order", plan, inputs, LAG_S)
    t_ns = max(each.t_end_ns if isinstance(each, Scan) else each.t_ns for each in inputs[:n])
    ends = [
        [row for row in tracks_of(tmp_path / name).to_pylist() if row["t_ns"] > t_ns] for name in ("mixed", "in-order")
    ]
    for mixed_row, row in zip(*ends, strict=True):
        for (
            name
        ) in KINDS:  # what a thing is, is judged as its plots come: how a track began fades, the odds of a round too
            assert mixed_row.pop(name) == pytest.approx(row.pop(name), abs=1e-9)
    assert ends[0] == ends[1]
    assert len({row["track_id"] for row in ends[0]}) >= 1


def test_row_11_plot_too_late(tmp_path, plan, inputs):
    """A scan that comes after more than the lag is refused, said to be late plot by plot, and used by no track."""
    i = full(inputs)[20]
    after = next(k for k in full(inputs) if inputs[k].t_start_ns > inputs[i].t_end_ns + (LAG_S + 1.5) * NS_PER_S)
    late = [*inputs[:i], *inputs[i + 1 : after], inputs[i], *inputs[after:]]
    without = [*inputs[:i], *inputs[i + 1 :]]
    summary = played(tmp_path / "late", plan, late, LAG_S)
    played(tmp_path / "without", plan, without, LAG_S)
    assert summary["refused"] == {"late": len(inputs[i].plots)}
    rows = pq.read_table(tmp_path / "late" / "plots.parquet").to_pylist()
    told = [(row["refused"], row["track_id"]) for row in rows if row["refused"]]
    assert told == [("late", None)] * len(inputs[i].plots)
    assert tracks_of(tmp_path / "late").equals(tracks_of(tmp_path / "without"))
