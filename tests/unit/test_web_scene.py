"""What a page is told: the fold of steps and notices, and the bytes that come of it, read by another hand."""

import hashlib
import json
import math

import numpy as np
import page_cases
import pytest

from casemate.constants import NS_PER_S
from casemate.io.channels.dispatcher import CHANNEL
from casemate.io.web import picture
from casemate.io.web.facts import Acknowledged, Alarm
from casemate.io.web.scene import ENDED_NS, PAST_NS, TRAIL_NS, Scene
from casemate.io.web.wire import Ledger, Visitor, state_hash
from casemate.model.messages import Aside, Events, Scan, Tick, WarningPhase, ZoneWatch
from casemate.model.records import FATE, PLOT, TrackStatus, missing
from casemate.physics.ballistics import propagate

T0_NS = page_cases.T0_NS


@pytest.fixture(scope="module")
def premises():
    return page_cases.make_premises()


@pytest.fixture
def scene(premises):
    return Scene(premises)


def test_the_newest_of_each_track_is_kept_until_it_is_dropped(scene):
    scene.take(*page_cases.step(3))
    scene.take(*page_cases.step(1, T0_NS + NS_PER_S, first_id=2, threats=(2,)))
    assert scene.tracks["track_id"].tolist() == [1, 2, 3]
    assert scene.tracks["t_ns"].tolist() == [T0_NS, T0_NS + NS_PER_S, T0_NS]
    assert scene.threatening == {2}
    before = scene.copy()
    scene.take(*page_cases.step(1, T0_NS + NS_PER_S, first_id=3, status=TrackStatus.DROPPED))
    assert scene.tracks["track_id"].tolist() == [1, 2]
    assert before.tracks["track_id"].tolist() == [1, 2, 3]  # a copy is of its own


def test_tentative_tracks_are_not_shown(scene):
    scene.take(*page_cases.step(2, status=TrackStatus.TENTATIVE))
    assert not len(scene.tracks)


def test_a_picture_holds_tracks_impacts_and_arcs_of_the_flight_model(scene, premises):
    scene.take(*page_cases.step(3, threats=(3,)))
    later_ns = T0_NS + 2 * NS_PER_S
    scene.take(Tick(t_ns=later_ns), Events(t_ns=later_ns))
    (epoch, number, t_ns), sections = page_cases.read_picture(picture.encode(scene, (5 << 32) + 9, 4, with_trails=True))
    assert (epoch, number, t_ns) == (9, 4, later_ns)
    tracks, impacts, arcs = sections[1], sections[2], sections[4]
    track_id, status, motion, kind, flags, *numbers = tracks[2]
    assert (track_id, status, motion, kind, flags) == (3, TrackStatus.CONFIRMED, 0, 1, 1 | 2 | 4)
    assert numbers == pytest.approx([-4000, 520, 3000, 200, 10, -60, 0.97, 1.0, 2.0, 20.0])  # sigma: root of 400
    assert [each[4] for each in tracks] == [3, 3, 7]
    assert impacts[0][:4] == (1, 0, 18.0, 0.5)
    assert impacts[0][4:6] == (100.0, 200.0)
    assert impacts[0][7:] == (900.0, 100.0, 400.0)
    assert [each[0] for each in arcs] == [3] * 9 + [1] * 9 + [2] * 9  # the threatening one first
    assert [each[1] for each in arcs[:9]] == pytest.approx([18.0 * i / 8 for i in range(9)])
    state = np.array([[-4000.0, 520.0, 3000.0, 200.0, 10.0, -60.0, -7.0]])
    for i, (_, t_s, *place) in enumerate(arcs[:9]):
        alone = propagate(state, np.array([2.0 + t_s]), premises.environment)[0, :3]  # in one go
        assert place == pytest.approx(alone.tolist(), abs=0.01 + 0.01 * i)
    assert [each[0] for each in sections[5]] == [1, 2, 3]
    assert 5 not in page_cases.read_picture(picture.encode(scene, 1, 1))[1]


def test_plots_are_in_the_picture_after_them_and_in_no_other(scene, premises):
    plots = missing(PLOT, 3)
    plots["plot_id"], plots["t_ns"], plots["range_m"] = (1, 2, 3), T0_NS - NS_PER_S // 2, 5000.0
    plots["az_rad"], plots["el_rad"] = math.pi / 2, (0.2, 0.2, math.nan)
    fates = np.zeros(1, FATE)
    fates["plot_id"], fates["track_id"] = 2, 8
    scan = Scan(sensor_id=0, t_start_ns=T0_NS, t_end_ns=T0_NS, t_recv_ns=T0_NS, az_from_rad=0, az_to_rad=0, plots=plots)
    scene.take(scan, Events(t_ns=T0_NS, fates=fates))
    rows = page_cases.read_picture(picture.encode(scene, 1, 1))[1][3]
    east_m = premises.sensors[0].position_m[0] + 5000.0 * math.cos(0.2)
    assert [each[0] for each in rows[:2]] == pytest.approx([east_m, east_m], rel=1e-4)
    assert [each[2] for each in rows][:2] == pytest.approx([5000.0 * math.sin(0.2)] * 2, rel=0.05)
    assert math.isnan(rows[2][2])
    assert [each[3:] for each in rows] == [(0.5, 0, 0), (0.5, 0, 1), (0.5, 0, 0)]
    assert page_cases.read_picture(picture.encode(scene, 1, 2, since=scene.n_plots))[1][3] == []


def test_impacts_alarms_and_trails_are_forgotten_in_time(scene, premises):
    scene.take(*page_cases.step(1))
    scene.hear(page_cases.notice(premises))
    scene.hear(page_cases.notice(premises, 2, WarningPhase.CLEAR, t_ns=T0_NS + NS_PER_S))
    scene.hear(page_cases.notice(premises, 1, incident="run1-9"))
    for t_ns, n_landings, n_alarms in ((T0_NS + 20 * NS_PER_S + PAST_NS, 1, 2), (T0_NS + TRAIL_NS, 0, 2),
                                       (T0_NS + ENDED_NS + 2 * NS_PER_S, 0, 1)):  # fmt: skip
        scene.take(Tick(t_ns=t_ns), Events(t_ns=t_ns))
        assert (len(scene.landings), len(scene.alarms)) == (n_landings, n_alarms)
    assert list(scene.alarms) == ["run1-9"]  # the one that is not over stays
    assert scene.trail == ()


def test_an_alarm_says_what_the_channels_say_and_how_sure_its_time_is(scene, premises):
    scene.take(*page_cases.step(1))
    told = page_cases.notice(premises)
    (alarm,) = scene.hear(told)
    assert isinstance(alarm, Alarm)
    assert (alarm.incident, alarm.notice_id, alarm.serial, alarm.sigma_t_s) == ("run1-1", "run1-1-1", 1, 0.5)
    assert alarm.text["en"] == "EXERCISE: Take cover now: \u2068Alpha North-West\u2069"
    assert list(alarm.text) == ["en", "ar", "he"]
    assert alarm.areas[0].ring_deg == told.areas[0].ring_deg
    (alone,) = Scene(premises).hear(told)
    assert alone.sigma_t_s is None


def test_who_acknowledged_first_stays_through_the_incident(scene, premises):
    scene.hear(page_cases.notice(premises))
    assert scene.acknowledge("run1-1", "anna", 5) == (Acknowledged(incident="run1-1", by="anna", t_ns=5),)
    assert scene.acknowledge("run1-1", "bert", 6) == ()
    (alarm,) = scene.hear(page_cases.notice(premises, 2, WarningPhase.UPDATE))
    assert (alarm.acknowledged.by, alarm.acknowledged.t_ns) == ("anna", 5)
    with pytest.raises(KeyError):
        scene.acknowledge("run1-2", "anna", 5)


def test_sensors_zones_and_channels_are_told_when_they_change(scene):
    (sensor,) = scene.take(*page_cases.lost())
    assert (sensor.name, sensor.state, sensor.reason) == ("radar-1", "lost", "silent")
    watch = ZoneWatch(zone_id=1, t_ns=T0_NS, sensor_ids=(0,), share=0.93, is_watched=True, reason="seen")
    (zone,) = scene.take(Tick(t_ns=T0_NS), Events(t_ns=T0_NS, zones=(watch,)))
    assert (zone.name, zone.is_watched, zone.share, zone.reason) == ("Alpha North-East", True, 0.93, "")
    rows = np.zeros(1, CHANNEL)
    rows["channel"], rows["state"], rows["n_sent"], rows["n_expired"], rows["n_held"] = "cap", "ok", 3, 1, 2
    (channel,) = scene.take(Aside(t_ns=T0_NS, kind="channel", rows=rows), None)
    assert (channel.name, channel.state, channel.n_sent, channel.n_lost) == ("cap", "ok", 3, 3)
    assert scene.take(Aside(t_ns=T0_NS, kind="channel", rows=rows), None) == ()


def test_frames_count_without_gaps_and_the_hash_is_of_the_open_alarms(scene, premises):
    ledger = Ledger(scene, 99)
    facts = [*scene.hear(page_cases.notice(premises)), *scene.hear(page_cases.notice(premises, incident="run1-0"))]
    facts += scene.acknowledge("run1-1", "anna", 5)
    facts += scene.hear(page_cases.notice(premises, 2, WarningPhase.WITHDRAWN, incident="run1-0"))
    frames = [json.loads(each) for each in ledger.frames(facts)]
    assert [(each["v"], each["epoch"], each["n"], each["kind"]) for each in frames] == [
        (1, 99, 1, "alarm"),
        (1, 99, 2, "alarm"),
        (1, 99, 3, "acknowledged"),
        (1, 99, 4, "alarm"),
    ]
    beat = json.loads(ledger.beat(T0_NS, 0.25))
    assert beat["hash"] == hashlib.sha256(b"run1-1|1|warn|anna").hexdigest()[:16]
    assert (beat["n"], beat["picture_age_s"], beat["server_ns"]) == (4, 0.25, T0_NS)
    assert state_hash([]) == hashlib.sha256(b"").hexdigest()[:16]


def test_a_hello_holds_all_that_a_page_begins_with(scene, premises):
    hello = json.loads(Ledger(scene, 3).hello(Visitor("anna", "operator")))
    assert set(hello) == {
        *("v", "epoch", "n", "kind", "mark", "station", "run", "data", "site", "kinds", "zones", "assets", "sensors"),
        *("alarms", "sensor_states", "zone_states", "channels", "role", "user", "span_ns", "t_ns"),
    }
    assert (hello["mark"], hello["station"], hello["kinds"][1]) == ("SIMULATION", "Site Alpha", "mortar")
    zone = hello["zones"][0]
    assert zone["ring_m"][2] == pytest.approx([0.0, 1000.4], abs=0.3)
    assert hello["sensors"][0].keys() == {
        *("name", "lat_deg", "lon_deg", "e_m", "n_m", "u_m", "range_m", "azimuth_deg")
    }
    assert hello["sensor_states"][0]["state"] == "waiting"
    assert not hello["zone_states"][0]["is_watched"]
