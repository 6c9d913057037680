"""The herald: what a step changed, in names and degrees; checked against the ellipsoid by another road."""

import math

import msgspec
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.channels import stamps
from casemate.io.channels.areas import Landing, Place, areas_of, ellipse_rings
from casemate.io.channels.herald import Herald
from casemate.model.catalog import zone_list_digest
from casemate.model.messages import Cause, Events, Scan, Tick, WarningLevel, WarningPhase, ZoneWarning, ZoneWatch
from casemate.model.notices import AnyNotice, DrillHeartbeat, DrillPicture, ExerciseNotice, RehearsalNotice
from casemate.model.records import IMPACT, PLOT, TRACK, TRACK_CLASS, TrackStatus
from casemate.physics.geodesy import SiteFrame

T0_NS = 1_790_000_000 * NS_PER_S
POINT, COV = (4000.0, -2500.0), ((9e4, 2e4), (2e4, 4e4))


@pytest.fixture(scope="module")
def place():
    site = settings.read_site(settings.packaged("sites", "site-alpha"))
    return Place(site, settings.read_rounds(), SiteFrame.of(site.site), None)


def _impact(track_id=1, point=(4000.0, -2500.0), cov=((9e4, 2e4), (2e4, 4e4)), t_ns=T0_NS):
    row = np.zeros(1, IMPACT)
    row["track_id"], row["t_ns"], row["t_impact_ns"] = track_id, t_ns, t_ns + 20 * NS_PER_S
    row["point_m"], row["cov_m2"] = point, cov
    return row


def _events(impact, t_ns=T0_NS, warnings=(), status=TrackStatus.CONFIRMED, zones=()):
    tracks, classes = np.zeros(len(impact), TRACK), np.zeros(len(impact), TRACK_CLASS)
    tracks["track_id"] = classes["track_id"] = impact["track_id"]
    tracks["status"], tracks["is_height_known"], tracks["t_ns"] = status, True, t_ns
    tracks["state"][:, :3] = (1000.0, 2000.0, 3000.0)
    return Events(
        t_ns=t_ns, tracks=tracks, classes=classes, impacts=impact, warnings=tuple(warnings), zones=tuple(zones)
    )


def _warning(n, supersedes=0, phase=WarningPhase.WARN, t_ns=T0_NS, zone_id=0, incident_id=0):
    return ZoneWarning(
        warning_id=n,
        zone_id=zone_id,
        level=WarningLevel.CLEAR if phase in {WarningPhase.CLEAR, WarningPhase.WITHDRAWN} else WarningLevel.WARN,
        t_issued_ns=t_ns,
        t_impact_ns=t_ns + 20 * NS_PER_S,
        p_impact=0.4,
        threat_ids=(),
        track_ids=(1,),
        supersedes=supersedes,
        is_useful=True,
        reason="impact in 20 s",
        phase=phase,
        incident_id=incident_id or n,
        causes=(Cause(1, "r107", t_ns + 20 * NS_PER_S, 0.5, 0.5, 0.8, 9, POINT, COV),),
    )


def _area_m2(ring_deg):
    """Area on the ellipsoid by rows of latitude: radii of curvature by hand, no frame of ours."""
    lat, lon = np.radians(np.array(ring_deg)).T
    a, e2 = 6378137.0, 6.69437999014e-3
    w = 1.0 - e2 * np.sin(lat.mean()) ** 2
    x = (lon - lon.mean()) * a / math.sqrt(w) * np.cos(lat)
    y = (lat - lat.mean()) * a * (1.0 - e2) / w**1.5
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


@pytest.mark.parametrize("point", [(0.0, 0.0), (4000.0, -2500.0), (-18000.0, 17000.0)])
@pytest.mark.parametrize("cov", [((9e4, 2e4), (2e4, 4e4)), ((100.0, 0.0), (0.0, 1e6)), ((25.0, 24.0), (24.0, 25.0))])
def test_the_area_in_degrees_is_that_of_the_ellipse(place, point, cov):
    (area,) = areas_of([Landing(1, "r107", T0_NS, 0.4, point, cov)], place)
    true_m2 = math.pi * -2.0 * math.log(0.1) * math.sqrt(np.linalg.det(np.array(cov)))
    assert _area_m2(area.ring_deg) == pytest.approx(true_m2, rel=2e-3)  # the bar is 1 %
    assert area.height_m == pytest.approx(place.site.site.height_m, abs=0.5)


def test_nine_of_ten_impacts_fall_inside(place):
    rng = np.random.default_rng(5)
    cov = np.array([[9e4, 2e4], [2e4, 4e4]])
    points = rng.multivariate_normal((0.0, 0.0), cov, 20_000)
    (ring,) = ellipse_rings(np.zeros((1, 2)), cov[None])
    edges = np.roll(ring, -1, axis=0) - ring
    is_in = np.all(
        [e[0] * (points[:, 1] - v[1]) - e[1] * (points[:, 0] - v[0]) >= 0.0 for v, e in zip(ring, edges, strict=True)],
        axis=0,
    )
    assert is_in.mean() == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 20_000))


def test_an_incident_goes_from_its_first_warning_to_the_all_clear(place):
    herald = Herald(stamps.EXERCISE, place, "run", 180.0)
    first, second, third, fourth = (
        herald.take(Tick(t_ns=t), _events(_impact(), t, [each]))[0]
        for t, each in (
            (T0_NS, _warning(4)),
            (T0_NS + 5, _warning(6, 4, WarningPhase.UPDATE, T0_NS + 5, incident_id=4)),
            (T0_NS + 9, _warning(7, 6, WarningPhase.CLEAR, T0_NS + 9, incident_id=4)),
            (T0_NS + 20, _warning(9, t_ns=T0_NS + 20)),
        )
    )
    assert [each.phase for each in (first, second, third, fourth)] == [
        WarningPhase.WARN,
        WarningPhase.UPDATE,
        WarningPhase.CLEAR,
        WarningPhase.WARN,
    ]
    assert [each.notice_id for each in (first, second, third, fourth)] == ["run-4", "run-6", "run-7", "run-9"]
    assert [each.incident for each in (first, second, third, fourth)] == ["run-4", "run-4", "run-4", "run-9"]
    assert third.references == (("run-4", T0_NS), ("run-6", T0_NS + 5))
    assert fourth.references == ()
    assert first.areas[0].track_id == 1
    assert first.areas[0].p_zone == pytest.approx(0.4)
    assert first.zone_list == zone_list_digest(place.site.zone)
    assert third.areas == ()
    assert first.ring_deg == place.site.zone[0].polygon_deg
    assert first.t_expires_ns == T0_NS + 200 * NS_PER_S
    assert isinstance(first, ExerciseNotice)


def _left_behind(place, phase=WarningPhase.WARN):
    """What a run before told zone 0 last, and when it was killed."""
    herald = Herald(stamps.EXERCISE, place, "old", 180.0)
    return herald.take(Tick(t_ns=T0_NS), _events(_impact(), warnings=[_warning(4, phase=phase)]))


def _watch(is_watched, t_ns):
    return ZoneWatch(zone_id=0, t_ns=t_ns, sensor_ids=(), share=1.0, is_watched=is_watched, reason="radar-1 is lost")


def _silence(herald, t_s, zones=()):
    t_ns = T0_NS + round(t_s * NS_PER_S)
    return herald.take(Tick(t_ns=t_ns), _events(np.zeros(0, IMPACT), t_ns, zones=zones))


def test_a_run_goes_on_with_the_incident_that_it_found_and_begins_the_next_itself(place):
    herald = Herald(stamps.EXERCISE, place, "new", 180.0, _left_behind(place))
    assert herald.heartbeat(T0_NS).zones[0].phase is WarningPhase.WARN
    told = [
        herald.take(Tick(t_ns=t), _events(_impact(), t, [each]))[0]
        for t, each in (
            (T0_NS + 8, _warning(1, t_ns=T0_NS + 8)),
            (T0_NS + 9, _warning(2, 1, WarningPhase.IMPACT, T0_NS + 9, incident_id=1)),
            (T0_NS + 10, _warning(3, 2, WarningPhase.CLEAR, T0_NS + 10, incident_id=1)),
            (T0_NS + 20, _warning(5, t_ns=T0_NS + 20)),
        )
    ]
    assert [each.phase for each in told] == ["update", "impact-expected", "all-clear", "warn"]
    assert [each.incident for each in told] == ["old-4", "old-4", "old-4", "new-5"]
    assert [each.n for each in told] == [2, 3, 4, 1]
    assert told[2].references == (("old-4", T0_NS), ("new-1", T0_NS + 8), ("new-2", T0_NS + 9))


def test_what_a_run_found_is_ended_once_it_was_seen_to_be_quiet_for_as_long_as_any_all_clear_takes(place):
    quiet_s, left = place.site.warning.clear_after_s, _left_behind(place)
    herald = Herald(stamps.EXERCISE, place, "new", 180.0, left)
    assert _silence(herald, quiet_s + 1.0) == ()  # nobody has said yet who sees it
    assert _silence(herald, 20.0, [_watch(True, T0_NS)]) == ()
    assert _silence(herald, 30.0, [_watch(False, T0_NS)]) == ()
    assert _silence(herald, 40.0, [_watch(True, T0_NS)]) == ()
    assert _silence(herald, 39.0 + quiet_s) == ()
    (over,) = _silence(herald, 40.0 + quiet_s)
    assert (over.phase, over.incident, over.n, over.areas) == (WarningPhase.CLEAR, "old-4", 2, ())
    assert over.references == (("old-4", T0_NS),)
    assert "restarted" in over.reason
    assert _silence(herald, 41.0 + 2.0 * quiet_s) == ()


def test_what_a_run_found_and_nobody_sees_is_withdrawn_when_it_has_expired(place):
    (last,) = _left_behind(place)
    herald = Herald(stamps.EXERCISE, place, "new", 180.0, [last])
    _silence(herald, 1.0, [_watch(False, T0_NS)])
    assert _silence(herald, (last.t_expires_ns - T0_NS) / NS_PER_S) == ()
    (over,) = _silence(herald, (last.t_expires_ns - T0_NS) / NS_PER_S + 1.0)
    assert over.phase is WarningPhase.WITHDRAWN
    assert "radar-1 is lost" in over.reason
    assert over.t_expires_ns > last.t_expires_ns


def test_an_ended_incident_and_one_of_a_zone_that_is_gone_are_not_gone_on_with(place):
    (last,) = _left_behind(place)
    gone = msgspec.structs.replace(last, zone="Nowhere")
    over = msgspec.structs.replace(last, phase=WarningPhase.CLEAR)
    herald = Herald(stamps.EXERCISE, place, "new", 180.0, [gone, over])
    (told,) = herald.take(Tick(t_ns=T0_NS), _events(_impact(), warnings=[_warning(1)]))
    assert (told.incident, told.phase, told.n) == ("new-1", WarningPhase.WARN, 1)


def test_every_word_is_of_the_stamps_types(place):
    herald = Herald(stamps.REHEARSAL, place, "run", 180.0)
    (notice,) = herald.take(Tick(t_ns=T0_NS), _events(_impact(), warnings=[_warning(1)]))
    assert type(notice) is RehearsalNotice
    assert type(herald.picture(T0_NS)) is DrillPicture
    assert type(herald.heartbeat(T0_NS)) is DrillHeartbeat
    assert msgspec.json.decode(msgspec.json.encode(notice), type=AnyNotice) == notice


def test_a_picture_holds_firm_tracks_and_coming_impacts(place):
    herald = Herald(stamps.REHEARSAL, place, "run", 180.0)
    herald.take(Tick(t_ns=T0_NS), _events(_impact(1)))
    herald.take(Tick(t_ns=T0_NS), _events(_impact(2), status=TrackStatus.TENTATIVE))
    picture = herald.picture(T0_NS)
    assert [track.track_id for track in picture.tracks] == [1]
    assert picture.tracks[0].height_m == pytest.approx(place.site.site.height_m + 3000.0, abs=1.0)
    assert herald.picture(T0_NS + 60 * NS_PER_S).areas == ()
    herald.take(Tick(t_ns=T0_NS), _events(_impact(1), status=TrackStatus.DROPPED))
    assert herald.picture(T0_NS).tracks == ()


def test_a_heartbeat_tells_zones_sensors_and_the_age_of_the_picture(place):
    herald = Herald(stamps.REHEARSAL, place, "run", 180.0)
    before = herald.heartbeat(T0_NS)
    assert before.t_picture_ns == 0
    assert set(before.sensors) == {(each.name, "waiting") for each in place.site.sensor}
    scan = Scan(
        sensor_id=0, t_start_ns=T0_NS, t_end_ns=T0_NS + 7, t_recv_ns=T0_NS + 9, az_from_rad=0.0, az_to_rad=0.0,
        plots=np.zeros(0, PLOT),
    )  # fmt: skip
    watch = ZoneWatch(zone_id=1, t_ns=T0_NS, sensor_ids=(), share=0.2, is_watched=False, reason="radar-1 is lost")
    other = ZoneWatch(zone_id=0, t_ns=T0_NS, sensor_ids=(0,), share=1.0, is_watched=True, reason="radar-1")
    herald.take(scan, _events(_impact(), warnings=[_warning(1, zone_id=1)], zones=[watch, other]))
    after = herald.heartbeat(T0_NS)
    assert after.t_picture_ns == T0_NS + 7
    assert [zone.phase for zone in after.zones][:2] == [None, WarningPhase.WARN]
    assert [zone[2:] for zone in after.zones][:2] == [(True, ""), (False, "radar-1 is lost")]
    assert not any(zone.is_watched for zone in before.zones)  # nobody has said so: silence is not safe
