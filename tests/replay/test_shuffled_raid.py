"""A salvo among traffic, two radars; every scan and plot late by up to 2 s of its own, 5 % twice, a lag of 2.5 s.

What is the same as in order: the tracks as soon as all has come, and every event of the run put in order. What may
differ is what was said before all had come: an alarm waits for nothing, so it knows less, and may come later.
"""

import msgspec
import pyarrow.parquet as pq
import pytest
from bench_shuffled import LAG_S, LATEST_S, as_bytes, clean, confirmed, declared, first_warnings, messy, plan_of, said

from casemate import station
from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io import journal
from casemate.model.messages import Aside, Scan
from casemate.runner import Origin, record
from casemate.tracking import order

SPAN_S = 30.0
PLAN = plan_of()
TABLES = ("tracks", "impacts", "warnings", "plots", "sensors")


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_put_in_order_the_inputs_are_those_of_the_clean_run(seed):
    wanted = clean(PLAN, seed, SPAN_S)
    came = messy(wanted, seed)
    n_plots = [sum(len(m.plots) for m in each if isinstance(m, Scan)) for each in (wanted, came)]
    assert 1.02 < n_plots[1] / n_plots[0] < 1.08
    assert as_bytes(came) != as_bytes(wanted)
    assert as_bytes(order.in_order(came, PLAN.sensors(), LAG_S)) == as_bytes(wanted)
    assert as_bytes(order.in_order(wanted, PLAN.sensors(), LAG_S)) == as_bytes(wanted)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_tracks_are_the_same_once_all_has_come_and_the_alarms_are_of_the_same_rounds(seed):
    wanted = clean(PLAN, seed, SPAN_S)
    (ours, picture), (theirs, picture_messy) = said(PLAN, wanted), said(PLAN, messy(wanted, seed))
    assert sum(picture["motion"] == 0) >= 4  # the salvo is in the air
    assert picture_messy.tobytes() == picture.tobytes()
    assert confirmed(theirs) == confirmed(ours)
    assert set(declared(theirs)) >= set(declared(ours))
    assert len(declared(ours)) == 4
    (first, last), (first_messy, last_messy) = first_warnings(ours), first_warnings(theirs)
    assert first
    for zone_id, t_ns in first.items():
        assert first_messy[zone_id] - t_ns <= LAG_S * NS_PER_S
        assert abs(last_messy[zone_id] - last[zone_id]) <= LATEST_S * NS_PER_S  # a smaller change is not told


def test_a_run_on_a_bad_network_replayed_in_order_is_the_clean_run_to_the_bit(tmp_path):
    wanted = clean(PLAN, 3, SPAN_S)
    origin = Origin(data="RECORDING", name="salvo", inputs={})
    label = Aside(t_ns=0, kind="truth", rows=wanted[0].plots[:0])
    record(wanted, PLAN, tmp_path / "clean", origin)
    record([label, *messy(wanted, 3)], PLAN, tmp_path / "messy", origin)
    station.replay(tmp_path / "messy", tmp_path / "in-order", is_ordered=True)
    events = [list(journal.read_events(tmp_path / run / "journal.sqlite")) for run in ("clean", "in-order", "messy")]
    assert events[1] == events[0]
    assert events[2] != events[0]
    for name in TABLES:
        read = [pq.read_table(tmp_path / run / f"{name}.parquet") for run in ("clean", "in-order")]
        assert read[0].num_rows
        assert read[0].equals(read[1]), name


def test_what_could_not_come_in_stands_where_it_came_and_what_came_too_late_is_left_out():
    wanted = clean(PLAN, 4, 10.0)
    scans = [m for m in wanted if isinstance(m, Scan)]
    stranger = msgspec.structs.replace(scans[3], sensor_id=7)
    late = msgspec.structs.replace(scans[0], az_from_rad=0.1)
    out = list(order.in_order([*wanted[:50], stranger, late, *wanted[50:]], PLAN.sensors(), LAG_S))
    assert sum(m is stranger for m in out) == 1
    assert as_bytes([m for m in out if m is not stranger]) == as_bytes(wanted)


def test_a_site_without_a_lag_has_no_order_to_put_a_run_in(tmp_path):
    plan = plan_of(lag_s=0.0)
    record(clean(plan, 4, 3.0), plan, tmp_path / "run", Origin(data="RECORDING", name="short", inputs={}))
    with pytest.raises(SettingsError, match="--in-order: needs a lag"):
        station.replay(tmp_path / "run", tmp_path / "again", is_ordered=True)
