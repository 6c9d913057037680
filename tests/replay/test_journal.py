"""The journal under killing, tearing, full disks and readers: what was whole is read, what was lost is said."""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from casemate.errors import JournalError
from casemate.io import journal
from casemate.io.journal import JournalWriter, decode, encode, read_events, read_inputs, read_meta, read_span
from casemate.model.messages import Aside, Events, Scan, Tick
from casemate.model.records import LABEL, PLOT, freeze, missing


def a_scan(i: int) -> Scan:
    plots = missing(PLOT, 3)
    plots["plot_id"] = 3 * i + np.arange(3)
    t_ns = i * 125_000_000
    return Scan(
        sensor_id=0,
        t_start_ns=t_ns,
        t_end_ns=t_ns + 1,
        t_recv_ns=t_ns + 1,
        az_from_rad=0.0,
        az_to_rad=1.0,
        plots=freeze(plots),
    )


def write(path, n: int) -> None:
    writer = JournalWriter(path, {"seed": "7"})
    for i in range(n):
        writer.put(Aside(t_ns=i, kind="label", rows=np.zeros(1, LABEL)))
        writer.put(a_scan(i))
        writer.put(Events(t_ns=i))
        writer.put(Tick(t_ns=i))
    writer.close()


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, 50)
    inputs = list(read_inputs(path))
    assert [type(each).__name__ for each in inputs[:3]] == ["Aside", "Scan", "Tick"]
    assert [each.plots["plot_id"][0] for each in inputs if isinstance(each, Scan)] == list(range(0, 150, 3))
    assert [decode(each).t_ns for each in read_events(path)] == list(range(50))
    assert read_meta(path) == {"seed": "7"}


def test_a_closed_journal_is_one_file(tmp_path):
    write(tmp_path / "journal.sqlite", 2)
    assert read_span(tmp_path / "journal.sqlite") == (0, 125_000_001)
    assert [each.name for each in tmp_path.iterdir()] == ["journal.sqlite"]


def test_the_same_run_gives_the_same_payloads(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, 20)
    assert list(read_events(tmp_path / "a")) == list(read_events(tmp_path / "b"))
    assert [encode(each) for each in read_inputs(tmp_path / "a")] == [
        encode(each) for each in read_inputs(tmp_path / "b")
    ]


def test_a_journal_is_never_written_over(tmp_path):
    write(tmp_path / "journal.sqlite", 1)
    with pytest.raises(JournalError, match="exists already"):
        JournalWriter(tmp_path / "journal.sqlite", {})
    with pytest.raises(JournalError, match="cannot be created"):
        JournalWriter(tmp_path / "none" / "journal.sqlite", {})


def test_it_is_read_while_it_is_written(tmp_path):
    path = tmp_path / "journal.sqlite"
    writer = JournalWriter(path, {})
    for i in range(10):
        writer.put(a_scan(i))
    seen, deadline = 0, time.monotonic() + 10.0
    while seen < 10 and time.monotonic() < deadline:
        seen = len(list(read_inputs(path)))
    assert seen == 10
    reading = read_inputs(path)
    next(reading)
    writer.put(a_scan(10))
    writer.close()  # with a reader inside
    reading.close()
    assert len(list(read_inputs(path))) == 11


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_journal import a_scan
from casemate.io.journal import JournalWriter
writer = JournalWriter({path!r}, {{"seed": "7"}})
for i in range(1_000_000):
    writer.put(a_scan(i))
    if i == 300:
        print("there", flush=True)
"""


def killed(tmp_path) -> str:
    """Kill a process that writes a journal as fast as it can, some rows after its first commit."""
    path = str(tmp_path / "journal.sqlite")
    code = KILLED.format(tests=str(pathlib.Path(__file__).parent), path=path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        deadline = time.monotonic() + 20.0
        while len(list(read_inputs(path))) < 500 and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    return path


def put_many(writer, n: int) -> None:
    for i in range(n):
        writer.put(a_scan(i))


def is_unbroken(scans) -> bool:
    return [int(each.plots["plot_id"][0]) for each in scans] == list(range(0, 3 * len(scans), 3))


def test_a_killed_journal_reads_to_the_last_whole_row(tmp_path):
    path = killed(tmp_path)
    scans = list(read_inputs(path))
    assert scans
    assert is_unbroken(scans)
    assert read_meta(path) == {"seed": "7"}


def test_a_torn_wal_reads_to_the_last_whole_commit(tmp_path):
    path = killed(tmp_path)
    n_before = len(list(read_inputs(path)))
    pathlib.Path(path + "-shm").unlink(missing_ok=True)
    wal = pathlib.Path(path + "-wal")
    with wal.open("r+b") as stream:
        stream.truncate(wal.stat().st_size - 5000)
    scans = list(read_inputs(path))
    assert 0 < len(scans) <= n_before
    assert is_unbroken(scans)


def test_a_killed_journal_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    path = killed(tmp_path)
    n = len(list(read_inputs(path)))
    real = journal._connect

    def refuse_in_place(file):
        if str(file) == path:  # what SQLite says of a WAL it may not index; root cannot be refused for real
            raise sqlite3.OperationalError("unable to open database file")
        return real(file)

    monkeypatch.setattr(journal, "_connect", refuse_in_place)
    before = sorted(tmp_path.iterdir())
    assert len(list(read_inputs(path))) == n
    assert sorted(tmp_path.iterdir()) == before


def test_a_closed_journal_is_read_in_a_read_only_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder / "journal.sqlite", 3)
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert len(list(read_events(folder / "journal.sqlite"))) == 3
        assert [each.name for each in folder.iterdir()] == ["journal.sqlite"]
    finally:
        folder.chmod(0o755)


FULL = """
import resource, sys
sys.path.insert(0, {tests!r})
from test_journal import a_scan
from casemate.errors import JournalError
from casemate.io.journal import JournalWriter
writer = JournalWriter({path!r}, {{}})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for i in range(200_000):
        writer.put(a_scan(i))
except JournalError as error:
    print("put:", error)
try:
    writer.close()
except JournalError as error:
    print("close:", error)
"""


def test_a_full_disk_surfaces_and_nobody_waits_for_it(tmp_path):
    path = str(tmp_path / "journal.sqlite")
    code = FULL.format(tests=str(pathlib.Path(__file__).parent), path=path)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.splitlines()[0].startswith("put: ")
    assert told.splitlines()[1].startswith("close: ")
    assert "cannot be written" in told
    assert is_unbroken(list(read_inputs(path)))


def test_a_disk_that_lags_is_told_at_once_when_nobody_may_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "CAPACITY", 4)
    writer = JournalWriter(tmp_path / "journal.sqlite", {}, max_wait_s=0.0)
    other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # holds the writer up
    with pytest.raises(JournalError, match="does not keep up"):
        put_many(writer, 300)
    other.execute("ROLLBACK")
    other.close()
    writer.close()
    scans = list(read_inputs(tmp_path / "journal.sqlite"))
    assert scans
    assert is_unbroken(scans)


def test_a_note_is_kept_at_the_end(tmp_path):
    writer = JournalWriter(tmp_path / "journal.sqlite", {"seed": "7"})
    writer.note("outcome", "{}")
    writer.close()
    assert read_meta(tmp_path / "journal.sqlite") == {"seed": "7", "outcome": "{}"}
    assert read_span(tmp_path / "journal.sqlite") == (0, 0)


def test_closing_twice_is_fine(tmp_path):
    writer = JournalWriter(tmp_path / "journal.sqlite", {})
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="closed already"):
        writer.put(Tick(t_ns=0))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(JournalError, match="no such journal"):
        read_meta(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("hello " * 1000)
    with pytest.raises(JournalError, match="is not a journal"):
        read_meta(tmp_path / "text.sqlite")
    sqlite3.connect(tmp_path / "other.sqlite").execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(JournalError, match="not a Casemate journal"):
        read_meta(tmp_path / "other.sqlite")
    write(tmp_path / "old.sqlite", 1)
    with sqlite3.connect(tmp_path / "old.sqlite") as db:
        db.execute("UPDATE meta SET value = '{}' WHERE key = 'records'")
    db.close()
    with pytest.raises(JournalError, match="records with other fields"):
        list(read_inputs(tmp_path / "old.sqlite"))


def test_a_row_that_does_not_decode_is_named(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, 2)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE rows SET payload = x'00' WHERE seq = 6")
    db.close()
    with pytest.raises(JournalError, match="row 6: does not decode"):
        list(read_inputs(path))


def test_a_damaged_file_gives_its_whole_rows_then_says_so(tmp_path):
    path = tmp_path / "journal.sqlite"
    write(path, 500)
    damaged = tmp_path / "damaged.sqlite"
    shutil.copy(path, damaged)
    with damaged.open("r+b") as stream:
        stream.seek(damaged.stat().st_size // 2)
        stream.write(os.urandom(40_000))
    got = []
    with pytest.raises(JournalError):
        got.extend(read_inputs(damaged))
    assert got
