"""Inputs that come late, and two sensors whose feeds lag differently: journalled as they came, replayed to the byte."""

import msgspec
import pyarrow.parquet as pq
import pytest

from casemate import rehearsal, station
from casemate.io import journal, settings
from casemate.model.messages import Scan
from casemate.runner import Origin, plan_of, record, with_ticks

LAG_S = 2.0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Plots of a run, its plan with a lag, and its inputs in order of time."""
    folder = tmp_path_factory.mktemp("recorded")
    rehearsal.run("flat-and-close", 7, folder / "run", with_intercept=False)
    plan = plan_of(settings.packaged("sites", "site-alpha"))
    tracking = msgspec.structs.replace(plan.site.tracking, lag_s=LAG_S)
    plan = msgspec.structs.replace(plan, site=msgspec.structs.replace(plan.site, tracking=tracking))
    inputs = [m for m in journal.read_inputs(folder / "run" / "journal.sqlite") if isinstance(m, Scan)]
    return plan, inputs[: len(inputs) // 3]


def recorded_to(folder, plan, inputs):
    origin = Origin(data="RECORDING", name="late", inputs={})
    summary = record(with_ticks(inputs), plan, folder, origin)
    return summary, list(journal.read_events(folder / "journal.sqlite"))


def late(inputs):
    """Every third scan comes after the next five."""
    order = sorted(range(len(inputs)), key=lambda k: k + (5.5 if k % 3 == 0 else 0.0))
    return [inputs[k] for k in order]


def test_a_run_with_late_scans_replays_to_the_byte(recorded, tmp_path):
    plan, inputs = recorded
    summary, events = recorded_to(tmp_path / "late", plan, late(inputs))
    assert summary["diagnostics"]["steps_replayed"] > len(inputs) / 3
    assert summary["refused"].get("late", 0) == 0
    station.replay(tmp_path / "late", tmp_path / "again")
    assert list(journal.read_events(tmp_path / "again" / "journal.sqlite")) == events
    for name in ("plots", "tracks", "impacts", "warnings"):
        read = [pq.read_table(tmp_path / run / f"{name}.parquet") for run in ("late", "again")]
        assert read[0].equals(read[1]), name


def test_event_time_never_goes_back_and_the_tracks_end_where_they_do_in_order(recorded, tmp_path):
    plan, inputs = recorded
    after = [inputs[-1]]
    _, in_order = recorded_to(tmp_path / "in-order", plan, inputs)
    _, shuffled = recorded_to(tmp_path / "late", plan, [*late(inputs[:-1]), *after])
    events = [[journal.decode(each) for each in run] for run in (in_order, shuffled)]
    times = [each.t_ns for each in events[1]]
    assert times == sorted(times)
    last = [run[-1].tracks for run in events]
    assert last[0].tobytes() == last[1].tobytes()
