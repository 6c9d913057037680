"""CAP alerts before readers of other hands: lxml and xmllint with OASIS's schema, xmlsec1, signxml, feedparser."""

import shutil
import subprocess
import warnings

import feedparser
import notice_cases as cases
import pytest
import shapely
from cryptography import x509
from lxml import etree
from signxml import InvalidSignature, SignatureConfiguration, XMLVerifier
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from casemate.io.channels.cap import Cap
from casemate.io.channels.cap_settings import Code, Settings, ZoneCode
from casemate.model.messages import WarningPhase
from casemate.model.notices import ExerciseNotice, LiveHeartbeat, LiveNotice, RehearsalNotice, ZoneState

CAP = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
LANGUAGES = ("en", "uk", "he", "ar")


def tool(name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian: libxml2-utils, xmlsec1)")
    return name


@pytest.fixture
def schema(shared):
    return shared / "interop" / "cap" / "CAP-v1.2.xsd"


def channel(tmp_path, audience="drill", **changes):
    key, certificate = cases.key_pair(tmp_path)
    made = Settings(
        name="public",
        audience=audience,
        sender="alerts@site-alpha.example",
        sender_name="Site Alpha",
        key_file=str(key),
        certificate_file=str(certificate),
        languages=LANGUAGES,
        event_code=(Code(value_name="SAME", value="CDW"),),
        geocode=(ZoneCode(zone="Alpha North", value_name="DISTRICT", value="17"),),
        base_url="https://alerts.example/cap/",
    )
    cap = Cap(cases.changed(made, **changes), tmp_path, lambda reply: None)
    cap.open()
    return cap


def written(tmp_path):
    return sorted(path for path in (tmp_path / "cap").glob("*.xml") if path.name != "atom.xml")


def all_of(path, where):
    return [each.text for each in etree.parse(path).getroot().iterfind(where, CAP)]


@pytest.mark.parametrize("kind", cases.KINDS)
def test_a_whole_incident_is_valid_for_lxml_and_xmllint(kind, tmp_path, schema):
    cap = channel(tmp_path)
    for notice in cases.incident(kind):
        cap.send(notice)
    paths = written(tmp_path)
    assert len(paths) == 5
    rules = etree.XMLSchema(etree.parse(schema))
    for path in paths:
        rules.assertValid(etree.parse(path))
    subprocess.run([tool("xmllint"), "--noout", "--nonet", "--schema", schema, *paths], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("kind", "status", "scope"),
    [
        (LiveNotice, "Actual", "Public"),
        (ExerciseNotice, "Exercise", "Restricted"),
        (RehearsalNotice, "Exercise", "Restricted"),
    ],
)
def test_a_drill_says_so_in_every_word(kind, status, scope, tmp_path):
    cap = channel(tmp_path)
    cap.send(cases.notice(kind))
    (path,) = written(tmp_path)
    assert all_of(path, "c:status") == [status]
    assert all_of(path, "c:scope") == [scope]
    words = {"en": "EXERCISE: ", "uk": "НАВЧАННЯ: ", "he": "תרגיל: ", "ar": "تمرين: "}
    for info in etree.parse(path).getroot().iterfind("c:info", CAP):
        drill = words[info.findtext("c:language", namespaces=CAP)]
        for name in ("event", "headline", "description", "instruction", "area/c:areaDesc"):
            said = info.findtext(f"c:{name}", namespaces=CAP)
            assert said.startswith(drill) == (kind is not LiveNotice)


def test_the_fields_of_a_warning_are_these(tmp_path):
    channel(tmp_path, audience="live").send(cases.notice(LiveNotice, 3, phase=WarningPhase.UPDATE))
    (path,) = written(tmp_path)
    voice, corner = "alerts@site-alpha.example", "33.3000000,44.3800000"
    wanted = {
        "identifier": ["run-3"],
        "sender": [voice],
        "sent": ["2026-09-21T14:13:23-00:00"],
        "msgType": ["Update"],
        "references": [
            f"{voice},run-1,2026-09-21T14:13:21-00:00 {voice},run-2,2026-09-21T14:13:22-00:00",
        ],
        "incidents": ["run-1"],
        "info/c:language": list(LANGUAGES),
        "info[1]/c:category": ["Security", "Safety"],
        "info[1]/c:event": ["Incoming rocket, artillery or mortar fire"],
        "info[1]/c:responseType": ["Shelter"],
        "info[1]/c:urgency": ["Immediate"],
        "info[1]/c:severity": ["Extreme"],
        "info[1]/c:certainty": ["Likely"],
        "info[1]/c:eventCode/c:value": ["CDW"],
        "info[1]/c:onset": ["2026-09-21T14:13:40-00:00"],
        "info[1]/c:expires": ["2026-09-21T14:15:40-00:00"],
        "info[1]/c:headline": ["Take cover: \u2068Alpha North\u2069"],
        "info[1]/c:description": [
            "Impact expected at 14:13:40 UTC. Reason: \u2068track 7 comes down here in 20 s\u2069"
        ],
        "info[1]/c:area/c:areaDesc": ["Alpha North", "Expected area of impact 7"],
        "info[1]/c:area[1]/c:polygon": [
            f"{corner} 33.3000000,44.4000000 33.3100000,44.4000000 33.3100000,44.3800000 {corner}",
        ],
        "info[1]/c:area[1]/c:geocode/c:value": ["17"],
    }
    assert {name: all_of(path, f"c:{name}") for name in wanted} == wanted


@pytest.mark.parametrize(
    ("phase", "n", "expected"),
    [
        (WarningPhase.WARN, 1, ("Alert", "Shelter", "Immediate", "Extreme", "Likely")),
        (WarningPhase.IMPACT, 3, ("Update", "Shelter", "Immediate", "Extreme", "Likely")),
        (WarningPhase.STAY, 4, ("Update", "Shelter", "Immediate", "Extreme", "Observed")),
        (WarningPhase.CLEAR, 5, ("Update", "AllClear", "Past", "Minor", "Observed")),
        (WarningPhase.WITHDRAWN, 2, ("Cancel", "AllClear", "Past", "Minor", "Unlikely")),
    ],
)
def test_each_phase_has_its_codes(phase, n, expected, tmp_path):
    channel(tmp_path).send(cases.notice(LiveNotice, n, phase=phase, reason="withdrawn: the track was a bird"))
    (path,) = written(tmp_path)
    names = ("msgType", *(f"info[1]/c:{name}" for name in ("responseType", "urgency", "severity", "certainty")))
    assert tuple(all_of(path, f"c:{name}")[0] for name in names) == expected
    is_over = phase in {WarningPhase.CLEAR, WarningPhase.WITHDRAWN}
    assert len(all_of(path, "c:info[1]/c:area")) == (1 if is_over else 2)
    assert "the track was a bird" in all_of(path, "c:info[1]/c:description")[0]


def test_signxml_and_xmlsec1_verify_and_refuse_what_was_changed(tmp_path):
    cap = channel(tmp_path)
    cap.send(cases.notice(reason="<&> שלום \u2069 \r\n"))
    (path,) = written(tmp_path)
    certificate = x509.load_pem_x509_certificate((tmp_path / "station.pem").read_bytes())
    config = SignatureConfiguration(
        location="./",
        signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
    )
    XMLVerifier().verify(path.read_bytes(), x509_cert=certificate, expect_config=config)
    forged = tmp_path / "forged.xml"
    forged.write_bytes(path.read_bytes().replace(b"<status>Exercise<", b"<status>Actual<"))
    with pytest.raises(InvalidSignature):
        XMLVerifier().verify(forged.read_bytes(), x509_cert=certificate, expect_config=config)
    _, other = cases.key_pair(tmp_path, "other")
    stranger = x509.load_pem_x509_certificate(other.read_bytes())
    with pytest.raises(InvalidSignature):
        XMLVerifier().verify(path.read_bytes(), x509_cert=stranger, expect_config=config)

    def verify(file, trusted):
        command = [tool("xmlsec1"), "--verify", "--trusted-pem", trusted, file]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert verify(path, tmp_path / "station.pem")
    assert not verify(forged, tmp_path / "station.pem")
    assert not verify(path, other)


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize(("major_m", "minor_m"), [(5.0, 2.0), (300.0, 120.0), (5000.0, 700.0)])
def test_the_area_that_a_reader_sees_is_the_area_that_was_computed(turn, major_m, minor_m, tmp_path):
    ring = cases.ellipse(33.3 + turn, 44.4, major_m, minor_m, 0.7 * turn)
    channel(tmp_path).send(cases.notice(areas=(cases.area(ring_deg=ring),)))
    text = all_of(written(tmp_path)[0], "c:info[1]/c:area[2]/c:polygon")[0]
    read = shapely.Polygon([[float(x) for x in pair.split(",")] for pair in text.split()])
    assert read.is_valid
    assert read.area == pytest.approx(shapely.Polygon(ring).area, rel=0.01)


def test_a_circle_covers_the_area_and_is_in_kilometres(tmp_path):
    ring = cases.ellipse(33.305, 44.39, 300.0, 120.0, 0.6)
    channel(tmp_path, impact="circle").send(cases.notice())
    (circle,) = all_of(written(tmp_path)[0], "c:info[1]/c:area[2]/c:circle")
    middle, radius_km = circle.split()
    assert middle == "33.3050000,44.3900000"
    assert 0.3 <= float(radius_km) <= 0.303
    assert len(ring) == 36


def test_feedparser_reads_the_feed_newest_first(tmp_path):
    cap = channel(tmp_path, audience="live", feed_length=3)
    for notice in cases.incident(LiveNotice):
        cap.send(notice)
    zones = (
        ZoneState("Alpha North", None, is_watched=False, why="radar-1 is lost"),
        ZoneState("B", None, is_watched=True, why=""),
    )
    cap.beat(
        LiveHeartbeat(
            station="Site Alpha", t_sent_ns=cases.T0_NS + 10**11, t_picture_ns=cases.T0_NS, zones=zones, sensors=()
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        feed = feedparser.parse((tmp_path / "cap" / "atom.xml").read_bytes())
    assert not feed.bozo
    assert feed.version == "atom10"
    assert [entry.updated for entry in feed.entries] == [f"2026-09-21T14:13:2{i}Z" for i in (5, 4, 3)]
    assert feed.feed.updated == "2026-09-21T14:15:00Z"
    assert "1 of 2 zones unwatched" in feed.feed.subtitle
    assert [(tag.term, tag.scheme) for tag in feed.feed.tags] == [("Alpha North", "urn:casemate:unwatched")]
    assert len({entry.id for entry in feed.entries}) == 3
    for entry in feed.entries:
        (link,) = entry.links
        assert link.type == "application/cap+xml"
        assert (tmp_path / "cap" / link.href.removeprefix("https://alerts.example/cap/")).is_file()
        assert [tag.term for tag in entry.tags] == ["Actual"]


def test_real_alerts_of_others_pass_the_same_schema(schema):
    """So that a schema that took everything, or nothing, would show."""
    rules = etree.XMLSchema(etree.parse(schema))
    assert rules.validate(etree.parse(schema.parent / "thunderstorm.cap"))
    bad = (schema.parent / "thunderstorm.cap").read_bytes().replace(b"14:57:00-07:00", b"14:57:00Z")
    assert not rules.validate(etree.fromstring(bad))
