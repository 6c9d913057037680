"""The chain: every way to touch a log is named, and a disk that takes nothing loses nothing."""

import json
import threading
import time

import msgspec
import pytest

from casemate.errors import SettingsError
from casemate.io.channels import audit as audits
from casemate.io.channels.audit import AuditLog, verify
from casemate.io.channels.auditing import audit_run

N = 8


@pytest.fixture
def log(tmp_path):
    """A log of eight lines, its path, its head."""
    audit = AuditLog(tmp_path)
    for k in range(N):
        audit.note("sent", 1000 + k, channel="sirens", notice=f"run-{k}")
    audit.close()
    return tmp_path / "audit.jsonl", {"summary.json": audit.head}


def _put(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_a_log_that_nobody_touched_is_whole(log):
    verdict = verify(*log)
    assert verdict.is_whole
    assert (verdict.n_lines, verdict.n_heads, verdict.what) == (N, 1, {"sent": N})


@pytest.mark.parametrize("k", range(N))
def test_a_changed_line_is_named(log, k):
    path, heads = log
    lines = path.read_bytes().splitlines()
    lines[k] = lines[k].replace(b"sirens", b"silent")
    _put(path, lines)
    (fault,) = verify(path, heads).faults
    last = f"line {N} is not the one that summary.json knows"
    assert fault == (last if k == N - 1 else f"line {k + 1} was changed: line {k + 2} holds another hash of it")


@pytest.mark.parametrize("k", range(N))
def test_a_missing_line_is_named(log, k):
    path, heads = log
    lines = path.read_bytes().splitlines()
    del lines[k]
    _put(path, lines)
    faults = verify(path, heads).faults
    assert faults[0] == (f"line {k + 1} is missing before what stands at {k + 1}" if k < N - 1 else faults[-1])
    assert faults[-1] == f"line {N} is cut off: summary.json counts {N}"


def test_lines_in_another_order_are_named(log):
    path, heads = log
    lines = path.read_bytes().splitlines()
    lines[2], lines[4] = lines[4], lines[2]
    _put(path, lines)
    faults = verify(path, heads).faults
    assert "lines 3 to 4 are missing before what stands at 3" in faults
    assert "line 4 stands at 4, out of order" in faults
    assert "line 3 stands at 5, out of order" in faults


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_tail_that_is_cut_off_is_told_by_what_is_known_elsewhere(log, n):
    path, heads = log
    _put(path, path.read_bytes().splitlines()[:n])
    assert verify(path, heads).faults == (f"lines {n + 1} to {N} are cut off: summary.json counts {N}",)
    assert verify(path, {}).is_whole  # the chain alone cannot tell


def test_half_a_line_is_named(log):
    path, heads = log
    path.write_bytes(path.read_bytes()[:-20])
    assert f"line {N} is broken off" in verify(path, heads).faults


def test_a_line_that_is_put_in_is_named(log):
    path, heads = log
    lines = path.read_bytes().splitlines()
    _put(path, [*lines[:3], lines[2], *lines[3:]])
    assert "line 3 stands at 4, out of order" in verify(path, heads).faults


def test_a_forged_chain_does_not_have_the_known_end(log, tmp_path):
    _, heads = log
    folder = tmp_path / "forged"
    folder.mkdir()
    audit = AuditLog(folder)
    for k in range(N):
        audit.note("sent", 1000 + k, channel="sirens", notice=f"run-{k}", why="forged")
    audit.close()
    assert verify(folder / "audit.jsonl", heads).faults == (f"line {N} is not the one that summary.json knows",)


def test_garbage_is_named(log):
    path, heads = log
    lines = path.read_bytes().splitlines()
    lines[3] = b"\xff\x00garbage"
    _put(path, lines)
    assert "line 4 cannot be read" in verify(path, heads).faults


def test_threads_write_one_chain(tmp_path):
    audit = AuditLog(tmp_path)
    threads = [
        threading.Thread(target=lambda i=i: [audit.note("sent", k, who=i) for k in range(200)]) for i in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()
    verdict = verify(tmp_path / "audit.jsonl", {"memory": audit.head})
    assert verdict.is_whole
    assert verdict.n_lines == 1000


def test_a_disk_that_takes_nothing_keeps_nobody_waiting_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(audits, "SYNC_S", 0.05)
    folder = tmp_path / "run"
    audit = AuditLog(folder)  # there is no such folder: what a full or broken disk says, it says
    begin = time.monotonic()
    for k in range(100):
        audit.note("sent", k)
    assert time.monotonic() - begin < 0.5
    while not audit.trouble:
        time.sleep(0.01)
    assert audit.trouble == "audit.jsonl: No such file or directory"
    folder.mkdir()
    while audit.head.n < 100:
        time.sleep(0.01)
    audit.close()
    assert verify(folder / "audit.jsonl", {"memory": audit.head}).is_whole
    assert audit.trouble == ""


def test_a_log_that_is_there_is_gone_on_with(log):
    path, _ = log
    audit = AuditLog(path.parent)
    audit.note("sent", 9)
    audit.close()
    verdict = verify(path, {"memory": audit.head})
    assert (verdict.is_whole, verdict.n_lines) == (True, N + 1)


def test_a_runs_log_is_held_against_its_summary(log):
    path, heads = log
    head = heads["summary.json"]
    summary = {"told": {"audit": head._asdict()}}
    (path.parent / "summary.json").write_bytes(msgspec.json.encode(summary))
    assert audit_run(path.parent).n_heads == 1
    (path.parent / "summary.json").write_text(json.dumps({"told": {"audit": {"n": 9, "sha256": head.sha256}}}))
    assert audit_run(path.parent).faults == ("line 9 is cut off: summary.json counts 9",)
    path.unlink()
    with pytest.raises(SettingsError, match=r"audit\.jsonl: is missing"):
        audit_run(path.parent)
