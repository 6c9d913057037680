"""Count false confirmed tracks over hours of nothing but false plots, at the default settings.

    python tests/bench/bench_false_tracks.py [--hours H] [--seed N] [--false-plots L ...]

False plots are Poisson and even over the volume, as the site file declares them; the rate is printed with its exact
95 % interval (Garwood, Biometrika 28, 1936).
"""

import argparse
import math

import numpy as np
from scipy.stats import chi2

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, TrackStatus, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Settings, Tracker


def radar(false_plots: float, hz: float = 1.0) -> RadarSite:
    """Declare the radar of the peers' tracking scenarios."""
    return RadarSite(
        name="radar",
        lat_deg=33.0,
        lon_deg=44.0,
        height_m=0.0,
        scan_period_s=1.0 / hz,
        sigma_range_m=15.0,
        sigma_azimuth_deg=0.17,
        sigma_elevation_deg=0.17,
        false_plots_per_scan=false_plots,
        azimuth_deg=(300.0, 60.0),
    )


def clutter(false_plots: float, k: int, rng: np.random.Generator, hz: float = 1.0) -> Scan:
    """Draw one scan of false plots."""
    n = rng.poisson(false_plots)
    plots, t_ns = missing(PLOT, n), 1_000 * NS_PER_S + round(k / hz * NS_PER_S)
    plots["t_ns"], plots["plot_id"] = t_ns, np.arange(n)
    plots["range_m"] = np.cbrt(rng.uniform(500.0**3, 25e3**3, n))
    plots["az_rad"] = rng.uniform(-1.0, 1.0, n) * math.pi / 3.0
    plots["el_rad"] = np.arcsin(rng.uniform(math.sin(math.radians(0.5)), math.sin(math.radians(60.0)), n))
    arc = (math.radians(300.0), math.radians(60.0))
    return Scan(
        sensor_id=0,
        t_start_ns=t_ns,
        t_end_ns=t_ns,
        t_recv_ns=t_ns,
        az_from_rad=arc[0],
        az_to_rad=arc[1],
        plots=freeze(plots),
    )


def confirmed_in_clutter(
    false_plots: float, hours: float, seed: int, settings: Settings | None = None, hz: float = 1.0
) -> int:
    """Track nothing but false plots; return how many tracks were ever confirmed."""
    frame = SiteFrame(33.0, 44.0, 0.0)
    environment = build_environment(EnvironmentSettings(), frame, drag_shape_of("generic"), None, None)
    tracker = Tracker(sensor_models((radar(false_plots, hz),), frame), environment, settings)
    rng, found = np.random.default_rng(seed), set[int]()
    for k in range(round(3600 * hours * hz)):
        tracks = tracker.update(clutter(false_plots, k, rng, hz)).tracks
        found |= set(tracks["track_id"][tracks["status"] == TrackStatus.CONFIRMED].tolist())
    return len(found)


def garwood(n: int, hours: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate [1/h]."""
    low = chi2.ppf(0.025, 2 * n) / 2.0 / hours if n else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * n + 2) / 2.0 / hours)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--false-plots", type=float, nargs="*", default=[10.0, 100.0])
    args = parser.parse_args()
    for false_plots in args.false_plots:
        n = confirmed_in_clutter(false_plots, args.hours, args.seed)
        low, high = garwood(n, args.hours)
        print(f"L={false_plots:g}: {n} false tracks in {args.hours:g} h, {n / args.hours:.2f} an hour", end=" ")
        print(f"[{low:.2f}, {high:.2f}]", flush=True)


if __name__ == "__main__":
    main()
