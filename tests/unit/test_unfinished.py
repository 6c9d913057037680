"""What a run left unfinished: read from files as a killed process leaves them."""

import msgspec
import pytest
from notice_cases import T0_NS, notice

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.log import LogChannel, Settings
from casemate.io.channels.stamps import EXERCISE, REHEARSAL
from casemate.io.channels.unfinished import is_running, unfinished
from casemate.model.messages import WarningPhase
from casemate.model.notices import ExerciseNotice, RehearsalNotice

LINES = "notices.jsonl"


def _told(n, incident=1, phase=WarningPhase.WARN, kind=ExerciseNotice, **changes):
    return notice(kind, n, notice_id=f"old-{n}", incident=f"old-{incident}", phase=phase, **changes)


def _write(folder, *told, torn=b""):
    content = b"".join(msgspec.json.encode(each) + b"\n" for each in told)
    (folder / LINES).write_bytes(content + torn)


def _sent(folder, *pairs):
    audit = AuditLog(folder)
    for channel, each in pairs:
        audit.note("sent", T0_NS, channel=channel, notice=each.notice_id, incident=each.incident)
    audit.close()


def _found(folder, stamp=EXERCISE, t_ns=T0_NS):
    return [each.notice_id for each in unfinished(folder, LINES, stamp, t_ns)]


def test_the_last_word_of_each_open_incident_is_found_in_the_order_of_their_coming(tmp_path):
    assert _found(tmp_path / "none") == []
    told = [_told(1), _told(2, 2), _told(3, 1, WarningPhase.STAY), _told(4, 4), _told(5, 4, WarningPhase.WITHDRAWN)]
    _write(tmp_path, *told, torn=msgspec.json.encode(_told(6, 2, WarningPhase.CLEAR))[:-9])
    assert _found(tmp_path) == ["old-2", "old-3"]


def test_what_has_expired_and_what_is_of_another_type_is_left(tmp_path):
    short = _told(1, t_expires_ns=T0_NS + 30 * NS_PER_S)
    _write(tmp_path, short, _told(2, 2), _told(3, 3, kind=RehearsalNotice))
    assert _found(tmp_path) == ["old-1", "old-2"]
    assert _found(tmp_path, t_ns=T0_NS + 31 * NS_PER_S) == ["old-2"]
    assert _found(tmp_path, REHEARSAL) == ["old-3"]


def test_an_end_that_a_channel_has_not_heard_is_to_be_said_again(tmp_path):
    first, over, other, done = _told(1), _told(2, 1, WarningPhase.CLEAR), _told(3, 3), _told(4, 3, WarningPhase.CLEAR)
    _write(tmp_path, first, over, other, done)
    heard = [("sirens", first), ("map", first), ("map", over), ("map", other), ("map", done)]
    _sent(tmp_path, *heard)
    assert _found(tmp_path) == ["old-2"]
    _sent(tmp_path, ("sirens", over))
    assert _found(tmp_path) == []


def test_a_run_that_goes_on_has_left_nothing(tmp_path):
    assert not is_running(tmp_path, LINES)
    channel = LogChannel(Settings(name="run folder", lines=LINES), tmp_path, lambda _: None)
    channel.open()
    channel.send(_told(1))
    assert is_running(tmp_path, LINES)
    with pytest.raises(SettingsError, match="goes on in another process"):
        _found(tmp_path)
    channel.close()
    assert not is_running(tmp_path, LINES)
    assert _found(tmp_path) == ["old-1"]
