"""Runs to look at afterwards: journals of made-up tracks and alarms, as long and as full as is asked for."""

import msgspec
import numpy as np
import page_cases

from casemate.constants import NS_PER_S
from casemate.io import settings
from casemate.io.journal import JournalWriter
from casemate.model.messages import Events, Scan, Tick, WarningLevel, WarningPhase
from casemate.model.records import FATE, PLOT, TrackStatus
from casemate.runner import Origin, plan_of

T0_NS = page_cases.T0_NS
ORIGIN = Origin(data="SIMULATION", name="film", inputs={}, run="run1")
LIFE_S = 60  # of a track


def write_run(folder, steps):
    """Write a run folder whose journal holds these inputs and events."""
    folder.mkdir(parents=True)
    plan = plan_of(settings.packaged("sites", "site-alpha"))
    meta = {"plan": msgspec.json.encode(plan).decode(), "origin": msgspec.json.encode(ORIGIN).decode()}
    journal = JournalWriter(folder / "journal.sqlite", meta)
    for message, events in steps:
        journal.put(message)
        if events is not None:
            journal.put(events)
    journal.close()
    return folder


def steps(n_s, n_tracks, n_turns=1, alarm_every_s=30):
    """Yield `n_tracks` tracks spread over `n_s` seconds, each seen `n_turns` times a second; now and then an alarm."""
    every_s = n_s / n_tracks
    for i in range(n_s * n_turns):
        t_ns = T0_NS + i * NS_PER_S // n_turns
        t_s = i / n_turns
        newest = int(t_s / every_s) + 1
        oldest = max(int((t_s - LIFE_S) / every_s) + 1, 1) if t_s > LIFE_S else 1
        _, events = page_cases.step(newest - oldest + 1, t_ns=t_ns, first_id=oldest)
        gone = int((t_s - LIFE_S) / every_s) + 1 if t_s > LIFE_S else 0
        if gone and gone < oldest:
            events.tracks["status"][0] = TrackStatus.DELETED
        events.tracks["state"][:, 0] += 200.0 * (t_s % LIFE_S)
        warnings = tuple(alarms(i, n_turns, t_ns, alarm_every_s))
        told = Events(
            t_ns=t_ns, tracks=events.tracks, classes=events.classes, impacts=events.impacts, warnings=warnings,
            fates=np.zeros(0, FATE),
        )  # fmt: skip
        yield scan(i, t_ns, events), told


def scan(i, t_ns, events):
    """A turn of the first radar with a plot for each track, or at times only the clock."""
    if i % 10 == 9:
        return Tick(t_ns=t_ns)
    n = len(events.tracks)
    plots = np.zeros(n, PLOT)
    plots["plot_id"], plots["t_ns"], plots["range_m"] = np.arange(1, n + 1), t_ns, 4000.0
    plots["az_rad"], plots["el_rad"] = np.linspace(0.0, 6.0, n), 0.4
    times = {"t_start_ns": t_ns, "t_end_ns": t_ns, "t_recv_ns": t_ns}
    return Scan(sensor_id=0, az_from_rad=0.0, az_to_rad=0.0, plots=plots, **times)


def alarms(i, n_turns, t_ns, every_s):
    """Yield a warning, its update and its all-clear in a third each of the time between two alarms."""
    serial, at = divmod(i, every_s * n_turns)
    phases = (WarningPhase.WARN, WarningPhase.UPDATE, WarningPhase.CLEAR)
    for n, phase in enumerate(phases):
        if at != n * every_s * n_turns // 3:
            continue
        first = 3 * serial + 1
        level = WarningLevel.CLEAR if phase is WarningPhase.CLEAR else WarningLevel.WARN
        yield msgspec.structs.replace(
            page_cases.decision(first + n, t_ns),
            zone_id=serial % 5,
            phase=phase,
            level=level,
            incident_id=first,
            supersedes=first + n - 1 if n else 0,
        )
