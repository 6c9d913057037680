"""The law of the lag: in whatever order inputs come inside it, the tracks are those of inputs in order."""

import math

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan, Tick
from casemate.model.records import PLOT, Refusal, TrackStatus, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.order import ordered
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(43.0, 18.0, 300.0)
FACTS = {"height_m": 310.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2, "false_plots_per_scan": 3.0}
SENSORS = sensor_models(
    (
        RadarSite(name="turns", lat_deg=43.0, lon_deg=18.0, scan_period_s=1.0, sigma_elevation_deg=0.2, **FACTS),
        RadarSite(name="stares", lat_deg=43.02, lon_deg=18.0, scan_period_s=0.5, sigma_elevation_deg=0.1, **FACTS),
        RadarSite(name="flat", lat_deg=43.0, lon_deg=18.03, scan_period_s=2.0, **FACTS),
    ),
    FRAME,
)
SECTORS = (8, 1, 4)
ENVIRONMENT = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
T0_NS = 1_000 * NS_PER_S
LAG_S, SPAN_S, AFTER_S = 1.5, 5, 2
STRAY_S = 1.0  # two sectors of the slowest: so long after its own scan a stray may come
LAG_NS = round(LAG_S * NS_PER_S)


def time_of(message):
    return message.t_end_ns if isinstance(message, Scan) else message.t_ns


def in_order(seed):
    """Sectors of a turning radar, scans of a staring one, sectors of a 2D one and ticks, by time; ties abound."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-1.0, 1.0, (5, 3)) * [6e3, 6e3, 600.0] + [0.0, 0.0, 1800.0]
    vel = rng.uniform(-1.0, 1.0, (5, 3)) * [250.0, 250.0, 60.0]
    out = []
    for s, (sensor, n) in enumerate(zip(SENSORS, SECTORS, strict=True)):
        dwell_s = sensor.scan_period_s / n
        out += [
            sector(rng, (start, vel), s, k % n, (k * dwell_s, (k + 1) * dwell_s))
            for k in range(round((SPAN_S + AFTER_S) / dwell_s))
        ]
    out += [Tick(t_ns=T0_NS + k * NS_PER_S) for k in range(SPAN_S + AFTER_S)]
    rank = {Scan: 0, Tick: 1}
    return sorted(out, key=lambda m: (time_of(m), rank[type(m)], getattr(m, "sensor_id", 0)))


def sector(rng, things, s, j, span_s):
    sensor, width = SENSORS[s], 2.0 * math.pi / SECTORS[s]
    t_s = rng.uniform(*span_s) if SECTORS[s] > 1 else span_s[1]
    z = sensor.measure(things[0] + t_s * things[1], things[1])
    n_false = rng.poisson(sensor.false_plots_per_scan / SECTORS[s])
    reach = np.concatenate([z.range_m + rng.normal(0.0, 15.0, 5), rng.uniform(600.0, 2e4, n_false)])
    az = np.concatenate([z.az_rad + rng.normal(0.0, 3e-3, 5), rng.uniform(j, j + 1, n_false) * width])
    el = np.concatenate([z.el_rad + rng.normal(0.0, 3e-3, 5), rng.uniform(0.01, 1.0, n_false)])
    is_seen = np.concatenate([rng.random(5) < 0.9, np.ones(n_false, bool)]) & (az % (2.0 * math.pi) // width == j)
    is_seen &= el < 1.5  # straight overhead the door refuses it, and rightly
    plots = missing(PLOT, int(is_seen.sum()))
    plots["range_m"], plots["az_rad"] = reach[is_seen], az[is_seen] % (2.0 * math.pi)
    if sensor.has_elevation:
        plots["el_rad"] = el[is_seen]
    first, last = (T0_NS + round(t * NS_PER_S) for t in span_s)
    plots["t_ns"] = T0_NS + round(t_s * NS_PER_S) if SECTORS[s] == 1 else rng.integers(first, last, len(plots))
    plots["sensor_id"], plots["plot_id"] = s, rng.integers(1, 2**60, len(plots))
    return Scan(
        sensor_id=s,
        t_start_ns=first,
        t_end_ns=last,
        t_recv_ns=last,
        az_from_rad=j * width,
        az_to_rad=(j + 1) * width % (2.0 * math.pi),
        plots=freeze(ordered(plots)),
    )


def shuffled(messages, delays_ns):
    """Sort by when each arrives: so late is none that another is newer by more than its delay."""
    arrival = [(time_of(m) + delay, i) for i, (m, delay) in enumerate(zip(messages, delays_ns, strict=True))]
    return [messages[i] for _, i in sorted(arrival)]


def with_strays(rng, messages, share):
    """Let some plots come with the next scan of their sensor, where the door would let them in, or with the one after.

    With the next not where all are seen as the scan ends: what is as old as the next one's start may be its own.
    """
    out, waiting = [], {s: [[], []] for s in range(len(SENSORS))}
    left = [sum(getattr(m, "sensor_id", None) == s for m in messages) for s in range(len(SENSORS))]
    for message in messages:
        if not isinstance(message, Scan):
            out.append(message)
            continue
        queue = waiting[message.sensor_id]
        left[message.sensor_id] -= 1
        is_away = rng.random(len(message.plots)) < share * (left[message.sensor_id] >= 2)
        brought = np.concatenate([message.plots[~is_away], *queue.pop(0)])
        is_next = rng.random(len(message.plots)) < 0.5 * (SECTORS[message.sensor_id] > 1)
        queue[0].append(message.plots[is_away & is_next])
        queue.append([message.plots[is_away & ~is_next]])
        out.append(msgspec.structs.replace(message, plots=freeze(rng.permutation(brought))))
    return out


def play(tracker, messages):
    return [tracker.update(m) if isinstance(m, Scan) else tracker.tick(m.t_ns) for m in messages]


def check_same_life(lagged, tracker, t_ns, after):
    """The same picture now, and the same steps ever after: nothing hidden differs."""
    assert lagged.tracker.picture(t_ns).tobytes() == tracker.picture(t_ns).tobytes()
    for message, wanted in zip(after, play(tracker, after), strict=True):
        got = lagged.step(message)
        assert got.tracks.tobytes() == wanted.tracks.tobytes()
        assert got.fates.tobytes() == wanted.fates.tobytes()
        assert {name: got.diagnostics.get(name) for name in wanted.diagnostics} == wanted.diagnostics


def check_arrivals(lagged, arrivals):
    """Step through what arrives; the rows, read as they come, must always show the tracks that there are."""
    shown, t_before_ns = {}, 0
    for message in arrivals:
        is_late = time_of(message) < lagged.t_ns
        step = lagged.step(message)
        assert lagged.t_ns >= t_before_ns
        t_before_ns = lagged.t_ns
        assert (step.tracks["t_ns"] <= lagged.t_ns).all()
        assert not is_late or (step.tracks["t_ns"] == lagged.t_ns).all()
        for row in step.tracks:
            shown[int(row["track_id"])] = row
        shown = {i: row for i, row in shown.items() if row["status"] != TrackStatus.DROPPED}
        there = lagged.tracker.picture(lagged.t_ns)
        assert sorted(shown) == there["track_id"].tolist()
        assert [shown[i]["n_hit"] for i in sorted(shown)] == there["n_hit"].tolist()
        if isinstance(message, Scan):
            assert step.fates["plot_id"].tolist() == message.plots["plot_id"].tolist()
            assert (step.fates["refusal"] == Refusal.NONE).all()


SLOW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.2]), st.data())
def test_any_order_inside_the_lag_gives_the_tracks_of_the_order_of_time(seed, share, data):
    messages, rng = in_order(seed), np.random.default_rng(seed + 1)
    n = sum(time_of(m) <= T0_NS + SPAN_S * NS_PER_S for m in messages)
    now, after = messages[:n], messages[n:]
    most_ns = LAG_NS - round(STRAY_S * NS_PER_S) if share else LAG_NS
    dice = st.just(rng.integers(0, most_ns, n).tolist())  # all late; or few, which shrink to the one that matters
    delays = data.draw(st.one_of(dice, st.lists(st.integers(0, most_ns), min_size=n, max_size=n)))
    lagged, tracker = LaggedTracker(Tracker(SENSORS, ENVIRONMENT), LAG_S), Tracker(SENSORS, ENVIRONMENT)
    arrivals = shuffled(with_strays(rng, now, share), delays)
    play(tracker, now)
    check_arrivals(lagged, arrivals)
    check_same_life(lagged, tracker, lagged.t_ns, after)
