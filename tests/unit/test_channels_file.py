import pytest

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import log
from casemate.io.channels.opening import make_channel, read_channels

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
