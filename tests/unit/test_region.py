"""Many stations, one picture: over a real nats-server that is killed, and the fold alone with whatever order."""

import json
import random
import signal
import subprocess
import sys
import time
import urllib.request

import msgspec
import numpy as np
import pytest
from brokers import free_port
from nats_servers import NatsServer, guarded, kept, needs_nats_server
from notice_cases import T0_NS, area, incident, notice
from region_cases import PHASES, Station, Watcher, premises_at, state_of

from casemate.constants import NS_PER_S
from casemate.io.channels import nats
from casemate.io.channels import nats_words as words
from casemate.io.channels.nats_link import tls_of
from casemate.io.channels.texts import read_languages
from casemate.io.web import picture as pictures
from casemate.io.web.facts import LANGUAGES, Alarm
from casemate.io.web.region import Heard, Region
from casemate.io.web.text import tracks_of
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    DrillHeartbeat,
    DrillPicture,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    MapTrack,
    Reference,
    ZoneState,
)

SITES = {"hill": "site-alpha", "valley": "site-bravo"}


@pytest.fixture(scope="module")
def languages():
    return read_languages(LANGUAGES)


@pytest.fixture(scope="module")
def sites():
    return {name: premises_at(site, "run").place.site for name, site in SITES.items()}


def raid(station, first, last, n_tracks=4):
    """Take each zone of a station through some phases of an incident."""
    for phase in PHASES[first:last]:
        for zone in range(station.n_zones):
            station.see(n_tracks, [station.warn(zone, phase, zone + 1)])
            time.sleep(0.005)


@needs_nats_server
def test_two_stations_over_a_server_that_is_killed_are_one_picture(tmp_path):
    with NatsServer(tmp_path) as server:
        stations = [Station(tmp_path / name, server.url, name, site) for name, site in SITES.items()]
        raid(stations[0], 0, 2)  # before anybody watches

        def both():
            return {each: told for s in stations for each, told in state_of(s.scene, s.name).items()}

        with Watcher(server.url) as watcher:
            watcher.wait(lambda: len(both()) == stations[0].n_zones and watcher.state == both())
            raid(stations[1], 0, 3)
            server.kill()
            raid(stations[0], 2, 4)
            raid(stations[1], 3, 5)
            watcher.wait(lambda: watcher.page.ledger.scene.channels["NATS"].state == "dead")
            watcher.wait(lambda: watcher.region.stations == {"hill": "lost", "valley": "lost"})
            server.start()
            watcher.wait(lambda: watcher.state == both())
            watcher.wait(lambda: watcher.region.stations == {"hill": "ok", "valley": "ok"})
            # one station is restarted, and goes on with what the run before left
            told = stations[0].finish()
            assert (told["n_waiting"], told["n_expired"]) == (0, 0)
            left = stations[0]
            stations[0] = Station(
                tmp_path / "hill-2", server.url, "hill", SITES["hill"], "run-2", left.folder, left.scene
            )
            raid(stations[0], 1, 2)
            watcher.wait(lambda: watcher.state == both())
            assert any(phase is WarningPhase.UPDATE for _, phase, _ in watcher.state.values())
            # pictures
            for each in stations:
                each.see(4)
            watcher.wait(lambda: len(watcher.page.ledger.scene.tracks) == 8)
        with Watcher(server.url) as late:  # what was kept is caught up
            late.wait(lambda: late.state == both())
        for each in stations:
            each.finish()
        folders = (("hill", left), ("hill", stations[0]), ("valley", stations[1]))
        told = {(name, json.loads(line)["notice_id"]) for name, each in folders for line in each.lines()}
        found = [(name, said.notice_id) for _, (name, said) in kept(server, ".notice")]
        assert sorted(found) == sorted(told)  # nothing is lost, nothing is there twice


@needs_nats_server
def test_who_may_only_listen_watches_what_is_live_over_tls(tmp_path, sites):
    with guarded(tmp_path) as server:
        files = [
            [str(tmp_path / each) for each in ("ca.pem", f"{who}.pem", f"{who}.key")] for who in ("hill", "centre")
        ]
        names = dict(zip(("ca_file", "cert_file", "key_file"), files[0], strict=True))
        said = nats.Settings(name="region", audience="live", station="hill", servers=(server.url,), **names)
        channel = nats.NatsChannel(said, tmp_path, print)
        channel.introduce(sites["hill"], 2.0)
        channel.open()
        with Watcher(server.url, "live", tls_of("NATS", (server.url,), *files[1])) as watcher:
            channel.send(notice(LiveNotice, t_sent_ns=time.time_ns(), t_expires_ns=time.time_ns() + 60 * NS_PER_S))
            watcher.wait(lambda: watcher.state == {"hill:run-1": (1, WarningPhase.WARN, "hill: Alpha North")})
            channel.show(LivePicture(station="Hill", t_ns=time.time_ns(), tracks=a_picture().tracks, areas=()))
            watcher.wait(lambda: len(watcher.page.ledger.scene.tracks) == 2)
        channel.close()


@pytest.mark.slow
@needs_nats_server
def test_the_command_serves_what_was_kept_and_shouts_for_a_lost_station(tmp_path):
    with NatsServer(tmp_path) as server:
        station = Station(tmp_path / "run", server.url, "hill", SITES["hill"])
        raid(station, 0, 1)
        station.finish()
        port = free_port()
        command = [sys.executable, "-c", "from casemate.cli import main; main()", "region", server.url, "--drill"]
        command += ["--page", f"127.0.0.1:{port}", "-o", str(tmp_path / "region"), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            end = time.monotonic() + 30.0
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state") as answer:
                        state = json.load(answer)
                    if state["alarms"] and any("lost" in each["reason"] for each in state["zone_states"]):
                        break
                except OSError:
                    pass
                assert time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            said = json.loads(process.communicate()[0])
        assert process.returncode == 0
        assert said["stations"] == {"hill": "lost"}
        assert state["mark"] == "EXERCISE"
        assert [each["zone"] for each in state["alarms"]] == [f"hill: {each['name'][6:]}" for each in state["zones"]]
        assert {each["state"] for each in state["sensor_states"]} == {"lost"}
        assert "not heard since" in state["zone_states"][0]["reason"]
        assert (tmp_path / "region" / "audit.jsonl").exists()


def told_all(region, said, t_ns=T0_NS):
    facts = []
    for station, each in said:
        facts += region.take(Heard(station, each, t_ns))
    return facts


def test_whatever_the_order_the_newest_of_each_incident_holds(languages):
    said = [(name, each) for name in SITES for each in incident()]
    straight = Region("Region", "EXERCISE", languages)
    told_all(straight, said)
    for seed in range(20):
        rng = random.Random(seed)  # noqa: S311 no secret
        mixed = said * 2
        rng.shuffle(mixed)
        region = Region("Region", "EXERCISE", languages)
        told_all(region, mixed)
        assert state_of(region.scene) == state_of(straight.scene)
    assert set(state_of(straight.scene)) == {"hill:run-1", "valley:run-1"}
    assert {each[0] for each in state_of(straight.scene).values()} == {5}


def test_a_new_incident_under_an_old_name_is_told_and_not_acknowledged(languages):
    region = Region("Region", "EXERCISE", languages)
    told_all(region, [("hill", each) for each in incident()[:3]])
    region.scene.acknowledge("hill:run-1", "anna", T0_NS)
    again = notice(t_sent_ns=T0_NS + 100 * NS_PER_S)  # the same run, made anew
    (alarm, _) = told_all(region, [("hill", again)])
    assert isinstance(alarm, Alarm)
    assert (alarm.serial, alarm.acknowledged) == (1, None)
    old = incident()[3]
    assert not told_all(region, [("hill", old)])
    update = msgspec.structs.replace(again, n=2, references=(Reference(again.notice_id, again.t_sent_ns),))
    region.scene.acknowledge("hill:run-1", "anna", T0_NS)
    (alarm, _) = told_all(region, [("hill", update)])
    assert (alarm.serial, alarm.acknowledged.by) == (2, "anna")


def beat(kind=DrillHeartbeat, t_ns=T0_NS, zones=("Alpha North",)):
    states = tuple(ZoneState(each, None, is_watched=True, why="") for each in zones)
    return kind(station="Hill", t_sent_ns=t_ns, t_picture_ns=t_ns, zones=states, sensors=(("radar", "ok"),))


def a_picture(t_ns=T0_NS, at=(33.30, 44.38), height_m=1000.0):
    tracks = tuple(
        MapTrack(i, t_ns, "confirmed", "rocket", 0.9, *at, height_m, (10.0, 20.0, -30.0)) for i in (3, 1_000_007)
    )
    return DrillPicture(station="Hill", t_ns=t_ns, tracks=tracks, areas=(area(3, ring_deg=()),))


def test_a_station_that_falls_silent_is_lost_with_its_tracks_and_comes_back(languages, sites):
    region = Region("Region", "EXERCISE", languages)
    card = words.card("drill", sites["hill"], 2.0)
    zones = [each.name for each in sites["hill"].zone]
    told_all(region, [("hill", card), ("hill", beat(zones=zones)), ("hill", a_picture())])
    assert not region.pass_to(T0_NS + 6 * NS_PER_S)
    assert len(region.scene.tracks) == 2
    facts = region.pass_to(T0_NS + 6 * NS_PER_S + 1)
    assert {type(each).__name__ for each in facts} == {"Zone", "Sensor", "Channel"}
    assert not any(each.is_watched for each in region.scene.zones.values())
    assert region.scene.zones[f"hill: {zones[0]}"].reason == "station hill is lost: not heard since 14:13:20 UTC"
    assert (len(region.scene.tracks), region.stations) == (0, {"hill": "lost"})
    assert not region.pass_to(T0_NS + 7 * NS_PER_S)  # said once
    told_all(region, [("hill", beat(zones=zones))], T0_NS + 8 * NS_PER_S)
    region.pass_to(T0_NS + 8 * NS_PER_S)
    assert all(each.is_watched for each in region.scene.zones.values())
    assert (len(region.scene.tracks), region.stations) == (2, {"hill": "ok"})


def test_an_alarm_that_nobody_says_again_expires(languages):
    region = Region("Region", "EXERCISE", languages)
    told_all(region, [("hill", beat()), ("hill", notice())])  # it holds for 140 s
    assert not [each for each in region.pass_to(T0_NS + 140 * NS_PER_S) if isinstance(each, Alarm)]
    (alarm,) = [each for each in region.pass_to(T0_NS + 140 * NS_PER_S + 1) if isinstance(each, Alarm)]
    assert (alarm.phase, alarm.serial) == (WarningPhase.WITHDRAWN, 1)
    assert "expired" in alarm.reason
    assert not [each for each in region.pass_to(T0_NS + 150 * NS_PER_S) if isinstance(each, Alarm)]
    told_all(region, [("hill", incident()[1])])
    assert region.scene.alarms["hill:run-1"].phase is WarningPhase.UPDATE
    region.pass_to(T0_NS + 4000 * NS_PER_S)
    region.pass_to(T0_NS + 4001 * NS_PER_S)
    assert not region.scene.alarms


def test_tracks_of_two_stations_stand_where_both_say_and_have_numbers_of_their_own(languages, sites):
    region = Region("Region", "EXERCISE", languages)
    for name, site in sites.items():
        told_all(region, [(name, words.card("drill", site, 2.0))])
    scene = region.scene
    assert len(scene.premises.place.site.zone) == sum(len(each.zone) for each in sites.values())
    at = (sites["hill"].site.lat_deg, sites["hill"].site.lon_deg)
    told_all(region, [(name, a_picture(at=at)) for name in sites])
    region.pass_to(T0_NS)
    assert region.scene.tracks["track_id"].tolist() == [1_000_003, 1_000_007, 2_000_003, 2_000_007]
    geodetic = scene.premises.place.frame.enu_to_geodetic(region.scene.tracks["state"][:, :3])
    assert geodetic[:, :2] == pytest.approx(np.tile(at, (4, 1)), abs=1e-9)
    speeds = np.linalg.norm(region.scene.tracks["state"][:, 3:6], axis=1)
    assert speeds == pytest.approx(np.full(4, 1400.0**0.5))
    assert [each["track_id"] for each in tracks_of(region.scene)] == [1_000_003, 1_000_007, 2_000_003, 2_000_007]
    told_all(region, [("hill", notice(areas=(area(3),)))])
    assert region.scene.threatening == {1_000_003}
    assert pictures.encode(region.scene, 1, 1, with_trails=True)


def test_what_cannot_be_believed_and_clocks_that_are_off_are_told(languages):
    region = Region("Region", "", languages)
    region.take(Heard("hill", beat(LiveHeartbeat, T0_NS + 12 * NS_PER_S), T0_NS))
    assert region.scene.channels["station hill"].why == "its clock is +12 s from ours"
    region.refuse("hill", "RehearsalNotice came on casemate.live.hill.notice", T0_NS)
    channel = region.scene.channels["station hill"]
    assert (channel.n_lost, channel.why[:21]) == (1, "1 refused, the last: ")
    assert region.link("no answer")
    assert not region.link("no answer")
    region.pass_to(T0_NS + 5)
    assert region.scene.t_ns == T0_NS + 5  # our own clock, where it is live
