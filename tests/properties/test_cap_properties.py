"""Whatever a notice holds, its alert is valid, and says live only where its type does."""

import pathlib
import tempfile

import notice_cases as cases
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from casemate.io.channels.atom import entry_from
from casemate.io.channels.cap import Cap, file_of
from casemate.io.channels.cap_alert import alert_of, identifier_of
from casemate.io.channels.cap_settings import Settings
from casemate.io.channels.rings import parts_of
from casemate.io.channels.texts import clean, read_languages
from casemate.model.notices import LiveNotice

CAP = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
VOICE = Settings(name="x", audience="drill", sender="a@b.example", sender_name="A")
LANGUAGES = read_languages(("en", "uk", "he", "ar"))


@pytest.fixture(scope="module")
def rules(shared):
    return etree.XMLSchema(etree.parse(shared / "interop" / "cap" / "CAP-v1.2.xsd"))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(notice=cases.any_notice, impact=st.sampled_from(["polygon", "circle", "none"]))
def test_any_notice_is_a_valid_alert_whose_status_is_its_type(rules, notice, impact):
    voice = cases.changed(VOICE, impact=impact)
    content = etree.tostring(alert_of(notice, voice, LANGUAGES), encoding="utf-8")
    read = etree.fromstring(content)
    rules.assertValid(read)
    assert (read.findtext("c:status", namespaces=CAP) == "Actual") == isinstance(notice, LiveNotice)
    assert "EXERCISE" in read.findtext("c:info/c:headline", namespaces=CAP) or isinstance(notice, LiveNotice)
    for earlier in (read.findtext("c:references", namespaces=CAP) or "").split():
        sender, identifier, sent = earlier.split(",")
        assert sender == VOICE.sender
        assert identifier or not all(each.notice_id for each in notice.references)
        assert sent.endswith("-00:00")
    assert len(content) < 200_000


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cases.any_notice, max_size=6))
def test_any_sequence_leaves_files_in_the_folder_and_a_feed_that_lists_them(sequence):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        cap = Cap(cases.changed(VOICE, feed_length=4), root, lambda reply: None)
        cap.open()
        for notice in sequence:
            cap.send(notice)
        assert {path.parent for path in root.rglob("*.xml")} <= {root / "cap"}
        files = {path.name for path in (root / "cap").glob("*.xml")}
        assert files - {"atom.xml"} == {file_of(notice) for notice in sequence}
        if sequence:
            feed = etree.parse(root / "cap" / "atom.xml").getroot()
            entries = feed.findall("{*}entry")
            assert len(entries) == min(4, len({identifier_of(notice.notice_id) for notice in sequence}))


@given(cases.hostile, cases.hostile)
def test_different_ids_stay_different(a, b):
    assert (identifier_of(a) == identifier_of(b)) == (a == b)
    assert not set(identifier_of(a)) & set(" ,<&\n\r\t")


@given(st.text(st.characters()), st.integers(1, 100))
def test_cleaned_text_fits_into_xml_and_turns_nothing(text, n_max):
    kept = clean(text, n_max)
    assert len(kept) <= n_max
    assert clean(kept, n_max) == kept
    etree.Element("a").text = kept
    assert not set(kept) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\n\r\t")


@given(cases.rings)
def test_any_ring_becomes_rings_on_earth_that_turn_against_the_clock(ring):
    for part in parts_of(ring):
        assert len(part) >= 3
        assert all(-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0 for lat, lon in part)


def test_an_element_of_another_kind_is_no_entry():
    assert entry_from(etree.Element("alert"), "x.xml") is None
