"""The GeoJSON file as others read it: OGR (what QGIS reads with), GEOS through shapely, and the law of RFC 7946."""

import json
import math

import notice_cases as cases
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.io.channels.geojson import GeoJson, Settings
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    LiveNotice,
    LivePicture,
    MapTrack,
    ZoneState,
)

T0_NS = cases.T0_NS
TRACK = MapTrack(
    track_id=7,
    t_ns=T0_NS,
    status="confirmed",
    kind="rocket",
    p_round=0.99,
    lat_deg=33.4,
    lon_deg=44.5,
    height_m=math.nan,
    vel_mps=(1.0, -200.0, 30.0),
)


def channel(tmp_path, audience="drill"):
    made = GeoJson(Settings(name="map", audience=audience), tmp_path, lambda reply: None)
    made.open()
    return made


def read(tmp_path):
    content = json.loads((tmp_path / "picture.geojson").read_text("utf-8"))
    check_law(content)
    return content


def kinds(content):
    return [each["properties"]["kind"] for each in content["features"]]


def check_law(content):
    """Hold a FeatureCollection to RFC 7946: types, closed rings against the clock, longitude first and in range."""
    assert content["type"] == "FeatureCollection"
    for feature in content["features"]:
        assert feature["type"] == "Feature"
        assert isinstance(feature["properties"], dict)
        geometry = feature["geometry"]
        if geometry is None:
            continue
        assert set(geometry) == {"type", "coordinates"}
        if geometry["type"] == "Point":
            lon, lat = geometry["coordinates"]
            assert abs(lon) <= 180.0
            assert abs(lat) <= 90.0
            continue
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        for (ring,) in polygons:
            assert len(ring) >= 4
            assert ring[0] == ring[-1]
            assert all(abs(lon) <= 180.0 and abs(lat) <= 90.0 for lon, lat in ring)
            polygon = shapely.Polygon(ring)
            assert polygon.exterior.is_ccw or not polygon.is_valid  # a ring that crosses itself turns no way


def test_a_feed_shows_what_is_under_alarm_until_the_all_clear_expires(tmp_path):
    made = channel(tmp_path)
    made.send(cases.notice())
    made.show(DrillPicture(station="A", t_ns=T0_NS, tracks=(TRACK,), areas=(cases.area(),)))
    assert kinds(read(tmp_path)) == ["zone", "impact", "track"]
    made.send(cases.notice(n=2, zone="B", incident="run-2", notice_id="run-2"))
    made.send(cases.notice(n=5, phase=WarningPhase.CLEAR, areas=()))
    zones = {each["properties"]["zone"]: each["properties"] for each in read(tmp_path)["features"][:2]}
    assert {zone: each["is_alarm"] for zone, each in zones.items()} == {"Alpha North": False, "B": True}
    made.show(DrillPicture(station="A", t_ns=T0_NS + 10**12, tracks=(), areas=()))
    assert [each["properties"]["zone"] for each in read(tmp_path)["features"]] == ["B"]  # an alarm never just expires


def test_what_comes_late_or_twice_changes_nothing(tmp_path):
    made = channel(tmp_path)
    first, update = cases.notice(), cases.notice(n=2, phase=WarningPhase.UPDATE)
    for notice in (first, update, first, update):
        made.send(notice)
    (zone, _) = read(tmp_path)["features"]
    assert zone["properties"]["phase"] == "update"
    made.send(cases.notice(incident="run-9", notice_id="run-9", t_sent_ns=T0_NS + 10**11))
    assert read(tmp_path)["features"][0]["properties"]["incident"] == "run-9"
    made.send(cases.notice(n=5, phase=WarningPhase.CLEAR))  # of the incident before
    assert read(tmp_path)["features"][0]["properties"]["incident"] == "run-9"


def test_a_restart_keeps_zones_under_alarm_and_a_torn_file_does_no_harm(tmp_path):
    channel(tmp_path).send(cases.notice())
    again = channel(tmp_path)
    again.beat(
        DrillHeartbeat(
            station="A",
            t_sent_ns=T0_NS,
            t_picture_ns=0,
            zones=(ZoneState("Alpha North", WarningPhase.WARN, is_watched=False, why="radar-1 is lost"),),
            sensors=(("radar-1", "lost"),),
        )
    )
    content = read(tmp_path)
    assert kinds(content) == ["zone"]
    assert content["heartbeat"]["unwatched"] == {"Alpha North": "radar-1 is lost"}
    assert content["heartbeat"]["picture"] is None
    for torn in (b"", b'{"type": "Fea', b"[1]", b'{"status": "exercise", "features": [{"id": "x"}]}', b"\xff"):
        (tmp_path / "picture.geojson").write_bytes(torn)
        channel(tmp_path).send(cases.notice())
        assert kinds(read(tmp_path)) == ["zone", "impact"]


def test_a_drill_is_never_taken_over_into_a_live_file(tmp_path):
    channel(tmp_path).send(cases.notice(ExerciseNotice))
    live = channel(tmp_path, audience="live")
    live.show(LivePicture(station="A", t_ns=T0_NS, tracks=(), areas=()))
    assert read(tmp_path)["features"] == []


@pytest.mark.parametrize("kind", cases.KINDS)
def test_every_feature_says_whether_it_is_live(kind, tmp_path):
    made = channel(tmp_path, "live" if kind is LiveNotice else "drill")
    made.send(cases.notice(kind))
    picture = LivePicture if kind is LiveNotice else DrillPicture
    made.show(picture(station="A", t_ns=T0_NS, tracks=(TRACK,), areas=(cases.area(),)))
    content = read(tmp_path)
    for each in (content, *(feature["properties"] for feature in content["features"])):
        assert (each["status"] == "live") == (kind is LiveNotice)
    for feature in content["features"]:
        assert feature["properties"]["name"].startswith("EXERCISE: ") == (kind is not LiveNotice)


@pytest.mark.parametrize(("major_m", "minor_m"), [(5.0, 2.0), (300.0, 120.0), (5000.0, 700.0)])
@pytest.mark.parametrize(("lat_deg", "lon_deg"), [(33.3, 44.4), (-60.0, -179.9999), (0.0, 180.0), (70.0, 179.95)])
def test_ogr_reads_the_area_that_was_computed(lat_deg, lon_deg, major_m, minor_m, tmp_path):
    ring = tuple(
        (lat, (lon + 180.0) % 360.0 - 180.0) for lat, lon in cases.ellipse(lat_deg, lon_deg, major_m, minor_m, 0.7)
    )
    channel(tmp_path).send(cases.notice(areas=(cases.area(ring_deg=ring),)))
    read(tmp_path)
    _, _, geometries, (kind,) = pyogrio.raw.read(tmp_path / "picture.geojson", columns=["kind"])
    seen = shapely.from_wkb(geometries[list(kind).index("impact")])
    assert seen.is_valid
    wanted = shapely.Polygon(cases.ellipse(lat_deg, lon_deg, major_m, minor_m, 0.7))
    assert seen.area == pytest.approx(wanted.area, rel=0.01)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cases.any_notice, min_size=1, max_size=5))
def test_any_sequence_of_notices_is_lawful(tmp_path_factory, sequence):
    folder = tmp_path_factory.mktemp("any")
    made = channel(folder)
    for notice in sequence:
        made.send(notice)
        content = read(folder)
        for feature in content["features"]:
            if feature["geometry"] is not None:  # the RFC allows null, GEOS does not
                shapely.from_geojson(json.dumps(feature["geometry"]))
    assert sum(each == "zone" for each in kinds(content)) <= len(sequence)
