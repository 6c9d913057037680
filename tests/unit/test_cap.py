import notice_cases as cases
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import rings, texts
from casemate.io.channels.cap import Cap, file_of
from casemate.io.channels.cap_settings import Settings
from casemate.io.channels.opening import make_channel, read_channels
from casemate.model.messages import WarningPhase
from casemate.model.notices import DrillHeartbeat, DrillPicture, ExerciseNotice, LiveNotice

VOICE = Settings(name="public", audience="drill", sender="a@b.example", sender_name="A")
CHANNEL = '[[channel]]\nkind = "cap"\nname = "public"\naudience = "drill"\nsender = "a@b.example"\nsender_name = "A"\n'


def channel(tmp_path, **changes):
    cap = Cap(cases.changed(VOICE, **changes), tmp_path, lambda reply: None)
    cap.open()
    return cap


def feed_of(tmp_path):
    return etree.parse(tmp_path / "cap" / "atom.xml").getroot()


def titles(tmp_path):
    return [entry.findtext("{*}title") for entry in feed_of(tmp_path).findall("{*}entry")]


def test_a_channel_comes_from_its_file_and_finds_its_keys_beside_it(tmp_path):
    cases.key_pair(tmp_path)
    path = tmp_path / "channels.toml"
    path.write_text(CHANNEL + 'key_file = "station-key.pem"\ncertificate_file = "station.pem"\n')
    made = make_channel(read_channels(path).channel[0], tmp_path / "run", lambda reply: None)
    made.open()
    made.send(cases.notice())
    assert b"SignatureValue" in (tmp_path / "run" / "cap" / "run-1.xml").read_bytes()


@pytest.mark.parametrize(
    ("line", "key", "why"),
    [
        ('impactt = "none"\n', "channel[0].impactt", "did you mean 'impact'?"),
        ('base_url = "ftp://x/"\n', "channel[0].base_url", "expected str matching regex"),
        ('[[channel.event_code]]\nvalue_nam = "SAME"\nvalue = "CDW"\n', "channel[0].event_code[0]", "value_nam"),
    ],
)
def test_a_misspelt_key_is_refused_by_name(line, key, why, tmp_path):
    path = tmp_path / "channels.toml"
    path.write_text(CHANNEL + line)
    with pytest.raises(SettingsError) as caught:
        read_channels(path)
    assert caught.value.key.startswith(key)
    assert why in f"{caught.value.key} {caught.value.why}"


def test_keys_that_cannot_sign_are_refused_by_name(tmp_path):
    key, certificate = (str(path) for path in cases.key_pair(tmp_path))
    other_key, _ = (str(path) for path in cases.key_pair(tmp_path, "other"))
    wide_key, wide = (
        str(path) for path in cases.key_pair(tmp_path, "p384", key=ec.generate_private_key(ec.SECP384R1()))
    )
    past_key, past = (str(path) for path in cases.key_pair(tmp_path, "past", days=(-9, -1)))
    for changes, why in (
        ({"audience": "live"}, "a live alert is signed"),
        ({"key_file": key}, "goes with certificate_file"),
        ({"key_file": other_key, "certificate_file": certificate}, "does not belong to the key"),
        ({"key_file": certificate, "certificate_file": certificate}, "is not a private key"),
        ({"key_file": wide_key, "certificate_file": wide}, "is not a key on P-256"),
        ({"key_file": past_key, "certificate_file": past}, "is valid from"),
        ({"key_file": key, "certificate_file": key}, "holds no certificate"),
        ({"key_file": f"{key}-", "certificate_file": certificate}, "cannot be read: No such file"),
    ):
        with pytest.raises(SettingsError, match=why):
            channel(tmp_path, **changes)


def test_a_notice_sent_twice_is_one_alert_and_one_entry(tmp_path):
    cap = channel(tmp_path)
    cap.send(cases.notice())
    once = (tmp_path / "cap" / "run-1.xml").read_bytes()
    cap.send(cases.notice())
    assert (tmp_path / "cap" / "run-1.xml").read_bytes() == once
    assert len(titles(tmp_path)) == 1


def test_the_feed_is_what_it_was_after_a_restart_even_if_it_was_torn(tmp_path):
    cap = channel(tmp_path, feed_length=3)
    for notice in cases.incident(ExerciseNotice):
        cap.send(notice)
    before = titles(tmp_path)
    (tmp_path / "cap" / "atom.xml").write_bytes(b"<feed")
    (tmp_path / "cap" / "torn.xml").write_bytes(b"<alert")
    (tmp_path / "cap" / "bomb.xml").write_bytes(b"<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>")
    cap = channel(tmp_path, feed_length=3)
    cap.beat(DrillHeartbeat(station="A", t_sent_ns=cases.T0_NS, t_picture_ns=0, zones=(), sensors=()))
    assert titles(tmp_path) == before
    assert len(before) == 3
    assert "no picture yet" in feed_of(tmp_path).findtext("{*}subtitle")


def test_a_live_feed_lists_no_drill_that_lies_in_its_folder(tmp_path):
    channel(tmp_path).send(cases.notice(ExerciseNotice))
    key, certificate = (str(path) for path in cases.key_pair(tmp_path))
    live = channel(tmp_path, audience="live", key_file=key, certificate_file=certificate)
    live.send(cases.notice(LiveNotice, 2, notice_id="live-2"))
    assert titles(tmp_path) == ["Take cover now: \u2068Alpha North\u2069"]
    assert feed_of(tmp_path).findtext("{*}title") == "Warnings of public"


def test_a_folder_that_cannot_be_written_is_an_error_that_is_tried_again(tmp_path):
    (tmp_path / "cap").write_text("a file")
    with pytest.raises(ChannelError) as caught:
        channel(tmp_path)
    assert not caught.value.is_final
    (tmp_path / "cap").unlink()
    cap = channel(tmp_path)
    (tmp_path / "cap").rename(tmp_path / "gone")
    with pytest.raises(ChannelError, match="cannot be written"):
        cap.send(cases.notice())
    cap.show(DrillPicture(station="A", t_ns=0, tracks=(), areas=()))
    cap.close()
    cap.close()


def test_a_warning_that_comes_too_late_says_what_can_still_be_done():
    (english,) = texts.read_languages(("en",))
    said = texts.word(cases.notice(LiveNotice, is_useful=False), english)
    assert said.instruction.startswith("There is no time to reach a shelter")
    said = texts.word(cases.notice(LiveNotice, is_useful=False, phase=WarningPhase.CLEAR), english)
    assert said.instruction.startswith("You may leave cover")


def test_names_are_isolated_and_cannot_turn_the_sentence():
    hebrew = texts.read_languages(("he",))[0]
    said = texts.word(cases.notice(LiveNotice, zone="Alpha \u202eNorth\u202c\u2069"), hebrew)
    assert said.headline == "היכנסו מיד למרחב מוגן: \u2068Alpha North\u2069"
    assert said.zone == "Alpha North"


@pytest.mark.parametrize(
    ("change", "key", "why"),
    [
        (('headline = "Take cover now: $zone"', 'headline = "Now: $zome"'), "phase.warn.headline", "$zone, $time"),
        (('event = "Incoming', 'event = "$zone'), "language[0].event", "nothing"),
        (('when = "Impact', 'when = "  Impact'), "language[0].when", "double space"),
        (("[language.phase.stay]", "[language.phase.sty]"), "phase", "sty"),
        (('code = "en"', 'code = "xx"'), "language", "there are: en, uk, he, ar, xx"),
    ],
)
def test_a_file_of_texts_that_lacks_something_is_refused_by_name(change, key, why, tmp_path):
    english = texts.BUILT_IN.read_text("utf-8").split("\n[[language]]")[1]
    path = tmp_path / "texts.toml"
    path.write_text("[[language]]" + english.replace(*change), "utf-8")
    with pytest.raises(SettingsError) as caught:
        texts.read_languages(("de", "en"), path)
    assert caught.value.file == str(path)
    assert key in caught.value.key
    assert why in f"{caught.value.key} {caught.value.why}"


def test_own_texts_come_before_the_built_in_ones(tmp_path):
    english = texts.BUILT_IN.read_text("utf-8").split("\n[[language]]")[1]
    path = tmp_path / "texts.toml"
    path.write_text("[[language]]" + english.replace("Take cover now", "Get down"), "utf-8")
    said = channel(tmp_path, texts_file=str(path), languages=("uk", "en"))
    said.send(cases.notice(LiveNotice))
    alert = etree.parse(tmp_path / "cap" / "run-1.xml").getroot()
    assert [each.text for each in alert.iterfind("{*}info/{*}headline")] == [
        "Негайно в укриття: \u2068Alpha North\u2069",
        "Get down: \u2068Alpha North\u2069",
    ]


def test_a_zone_across_the_antimeridian_is_two_polygons_of_the_same_area():
    across = ((-17.0, 179.9), (-17.0, -179.8), (-16.9, -179.8), (-16.9, 179.9))
    east, west = rings.parts_of(across)
    assert {*east} == {(-17.0, 180.0), (-16.9, 180.0), (-16.9, 179.9), (-17.0, 179.9)}
    assert {*west} == {(-17.0, -180.0), (-16.9, -180.0), (-16.9, -179.8), (-17.0, -179.8)}
    assert rings.parts_of(across[::-1])
    assert rings.parts_of(((0.0, 0.0), (0.0, 0.0), (1.0, 1.0))) == ()
    assert rings.parts_of(((0.0, -180.0), (0.0, 179.0), (1.0, 179.0))) == (((0.0, 180.0), (1.0, 179.0), (0.0, 179.0)),)


def test_file_names_stay_in_the_folder_and_short():
    assert file_of(cases.notice(notice_id="../a b")) == "..%2Fa%20b.xml"
    assert len(file_of(cases.notice(notice_id="x" * 10_000))) == 68
