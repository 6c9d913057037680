"""Two keys: what arms, and everything that does not."""

import json
import stat

import msgspec
import pytest

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.io.channels import arming
from casemate.io.channels.arming import Armed, Signed, arm, make_keys, scope_of, sign
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.opening import read_channels

T0_NS = 1_790_000_000 * NS_PER_S
LOG = '[[channel]]\nkind = "log"\nname = "siren"\naudience = "live"\nlines = "siren.jsonl"\n'


@pytest.fixture
def desk(tmp_path):
    """A channels file with two holders of keys, and what arming takes."""
    holders = []
    for name in ("anna", "bert"):
        _, public = make_keys(name, tmp_path)
        holders.append(f'[[key_holder]]\nname = "{name}"\npublic_key = "{public}"\n')
    make_keys("mallory", tmp_path)
    (tmp_path / "channels.toml").write_text(LOG + "".join(holders))
    return tmp_path


def _scope(desk, zones="0" * 64, site="Hill"):
    return scope_of(desk / "channels.toml", zones, site)


def _signed(desk, name, at_ns=T0_NS, for_s=3600.0, scope=None, out=None):
    path = desk / f"{out or name}.arm"
    found = sign(read_channels(desk / "channels.toml"), scope or _scope(desk), desk / f"{name}.key", at_ns, for_s)
    path.write_bytes(msgspec.json.encode(found))
    return path


def _arm(desk, *files, now_ns=T0_NS, scope=None):
    audit = AuditLog(desk)
    try:
        return arm(read_channels(desk / "channels.toml"), scope or _scope(desk), files, now_ns, audit)
    finally:
        audit.close()


def _refused(desk, *files, **options):
    with pytest.raises(SettingsError) as caught:
        _arm(desk, *files, **options)
    last = json.loads((desk / "audit.jsonl").read_text().splitlines()[-1])
    assert last["what"] == "arming-refused"
    assert last["why"] == caught.value.why
    return caught.value


def test_two_holders_arm_until_the_first_statement_ends(desk):
    armed = _arm(desk, _signed(desk, "anna"), _signed(desk, "bert", for_s=1800.0), now_ns=T0_NS + NS_PER_S)
    assert armed.holders == ("anna", "bert")
    assert armed.t_until_ns == T0_NS + 1800 * NS_PER_S
    lines = [json.loads(line) for line in (desk / "audit.jsonl").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["arming", "arming", "armed"]


def test_a_private_key_is_for_its_holder_alone(desk):
    assert stat.S_IMODE((desk / "anna.key").stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="exists already; a key is never written over"):
        make_keys("anna", desk)


def test_one_statement_arms_nothing(desk):
    error = _refused(desk, _signed(desk, "anna"))
    assert "takes two statements of different key holders" in error.why


def test_the_same_key_twice_arms_nothing(desk):
    error = _refused(desk, _signed(desk, "anna"), _signed(desk, "anna", T0_NS + 5, out="again"))
    assert (error.key, "two different holders" in error.why) == ("statement.holder", True)


def test_a_channels_file_that_was_changed_after_the_signature_is_not_armed(desk):
    files = _signed(desk, "anna"), _signed(desk, "bert")
    (desk / "channels.toml").write_text((desk / "channels.toml").read_text() + "# one comment\n")
    assert _refused(desk, *files).key == "statement.channels_sha256"


@pytest.mark.parametrize("other", [{"zones": "1" * 64}, {"site": "Valley"}])
def test_other_zones_are_not_armed(desk, other):
    files = _signed(desk, "anna"), _signed(desk, "bert")
    assert _refused(desk, *files, scope=_scope(desk, **other)).key == "statement.zone_list"


@pytest.mark.parametrize(("now_s", "why"), [(3600.0, "ended 0 s ago"), (9000.0, "ended"), (-61.0, "begins only in")])
def test_a_statement_holds_in_its_time_alone(desk, now_s, why):
    files = _signed(desk, "anna"), _signed(desk, "bert")
    assert why in _refused(desk, *files, now_ns=T0_NS + round(now_s * NS_PER_S)).why


@pytest.mark.parametrize("field", ["t_until_ns", "t_from_ns", "channels_sha256", "zone_list", "site", "holder"])
def test_a_statement_that_was_changed_is_forged(desk, field):
    good, path = _signed(desk, "anna"), _signed(desk, "bert")
    found = msgspec.json.decode(path.read_bytes(), type=Signed)
    was = getattr(found.statement, field)
    value = (
        "anna" if field == "holder" else was + 1 if isinstance(was, int) else ("0" if was[0] != "0" else "1") + was[1:]
    )
    statement = msgspec.structs.replace(found.statement, **{field: value})
    forged = msgspec.structs.replace(found, statement=statement)
    path.write_bytes(msgspec.json.encode(forged))
    assert _refused(desk, good, path).key == "signature"


def test_a_stranger_signs_nothing(desk):
    with pytest.raises(SettingsError, match=r"mallory.key: belongs to no \[\[key_holder\]\]"):
        _signed(desk, "mallory")


def test_a_strangers_signature_under_a_holders_name_is_refused(desk):
    good = _signed(desk, "anna")
    text = (desk / "channels.toml").read_text()
    _, public = make_keys("eve", desk)
    bert = text.split('name = "bert"')[1].split('"')[1]
    (desk / "channels.toml").write_text(text.replace(bert, public))  # eve signs as bert, of a file of her own
    forged = _signed(desk, "eve", scope=scope_of(desk / "channels.toml", "0" * 64, "Hill"))
    (desk / "channels.toml").write_text(text)
    assert _refused(desk, good, forged).key == "signature"


def test_a_statement_of_more_than_a_watch_is_refused(desk, monkeypatch):
    with pytest.raises(SettingsError, match="at most 12 hours"):
        _signed(desk, "anna", for_s=13 * 3600.0)
    monkeypatch.setattr(arming, "MAX_S", 1e6)  # a holder with a program of his own
    files = _signed(desk, "anna", for_s=13 * 3600.0), _signed(desk, "bert")
    monkeypatch.undo()
    assert "more than 12 hours" in _refused(desk, *files).why


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100, b'{"statement": 3}', b"[" * 10_000, b"x" * 200_000])
def test_garbage_is_no_statement(desk, content):
    path = desk / "garbage.arm"
    path.write_bytes(content)
    assert _refused(desk, path).file == str(path)


def test_a_key_that_is_none_is_said(desk):
    (desk / "anna.key").write_bytes(b"-----BEGIN NONSENSE-----")
    with pytest.raises(SettingsError, match="is no private key"):
        _signed(desk, "anna")


def test_nobody_else_makes_the_proof():
    with pytest.raises(TypeError, match="verified statements alone"):
        Armed(object(), ("anna", "bert"), T0_NS)
    with pytest.raises(TypeError, match="has no kinds"):
        type("Mine", (Armed,), {})
