"""A broken invariant stops the process at a row of the journal, and that row can be gone back to."""

import re
import subprocess
import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from casemate import rehearsal, station
from casemate.constants import NS_PER_S
from casemate.io import journal, settings

POISONED = """
import sys
from casemate.tracking.tracker import Tracker

update, n_scans = Tracker.update, 0

def poisoned(tracker, scan):
    global n_scans
    n_scans += 1
    if n_scans >= 60 and len(tracker.bank.order):
        {poison}
    return update(tracker, scan)

Tracker.update = poisoned
from casemate.cli import main
main()
"""
NOT_A_NUMBER = "tracker.bank.leaves['cov'][tracker.bank.order, :, 3, 3] = float('nan')"
A_BUG = "raise ZeroDivisionError('a bug')"


def casemate(*arguments, code="from casemate.cli import main; main()"):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The first minute of plots of a run."""
    folder = tmp_path_factory.mktemp("recorded")
    rehearsal.run("flat-and-close", 7, folder / "run", with_intercept=False)
    plots = pq.read_table(folder / "run" / "plots.parquet")
    early = pc.less(plots["t_ns"], pc.add(pc.min(plots["t_ns"]), 60 * NS_PER_S))
    pq.write_table(plots.filter(early).drop_columns(["track_id", "refused"]), folder / "plots.parquet")
    return folder / "plots.parquet"


def events_of(folder):
    return list(journal.read_events(folder / "journal.sqlite"))


@pytest.mark.parametrize(
    ("poison", "says"),
    [
        (NOT_A_NUMBER, "in the table of tracks: not finite"),
        (A_BUG, "ZeroDivisionError: a bug"),
    ],
)
def test_the_process_stops_there_and_says_how_to_go_back(recorded, tmp_path, poison, says):
    site = settings.packaged("sites", "site-alpha")
    out = tmp_path / "broken"
    done = casemate("track", recorded, "--site", site, "-o", out, code=POISONED.format(poison=poison))
    assert done.returncode == 3
    said = done.stderr.splitlines()[-1]
    assert says in said
    assert ("Traceback" in done.stderr) == (poison == A_BUG)  # where a sentence does not tell
    row = int(re.search(r"journal row (\d+), t_ns \d+: ", said)[1])
    assert f"`casemate replay {out} --until {row}`" in said

    broken = events_of(out)
    inputs = list(journal.read_inputs(out / "journal.sqlite"))
    n_until = len(list(journal.read_inputs(out / "journal.sqlite", row)))
    assert n_until == len(inputs) - 1  # the last row is the input that broke it; nothing came after it
    assert re.search(rf"t_ns {inputs[-1].t_end_ns}: ", said)
    assert not (out / "summary.json").exists()
    whole = pq.read_table(out / "tracks.parquet")

    again = casemate("replay", out, "--until", row, "-o", tmp_path / "until")
    assert again.returncode == 0, again.stderr
    assert events_of(tmp_path / "until") == broken
    assert pq.read_table(tmp_path / "until" / "tracks.parquet").equals(whole)


def test_a_replay_of_what_broke_breaks_at_the_same_row_until_the_fault_is_gone(recorded, tmp_path):
    site = settings.packaged("sites", "site-alpha")
    poisoned = POISONED.format(poison=NOT_A_NUMBER)
    first = casemate("track", recorded, "--site", site, "-o", tmp_path / "broken", code=poisoned)
    second = casemate("replay", tmp_path / "broken", "-o", tmp_path / "again", code=poisoned)
    assert second.returncode == 3
    rows = [re.search(r"journal row \d+, t_ns \d+", done.stderr)[0] for done in (first, second)]
    assert rows[0] == rows[1]
    station.replay(tmp_path / "broken", tmp_path / "mended")
    assert len(events_of(tmp_path / "mended")) == len(events_of(tmp_path / "broken")) + 1
