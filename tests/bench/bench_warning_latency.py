"""From the last plot of the deciding scan to bytes at a siren and to a signed CAP alert: 2,000 plots/s, 500 tracks.

python tests/bench/bench_warning_latency.py FOLDER: rehearses the scene into FOLDER (minutes; once), then sends what its
radar saw by UDP, in real time, to a live station of its own, with a broker, TLS, ACL and mosquitto_sub behind it.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import msgspec
import numpy as np
from brokers import MOSQUITTO, TLS, WHY_NOT, Authority, Broker, free_port
from siren_log import SirenLog

from casemate import station
from casemate.io import settings
from casemate.io.feeds.asterix.export import export_run
from casemate.io.journal import JournalWriter, read_inputs, read_meta
from casemate.io.recorder import RunRecorder
from casemate.model.messages import Aside, Scan
from casemate.model.records import TrackStatus
from casemate.pipeline import Pipeline, Plan
from casemate.runner import Origin, plan_of
from casemate.sim.scenario import Scenario
from casemate.sim.world import World
from casemate.station import Telling

SITE = """[site]
name = "Busy"
lat_deg = 33.30
lon_deg = 44.39
height_m = 34.0

[[sensor]]
name = "radar"
lat_deg = 33.30
lon_deg = 44.39
height_m = 44.0
scan_period_s = 0.25
sigma_range_m = 15.0
sigma_azimuth_deg = 0.17
sigma_elevation_deg = 0.34
sigma_range_rate_mps = 1.0
p_detection = 0.97
reference_range_m = 40000.0
false_plots_per_scan = 2.0
range_m = [500.0, 30000.0]
elevation_deg = [0.5, 75.0]
sac = 25
sic = 10

[asterix]
drills = true
"""
ZONE = '\n[[zone]]\nname = "Z{i}{j}"\npolygon_deg = {ring}\nshelter_s = 10.0\n'
RAID = """title = "A busy sky"
source = "invented"
seed = 11
t_start = 2026-06-01T18:00:00Z
duration_s = 90.0
site = "busy.toml"

[[flock]]                         # of one part, as fast, high and bright as aircraft: there from the first second
at_once = 500
parts = [1, 1]
speed_mps = [70.0, 130.0]
height_m = [2000.0, 9000.0]
rcs_dbsm = [15.0, 20.0]
life_s = [36000.0, 72000.0]
leg_s = [60.0, 120.0]
reach_m = 25000.0
load_g = 0.3
turn_dps = 3.0

[[raid]]
round_class = "m120"
count = 40
impact_e_m = 0.0
impact_n_m = 0.0
impact_sigma_m = 600.0
bearing_deg = 135.0
bearing_spread_deg = 120.0
arc = "high"
ground_range_m = [3500.0, 5500.0]
start_s = 10.0
interval_s = [1.0, 1.0]
rcs_dbsm = -15.0
"""
CHANNELS = """heartbeat_s = 5.0
[[channel]]
kind = "mqtt"
name = "sirens"
audience = "drill"
site = "busy"
port = {port}
ca_file = "ca.pem"
cert_file = "station.pem"
key_file = "station.key"

[[channel]]
kind = "cap"
name = "public"
audience = "drill"
sender = "alerts@busy.example"
sender_name = "Busy"
key_file = "station.key"
certificate_file = "station.pem"
"""
ACL = "user station\ntopic readwrite drill/#\nuser log\ntopic read drill/#\n"


def rehearse(folder):
    """Make the capture of the scene, where it is not there yet."""
    zones = []
    for i in range(4):
        for j in range(4):
            lat, lon = 33.287 + 0.0065 * i, 44.374 + 0.008 * j
            ring = [[lat, lon], [lat, lon + 0.008], [lat + 0.0065, lon + 0.008], [lat + 0.0065, lon]]
            zones.append(ZONE.format(i=i, j=j, ring=ring))
    (folder / "busy.toml").write_text(SITE + "".join(zones), "utf-8")
    (folder / "raid.toml").write_text(RAID, "utf-8")
    if not (folder / "captures/cat015.pcap").exists():
        watch_only(folder)
        export_run(folder / "raid", folder / "captures")


def watch_only(folder):
    """Let the radar look and keep its plots, as a run folder: no track is made, so that it takes seconds."""
    scenario = settings.read_toml(folder / "raid.toml", Scenario)
    plan = plan_of(folder / scenario.site)
    world = World(scenario, plan.site, plan.rounds, plan.frame(), scenario.seed, with_intercept=False)
    recorder = RunRecorder(folder / "raid", plan.site, [each.name for each in plan.rounds])
    meta = {"plan": plan, "origin": Origin(data="SIMULATION", name="raid", inputs={})}
    journal = JournalWriter(
        folder / "raid/journal.sqlite", {k: msgspec.json.encode(v).decode() for k, v in meta.items()}
    )
    for message in world:
        recorder.take(message, None)
    recorder.close()
    journal.close()


class Watch:
    """A sink: when each deciding scan was whole, and when its step was over."""

    def __init__(self):
        self.summary, self.decided, self.n_plots, self.t_ns = {}, {}, 0, []
        self.tracks, self.n_tracks = set(), []
        self.listens = threading.Event()

    def take(self, message, events):
        self.listens.set()
        if events is None or not isinstance(message, Scan):
            return
        now_ns = time.time_ns()
        self.n_plots += len(message.plots)
        self.t_ns.append(now_ns)
        for track in events.tracks[["track_id", "status"]]:
            if track["status"] in {TrackStatus.CONFIRMED, TrackStatus.COASTING}:
                self.tracks.add(int(track["track_id"]))
            else:
                self.tracks.discard(int(track["track_id"]))
        self.n_tracks.append(len(self.tracks))
        for each in events.warnings:
            self.decided[each.warning_id] = (message.t_recv_ns, now_ns)


def play(folder, port, feed_port):
    """Run station, sender and siren; return the watch, and what the siren heard."""
    (folder / "channels.toml").write_text(CHANNELS.format(port=port), "utf-8")
    run = folder / f"station-{time.time_ns()}"
    watch, log = Watch(), SirenLog(folder, port, "drill/busy/zone/+/alarm")
    over = threading.Event()

    def serve():
        telling = Telling(channels=folder / "channels.toml")
        url = f"udp://127.0.0.1:{feed_port}"
        watch.summary = station.serve(
            folder / "busy.toml", [url], run, sinks=[watch], is_stopped=over.is_set, telling=telling
        )

    thread = threading.Thread(target=serve)
    thread.start()
    assert watch.listens.wait(300.0)
    time.sleep(2.0)
    send = ["casemate", "send", "captures/cat015.pcap", f"udp://127.0.0.1:{feed_port}"]
    subprocess.run(send, cwd=folder, check=True, stdout=sys.stderr)
    time.sleep(3.0)
    over.set()
    thread.join()
    lines = [json.loads(line) for line in (run / "audit.jsonl").read_text("utf-8").splitlines()]
    sent = (each for each in lines if each["what"] == "sent" and each["channel"] == "public")
    signed = {id_of(each["notice"]): each["t_ns"] for each in sent}
    heard = {}
    for t_ns, payload in log.stop():
        heard.setdefault(id_of(json.loads(payload)["notice_id"]), t_ns)
    return watch, heard, signed


def id_of(notice_id):
    return int(notice_id.rpartition("-")[2])


def between(one, other):
    """Delays [ms] of what both have, by id."""
    return np.array([(other[i] - one[i]) / 1e6 for i in sorted(one) if i in other])


def row(name, delays_ms):
    if not len(delays_ms):
        return f"| {name} | 0 | | | | |"
    p50, p99, most = np.percentile(delays_ms, (50, 99, 100))
    return f"| {name} | {len(delays_ms)} | {p50:.0f} | {p99:.0f} | {most:.0f} | {np.sum(delays_ms > 50.0)} |"


def alone(run):
    """Replay a run's journal; return delays [ms] of its deciding scans to the end of their steps, had it a core alone.

    Each step takes the processor time that it took now, and begins when its scan is there and the step before is over.
    """
    plan = msgspec.json.decode(read_meta(run / "journal.sqlite")["plan"], type=Plan)
    pipeline, free_ns, delays_ms = Pipeline(plan), 0, []
    for message in read_inputs(run / "journal.sqlite"):
        if isinstance(message, Aside):
            continue
        begin_ns = time.thread_time_ns()
        events = pipeline.step(message)
        t_recv_ns = message.t_recv_ns if isinstance(message, Scan) else message.t_ns
        free_ns = max(free_ns, t_recv_ns) + time.thread_time_ns() - begin_ns
        if isinstance(message, Scan):
            delays_ms += [(free_ns - t_recv_ns) / 1e6] * len(events.warnings)
    return np.array(delays_ms)


def main(folder):
    if MOSQUITTO is None:
        sys.exit(f"skipped: {WHY_NOT}")
    folder.mkdir(exist_ok=True)
    rehearse(folder)
    authority = Authority(folder)
    authority.issue("127.0.0.1", "broker")
    for client in ("station", "log"):
        authority.issue(client)
    (folder / "acl").write_text(ACL, "utf-8")
    load = os.getloadavg()[0]
    with Broker(folder, TLS) as broker:
        watch, heard, signed = play(folder, broker.port, free_port())
    span_s = (watch.t_ns[-1] - watch.t_ns[0]) / 1e9
    print(f"{np.median(watch.n_tracks):.0f} tracks, at most {max(watch.n_tracks)}")
    print(f"{watch.n_plots / span_s:.0f} plots/s, {len(watch.t_ns) / span_s:.0f} scans/s, load {load:.1f} before and")
    print(f"{os.getloadavg()[0]:.1f} after on {os.cpu_count()} cores")
    timing = watch.summary["timing"]
    steps = ", ".join(f"{name} {ms:.1f}" for name, ms in timing["step_ms"].items())
    print(f"steps, all of the run: {steps} ms; {timing['cpu_s']:.0f} s of processor time in {timing['wall_s']:.0f} s")
    print("\n| from the last plot of the deciding scan to | n | p50 ms | p99 ms | most ms | above 50 ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    seen, stepped = ({i: each[k] for i, each in watch.decided.items()} for k in (0, 1))
    print(row("the end of its step", between(seen, stepped)))
    print(row("the siren's socket", between(seen, heard)))
    print(row("the signed alert on the disk", between(seen, signed)))
    print(row("from the end of its step to the siren's socket", between(stepped, heard)))
    run = max(folder.glob("station-*"))
    print(row("the end of its step, replayed as if alone on a core", alone(run)))
    n_unheard = len(watch.decided.keys() - heard.keys())
    print(f"\n{len(watch.decided)} notices, {n_unheard} not heard")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
