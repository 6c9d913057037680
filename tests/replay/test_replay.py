"""The law of the journal: events(journal of a run) == events(run), byte for byte."""

import filecmp
import os
import pathlib
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from casemate import rehearsal, station
from casemate.io import journal, settings
from casemate.physics.drag import compile_drag, drag_shape_of

TABLES = ("plots", "tracks", "impacts", "warnings", "truth", "engagements")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "flat"
    rehearsal.run("flat-and-close", 7, folder, with_intercept=True)
    return folder


def _events(folder):
    return list(journal.read_events(folder / "journal.sqlite"))


def test_a_replay_gives_the_same_events_and_the_same_files(finished, tmp_path):
    again = tmp_path / "again"
    summary = station.replay(finished, again)
    assert _events(again) == _events(finished)
    assert len(_events(finished)) > 100
    present = [name for name in TABLES if (finished / f"{name}.parquet").exists()]
    assert {"plots", "tracks", "impacts", "warnings", "truth"} <= set(present)
    for name in present:
        assert filecmp.cmp(finished / f"{name}.parquet", again / f"{name}.parquet", shallow=False), name
    assert summary["outcome"] is not None
    assert summary["seed"] == 7
    curve = compile_drag(*drag_shape_of(summary["drag_curve"]["name"], settings.read_rounds()))
    assert summary["drag_curve"]["digest"] == curve.digest


def test_two_runs_of_one_seed_are_the_same_and_another_seed_is_not(finished, tmp_path):
    rehearsal.run("flat-and-close", 7, tmp_path / "same", with_intercept=True)
    rehearsal.run("flat-and-close", 8, tmp_path / "other", with_intercept=True)
    assert _events(tmp_path / "same") == _events(finished)
    assert _events(tmp_path / "other") != _events(finished)


def _started(folder):
    code = "from casemate.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "busy-quiet-hour", "-o", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if _n_events(folder) > 300:
            return process
        time.sleep(0.2)
    process.kill()
    pytest.fail("the run did not get going within two minutes")
    return None


def _n_events(folder: pathlib.Path) -> int:
    path = folder / "journal.sqlite"
    try:
        return sum(1 for _ in journal.read_events(path)) if path.exists() else 0
    except Exception:  # noqa: BLE001  the journal is being made this moment
        return 0


def test_a_killed_run_replays_to_where_it_was_killed(tmp_path):
    process = _started(tmp_path / "killed")
    process.kill()
    process.wait()
    before = _events(tmp_path / "killed")
    station.replay(tmp_path / "killed", tmp_path / "again")
    after = _events(tmp_path / "again")
    # The last input may have been kept before its step was.
    assert after[: len(before)] == before
    assert len(after) - len(before) <= 1
    assert pq.read_table(tmp_path / "again" / "tracks.parquet").num_rows > 0


def test_ctrl_c_leaves_a_whole_folder(tmp_path):
    process = _started(tmp_path / "stopped")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 1
    tracks = pq.read_table(tmp_path / "stopped" / "tracks.parquet")
    station.replay(tmp_path / "stopped", tmp_path / "again")
    assert _events(tmp_path / "again") == _events(tmp_path / "stopped")
    assert pq.read_table(tmp_path / "again" / "tracks.parquet").equals(tracks)
    assert (tmp_path / "stopped" / "summary.json").exists()
