"""Events of Cursor on Target, and the channel's settings and memory; peers are in tests/golden/test_cot_peers.py."""

import re
import socket
import xml.etree.ElementTree as ET

import cot_cases as cases
import notice_cases
import pytest
from hypothesis import given, settings

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError, SettingsError
from casemate.io.channels import cot_events
from casemate.io.channels.cot import CotChannel, Settings
from casemate.io.channels.opening import make_channel, read_channels
from casemate.model.messages import WarningPhase

T0_NS = 1_790_000_000 * NS_PER_S


def parsed(event):
    return ET.fromstring(event.xml)  # noqa: S314 of our own making


def events_of(kind, t_ns=T0_NS):
    picture = cases.a_picture(kind, t_ns=t_ns)
    said = cot_events.picture_events(picture)
    notices = [each for notice in cases.an_incident(kind) for each in cot_events.notice_events(notice)]
    mark = cot_events.heartbeat_event(cases.a_heartbeat(kind, t_ns), (33.3, 44.39))
    return (*said, *notices, mark, *(cot_events.deletion(each, t_ns) for each in said))


@pytest.mark.parametrize("kind", cases.KINDS)
def test_a_drill_is_told_from_live_by_every_reader(kind):
    for event in map(parsed, events_of(kind)):
        names = [each.get("callsign") for each in event.iter("contact")]
        remarks = [each.text for each in event.iter("remarks")]
        is_drill = kind != "live"
        assert all(each.startswith("EXERCISE ") == is_drill for each in (*names, *remarks))
        assert event.get("uid").split(".")[0] == ("casemate-exercise" if is_drill else "casemate")
        if event.get("type") == "t-x-d-d":
            continue
        assert names
        assert remarks
        assert not (is_drill and event.get("type").startswith("a-h"))


@given(notice_cases.any_notice)
@settings(max_examples=200, deadline=None)
def test_whatever_a_notice_holds_it_is_well_formed_and_its_alarm_goes_out(notice):
    events = cot_events.notice_events(notice)
    assert events[0].kind in {"b-a-o-tbl", "b-a-o-can"}
    is_live = type(notice).__name__ == "LiveNotice"
    for event in map(parsed, events):
        assert event.get("uid").startswith("casemate." if is_live else "casemate-exercise.")
        point = event.find("point")
        assert -90.0 <= float(point.get("lat")) <= 90.0
        assert -180.0 <= float(point.get("lon")) <= 180.0
        assert all(abs(float(point.get(key))) <= 9_999_999.0 for key in ("hae", "ce", "le"))
        assert re.fullmatch(r"-?\d+-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.get("stale"))


def test_the_types_are_of_the_public_list(shared):
    path = shared / "interop" / "tak" / "CoTtypes.xml"
    if not path.is_file():
        pytest.skip("shared/interop/tak/CoTtypes.xml is not there")
    text = path.read_text(encoding="utf-8", errors="replace")
    known = set(re.findall(r'<(?:cot|how|weather)\b[^>]*?\b(?:cot|value)="([^"]+)"', text))
    used = {each for kind in cases.KINDS for each in events_of(kind)}
    atoms = {re.sub(r"^a-.-", "a-.-", each.kind) for each in used if each.kind.startswith("a-")}
    assert atoms == {"a-.-A-W-M", "a-.-G-E-S"}
    assert atoms <= known
    assert "b-d-i-m" in known
    # u-d-f, b-a-o and t-x-d-d are of TAK, younger than the list: taky and pytak stand for them
    assert {each.kind for each in used} - {"a-h-A-W-M", "a-k-A-W-M", "a-f-G-E-S", "b-d-i-m"} == {
        "u-d-f",
        "b-a-o-tbl",
        "b-a-o-can",
        "t-x-d-d",
    }
    assert {parsed(each).get("how") for each in used} <= known


def test_what_is_no_round_is_of_unknown_side():
    picture = cases.a_picture(tracks=(), areas=(), t_ns=T0_NS)
    for kind in ("aircraft", "helicopter", "drone", "bird", "other"):
        track = cases.a_track(3, T0_NS, kind, height_m=float("nan"))
        (event,) = cot_events.picture_events(type(picture)(station="A", t_ns=T0_NS, tracks=(track,), areas=()))
        assert event.kind == "a-u-A"
        assert parsed(event).find("point").get("hae") == "9999999.0"
        assert parsed(event).find("detail/contact").get("callsign") == f"{kind.upper()} 3"


def test_times_after_which_a_map_may_not_believe():
    track, impact, area = cot_events.picture_events(cases.a_picture(t_ns=T0_NS), geoid_m=17.0)
    assert track.t_stale_ns == T0_NS + 5 * NS_PER_S
    assert impact.t_stale_ns == area.t_stale_ns == T0_NS + 35 * NS_PER_S
    move = parsed(track).find("detail/track")
    assert (move.get("course"), move.get("speed")) == ("233.1", "250.0")
    assert parsed(track).find("point").get("hae") == "1217.0"


def test_an_area_over_the_edge_of_the_world_is_two_polygons():
    over = cases.an_area()._replace(ring_deg=((10.0, 179.9), (10.0, -179.9), (10.2, -179.9), (10.2, 179.9)))
    events = list(cot_events.area_events(over, cases.a_picture(t_ns=T0_NS), 0.0))
    areas = [each for each in events if each.kind == "u-d-f"]
    assert [each.uid.partition("track.")[2] for each in areas] == ["7.area", "7.area.2"]
    whole = cases.area_m2([(10.0, 0.0), (10.0, 0.2), (10.2, 0.2), (10.2, 0.0)])
    parts = [[(lat, lon % 360.0) for lat, lon in cases.vertices(parsed(each))] for each in areas]
    assert sum(map(cases.area_m2, parts)) == pytest.approx(whole, rel=1e-6)


class heard:  # noqa: N801 reads as a word
    """A channel that sends to a socket of ours."""

    def __enter__(self):
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.bind(("127.0.0.1", 0))
        self._ear.settimeout(0.05)
        url = f"udp://127.0.0.1:{self._ear.getsockname()[1]}"
        self.channel = CotChannel(Settings(name="maps", audience="drill", url=url, at_deg=(33.3, 44.39)), None, None)
        self.channel.open()
        return self

    def take(self):
        came = []
        try:
            while True:
                came.append(ET.fromstring(self._ear.recv(65_535)))  # noqa: S314 of our own making
        except TimeoutError:
            return came

    def __exit__(self, *_):
        self.channel.close()
        self._ear.close()


def deleted(events):
    return {each.find("detail/link").get("uid") for each in events if each.get("type") == "t-x-d-d"}


def test_a_picture_older_than_a_notice_takes_nothing_of_it_away():
    with heard() as net:
        net.channel.send(cases.a_notice(t_ns=T0_NS))
        net.channel.show(cases.a_picture(tracks=(), areas=(), t_ns=T0_NS - 1))
        assert deleted(net.take()) == set()
        net.channel.show(cases.a_picture(tracks=(), areas=(), t_ns=T0_NS + 1))
        root = "casemate.Site%20Alpha.track.7"
        assert deleted(net.take()) == {f"{root}.impact", f"{root}.area"}
        net.channel.show(cases.a_picture(tracks=(), areas=(), t_ns=T0_NS + 2))
        assert net.take() == []


def test_a_heartbeat_says_alarms_again_while_they_hold():
    with heard() as net:
        first, other = cases.a_notice(t_ns=T0_NS), cases.a_notice(t_ns=T0_NS, zone=1)
        net.channel.send(first)
        net.channel.send(other)
        net.channel.send(cases.a_notice(t_ns=T0_NS + 1, zone=1, phase=WarningPhase.WITHDRAWN, n=2))
        assert deleted(net.take()) == {f"{cot_events.alarm_uid(other)}.zone"}
        net.channel.beat(cases.a_heartbeat(t_ns=T0_NS + NS_PER_S))
        uid = cot_events.alarm_uid(first)
        assert [each.get("uid") for each in net.take()] == ["casemate.Site%20Alpha.station", uid, f"{uid}.zone"]
        net.channel.beat(cases.a_heartbeat(t_ns=first.t_expires_ns))
        assert [each.get("uid") for each in net.take()] == ["casemate.Site%20Alpha.station"]


def test_nothing_is_sent_before_it_is_open():
    channel = CotChannel(Settings(name="maps", audience="live", url="tcp://127.0.0.1:1", at_deg=(0.0, 0.0)), None, None)
    with pytest.raises(ChannelError, match=r"maps: tcp://127\.0\.0\.1:1: is not open"):
        channel.send(cases.a_notice())
    with pytest.raises(ChannelError, match="refused"):
        channel.open()
    channel.close()


HEAD = '[[channel]]\nkind = "cot"\nname = "maps"\naudience = "drill"\nat_deg = [33.3, 44.39]\n'


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ('url = "http://a:1"', "channel[0].url", "regex"),
        ('url = "tcp://a:99999"', "url", "the port must be 1 to 65535"),
        ('url = "udp://maps.example:6969"', "url", "'maps.example' is no IPv4 address"),
        ('url = "tcp://a:8087"\ninterface = "127.0.0.1"', "interface", "goes with udp://"),
        ('url = "udp://239.2.3.1:6969"\ninterface = "lo"', "interface", "'lo' is no IPv4 address"),
        ('url = "tcp://a:8087"\nca_file = "ca.pem"', "ca_file", "goes with tls://"),
        ('url = "tls://a:8089"\ncertificate_file = "c.pem"', "ca_file", "is needed with tls:// and missing"),
        ('url = "tls://a:8089"\nca_file = "no.pem"\ncertificate_file = "c.pem"', "certificate_file", "No such file"),
        ('url = "tcp://a:8087"\nportt = 3', "channel[0].portt", "is not a known key"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path, text, key, why):
    path = tmp_path / "channels.toml"
    path.write_text(HEAD + text + "\n")
    with pytest.raises(SettingsError) as caught:
        make_channel(read_channels(path).channel[0], tmp_path, lambda _: None)
    assert caught.value.key == key
    assert why in caught.value.why
