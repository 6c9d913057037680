"""Measure whether the covariances of tracks and impacts say what they should, over many rounds flown one at a time.

    python tests/bench/bench_honesty.py [--shots N] [--hz RATE] [--seed SEED] [--pipeline] [--cases NAME ...]

One radar (15 m, 3 mrad, 3 mrad, Pd 0.9), no false plots. Each plot is its round's, so the filter alone is asked; with
`--pipeline` each shot goes through all of it. Prints NEES over its degrees of freedom (1 is honest, more is too sure)
by age and place, with its 95 % band, and the share of impacts inside the 50 and 90 % ellipses and of impact times
inside their 50 and 90 % bands, with 95 % Wilson intervals. Cases that fly G1 or G7 need the folder `shared` beside the
project.
"""

import argparse
import math
from typing import NamedTuple

import honesty_cases as cases
import msgspec
import numpy as np
from scipy.stats import chi2

from casemate.assess.impact import Settings, predict
from casemate.kernels import kalman, looks
from casemate.model.catalog import EnvironmentSettings, RadarSite, SiteFile, SitePoint, TrackingSettings
from casemate.model.records import TRACK, TRACK_CLASS, Motion, Status, TrackStatus
from casemate.pipeline import Pipeline, Plan
from casemate.tracking.priors import PRIORS

WIND_MPS = 5.0
AGES_S = (5, 10, 15, 20, 30)
BEFORE_S = (30, 20, 15, 10, 5)
LEAST_HITS = 5


class Case(NamedTuple):
    """What flies and what the site declares."""

    says: str
    curve: str | None  # that the truth flies by; None: each its class's own
    wind_mps: float
    spins: bool
    names: tuple[str, ...]
    believed: str | None  # None: each its class's own
    declared_wind_mps: float  # 1 sigma of each component
    declared_doubt: float


ALL = tuple(cases.ROUNDS)
COMPONENT = WIND_MPS / math.sqrt(2.0)
CASES = {
    "matched": Case("own curve, calm, both declared", None, 0.0, False, ALL, None, 0.0, 0.0),
    "g1": Case("flies G1, G7 believed", "G1", 0.0, False, ALL, "G7", 0.0, 1.0),
    "g7": Case("flies G7, G1 believed", "G7", 0.0, False, ALL, "G1", 0.0, 1.0),
    "wind": Case("5 m/s unknown", None, WIND_MPS, False, ALL, None, COMPONENT, 0.0),
    "both": Case("flies G1 in 5 m/s unknown, generic believed", "G1", WIND_MPS, False, ALL, "generic", COMPONENT, 1.0),
    "generic": Case(
        "own curve in 5 m/s unknown, generic believed", None, WIND_MPS, False, ALL, "generic", COMPONENT, 1.0
    ),
    "spin": Case("all classes, shells spin, generic believed", None, 0.0, True, ALL, "generic", 0.0, 1.0),
    "shells": Case("spinning shells, told so", None, 0.0, True, ("s155",), "s155", 0.0, 0.0),
}


def wilson(k, n):
    """Return the 95 % interval of a share, in per cent."""
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return 100 * (middle - half) / (1 + z * z / n), 100 * (middle + half) / (1 + z * z / n)


def catalog(case):
    """Return the round classes that a site of the case declares."""
    rounds = [each if case.spins else msgspec.structs.replace(each, spin=None) for each in cases.ROUNDS.values()]
    rounds = [each for each in rounds if each.name in case.names]
    if case.believed in ("G1", "G7"):
        mach, cd = cases.standard_curve(case.believed)
        rounds.append(msgspec.structs.replace(rounds[-1], name=case.believed, mach=tuple(mach), cd=tuple(cd)))
    return tuple(rounds)


def plan_of(case, name, hz):
    """Declare a site: the radar, and what is known of wind and drag."""
    point = SitePoint(name="proof", lat_deg=cases.FRAME.lat_deg, lon_deg=cases.FRAME.lon_deg, height_m=34.0)
    degrees = math.degrees(3e-3)
    radar = RadarSite(
        name="radar", lat_deg=point.lat_deg, lon_deg=point.lon_deg, height_m=34.0, scan_period_s=1.0 / hz,
        sigma_range_m=15.0, sigma_azimuth_deg=degrees, sigma_elevation_deg=degrees, p_detection=cases.P_DETECTION,
        false_plots_per_scan=0.1, range_m=cases.COVER_M, azimuth_deg=(300.0, 60.0), elevation_deg=(0.5, 60.0),
    )  # fmt: skip
    site = SiteFile(
        site=point,
        sensor=(radar,),
        environment=EnvironmentSettings(sigma_wind_mps=case.declared_wind_mps),
        tracking=TrackingSettings(drag_curve=case.believed or name, drag_doubt=case.declared_doubt),
    )
    return Plan(site=site, rounds=catalog(case))


def kinds_of(rows, rounds):
    """Judge the class of each row by its drag alone, every class as likely as any other."""
    own = [each.cd[0] * math.pi * each.calibre_m**2 / 4.0 / each.mass_kg for each in rounds]
    spread = rows["cov"][:, 6, 6, None] + [each.drag_sigma_make**2 + each.drag_sigma_round**2 for each in rounds]
    p = np.exp(-0.5 * (rows["state"][:, 6, None] - np.log(own)) ** 2 / spread) / np.sqrt(spread)
    p /= p.sum(axis=1, keepdims=True)
    kinds = np.zeros(len(rows), TRACK_CLASS)
    kinds["track_id"], kinds["i_class"], kinds["p_class"] = rows["track_id"], p.argmax(axis=1), p.max(axis=1)
    return kinds


def filter_only(shot, plan, environment):
    """Filter the plots of one shot; return its rows (i, track) and impacts (i, impact), i counting its scans."""
    sigmas = np.append(cases.SIGMAS, [np.nan, np.nan])
    pole = looks.Sensor(np.zeros(3), np.eye(3), 0.9, 1e-12, 1e-6, sigmas, np.zeros(6), has_elevation=True)
    x, p, work = np.zeros(7), np.zeros((7, 7)), np.empty((4, 7, 7))
    z, var = np.full(5, np.nan), sigmas**2
    scans, before = np.flatnonzero(shot.is_seen), None
    rows = np.zeros(len(scans), TRACK)
    for k, i in enumerate(scans):
        z[:3], now = shot.z[i], float(shot.t_s[i])
        if before is None:
            reach, az, el = shot.z[i]
            x[:3] = reach * np.array([np.cos(el) * np.sin(az), np.cos(el) * np.cos(az), np.sin(el)])
            p[:] = np.diag([1e10] * 3 + [PRIORS.sigma_speed**2] * 3 + [0.0])
            kalman.forget_drag(x, p, PRIORS)
        elif k == 1:
            kalman.predict_second(x, p, now - before, z, pole, environment, PRIORS, work)
        else:
            kalman.predict_ballistic(x, p, now - before, environment, PRIORS, work)
        _, rows["nis"][k] = kalman.update_state(x, p, False, False, z, var, pole, environment, work)
        rows["state"][k], rows["cov"][k], rows["n_hit"][k], before = x, p, k + 1, now
        rows["t_ns"][k] = cases.T0_NS + round(now * 1e9)
    rows["track_id"], rows["p_exists"], rows["p_ballistic"], rows["is_height_known"] = 1, 1.0, 1.0, True
    rows["status"], rows["motion"] = TrackStatus.CONFIRMED, Motion.BALLISTIC
    found = predict(rows, kinds_of(rows, plan.rounds), environment, Settings(), None, plan.rounds)
    is_used = rows["n_hit"] >= LEAST_HITS
    is_said = is_used & np.isin(found["status"], (Status.OK, Status.OUT_OF_TABLE))
    return list(zip(scans[is_used], rows[is_used], strict=True)), list(zip(scans[is_said], found[is_said], strict=True))


def follow(shot, plan):
    """Run one shot through the pipeline; return its rows (i, track) and impacts (i, impact), i counting its scans."""
    pipeline = Pipeline(plan)
    tracks, impacts = [], []
    for i, scan in enumerate(cases.scans_of(shot)):
        events = pipeline.step(scan)
        if not shot.is_seen[i]:
            continue
        firm = events.tracks[
            (events.tracks["status"] == TrackStatus.CONFIRMED) & (events.tracks["n_hit"] >= LEAST_HITS)
        ]
        if len(firm) != 1:
            continue
        tracks.append((i, firm[0]))
        row = events.impacts[events.impacts["track_id"] == firm[0]["track_id"]]
        if len(row) and row[0]["status"] in (Status.OK, Status.OUT_OF_TABLE):
            impacts.append((i, row[0]))
    return tracks, impacts


def nees_of(track, truth):
    """Return the squared distance of position, velocity and both."""
    e, p = track["state"][:6] - truth, track["cov"]
    return [float(e[k] @ np.linalg.solve(p[k, k], e[k])) for k in (slice(3), slice(3, 6), slice(6))]


def judge(shot, tracks, impacts, found, hz):
    """Add one shot's figures to the lists of `found`: at ages, at the top, at Mach 1; before the impact."""
    t0 = shot.t_s[np.argmax(shot.is_seen)]
    half = 0.75 if hz < 2.0 else 0.5

    def nearest(rows, wanted_s):
        near = [(abs(shot.t_s[i] - wanted_s), i, row) for i, row in rows]
        best = min(near, key=lambda each: each[0], default=None)
        return best if best is not None and best[0] <= half else None

    places = {f"{age} s": t0 + age for age in AGES_S} | {"top": shot.t_top_s}
    passes = np.flatnonzero(np.diff(np.sign(shot.mach - 1.0)))
    if len(passes):
        places["Mach 1"] = shot.t_s[passes[0]]
    for place, at_s in places.items():
        best = nearest(tracks, at_s)
        if best is not None:
            found["nees"].setdefault(place, []).append(nees_of(best[2], shot.truth[best[1]]))
    for before in BEFORE_S:
        best = nearest(impacts, shot.t_impact_s - before)
        if best is None:
            continue
        row = best[2]
        e = row["point_m"] - shot.impact_m
        late = (row["t_impact_ns"] - cases.T0_NS) / 1e9 - shot.t_impact_s
        d2 = float(e @ np.linalg.solve(row["cov_m2"], e))
        found["impact"].setdefault(before, []).append((d2, (late / row["sigma_t_s"]) ** 2, math.hypot(*e)))
    found["nis"].extend(float(track["nis"]) for _, track in tracks)


def measure(case, seed, n, hz, *, whole=False):
    """Draw, follow and judge n shots; `whole`: by the whole pipeline."""
    curve = None if case.curve is None else cases.standard_curve(case.curve)
    found = {"nees": {}, "impact": {}, "nis": [], "lost": 0}
    plans = {name: plan_of(case, name, hz) for name in case.names}
    airs = {name: plan.environment() for name, plan in plans.items()}
    for shot in cases.draw(seed, n, hz, case.names, curve, case.wind_mps, case.spins):
        plan = plans[shot.name]
        tracks, impacts = follow(shot, plan) if whole else filter_only(shot, plan, airs[shot.name])
        found["lost"] += not tracks
        judge(shot, tracks, impacts, found, hz)
    return found


def share_line(inside, n):
    """Format a share with its interval."""
    low, high = wilson(inside, n)
    return f"{100 * inside / n:5.1f} ({low:.1f}-{high:.1f})"


def report(name, case, found, n, hz):
    """Print one case."""
    print(f"\n{name}, {hz:g} Hz, {n} shots ({found['lost']} without a track of {LEAST_HITS} hits): {case.says}")
    print(f"  NIS / 3: {np.mean(found['nis']) / 3:.3f} of {len(found['nis'])}")
    print("  NEES / dof      n   position velocity     both  95 % bands of 3 and of 6")
    for place, rows in found["nees"].items():
        values, m = np.array(rows), len(rows)
        bands = [chi2.ppf((0.025, 0.975), d * m) / (d * m) for d in (3, 6)]
        text = "  ".join(f"{low:.3f}-{high:.3f}" for low, high in bands)
        mean = values.mean(axis=0) / (3, 3, 6)
        print(f"  {place:>8} {m:8d} {mean[0]:10.3f}{mean[1]:9.3f}{mean[2]:9.3f}  {text}")
    print("  before     n   in 50 %              in 90 %           time in 50 %        in 90 %          median miss m")
    for before, rows in found["impact"].items():
        values, m = np.array(rows), len(rows)
        cells = [values[:, 0] < 2 * math.log(2), values[:, 0] < 2 * math.log(10)]
        cells += [values[:, 1] < chi2.ppf(0.5, 1), values[:, 1] < chi2.ppf(0.9, 1)]
        text = "  ".join(share_line(int(cell.sum()), m) for cell in cells)
        print(f"  {before:4d} s {m:6d} {text} {np.median(values[:, 2]):8.1f}", flush=True)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=10_000)
    parser.add_argument("--hz", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--pipeline", action="store_true")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    given = parser.parse_args()
    for name in given.cases:
        case = CASES[name]
        report(
            name, case, measure(case, given.seed, given.shots, given.hz, whole=given.pipeline), given.shots, given.hz
        )


if __name__ == "__main__":
    main()
