"""Looks of a simulated radar against what it declares: detection by scipy, noise by its own sigmas, false plots.

Each check is one 99 % interval; of m checks 1 % may be outside. `checks` gives them all.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, gamma, ncx2, norm, poisson

from casemate.model.catalog import RadarSite
from casemate.physics.detection import P_FALSE, snr_at
from casemate.physics.geodesy import SiteFrame
from casemate.sim.sensor import Bodies, Radar, RadarTruth

FRAME = SiteFrame(33.3, 44.39, 34.0)
SITE = {
    "name": "radar-1",
    "lat_deg": 33.3,
    "lon_deg": 44.39,
    "height_m": 54.0,
    "scan_period_s": 1.0,
    "sigma_range_m": 20.0,
    "sigma_azimuth_deg": 0.2,
    "sigma_elevation_deg": 0.34,
    "sigma_range_rate_mps": 1.0,
    "p_detection": 0.9,
    "false_plots_per_scan": 20.0,
}
RANGES_M = np.array([7e3, 9e3, 10e3, 11e3, 12e3, 13e3, 14e3, 16e3, 18e3, 21e3])
LAWS = ("steady", "Swerling 1", "Swerling 2", "Swerling 3", "Swerling 4", "log-normal, 5 dB")
SIGMA_DB = 5.0
Z99 = float(norm.isf(0.005))


class Check(NamedTuple):
    """One interval: what was found, where 99 % of all runs are, how many looks it is of."""

    what: str
    found: float
    low: float
    high: float
    n: int

    @property
    def is_inside(self) -> bool:
        """Whether what was found is in the interval."""
        return self.low <= self.found <= self.high


def exact(snr, law, n):
    """Return the chance of detection of n pulses as scipy integrates it, for laws 0 to 5."""
    high = chi2.isf(P_FALSE, 2 * n)
    if law == 0:
        return float(ncx2.sf(high, 2 * n, 2.0 * n * snr))
    if law == 5:
        s, x = SIGMA_DB * math.log(10.0) / 10.0, np.linspace(-8.0, 8.0, 8001)
        weight = norm.pdf(x)
        energy = n * snr * np.exp(s * x - s * s / 2)
    else:
        k = {1: 1, 2: n, 3: 2, 4: 2 * n}[law]
        x = math.log(n * snr) + np.linspace(-18.0, 5.0, 8001)
        energy = np.exp(x)
        weight = gamma(k, scale=n * snr / k).pdf(energy) * energy
    return float(np.trapezoid(ncx2.sf(high, 2 * n, 2.0 * energy) * weight, x))


def look(law, pulses, n_looks, seed):
    """Return ranges seen of `n_looks` looks, and errors over the plots' own sigmas (k, 4)."""
    radar = Radar(
        0,
        RadarSite(**(SITE | {"pulses": pulses, "false_plots_per_scan": 0.0})),
        RadarTruth(name="radar-1"),
        FRAME,
        np.random.default_rng(seed),
    )
    per_turn = 2000
    range_m = np.resize(RANGES_M, per_turn)
    az = 2.0 * math.pi * (np.arange(per_turn) + 0.5) / per_turn
    pos = radar.model.locate(range_m, az, np.full(per_turn, 0.15))
    vel = np.tile([60.0, -40.0, 10.0], (per_turn, 1))
    bodies = Bodies(
        truth_id=np.arange(1, per_turn + 1),
        start_s=np.full(per_turn, -1e9),
        end_s=np.full(per_turn, 1e9),
        rcs_dbsm=np.full(per_turn, -20.0),
        rcs_law=np.full(per_turn, law),
        rcs_sigma_db=np.full(per_turn, SIGMA_DB),
        rate_spread_mps=np.zeros(per_turn),
        at=lambda _: (pos, vel),
    )
    ideal = radar.model.measure(pos, vel)
    seen, errors = np.zeros(per_turn, np.int64), []
    for i in range(n_looks // per_turn):
        turn = radar.turn(i, bodies)
        of, plots = turn.truth_id - 1, turn.plots
        seen[of] += 1
        errors.append(
            np.column_stack(
                [
                    (plots["range_m"] - ideal.range_m[of]) / plots["sigma_range_m"],
                    np.remainder(plots["az_rad"] - ideal.az_rad[of] + math.pi, 2 * math.pi) / plots["sigma_az_rad"]
                    - math.pi / plots["sigma_az_rad"],
                    (plots["el_rad"] - ideal.el_rad[of]) / plots["sigma_el_rad"],
                    (plots["range_rate_mps"] - ideal.range_rate_mps[of]) / plots["sigma_range_rate_mps"],
                ]
            )
        )
    return np.array([seen[range_m == r].sum() for r in RANGES_M]), np.concatenate(errors)


def checks(law, pulses, n_looks, seed):
    """Return the checks of detection (one a range) and of noise (mean and variance of four measurements)."""
    seen, errors = look(law, pulses, n_looks, seed)
    n = n_looks // len(RANGES_M)
    name = f"{LAWS[law]}, {pulses} pulse{'s' * (pulses > 1)}"
    out = []
    for range_m, k in zip(RANGES_M.tolist(), seen.tolist(), strict=True):
        snr = float(snr_at(np.array([range_m]), np.array([-20.0]), 12e3, pulses)[0])
        p = SITE["p_detection"] * exact(snr, law, pulses)
        half = Z99 * math.sqrt(p * (1.0 - p) / n) + 0.5 / n
        out.append(Check(f"{name}: Pd at {range_m / 1e3:.0f} km", k / n, p - half, p + half, n))
    m = len(errors)
    for what, error in zip(("range", "azimuth", "elevation", "range rate"), errors.T, strict=True):
        half = Z99 / math.sqrt(m)
        out.append(Check(f"{name}: mean error of {what}", float(error.mean()), -half, half, m))
        low, high = chi2.ppf([0.005, 0.995], m - 1) / (m - 1)
        out.append(Check(f"{name}: variance of {what}", float(error.var(ddof=1)), float(low), float(high), m))
    return out


def false_checks(n_scans, seed):
    """Return the checks of false plots: their number, its spread from scan to scan, and evenness over the coverage."""
    radar = Radar(0, RadarSite(**SITE), RadarTruth(name="radar-1"), FRAME, np.random.default_rng(seed))
    nothing = Bodies(*(np.zeros(0, np.int64), *[np.zeros(0)] * 3, np.zeros(0, np.int64), *[np.zeros(0)] * 2, _nowhere))
    plots = [radar.turn(i, nothing).plots for i in range(n_scans)]
    count = np.array([len(each) for each in plots])
    mean, every = SITE["false_plots_per_scan"], np.concatenate(plots)
    low, high = poisson.ppf([0.005, 0.995], mean * n_scans) / n_scans
    out = [Check("false plots a scan", float(count.mean()), float(low), float(high), n_scans)]
    low, high = chi2.ppf([0.005, 0.995], n_scans - 1) / (n_scans - 1)
    out.append(Check("variance over mean", float(count.var(ddof=1) / mean), float(low), float(high), n_scans))
    spans = {"range_m": radar.model.range_m, "az_rad": (0.0, 2.0 * math.pi), "el_rad": radar.model.el_rad}
    for what, (first, last) in spans.items():
        cells = np.histogram(every[what], 40, (first, last))[0]
        even = len(every) / 40
        found = float(((cells - even) ** 2 / even).sum())
        low, high = chi2.ppf([0.005, 0.995], 39)
        out.append(Check(f"chi-square of {what} in 40 cells", found, float(low), float(high), len(every)))
    return out


def _nowhere(t_s):
    return np.zeros((len(t_s), 3)), np.zeros((len(t_s), 3))
