"""Stations of a region to test with: each a real dispatcher before a real NATS server; and a page that follows them."""

import asyncio
import contextlib
import threading
import time

import page_cases

from casemate.io.channels import nats
from casemate.io.channels.audit import AuditLog
from casemate.io.channels.desks import Desk, drill_couriers, left_by, local_couriers
from casemate.io.channels.dispatcher import Dispatcher, Rhythm
from casemate.io.channels.herald import Herald
from casemate.io.channels.nats_link import Wanted
from casemate.io.channels.stamps import REHEARSAL
from casemate.io.channels.texts import read_languages
from casemate.io.settings import packaged
from casemate.io.web.facts import LANGUAGES
from casemate.io.web.page import Note, Page
from casemate.io.web.region import Region
from casemate.io.web.region_link import follow, pass_time
from casemate.io.web.scene import Scene
from casemate.model.messages import Events, Tick, WarningLevel, WarningPhase, ZoneWarning
from casemate.runner import Origin, plan_of
from casemate.runner.onlooking import premises_of

HEARTBEAT_S = 0.3
PHASES = (WarningPhase.WARN, WarningPhase.UPDATE, WarningPhase.IMPACT, WarningPhase.STAY, WarningPhase.CLEAR)


def premises_at(site, run):
    plan = plan_of(packaged("sites", site))
    return premises_of("REPLAY", plan, None, Origin(data="RECORDING", name=site, inputs={}, run=run))


class Station:
    """A station that was asked to tell a region; `scene` is its own page's, of the same steps and notices."""

    def __init__(self, folder, url, name, site, run="run", before=None, scene=None, picture_s=0.1):
        self.folder, self.name, self._premises = folder, name, premises_at(site, run)
        folder.mkdir()
        self.scene = scene or Scene(self._premises)
        place = self._premises.place
        self._desk = Desk(folder, AuditLog(folder), time.time_ns, False, before, place.site, HEARTBEAT_S)
        said = nats.Settings(name="region", station=name, servers=(url,))
        couriers = [*local_couriers((), REHEARSAL, self._desk), *drill_couriers((said,), REHEARSAL, self._desk)]
        left = left_by(self._desk, REHEARSAL)
        herald = Herald(REHEARSAL, place, run, 60.0, left)
        rhythm = Rhythm(HEARTBEAT_S, picture_s)
        self._dispatcher = Dispatcher(
            herald, couriers, self._desk.audit, time.time_ns, rhythm, listeners=[self.scene.hear], unfinished=left
        )
        self._n = 0

    def see(self, n_tracks, warnings=()):
        """Work in a step: so many tracks, and what zones are told."""
        t_ns = time.time_ns()
        tick, events = page_cases.step(n_tracks, t_ns) if n_tracks else (Tick(t_ns=t_ns), Events(t_ns=t_ns))
        told = Events(
            t_ns=t_ns, tracks=events.tracks, classes=events.classes, impacts=events.impacts, warnings=tuple(warnings)
        )
        self._dispatcher.take(tick, told)
        self.scene.take(tick, told)
        return t_ns

    def warn(self, zone, phase, incident):
        """Return a zone's warning."""
        self._n += 1
        t_ns = time.time_ns()
        return ZoneWarning(
            warning_id=incident * 100 + self._n, zone_id=zone, level=WarningLevel.WARN, t_issued_ns=t_ns,
            t_impact_ns=t_ns + 20 * 10**9, p_impact=0.5, threat_ids=(), track_ids=(1,), supersedes=self._n - 1,
            is_useful=True, reason="one round", phase=phase, incident_id=incident, causes=(), lead_s=9.0,
            would_change="",
        )  # fmt: skip

    @property
    def n_zones(self):
        return len(self._premises.place.site.zone)

    def lines(self):
        """Return what it told, as its own run folder has it."""
        return (self.folder / "notices.jsonl").read_text().splitlines()

    def finish(self):
        """Stop; return what became of the channel to the region."""
        (told,) = [each for each in self._dispatcher.finish()["channels"] if each["channel"] == "region"]
        return told


class Watcher:
    """A page that follows a region, run without its server."""

    def __init__(self, url, mark="drill", tls=None):
        self.region = Region("Region", "EXERCISE" if mark == "drill" else "", read_languages(LANGUAGES))
        self.page = Page(self.region.scene.premises, Note(lambda *_, **__: None, time.time_ns), 1)
        self.reader = follow(self.region, self.page, Wanted("watcher", (url,), tls, None, 2.0), mark, time.time_ns)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self):
        running = asyncio.create_task(self.page.run())
        while not self._is_over.is_set():
            pass_time(self.region, self.page, time.time_ns())
            await asyncio.sleep(0.05)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    def __enter__(self):
        self._thread.start()
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.reader.stop()
        self._is_over.set()
        self._thread.join()

    def wait(self, is_so, most_s=8.0):
        """Return once something is so."""
        end = time.monotonic() + most_s
        while not is_so():
            assert time.monotonic() < end, (self.region.stations, self.state, self.page.ledger.scene.channels)
            time.sleep(0.01)

    @property
    def state(self):
        """Of each incident its number, phase and zone."""
        return state_of(self.page.ledger.scene)


def state_of(scene, name=""):
    """Return of each incident number, phase and zone; with a station's name as a region has them."""
    ahead, before = (f"{name}:", f"{name}: ") if name else ("", "")
    return {
        ahead + each.incident: (each.serial, each.phase, before + each.zone) for each in dict(scene.alarms).values()
    }
