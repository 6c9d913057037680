"""Row 37: the station is killed (kill -9) in the middle of an alarm and started again by the same command.

One incident goes on, or is ended with its references; none is told twice, and no siren is left sounding.
"""

import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from brokers import Broker, free_port, needs_mosquitto
from raid_sender import SITE, Raid

from casemate.io.channels.auditing import audit_run
from casemate.io.feeds.asterix.encoder import block, cat015
from casemate.io.feeds.asterix.records import PlotItem

pytest.importorskip("paho.mqtt", reason="sirens take casemate[channels]")
pytest.importorskip("lxml.etree", reason="CAP takes casemate[channels]")

CLEAR_AFTER_S = 4.0
CHANNELS = """heartbeat_s = 1.0
[[channel]]
kind = "mqtt"
name = "sirens"
audience = "drill"
site = "hill"
port = {port}

[[channel]]
kind = "cap"
name = "public"
audience = "drill"
folder = "{folder}/alerts"
sender = "station@hill.example"
sender_name = "Hill"
"""
SPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"


class Sky:
    """A radar that sees nothing but noise, so that the zone is watched and quiet."""

    def __init__(self, port):
        self._address, self._is_over = ("127.0.0.1", port), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        rng = np.random.default_rng(3)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not self._is_over.wait(0.25):
                range_m, az_rad, el_rad = rng.uniform((2e3, 0.0, 0.5), (15e3, 2.0 * math.pi, 1.2))
                plot = PlotItem(
                    range_m=range_m,
                    az_rad=az_rad,
                    el_rad=el_rad,
                    sigma_range_m=5.0,
                    sigma_az_rad=0.002,
                    sigma_el_rad=0.002,
                )
                sock.sendto(block(15, [cat015(plot, 25 * 256 + 10, time.time_ns(), True)]), self._address)


class Service:
    """`casemate serve` as a supervisor starts it: always by the same command."""

    def __init__(self, folder, port):
        feed = f"udp://127.0.0.1:{port}"
        self._folder, self._runs = folder, 0
        self._command = [sys.executable, "-c", "from casemate.cli import main; main()", "serve", "hill.toml"]
        self._command += ["--feed", feed, "--channels", "channels.toml", "-o", "run"]
        self._process = None

    def start(self):
        self._runs += 1
        self.run = self._folder / ("run" if self._runs == 1 else f"run-{self._runs}")
        with (self._folder / "said.txt").open("ab") as said:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=said, stderr=said)
        until((self.run / "notices-heartbeat.json").exists, 300.0)

    def end(self, which):
        self._process.send_signal(which)
        self._process.wait(60.0)

    def told(self):
        path = self.run / "notices.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def until(condition, within_s=30.0):
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.fixture
def post(tmp_path):
    site = SITE + f"\n[warning]\nclear_after_s = {CLEAR_AFTER_S}\n\n[asterix]\ndrills = true\n"
    (tmp_path / "hill.toml").write_text(site, "utf-8")
    with Broker(tmp_path) as broker:
        (tmp_path / "channels.toml").write_text(CHANNELS.format(port=broker.port, folder=tmp_path), "utf-8")
        yield tmp_path, broker.port


def in_force(folder):
    """The alerts that no other one refers to, as a reader of CAP finds them: (incident, phase)."""
    alerts, replaced = {}, set()
    for path in folder.glob("*.xml"):
        root = ET.parse(path).getroot()  # noqa: S314 of our own making
        if root.tag == f"{SPACE}alert":
            alerts[root.findtext(f"{SPACE}identifier")] = root
            replaced |= {each.split(",")[1] for each in (root.findtext(f"{SPACE}references") or "").split()}
    last = [root for name, root in alerts.items() if name not in replaced]
    return [(root.findtext(f"{SPACE}incidents"), phase_of(root)) for root in last]


def phase_of(alert):
    pairs = alert.iterfind(f"{SPACE}info/{SPACE}parameter")
    said = {each.findtext(f"{SPACE}valueName"): each.findtext(f"{SPACE}value") for each in pairs}
    return said["casemate:phase"]


@needs_mosquitto
@pytest.mark.slow  # three starts of a station
def test_one_incident_goes_on_through_two_kills_to_its_end(post):
    from siren import Siren

    folder, broker_port = post
    port = free_port()
    service = Service(folder, port)
    with Siren(broker_port, topics="drill/hill/zone/+/alarm") as siren:
        service.start()
        with Raid(port, is_drill=True):
            until(lambda: siren.sounds)
            service.end(signal.SIGKILL)
        (first,) = {each["incident"] for _, each, _, _ in siren.heard}
        service.start()
        n_before = len(siren.heard)
        with Raid(port, is_drill=True, seed=2):  # the next round: the new run warns on its own account
            until(lambda: any(each["phase"] == "update" for _, each, _, _ in siren.heard[n_before:]))
            service.end(signal.SIGKILL)
        assert siren.sounds
        service.start()
        with Sky(port):
            until(lambda: not siren.sounds)
        service.end(signal.SIGINT)
    heard = [each for _, each, _, _ in siren.heard]
    assert {each["incident"] for each in heard} == {first}
    phases = [each["phase"] for each in heard]
    assert phases.count("all-clear") == 1
    assert phases[-1] == "all-clear"
    assert set(phases[: phases.index("update")]) == {"warn"}  # said again at the start, never anew
    last = service.told()[-1]
    assert last["phase"] == "all-clear"
    assert "restarted" in last["reason"]
    referred = [each[0] for each in last["references"]]
    assert len(referred) == len(set(referred)) == last["n"] - 1
    assert set(referred) >= {each["notice_id"] for each in heard[:-1]}
    assert in_force(folder / "alerts") == [(first, "all-clear")]
    verdict = audit_run(service.run)
    assert verdict.is_whole
    assert verdict.what["taken-over"] == 1
    summary = json.loads((service.run / "summary.json").read_text())
    assert summary["told"]["n_taken_over"] == 1


@needs_mosquitto
@pytest.mark.slow
def test_a_second_station_takes_nothing_from_one_that_runs(post):
    folder, _ = post
    ports = free_port(), free_port()
    one, other = Service(folder, ports[0]), Service(folder, ports[1])
    one.start()
    with Raid(ports[0], is_drill=True):
        until(one.told)
        other._runs = 1
        try:
            other.start()
            assert other.told() == []
            command = [*Service(folder, free_port())._command, "--after", "run"]
            refused = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
            assert refused.returncode == 2
            assert "goes on in another process" in refused.stderr
        finally:
            for each in (one, other):
                each.end(signal.SIGKILL)
