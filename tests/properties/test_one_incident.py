"""One incident, all channels agree on zone, time and phase: under any order of update, cancel, loss and restart.

The model is a dictionary: zone -> (incident, phase, impact). The channels are the real ones behind real couriers, with
a network between that loses notices on the way there, and answers on the way back, so that the same comes twice. The
station restarts, from its journal under the same names, or as a new run that goes on with what the last one left. What
each receiver believes is read as its own readers read it: lines of a file, GeoJSON features, CAP alerts by their
references, events of Cursor on Target by their uid and time, the snapshot of a page, and a siren in this process.
"""

import contextlib
import json
import socket
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from casemate.constants import NS_PER_S
from casemate.errors import ChannelError
from casemate.io import settings as files
from casemate.io.channels import cot, geojson, log, websocket
from casemate.io.channels import courier as couriers
from casemate.io.channels import dispatcher as dispatchers
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.auditing import audit_run
from casemate.io.channels.courier import Courier
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald, Place
from casemate.io.channels.opening import make_channel
from casemate.io.channels.stamps import EXERCISE
from casemate.io.channels.unfinished import unfinished
from casemate.model.messages import Cause, Events, Tick, WarningLevel, WarningPhase, ZoneWarning, ZoneWatch
from casemate.physics.geodesy import SiteFrame

etree = pytest.importorskip("lxml.etree", reason="CAP takes casemate[channels]")
connect = pytest.importorskip("websockets.sync.client", reason="pages take casemate[channels]").connect

T0_NS = 1_790_000_000 * NS_PER_S
N_ZONES = 3
UNDERWAY = (WarningPhase.UPDATE, WarningPhase.IMPACT, WarningPhase.STAY)
ENDS = (WarningPhase.CLEAR, WarningPhase.WITHDRAWN)
OVER = {each.value for each in ENDS}
SITE = files.read_site(files.packaged("sites", "site-alpha"))
PLACE = Place(SITE, files.read_rounds(), SiteFrame.of(SITE.site), None)


class Network:
    """Stands before a real channel and loses what is sent, or the answer to it, as often as it is told to."""

    def __init__(self, channel):
        self.name, self._channel, self.losses = channel.name, channel, []

    def open(self):
        self._channel.open()

    def send(self, notice):
        loss = self.losses.pop(0) if self.losses else ""
        if loss == "there":
            raise ChannelError(self.name, "lost on the way there")
        self._channel.send(notice)
        if loss == "back":
            raise ChannelError(self.name, "the answer was lost")

    def show(self, picture):
        self._channel.show(picture)

    def beat(self, heartbeat):
        self._channel.beat(heartbeat)

    def close(self):
        self._channel.close()


class Siren:
    """A receiver in this process: keeps, for each zone, the newest notice that it has seen."""

    name = "siren"

    def __init__(self):
        self.zones = {}

    def open(self):
        pass

    def send(self, notice):
        shown = self.zones.get(notice.zone)
        if shown is None or (notice.t_sent_ns, notice.n) > (shown.t_sent_ns, shown.n):
            self.zones[notice.zone] = notice

    def show(self, picture):
        pass

    def beat(self, heartbeat):
        pass

    def close(self):
        pass


def _second(text):
    """Seconds of an ISO time, which CAP and GeoJSON write to the second or finer."""
    import datetime as dt

    return int(dt.datetime.fromisoformat(text).timestamp())


def believed_by_siren(siren):
    return {zone: (each.phase.value, each.t_impact_ns // NS_PER_S) for zone, each in siren.zones.items()}


def believed_by_log(folder):
    lines = (folder / "told.jsonl").read_text("utf-8").splitlines() if (folder / "told.jsonl").exists() else []
    seen = {line["notice_id"]: line for line in map(json.loads, lines)}
    newest = sorted(seen.values(), key=lambda line: (line["t_sent_ns"], line["n"]))
    return {line["zone"]: (line["phase"], line["t_impact_ns"] // NS_PER_S) for line in newest}


def ids_in_log(folder):
    path = folder / "told.jsonl"
    return {json.loads(line)["notice_id"] for line in path.read_text("utf-8").splitlines()} if path.exists() else set()


def map_zones(folder):
    path = folder / "picture.geojson"
    found = json.loads(path.read_text("utf-8"))["features"] if path.exists() else []
    told = [each["properties"] for each in found if each["properties"]["kind"] == "zone"]
    return [(each["zone"], each["sent"], (each["phase"], _second(each["impact"]))) for each in told]


def believed_by_map(folder):
    return {zone: believed for zone, _, believed in map_zones(folder)}


def believed_by_cap(folder):
    """What is in force by CAP's own rule: what no other alert refers to, the newest of a zone."""
    space = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
    alerts, replaced = [], set()
    for path in (folder / "cap").glob("*.xml"):
        root = etree.parse(str(path)).getroot()
        if etree.QName(root).localname != "alert":  # the feed
            continue
        replaced |= {each.split(",")[1] for each in root.findtext("c:references", "", space).split()}
        values = {
            pair.findtext("c:valueName", "", space): pair.findtext("c:value", "", space)
            for pair in root.iterfind("c:info/c:parameter", space)
        }
        onset = root.findtext("c:info/c:onset", "", space)
        area = root.findtext("c:info/c:area/c:areaDesc", "", space)
        sent = _second(root.findtext("c:sent", "", space))
        n = len(root.findtext("c:references", "", space).split())
        incident = root.findtext("c:incidents", "", space)
        name = root.findtext("c:identifier", "", space)
        alerts.append((sent, n, name, incident, area, values["casemate:phase"], onset))
    in_force = sorted(each for each in alerts if each[2] not in replaced)
    assert len({each[3] for each in in_force}) == len(in_force)  # of an incident one alert holds, the last
    plain = "EXERCISE: "  # every word of a drill says so
    return {area.removeprefix(plain): (phase, _second(onset) if onset else None) for *_, area, phase, onset in in_force}


class Map:
    """A map that hears datagrams: of each alarm the newest event counts, by its time."""

    def __init__(self):
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ear.bind(("127.0.0.1", 0))
        self._ear.setblocking(False)
        self.url, self._alarms = f"udp://127.0.0.1:{self._ear.getsockname()[1]}", {}

    def listen(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                event = ET.fromstring(self._ear.recv(65_535))  # noqa: S314 of our own making
                shown = self._alarms.get(event.get("uid"))
                if event.get("type").startswith("b-a-o") and (shown is None or event.get("time") >= shown.get("time")):
                    self._alarms[event.get("uid")] = event

    def believed(self):
        self.listen()
        told = [(each.get("type"), each.find("detail/__casemate")) for each in self._alarms.values()]
        times = {each.find("detail/__casemate").get("incident"): each.get("time") for each in self._alarms.values()}
        assert all((kind == "b-a-o-can") == (own.get("phase") in {"all-clear", "withdrawn"}) for kind, own in told)
        newest = [own for _, own in sorted(told, key=lambda each: times[each[1].get("incident")])]
        return {own.get("zone"): (own.get("phase"), _second(own.get("impact"))) for own in newest}

    def close(self):
        self._ear.close()


def believed_by_page(channel):
    with connect(f"ws://127.0.0.1:{channel.port}/") as page:
        alarms = json.loads(page.recv(timeout=10.0))["alarms"]
    return {each["zone"]: (each["phase"], each["t_impact_ns"] // NS_PER_S) for each in alarms}


class Zone(NamedTuple):
    """The model of a zone."""

    run: str  # that told it last
    incident_id: int
    last_id: int
    phase: WarningPhase
    t_impact_s: int


class Incidents(RuleBasedStateMachine):
    """Zones are warned, told again and cleared; things are lost; receivers and the station restart."""

    def __init__(self):
        super().__init__()
        self._stack = contextlib.ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.zones = {}  # the model
        self.map = self._stack.enter_context(contextlib.closing(Map()))
        self.shown = {}  # when what the map shows of a zone was sent
        self.steps, self.siren, self.t_ns, self.n_since = [], Siren(), T0_NS, 0
        self.n_runs, self.n_warnings, self.left, self.ids = 1, 0, (), set()
        self.over_before = set()  # zones whose last incident had ended when a run was killed
        self._start()

    def _start(self):
        self.audit = AuditLog(self.folder)
        declared = [
            log.Settings(name="file", lines="told.jsonl"),
            geojson.Settings(name="map", audience="drill"),
            _cap(),
            cot.Settings(name="tak", audience="drill", url=self.map.url, at_deg=(33.3, 44.39)),
            websocket.Settings(name="page", audience="drill", port=0),
        ]
        channels = [self.siren, *(make_channel(each, self.folder, lambda _: None) for each in declared)]
        self.page = channels[-1]
        self.networks = [Network(each) for each in channels]
        self.carried = carried = [Courier(each, EXERCISE, self.audit, lambda: self.t_ns) for each in self.networks]
        herald = Herald(EXERCISE, PLACE, self.run, 1e6, self.left)
        self.dispatcher = Dispatcher(herald, carried, self.audit, lambda: self.t_ns, Rhythm(), unfinished=self.left)
        self.n_since = len(self.left)

    @property
    def run(self):
        return f"run{self.n_runs}"

    def _tell(self, zone_id, phase, incident_id, supersedes, lead_s=20):
        self.t_ns += NS_PER_S
        self.n_warnings += 1
        warning_id, t_impact_ns = self.n_warnings, self.t_ns + lead_s * NS_PER_S
        cause = Cause(1, "r107", t_impact_ns, 0.5, 0.5, 0.9, 9, (1e3, 2e3), ((9e4, 0.0), (0.0, 4e4)))
        warning = ZoneWarning(
            warning_id=warning_id,
            zone_id=zone_id,
            level=WarningLevel.CLEAR if phase in ENDS else WarningLevel.WARN,
            t_issued_ns=self.t_ns,
            t_impact_ns=t_impact_ns,
            p_impact=0.4,
            threat_ids=(),
            track_ids=(1,),
            supersedes=supersedes,
            is_useful=True,
            reason="a test",
            phase=phase,
            incident_id=incident_id or warning_id,
            causes=() if phase in ENDS else (cause,),
        )
        self.ids.add(f"{self.run}-{warning_id}")
        self._step(Events(t_ns=self.t_ns, warnings=(warning,)), 1)
        self.zones[zone_id] = Zone(self.run, incident_id or warning_id, warning_id, phase, t_impact_ns // NS_PER_S)
        self.over_before.discard(zone_id)

    def _step(self, events, n_notices):
        self.steps.append((events, n_notices))
        self._hand_over(events, n_notices)

    def _hand_over(self, events, n_notices):
        self.dispatcher.take(Tick(t_ns=events.t_ns), events)
        self.n_since += n_notices

    def _open(self, *, is_own):
        """Zones in cover, of incidents that this run has told something of, or that it found."""
        return [i for i, zone in self.zones.items() if zone.phase not in ENDS and (zone.run == self.run) == is_own]

    @rule(zone_id=st.integers(0, N_ZONES - 1), phase=st.sampled_from(UNDERWAY), lead_s=st.integers(5, 40))
    def warn_or_update(self, zone_id, phase, lead_s):
        if zone_id in self._open(is_own=True):
            self._tell(zone_id, phase, self.zones[zone_id].incident_id, self.zones[zone_id].last_id, lead_s)
            return
        goes_on = zone_id in self._open(is_own=False)
        self._tell(zone_id, WarningPhase.WARN, 0, 0, lead_s)
        if goes_on:  # what a run before began is told as an update of it, whatever this one takes it for
            self.zones[zone_id] = self.zones[zone_id]._replace(phase=WarningPhase.UPDATE)

    @precondition(lambda self: self._open(is_own=True))
    @rule(phase=st.sampled_from(ENDS))
    def end_one(self, phase):
        zone_id = min(self._open(is_own=True))
        self._tell(zone_id, phase, self.zones[zone_id].incident_id, self.zones[zone_id].last_id, 0)

    @precondition(lambda self: self._open(is_own=False))
    @rule()
    def all_is_seen_to_be_quiet(self):
        """For so long that what a run before left is over."""
        found = self._open(is_own=False)
        watch = tuple(
            ZoneWatch(zone_id=i, t_ns=self.t_ns, sensor_ids=(0,), share=1.0, is_watched=True, reason="") for i in found
        )
        self._step(Events(t_ns=self.t_ns, zones=watch), 0)
        self.t_ns += round(SITE.warning.clear_after_s + 1.0) * NS_PER_S
        self._step(Events(t_ns=self.t_ns), len(found))
        for i in found:
            zone = self.zones[i]
            self.ids.add(f"{zone.run}-{zone.last_id}-ended")
            self.zones[i] = zone._replace(phase=WarningPhase.CLEAR)

    @rule(who=st.integers(0, 5), losses=st.lists(st.sampled_from(["there", "back", ""]), min_size=1, max_size=4))
    def lose(self, who, losses):
        self.networks[who].losses += losses

    @rule()
    def restart_the_station(self):
        """Killed where it is; the journal tells everything again, under the same names."""
        self._kill()
        self._start()
        for step in self.steps:
            self._hand_over(*step)

    @rule()
    def another_run_goes_on(self):
        """Killed, with anything under way but the lines of its own file; what begins then knows that file alone."""
        self._wait(lambda each: each.channel == "file")
        self._kill()
        self.left = unfinished(self.folder, "told.jsonl", EXERCISE, self.t_ns)
        assert {each.zone for each in self.left} >= {
            SITE.zone[i].name for i, zone in self.zones.items() if zone.phase not in ENDS
        }
        self.n_runs, self.n_warnings, self.steps = self.n_runs + 1, 0, []
        self.over_before = {i for i, zone in self.zones.items() if zone.phase in ENDS}
        self._start()

    def _kill(self):
        self.dispatcher.finish()
        for each in self.carried:  # nothing of what was killed goes on
            each._thread.join(30.0)

    def _wait(self, which):
        end_s = time.monotonic() + 30.0
        while any(each.n_sent != self.n_since for each in self.dispatcher.tallies() if which(each)):
            assert time.monotonic() < end_s, self.dispatcher.tallies()
            time.sleep(0.002)

    @rule()
    def settle(self):
        """Wait until nothing is on its way, and compare what all believe."""
        self._wait(lambda _: True)
        assert ids_in_log(self.folder) == self.ids  # however often it came
        model = {SITE.zone[i].name: (zone.phase.value, zone.t_impact_s) for i, zone in self.zones.items()}
        assert believed_by_log(self.folder) == model
        in_force = believed_by_cap(self.folder)
        self._agrees(believed_by_siren(self.siren), model)
        self._agrees(believed_by_map(self.folder), model)
        self._agrees(self.map.believed(), model)
        timed = {i: (phase, model[i][1] if phase in OVER else t_s) for i, (phase, t_s) in in_force.items()}
        self._agrees(timed, model)  # CAP says no onset of what is over
        if self.n_since:  # opened with the first notice
            held = {zone: each for zone, each in model.items() if each[0] not in OVER}
            assert believed_by_page(self.page) == held

    def _agrees(self, believed, model):
        """A receiver that was told nothing of what began and ended before a kill need not hear of its end."""
        over = {SITE.zone[i].name for i in self.over_before}
        assert {zone for zone, (phase, _) in believed.items() if zone in over and phase not in OVER} == set()
        rest = {zone: each for zone, each in believed.items() if zone not in over}
        assert rest == {zone: each for zone, each in model.items() if zone not in over}

    @invariant()
    def what_the_map_shows_never_goes_back(self):
        shown = {zone: sent for zone, sent, _ in map_zones(self.folder)}
        assert all(shown.get(zone, sent) >= sent for zone, sent in self.shown.items())
        self.shown |= shown

    @invariant()
    def nothing_is_given_up(self):
        self.map.listen()
        for each in self.dispatcher.tallies():
            assert each.n_expired == each.n_refused == each.n_overflowed == each.n_held == 0

    def teardown(self):
        self.settle()
        self.dispatcher.finish()
        assert audit_run(self.folder).is_whole
        self._stack.close()


def _cap():
    from casemate.io.channels import cap_settings

    return cap_settings.Settings(
        name="cap", audience="drill", sender="station@example.org", sender_name="Hill", impact="none"
    )


def test_all_channels_agree(monkeypatch):
    monkeypatch.setattr(couriers, "BACKOFF_S", 0.001)
    monkeypatch.setattr(couriers, "BACKOFF_MAX_S", 0.002)
    monkeypatch.setattr(dispatchers, "GRACE_S", 0.0)
    run_state_machine_as_test(
        Incidents,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
