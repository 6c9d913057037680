"""National load: warnings of a whole country through dispatcher, courier and MQTT to a subscriber in another process.

python tests/bench/bench_national.py [day]: 1,600 zones in one second, five times over, each way of coming; with `day`
the busiest day of the recorded alarms beside the project, at ten times its speed, too (7 minutes). With mutual TLS, an
ACL and QoS 1.
"""

import collections
import contextlib
import csv
import gzip
import os
import pathlib
import sys
import tempfile
import threading
import time

import msgspec
import numpy as np
from brokers import MOSQUITTO, TLS, WHY_NOT, Authority, Broker
from siren_log import SirenLog

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.channels import mqtt
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk, drill_couriers
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald, Place
from casemate.io.channels.stamps import EXERCISE
from casemate.model.catalog import SiteFile
from casemate.model.messages import Events, Tick, WarningLevel, WarningPhase, ZoneWarning
from casemate.physics.geodesy import SiteFrame

TRACE = pathlib.Path(__file__).resolve().parents[3] / "shared/trace/zone_activations_2014-2024.csv.gz"
SPEED = 10.0
GAP_S = 0.2  # longer silences are cut to this: nothing waits in them
CLEAR_S = 600.0  # an alarm of the trace says nothing of its end: all-clear ten minutes after the last
HERE = {"lat_deg": 31.5, "lon_deg": 34.9, "height_m": 50.0}
N_ZONES, N_BURSTS = 1600, 5
ACL = "user station\ntopic readwrite drill/#\nuser log\ntopic read drill/#\n"


class Zones:
    """Makes the warnings of a list of zones, phase after phase."""

    def __init__(self, names):
        self.names = {name: i for i, name in enumerate(names)}
        self._last, self._first, self._n = {}, {}, 0

    def warning(self, name, phase):
        self._n += 1
        t_ns = time.time_ns()
        first = self._first.setdefault(name, self._n)
        told = ZoneWarning(
            warning_id=self._n,
            zone_id=self.names[name],
            level=WarningLevel.CLEAR if phase == WarningPhase.CLEAR else WarningLevel.WARN,
            t_issued_ns=t_ns,
            t_impact_ns=t_ns + 60 * NS_PER_S,
            p_impact=0.5,
            threat_ids=(),
            track_ids=(),
            supersedes=self._last.get(name, 0),
            is_useful=True,
            reason="national load",
            phase=phase,
            incident_id=first,
        )
        self._last[name] = self._n
        if phase == WarningPhase.CLEAR:
            del self._last[name], self._first[name]
        return told

    def step(self, names, phase=None):
        """Return warnings: `phase`, or what it is for each zone to be alarmed now."""
        told = [
            self.warning(name, phase or (WarningPhase.UPDATE if name in self._last else WarningPhase.WARN))
            for name in names
        ]
        return Events(t_ns=time.time_ns(), warnings=tuple(told))


def place_of(names):
    zones = []
    for i, name in enumerate(names):
        lat, lon = 29.5 + 0.08 * (i // 40), 34.3 + 0.04 * (i % 40)
        ring = [(lat, lon), (lat + 0.03, lon), (lat + 0.03, lon + 0.03), (lat, lon + 0.03)]
        zones.append({"name": name, "polygon_deg": ring, "shelter_s": 30.0})
    site = {"site": {"name": "Country", **HERE}, "zone": zones}
    site["sensor"] = [{"name": "radar", **HERE, "scan_period_s": 1.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}]
    declared = msgspec.convert(site, SiteFile)
    return Place(declared, settings.read_rounds(), SiteFrame(31.5, 34.9, 50.0), None)


@contextlib.contextmanager
def country(names):
    """A dispatcher with one channel, a broker behind it and a subscriber behind that."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        authority = Authority(folder)
        authority.issue("127.0.0.1", "broker")
        for client in ("station", "log"):
            authority.issue(client)
        (folder / "acl").write_text(ACL, "utf-8")
        with Broker(folder, TLS) as broker:
            log = SirenLog(folder, broker.port, "drill/country/zone/+/alarm")
            files = {f"{each}_file": str(folder / f) for each, f in FILES.items()}
            channel = mqtt.Settings(name="sirens", site="country", port=broker.port, timeout_s=5.0, **files)
            desk = Desk(folder, AuditLog(folder), time.time_ns)
            couriers = drill_couriers((channel,), EXERCISE, desk)
            herald = Herald(EXERCISE, place_of(names), "national", 120.0)
            yield Dispatcher(herald, couriers, desk.audit, time.time_ns, Rhythm(10.0, None)), log


FILES = {"ca": "ca.pem", "cert": "station.pem", "key": "station.key"}


def play(schedule, names):
    """Have (due_s, names, phase) told when due; return when each was made, what came, and what the station says."""
    made, zones = {}, Zones(names)
    with country(names) as (dispatcher, log):
        time.sleep(1.0)  # it connects
        begin_s = time.monotonic()
        for due_s, alarmed, phase in schedule:
            time.sleep(max(begin_s + due_s - time.monotonic(), 0.0))
            events = zones.step(alarmed, phase)
            t_ns = time.time_ns()
            made.update((f"national-{each.warning_id}", t_ns) for each in events.warnings)
            dispatcher.take(Tick(t_ns=events.t_ns), events)
        told = dispatcher.finish()
        time.sleep(1.0)
        return made, log.stop(), told


def report(name, made, heard, told):
    came = collections.defaultdict(list)
    order = collections.defaultdict(list)
    for t_ns, payload in heard:
        message = msgspec.json.decode(payload)
        came[message["notice_id"]].append(t_ns)
        order[message["zone"]].append(int(message["notice_id"].rpartition("-")[2]))
    lost = [each for each in made if each not in came]
    is_ordered = all(ids == sorted(ids) for ids in order.values())
    delay_ms = np.array([(came[each][0] - t_ns) / 1e6 for each, t_ns in made.items() if each in came])
    twice = sum(len(times) - 1 for times in came.values())
    p50, p99, most = np.percentile(delay_ms, (50, 99, 100))
    row = f"{len(made):,} | {len(lost)} | {twice} | {p50:.0f} | {p99:.0f} | {most:.0f}"
    print(f"| {name} | {row} | {sum(delay_ms > 1000.0)} |", flush=True)
    assert is_ordered
    (channel,) = told["channels"]
    return {"lost": lost, "most_ms": most, "channel": channel, "n": len(made), "delay_ms": delay_ms}


def in_one_step():
    """All zones at once: warned, updated and cleared, five times, a second and a half apart."""
    phases = (None, None, WarningPhase.CLEAR)
    names = [f"Zone {i}" for i in range(N_ZONES)]
    return [(1.5 * k, names, phases[k % 3]) for k in range(N_BURSTS * 3)], names


def over_a_second():
    """The same zones, 160 at each tenth of a second."""
    phases = (None, None, WarningPhase.CLEAR)
    names = [f"Zone {i}" for i in range(N_ZONES)]
    parts = [names[k::10] for k in range(10)]
    return [(1.5 * k + 0.1 * i, parts[i], phases[k % 3]) for k in range(N_BURSTS * 3) for i in range(10)], names


def busiest_day():
    """The busiest day of the trace, with its own names of zones; silences are cut."""
    with gzip.open(TRACE, "rt", encoding="utf-8") as file:
        rows = [(int(row["utc_epoch_s"]), row["zone_name_he"]) for row in csv.DictReader(file)]
    days = collections.Counter((t_s + 3 * 3600) // 86_400 for t_s, _ in rows)
    day, n = days.most_common(1)[0]
    alarms = collections.defaultdict(set)
    for t_s, name in rows:
        if (t_s + 3 * 3600) // 86_400 == day:
            alarms[t_s].add(name)
    last, clears = {}, collections.defaultdict(set)
    for t_s in sorted(alarms):
        last.update(dict.fromkeys(alarms[t_s], t_s))
        for name in alarms[t_s]:
            clears[t_s + CLEAR_S].add(name)
    steps, alarmed_s, due_s, before_s = [], {}, 0.0, min(alarms)
    for t_s in sorted({*alarms, *clears}):
        due_s += min((t_s - before_s) / SPEED, GAP_S)
        before_s = t_s
        over = sorted(name for name in clears.get(t_s, ()) if alarmed_s.get(name, t_s) <= t_s - CLEAR_S)
        if over:
            steps.append((due_s, over, WarningPhase.CLEAR))
            for name in over:
                del alarmed_s[name]
        if t_s in alarms:
            steps.append((due_s, sorted(alarms[t_s]), None))
            alarmed_s.update(dict.fromkeys(alarms[t_s], t_s))
    print(f"busiest day: {n:,} activations of {len(last)} zones, {due_s:.0f} s", file=sys.stderr)
    return steps, sorted(last)


def main(with_day):
    if MOSQUITTO is None:
        sys.exit(f"skipped: {WHY_NOT}")
    print(f"load of this machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| load | notices | lost | twice | p50 ms | p99 ms | most ms | above 1 s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    report("1,600 zones in one step, 15 times", *play(*in_one_step()))
    report("1,600 zones, 160 each tenth of a second, 15 times", *play(*over_a_second()))
    if with_day and not TRACE.is_file():
        print("skipped: the recorded alarms (shared/trace) are not beside the project")
    elif with_day:
        report("the busiest day at ten times its speed", *play(*busiest_day()))
    print(f"\nload after: {os.getloadavg()[0]:.1f}; threads {threading.active_count()}")


if __name__ == "__main__":
    main("day" in sys.argv[1:])
