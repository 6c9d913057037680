"""Who may say "live": few names, each in few files. The type checker holds the rest (`tests/types`)."""

import ast
import pathlib
import typing

import msgspec
import pytest

import casemate
from casemate.io.channels import desks, opening
from casemate.model import notices

PACKAGE = pathlib.Path(casemate.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
LIVE_TYPES = {"LiveNotice", "LivePicture", "LiveHeartbeat"}
KINDS = typing.get_args(opening.AnySettings)
AT_THE_STATION = {"log", "sound"}
"""Kinds of channels that may be "local", and so need no keys: a file of the run folder, the room's own loudspeaker."""


def _callers(name):
    """Files that call a name, bare or as an attribute."""
    return {
        file
        for file, tree in SOURCES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    }


def _named_as_values(tree):
    """Live types that are named outside annotations, class patterns, isinstance and imports: where one is made."""
    excused = set()
    for node in ast.walk(tree):
        match node:
            case ast.MatchClass(cls=inner) | ast.AnnAssign(annotation=inner) | ast.arg(annotation=inner):
                excused |= {id(each) for each in ast.walk(inner)} if inner else set()
            case ast.FunctionDef(returns=inner) if inner:
                excused |= {id(each) for each in ast.walk(inner)}
            case ast.Call(func=ast.Name(id="isinstance" | "cast"), args=args):
                excused |= {id(each) for inner in args for each in ast.walk(inner)}
            case ast.Subscript(slice=inner):  # Dispatcher[LiveNotice, ...]
                excused |= {id(each) for each in ast.walk(inner)}
            case ast.BinOp(op=ast.BitOr()):  # a union
                excused |= {id(each) for each in ast.walk(node)}
            case _:
                pass
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in LIVE_TYPES and id(node) not in excused
    }


def test_live_types_are_made_through_one_stamp():
    found = {file: names for file, tree in SOURCES.items() if (names := _named_as_values(tree))}
    assert found == {"io/channels/live.py": LIVE_TYPES}


def test_live_channels_are_opened_by_the_live_station_alone():
    assert _callers("live_couriers") == {"station/live.py"}
    assert _callers("arm") <= {"station/live.py"}
    assert _callers("Armed") == {"io/channels/arming.py"}
    assert _callers("make_channel") == {"io/channels/desks.py"}
    assert _callers("Courier") == {"io/channels/desks.py"}


def test_the_rehearsed_world_and_recordings_reach_for_no_live_stamp():
    for file in ("rehearsal.py", "station/recorded.py"):
        names = {node.id for node in ast.walk(SOURCES[file]) if isinstance(node, ast.Name)}
        assert "REHEARSAL" in names
        assert not names & {*LIVE_TYPES, "LIVE", "EXERCISE"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__struct_config__.tag)
def test_only_what_stays_at_the_station_goes_without_keys(kind):
    audience = next(field for field in msgspec.structs.fields(kind) if field.name == "audience")
    allowed = set(typing.get_args(audience.type))
    is_local = kind.__struct_config__.tag in AT_THE_STATION
    assert allowed == ({"live", "drill", "local"} if is_local else {"live", "drill"})
    assert audience.default != "live"  # live is said, never meant


def test_what_every_run_opens_by_itself_stays_at_the_station():
    for own in (desks.OWN_LOG, desks.OWN_SOUND):
        assert own.audience == "local"


@pytest.mark.parametrize("name", [*LIVE_TYPES, "ExerciseNotice", "RehearsalNotice"])
def test_no_notice_has_kinds_of_its_own(name):
    kind = getattr(notices, name)
    assert kind.__final__
    assert not kind.__subclasses__()
