"""What telling costs the decision: the call that hands a step over, and from there to the line on the disk.

`python tests/bench/bench_dispatch.py [N]`: N steps, each with 60 tracks and as many impacts of 500, at 32 a second; one
in 32 warns a zone. Beside the file there is a channel that never answers.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.courier import Courier
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald, Place
from casemate.io.channels.log import LogChannel, Settings
from casemate.io.channels.stamps import REHEARSAL
from casemate.model.messages import Cause, Events, Tick, WarningLevel, WarningPhase, ZoneWarning
from casemate.model.records import IMPACT, TRACK, TRACK_CLASS, TrackStatus
from casemate.physics.geodesy import SiteFrame


class Stuck(LogChannel):
    """A channel that never answers."""

    def send(self, notice):
        threading.Event().wait()


class Timed(LogChannel):
    """A file that says when it had each notice."""

    def __init__(self, *given):
        super().__init__(*given)
        self.at_ns = {}

    def send(self, notice):
        super().send(notice)
        self.at_ns[notice.notice_id] = time.perf_counter_ns()


def _events(k, rng):
    rows = np.zeros(60, TRACK)
    rows["track_id"] = 1 + (np.arange(60) + 60 * k) % 500
    rows["status"], rows["is_height_known"], rows["state"][:, :3] = (
        TrackStatus.CONFIRMED,
        True,
        rng.normal(size=3) * 1e3,
    )
    classes, impacts = np.zeros(60, TRACK_CLASS), np.zeros(60, IMPACT)
    impacts["track_id"], impacts["t_impact_ns"] = rows["track_id"], time.time_ns() + 20 * NS_PER_S
    impacts["cov_m2"] = np.diag([9e4, 4e4])
    return Events(t_ns=time.time_ns(), tracks=rows, classes=classes, impacts=impacts, warnings=_warnings(k))


def _warnings(k):
    if k % 32:
        return ()
    cause = Cause(1, "r107", time.time_ns() + 20 * NS_PER_S, 0.5, 0.5, 0.9, 9, (1e3, 2e3), ((9e4, 0.0), (0.0, 4e4)))
    return (
        ZoneWarning(
            warning_id=k + 1,
            zone_id=0,
            level=WarningLevel.WARN,
            t_issued_ns=time.time_ns(),
            t_impact_ns=time.time_ns() + 20 * NS_PER_S,
            p_impact=0.4,
            threat_ids=(),
            track_ids=(1,),
            supersedes=0,
            is_useful=True,
            reason="bench",
            phase=WarningPhase.WARN,
            incident_id=k + 1,
            causes=(cause,),
        ),
    )


def measure(n_steps, folder, period_s=1.0 / 32.0):
    """Return times of the call [us], and from it to the line written [ms]."""
    site = settings.read_site(settings.packaged("sites", "site-alpha"))
    place = Place(site, settings.read_rounds(), SiteFrame.of(site.site), None)
    audit = AuditLog(folder)
    file = Timed(Settings(name="file", lines="a.jsonl"), folder, print)
    stuck = Stuck(Settings(name="stuck", lines="b.jsonl"), folder, print)
    couriers = [Courier(each, REHEARSAL, audit, time.time_ns) for each in (file, stuck)]
    dispatcher = Dispatcher(Herald(REHEARSAL, place, "run", 180.0), couriers, audit, time.time_ns, Rhythm(1.0, 1.0))
    rng = np.random.default_rng(1)
    call_us, given_ns = [], {}
    for k in range(n_steps):
        events, begin = _events(k, rng), time.perf_counter_ns()
        dispatcher.take(Tick(t_ns=events.t_ns), events)
        call_us.append((time.perf_counter_ns() - begin) / 1e3)
        if events.warnings:
            given_ns[f"run-{k + 1}"] = begin
        time.sleep(period_s)
    told = dispatcher.finish()
    states = {each["channel"]: each["n_sent"] for each in told["channels"]}
    assert states == {"file": len(given_ns), "stuck": 0}, states
    return np.array(call_us), np.array([(file.at_ns[i] - t) / 1e6 for i, t in given_ns.items()])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        call_us, wire_ms = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3200, Path(name))
    for what, values, unit in (("handing a step over", call_us, "us"), ("decision to line written", wire_ms, "ms")):
        p50, p99 = np.percentile(values, (50, 99))
        print(f"{what}: p50 {p50:.2f}, p99 {p99:.2f}, max {values.max():.2f} {unit} (n = {values.size:,})")
