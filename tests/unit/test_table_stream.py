"""NDJSON: plots line by line through a pipe, and what is said of lines that are none."""

import json
import math
import os

import pytest
from live_station import write_site

from casemate.errors import SettingsError
from casemate.io.feeds.capture import Tally
from casemate.io.feeds.clock import StationClock
from casemate.io.feeds.table_stream import MAX_LINE, LineReader, LineSource
from casemate.io.feeds.wire_feed import WireFeed
from casemate.io.plot_lines import read_line, read_lines
from casemate.io.settings import read_site
from casemate.model.messages import Aside

GOOD = {"t_ns": 1_790_000_000_000_000_000, "sensor": "radar-1", "range_m": 4200.5, "azimuth_deg": 91.25}


def line(**changes):
    row = {**GOOD, **changes}
    return json.dumps({name: value for name, value in row.items() if value is not ...}).encode()


WRONG = [
    (b"range 4200 azimuth 91", "malformed"),
    (b'{"t_ns": 17', "truncated"),
    (b"[1, 2, 3]", "Expected `object`, got `array`"),
    (b"\xff\xfe\x00", "malformed"),
    (line(range_m=...), "range_m is missing"),
    (line(azimuth_deg=..., azimut_deg=3.0), "azimuth_deg is missing; did you mean 'azimut_deg'?"),
    (line(range_m="far"), r"Expected `float`, got `str` - at `\$.range_m`"),
    (line(sensor=7), r"got `int` - at `\$.sensor`"),
    (line(t_ns=1.5), r"at `\$.t_ns`"),
    (line(t_ns=-1), "t_ns cannot be"),
    (line(t_ns=2**62), "t_ns cannot be"),
]


@pytest.mark.parametrize(("said", "why"), WRONG)
def test_a_line_that_is_no_plot_says_why(said, why):
    with pytest.raises(ValueError, match=why):
        read_line(said)
    with pytest.raises(SettingsError, match=why) as caught:
        read_lines(line() + b"\n\n" + said + b"\n", "plots.ndjson")
    assert (caught.value.file, caught.value.key) == ("plots.ndjson", "line 3")


def test_good_lines_are_read_into_columns():
    columns = read_lines(line(label="a") + b"\r\n \n" + line(elevation_deg=None, snr_db=12), "x")
    assert columns["label"] == ["a", None]
    assert columns["range_m"] == [4200.5, 4200.5]
    assert columns["elevation_deg"] == [None, None]
    assert columns["snr_db"] == [None, 12.0]


@pytest.fixture
def piped(tmp_path):
    """A feed that reads a pipe, and the end to write to."""
    site, clock, tally = read_site(write_site(tmp_path)), StationClock(), Tally()
    reading, writing = os.pipe()
    feed = WireFeed("ndjson:-", LineSource(clock, tally, reading), LineReader(site, tally), site, clock, tally)
    yield feed, writing, clock, tally
    os.close(reading)


def test_what_comes_through_a_pipe_is_delivered_or_counted(piped):
    feed, writing, clock, tally = piped
    good = [line(t_ns=clock.now_ns(), azimuth_deg=-10.0 + k, label=f"r{k}", elevation_deg=5.0) for k in range(7)]
    unknown = line(t_ns=clock.now_ns(), sensor="radar-9")
    stream = b"\n".join([*good[:4], *(said for said, _ in WRONG), unknown, b"", *good[4:]])  # the last without an end
    os.write(writing, stream)
    os.close(writing)
    out = []
    feed.run(out.append, lambda: False)
    rows = [row for each in out if not isinstance(each, Aside) for row in each.plots]
    assert sorted(float(row["az_rad"]) for row in rows) == pytest.approx(
        sorted(math.radians(-10.0 + k) % (2.0 * math.pi) for k in range(7))
    )
    assert {float(row["el_rad"]) for row in rows} == {math.radians(5.0)}
    names = {int(i): str(name) for each in out if isinstance(each, Aside) for i, name in each.rows.tolist()}
    assert sorted(names.values()) == [f"r{k}" for k in range(7)]
    assert sorted(names) == sorted(int(row["plot_id"]) for row in rows)
    told = {each.reason: each.count for each in tally.refused()}
    assert told.pop("unknown sensor 'radar-9'") == 1
    assert sum(told.values()) == len(WRONG)
    assert all(reason.startswith("line is no plot: ") for reason in told)


@pytest.mark.parametrize("n_ends", [1, 2])
def test_a_line_without_end_takes_no_room_and_the_next_is_read(n_ends):
    reading, writing = os.pipe()
    tally = Tally()
    source = LineSource(StationClock(), tally, reading)
    for _ in range(5):
        os.write(writing, b"x" * 30_000)
        assert source.receive(0.5) == []
        assert len(source._rest) <= MAX_LINE
    os.write(writing, b"y" * 10 + b"\n" * n_ends + line() + b"\n" + line()[:20])
    (got,) = source.receive(0.5)
    assert got.payload == line()
    os.write(writing, line()[20:] + b"\n")
    assert [each.payload for each in source.receive(0.5)] == [line()]
    assert {each.reason: each.count for each in tally.refused()} == {"line longer than 65,536 bytes": 1}
    os.close(writing)
    assert source.receive(0.5) == []
    assert source.is_over
    source.close()
    os.close(reading)


def test_a_plain_file_is_read_to_its_end(tmp_path):
    (tmp_path / "plots.ndjson").write_bytes(line() + b"\n" + line(range_m=1.0))
    with (tmp_path / "plots.ndjson").open("rb") as stream:
        source = LineSource(StationClock(), Tally(), stream.fileno())
        got = []
        while not source.is_over:
            got += source.receive(0.0)
        source.close()
    assert [read_line(each.payload).range_m for each in got] == [4200.5, 1.0]
