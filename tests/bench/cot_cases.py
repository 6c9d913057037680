"""Notices for channels, a taky server and a pytak client: real peers of the Cursor on Target channel, on loopback."""

import functools
import json
import math
import pathlib
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.channels.areas import Landing, Place, areas_of
from casemate.model.messages import WarningPhase
from casemate.model.notices import (
    DrillHeartbeat,
    DrillPicture,
    ExerciseNotice,
    LiveHeartbeat,
    LiveNotice,
    LivePicture,
    MapTrack,
    Reference,
    RehearsalNotice,
    ZoneState,
)
from casemate.physics.geodesy import SiteFrame

KINDS = {
    "live": (LiveNotice, LivePicture, LiveHeartbeat),
    "exercise": (ExerciseNotice, DrillPicture, DrillHeartbeat),
    "rehearsal": (RehearsalNotice, DrillPicture, DrillHeartbeat),
}
COV_M2 = ((9e4, 2e4), (2e4, 4e4))
ENDS = (WarningPhase.CLEAR, WarningPhase.WITHDRAWN)
LISTENER = pathlib.Path(__file__).with_name("cot_listener.py")


@functools.cache
def place():
    site = settings.read_site(settings.packaged("sites", "site-alpha"))
    return Place(site, settings.read_rounds(), SiteFrame.of(site.site), None)


def an_area(track_id=7, t_ns=0, point=(4000.0, -2500.0), cov=COV_M2):
    """The herald's own area, as every channel gets it."""
    t_impact_ns = t_ns + 20 * NS_PER_S
    return areas_of([Landing(track_id, "r107", t_impact_ns, 0.4, point, cov)], place())[0]


def a_notice(kind="live", phase=WarningPhase.WARN, n=1, t_ns=None, zone=0, areas=None, incident="run-1"):
    t_ns = time.time_ns() if t_ns is None else t_ns
    declared = place().site.zone[zone]
    return KINDS[kind][0](
        station="Site Alpha",
        notice_id=f"run-{n}",
        incident=f"{incident}-{zone}",
        n=n,
        phase=phase,
        zone=declared.name,
        zone_list="0123456789abcdef",
        ring_deg=declared.polygon_deg,
        areas=() if phase in ENDS else ((an_area(t_ns=t_ns),) if areas is None else areas),
        t_sent_ns=t_ns,
        t_impact_ns=t_ns + 20 * NS_PER_S,
        t_expires_ns=t_ns + 80 * NS_PER_S,
        shelter_s=10.0,
        p_impact=0.42,
        is_useful=True,
        reason="impact in 20 s",
        references=tuple(Reference(f"run-{i}", t_ns - i) for i in range(1, n)),
    )


def an_incident(kind="live", zone=0, t_ns=None):
    """All phases of one incident, in order."""
    t_ns = time.time_ns() if t_ns is None else t_ns
    phases = (WarningPhase.WARN, WarningPhase.UPDATE, WarningPhase.IMPACT, WarningPhase.STAY, WarningPhase.CLEAR)
    told, references = [], ()
    for n, phase in enumerate(phases, 1):
        notice = a_notice(kind, phase, n, t_ns + n * 1_000_000, zone)
        told.append(msgspec.structs.replace(notice, references=references))
        references = (*references, Reference(notice.notice_id, notice.t_sent_ns))
    return told


def a_track(track_id=7, t_ns=0, kind="rocket", height_m=1200.0):
    vel_mps = (-200.0, -150.0, -90.0)
    return MapTrack(track_id, t_ns, "confirmed", kind, 0.97, 33.31, 44.42, height_m, vel_mps)


def a_picture(kind="live", tracks=(7,), areas=(7,), t_ns=None):
    t_ns = time.time_ns() if t_ns is None else t_ns
    return KINDS[kind][1](
        station="Site Alpha",
        t_ns=t_ns,
        tracks=tuple(a_track(i, t_ns) for i in tracks),
        areas=tuple(an_area(i, t_ns) for i in areas),
    )


def a_heartbeat(kind="live", t_ns=None):
    t_ns = time.time_ns() if t_ns is None else t_ns
    return KINDS[kind][2](
        station="Site Alpha",
        t_sent_ns=t_ns,
        t_picture_ns=t_ns - NS_PER_S,
        zones=(
            ZoneState("Alpha North", WarningPhase.WARN, is_watched=True, why=""),
            ZoneState("Alpha South", None, is_watched=False, why="radar-1 is lost"),
        ),
        sensors=(("radar-1", "ok"),),
    )


def area_m2(ring_deg):
    """Area on the ellipsoid: radii of curvature by hand, no frame of ours."""
    lat, lon = np.radians(np.array(ring_deg)).T
    a_m, e2 = 6_378_137.0, 6.694379990141317e-3
    w2 = 1.0 - e2 * math.sin(lat.mean()) ** 2
    north_m = (lat - lat.mean()) * a_m * (1.0 - e2) / w2**1.5
    east_m = (lon - lon.mean()) * a_m / math.sqrt(w2) * math.cos(lat.mean())
    return 0.5 * abs(float(np.dot(east_m, np.roll(north_m, -1)) - np.dot(north_m, np.roll(east_m, -1))))


def true_area_m2(cov_m2=COV_M2):
    """Of the ellipse that holds 90 % of a 2D normal."""
    return -2.0 * math.log(0.1) * math.pi * math.sqrt(float(np.linalg.det(np.array(cov_m2))))


def vertices(event):
    """A u-d-f's vertices as a client reads them: its links that are points, the last of which closes it."""
    points = [tuple(float(x) for x in each.get("point").split(",")[:2]) for each in event.iterfind("detail/link")]
    assert points[0] == points[-1]
    return points[:-1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class Taky:
    """A taky server, which is stopped and started as a test wants."""

    def __init__(self, folder, with_tls):
        pytest.importorskip("taky", reason="taky is not installed")
        self.folder, self.port, self.process = folder, free_port(), None
        self._bin = pathlib.Path(sys.executable).parent
        no_tls = [] if with_tls else ["--no-ssl"]
        host = ("--host", "127.0.0.1", "--bind-ip", "127.0.0.1", "--public-ip", "127.0.0.1")
        self._call("takyctl", "setup", *no_tls, *host, str(folder))
        self._conf = folder / "taky.conf"
        self._conf.write_text(re.sub(r"(?m)^port = .*", f"port = {self.port}", self._conf.read_text()))
        self.url = f"{'tls' if with_tls else 'tcp'}://127.0.0.1:{self.port}"

    def client(self, name):
        """Issue a client's certificate; returns certificate, key and the authority."""
        self._call("takyctl", "-c", "taky.conf", "build_client", "--dump_pem", name, cwd=self.folder)
        return (*self.folder.glob(f"{name}-*.crt"), *self.folder.glob(f"{name}-*.key"), self.folder / "ssl" / "ca.crt")

    def start(self):
        (self.folder / "taky-mgmt.sock").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self._bin / "taky", "-c", "taky.conf"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self.process.poll() is None, "taky ended"
                time.sleep(0.05)
            else:
                return self
        raise AssertionError("taky did not come up")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, command, *arguments, cwd=None):
        subprocess.run([self._bin / command, *arguments], cwd=cwd, check=True, capture_output=True)


class Listener:
    """A pytak client in a process of its own; what it received, in order."""

    def __init__(self, url, certificates=None):
        pytest.importorskip("pytak", reason="pytak is not installed")
        config = {"COT_URL": url, "PYTAK_NO_HELLO": "1", "TAK_PROTO": "0"}
        if certificates:
            names = ("PYTAK_TLS_CLIENT_CERT", "PYTAK_TLS_CLIENT_KEY", "PYTAK_TLS_CLIENT_CAFILE")
            config |= dict(zip(names, map(str, certificates), strict=True))
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(LISTENER), json.dumps(config)], stdout=subprocess.PIPE, text=True
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda event: event.get("type") == "t-x-c-t-r")

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)

    def until(self, is_last, wait_s=10.0):
        """Everything that came up to the event that is asked for."""
        came, end_s = [], time.monotonic() + wait_s
        while True:
            line = self._lines.get(timeout=max(0.01, end_s - time.monotonic()))
            came.append(ET.fromstring(line))  # noqa: S314 of our own making
            if is_last(came[-1]):
                return came

    def take(self, n):
        """The next n events."""
        return [ET.fromstring(self._lines.get(timeout=10.0)) for _ in range(n)]  # noqa: S314 as above

    def forget(self):
        """Hear nothing of what an earlier test left."""
        while not self._lines.empty():
            self._lines.get()

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
