"""Two radars that look at the same eight aircraft, through the whole pipeline."""

from typing import NamedTuple

import numpy as np
from registration_cases import CASES, NONE, T0_NS, drawn, radars_of, scans_of

from casemate.constants import NS_PER_S
from casemate.model.catalog import SiteFile, SitePoint, TrackingSettings
from casemate.model.messages import Scan, SensorHealth, Tick
from casemate.model.records import TrackStatus
from casemate.pipeline import Pipeline, Plan

DECLARED = CASES[1]._replace(period_s=(2.0, 2.0))
UNDECLARED = DECLARED._replace(declared=False)
SITE = SitePoint(name="two radars", lat_deg=43.0, lon_deg=18.0, height_m=300.0, geoid_m=0.0)


class Run(NamedTuple):
    """What came of it."""

    pipeline: Pipeline
    events: list
    health: dict[int, SensorHealth]  # the newest of each sensor
    flights: object


def pipeline_of(case, lag_s=0.0, registration=True):
    tracking = TrackingSettings(lag_s=lag_s, registration=registration)
    return Pipeline(Plan(site=SiteFile(site=SITE, sensor=radars_of(case), tracking=tracking), rounds=()))


def inputs_of(case, seed, biases=NONE, span_s=60.0, drift=(0.0, 0.0)):
    """Scans and a tick each second, by time; and the flights."""
    flights = drawn(case, seed, span_s=span_s)
    scans = scans_of(np.random.default_rng([seed, 3]), case, flights.at, flights.looks, span_s, biases, drift)
    out = [*scans, *(Tick(t_ns=T0_NS + k * NS_PER_S) for k in range(1, int(span_s)))]
    return sorted(out, key=lambda m: m.t_recv_ns if isinstance(m, Scan) else m.t_ns + NS_PER_S // 5), flights


def run(case, seed, biases=NONE, registration=True, is_kept=lambda message: True, **kinds):
    inputs, flights = inputs_of(case, seed, biases, **kinds)
    pipeline, health, events = pipeline_of(case, registration=registration), {}, []
    for message in inputs:
        if is_kept(message):
            events.append(pipeline.step(message))
            health.update({each.sensor_id: each for each in events[-1].sensors})
    return Run(pipeline, events, health, flights)


def confirmed(events, from_s, to_s):
    """Rows of confirmed tracks between two times, as one array."""
    rows = np.concatenate([each.tracks for each in events])
    t_s = (rows["t_ns"] - T0_NS) / NS_PER_S
    return rows[(rows["status"] == TrackStatus.CONFIRMED) & (t_s >= from_s) & (t_s < to_s)]
