"""A page to test with: premises of the packaged site, made-up steps and notices, and readers of what is sent."""

import asyncio
import contextlib
import json
import socket
import struct
import time
from itertools import pairwise

import numpy as np
import websockets

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.channels.areas import Landing, areas_of
from casemate.io.web import roles
from casemate.io.web.app import make_app
from casemate.io.web.page import Note, Page
from casemate.io.web.server import Door, Server, listen
from casemate.model.messages import (
    Cause,
    Events,
    SensorHealth,
    SensorState,
    Threat,
    Tick,
    WarningLevel,
    WarningPhase,
    ZoneWarning,
)
from casemate.model.notices import RehearsalNotice
from casemate.model.records import IMPACT, TRACK, TRACK_CLASS, TrackStatus
from casemate.runner import Origin, plan_of
from casemate.runner.onlooking import premises_of

T0_NS = 1_790_000_000 * NS_PER_S


def make_premises(mark="SIMULATION"):
    plan = plan_of(settings.packaged("sites", "site-alpha"))
    return premises_of(mark, plan, None, Origin(data="SIMULATION", name="test", inputs={}, run="run1"))


class Audited:
    """What was audited, in order."""

    def __init__(self):
        self.lines = []

    def note(self, what, t_ns, **facts):
        self.lines.append((what, facts))

    def of(self, what):
        return [facts for said, facts in self.lines if said == what]


def make_page(premises=None, audited=None):
    audited = audited or Audited()
    return Page(premises or make_premises(), Note(audited.note, lambda: T0_NS), 7)


def step(n_tracks=3, t_ns=T0_NS, first_id=1, status=TrackStatus.CONFIRMED, threats=(), has_impacts=True):
    """Rounds on their way down 3 km up, each with an impact in 20 s."""
    tracks, classes, impacts = np.zeros(n_tracks, TRACK), np.zeros(n_tracks, TRACK_CLASS), np.zeros(n_tracks, IMPACT)
    ids = np.arange(first_id, first_id + n_tracks)
    for rows in (tracks, classes, impacts):
        rows["track_id"] = ids
    tracks["status"], tracks["t_ns"], tracks["is_height_known"], tracks["p_exists"] = status, t_ns, True, 1.0
    tracks["state"] = (-4000.0, 500.0, 3000.0, 200.0, 10.0, -60.0, -7.0)
    tracks["state"][:, 1] += 10.0 * np.arange(n_tracks)
    tracks["cov"] = np.diag((400.0, 100.0, 25.0, 1.0, 1.0, 1.0, 0.01))
    classes["i_kind"], classes["p_round"] = 1, 0.97
    impacts["t_ns"], impacts["t_impact_ns"], impacts["sigma_t_s"] = t_ns, t_ns + 20 * NS_PER_S, 0.5
    impacts["point_m"], impacts["cov_m2"] = (100.0, 200.0), ((900.0, 100.0), (100.0, 400.0))
    impacts = impacts if has_impacts else impacts[:0]
    told = tuple(
        Threat(threat_id=i, track_id=i, asset_id=0, t_ns=t_ns, t_impact_ns=t_ns, p_hit=0.5, round_class="r107", rank=1,
               reason="") for i in threats
    )  # fmt: skip
    return Tick(t_ns=t_ns), Events(t_ns=t_ns, tracks=tracks, classes=classes, impacts=impacts, threats=told)


def lost(t_ns=T0_NS):
    health = SensorHealth(sensor_id=0, state=SensorState.LOST, t_ns=t_ns, t_last_ns=t_ns - NS_PER_S, reason="silent")
    return Tick(t_ns=t_ns), Events(t_ns=t_ns, sensors=(health,))


def notice(premises, n=1, phase=WarningPhase.WARN, incident="run1-1", zone=0, t_ns=T0_NS, track_id=1):
    declared = premises.place.site.zone[zone]
    landing = Landing(track_id, "r107", t_ns + 20 * NS_PER_S, 0.5, (100.0, 200.0), ((900.0, 100.0), (100.0, 400.0)))
    return RehearsalNotice(
        station="Site Alpha",
        notice_id=f"{incident}-{n}",
        incident=incident,
        n=n,
        phase=phase,
        zone=declared.name,
        zone_list="",
        ring_deg=declared.polygon_deg,
        areas=areas_of([landing], premises.place),
        t_sent_ns=t_ns,
        t_impact_ns=t_ns + 20 * NS_PER_S,
        t_expires_ns=t_ns + 200 * NS_PER_S,
        shelter_s=declared.shelter_s,
        p_impact=0.4,
        is_useful=True,
        reason="one round",
        references=(),
    )


def decision(warning_id, t_ns=T0_NS):
    cause = Cause(4, "r107", t_ns + 9 * NS_PER_S, 0.4, 0.9, 0.95, 6, (1.0, 2.0), ((9.0, 0.0), (0.0, 4.0)))
    return ZoneWarning(
        warning_id=warning_id, zone_id=0, level=WarningLevel.WARN, t_issued_ns=t_ns, t_impact_ns=t_ns + 9 * NS_PER_S,
        p_impact=0.86, threat_ids=(), track_ids=(4,), supersedes=warning_id - 1, is_useful=True, reason="one round",
        phase=WarningPhase.WARN, incident_id=1, causes=(cause,), lead_s=9.0, would_change="less chance",
    )  # fmt: skip


ROWS = {1: "<I4B3f3f4f", 2: "<II2f3f3f", 3: "<4fHH", 4: "<I4f", 5: "<I4f"}
"""Of each section, by the reference page."""


def read_picture(raw):
    """Read a picture by `struct` alone: (epoch, number, t_ns), and rows by section."""
    magic, version, n_sections, epoch, number, t_ns, zero = struct.unpack_from("<4sHHIIqQ", raw)
    assert (magic, version, zero) == (b"CMPC", 1, 0)
    at, sections = 32, {}
    for _ in range(n_sections):
        kind, row_bytes, n_rows, zero = struct.unpack_from("<4I", raw, at)
        assert (struct.calcsize(ROWS[kind]), zero) == (row_bytes, 0)
        at += 16
        sections[kind] = [struct.unpack_from(ROWS[kind], raw, at + i * row_bytes) for i in range(n_rows)]
        padded = -(-n_rows * row_bytes // 8) * 8
        assert not any(raw[at + n_rows * row_bytes : at + padded])
        at += padded
    assert at == len(raw)
    assert list(sections) == sorted(sections)
    assert all(a < b for a, b in pairwise(sections))
    return (epoch, number, t_ns), sections


def port_of(url):
    return int(url.rsplit(":", 1)[1].rstrip("/"))


@contextlib.contextmanager
def serving(page, users=None, port=0):
    """Serve over a real socket."""
    door = Door(port=port)
    app = make_app(page, roles.Keeper(users), is_local=True, is_tls=False)
    with Server(app, door, listen(door)) as server:
        deadline = time.monotonic() + 10.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", port_of(server.url)), timeout=1.0).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield server


async def greeted(url, **options):
    link = await websockets.connect(f"{url.replace('http', 'ws')}api/ws", max_size=2**24, **options)
    return link, json.loads(await link.recv())


async def frames_of(link, n):
    out = []
    while len(out) < n:
        said = await asyncio.wait_for(link.recv(), 5.0)
        if isinstance(said, str) and '"kind":"beat"' not in said:
            out.append(json.loads(said))
    return out
