import sys
from typing import get_args

import pytest

from casemate.cli import main
from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import log
from casemate.io.channels.opening import AnySettings, make_channel, read_channels

HOLDERS = "".join(f'[[key_holder]]\nname = "{name}"\npublic_key = "{name[0] * 64}"\n' for name in ("anna", "bert"))
LOG = '[[channel]]\nkind = "log"\nname = "file"\nlines = "told.jsonl"\n'


def _read(tmp_path, text):
    path = tmp_path / "channels.toml"
    path.write_text(text)
    return read_channels(path)


def test_a_channels_file_is_read(tmp_path):
    found = _read(
        tmp_path,
        "heartbeat_s = 5.0\n" + LOG + 'audience = "live"\n' + HOLDERS,
    )
    assert found.channel == (log.Settings(name="file", audience="live", lines="told.jsonl"),)
    assert [each.name for each in found.key_holder] == ["anna", "bert"]
    assert found.heartbeat_s == 5.0


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (
            '[[channel]]\nkind = "lgo"\nname = "x"\n',
            "channel[0].kind",
            "'lgo' is not known; did you mean 'log'?; there are: ",
        ),
        ('[[channel]]\nname = "x"\n', "channel[0].kind", "is needed and missing"),
        (LOG + 'linse = "x"\n', "channel[0].linse", "is not a known key; did you mean 'lines'?"),
        (LOG.replace("told", "../told"), "channel[0].lines", "expected str matching regex"),
        (LOG + LOG, "channel[1].name", "'file' is used twice"),
        (LOG + 'audience = "live"\n', "channel[0].audience", "takes two key holders to arm it, and 0 are named"),
        (LOG + LOG.replace('"file"', '"other"'), "channel[1].lines", "'told.jsonl' is written by another already"),
        (LOG.replace("told", "notices"), "channel[0].lines", "'notices.jsonl' is written by another already"),
        (HOLDERS.replace("b" * 64, "a" * 64), "key_holder[1].public_key", "is used twice"),
        (HOLDERS.replace("bert", "anna"), "key_holder[1].name", "'anna' is used twice"),
        (HOLDERS.replace("b" * 64, "b" * 63), "key_holder[1].public_key", "expected str matching regex"),
        ("heartbeat_s = 0.0\n", "heartbeat_s", "expected float >= 1.0"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_cause(tmp_path, text, key, why):
    with pytest.raises(SettingsError) as caught:
        _read(tmp_path, text)
    assert caught.value.file.endswith("channels.toml")
    assert caught.value.key == key
    assert why in caught.value.why


def test_the_log_channel_says_what_cannot_be_written(tmp_path):
    channel = make_channel(log.Settings(name="file", lines="told.jsonl"), tmp_path / "nowhere", lambda _: None)
    with pytest.raises(ChannelError, match=r"file: told.jsonl: No such file"):
        channel.open()
    channel.close()


KINDS = {
    "log": ('lines = "told.jsonl"', "lines"),
    "sound": ("", "player"),
    "cap": (
        'audience = "drill"\nsender = "x@y.z"\nsender_name = "x"\nkey_file = "none.key"\ncertificate_file = "none.key"',
        "languages",
    ),
    "geojson": ('audience = "drill"', "path"),
    "webhook": ('audience = "drill"\nurl = "https://127.0.0.1:9/"\nsecret_file = "none.key"', "timeout_s"),
    "mqtt": (
        'site = "x"\nca_file = "none.key"\ncert_file = "none.key"\nkey_file = "none.key"',
        "keepalive_s",
    ),
    "nats": ('station = "x"\nca_file = "none.key"\ncreds_file = "none.key"', "timeout_s"),
    "cot": (
        'audience = "drill"\nurl = "tls://h:9"\nat_deg = [1, 2]\nca_file = "none.key"\ncertificate_file = "none.key"',
        "timeout_s",
    ),
    "sapient": (
        'audience = "drill"\nhost = "127.0.0.1"\nport = 9\nnode_id = "1f2e3d4c-0000-4000-8000-000000000001"',
        "timeout_s",
    ),
    "websocket": ('audience = "drill"\nport = 0\ntoken_file = "none.key"', "patience_s"),
}
"""Of each kind what it needs, and a key of its own."""
PLACE = """[site]
name = "S"
lat_deg = 33.3
lon_deg = 44.4
height_m = 30.0
[[sensor]]
name = "r"
lat_deg = 33.3
lon_deg = 44.4
height_m = 40.0
scan_period_s = 1.0
sigma_range_m = 15.0
sigma_azimuth_deg = 0.2
sac = 1
sic = 2
[asterix]
drills = true
"""


def test_every_kind_of_channel_is_tried_here():
    assert set(KINDS) == {each.__struct_config__.tag for each in get_args(AnySettings)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mistake", ["misspelt", "type"])
def test_one_line_names_file_key_and_cause(tmp_path, monkeypatch, capsys, kind, mistake):
    needed, own = KINDS[kind]
    path = tmp_path / "channels.toml"
    (tmp_path / "site.toml").write_text(PLACE)
    line, key, why = {
        "misspelt": (f"{own}x = 1", f"{own}x", f"is not a known key; did you mean '{own}'?"),
        "type": (f"{own} = true", own, "expected"),
    }[mistake]
    path.write_text(f'[[channel]]\nkind = "{kind}"\nname = "one"\n{needed}\n'.replace(f"{own} = ", "#") + line + "\n")
    paths = [tmp_path / "site.toml", "--channels", path, "-o", tmp_path / "run", "--feed", "udp://127.0.0.1:0"]
    monkeypatch.setattr(sys, "argv", ["casemate", "serve", *map(str, paths)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("compiling kernels")]
    assert ended.value.code == 2
    assert len(said) == 1
    assert f"{path}: channel[0].{key}: {why}" in said[0]


@pytest.mark.parametrize("kind", [kind for kind, (needed, _) in KINDS.items() if "none.key" in needed])
def test_a_file_that_is_missing_is_named(tmp_path, kind):
    needed, _ = KINDS[kind]
    (declared,) = _read(tmp_path, f'[[channel]]\nkind = "{kind}"\nname = "one"\n{needed}\n').channel
    with pytest.raises(SettingsError) as caught:
        make_channel(declared, tmp_path, lambda _: None)
    assert str(tmp_path / "none.key") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(why in str(caught.value) for why in ("No such file", "is no file"))
