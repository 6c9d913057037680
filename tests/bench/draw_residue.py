"""What falls on whom in `green-zone-2020`: residue and unburst rounds per km2, as a picture and tables.

    python tests/bench/draw_residue.py [seeds] [folder]

The guns fire at what they would if the tracker knew the truth to 5 m and 3 m/s: where residue falls hardly depends on
the tracker, how often rounds are hit does. Seeds 1 to n; densities are means over them. Writes residue.png and
residue.csv.
"""

import csv
import pathlib
import sys

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from casemate.io.settings import packaged, read_rounds, read_toml
from casemate.model.catalog import EnvironmentSettings, SiteFile
from casemate.model.messages import Events, Scan, Threat
from casemate.model.records import TRACK, Motion, TrackStatus
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.debris import loose_round
from casemate.sim.intercept.gun import Fate
from casemate.sim.intercept.residue import HAZARDOUS_J, fall_of_burst, fall_of_round, gather, table_of
from casemate.sim.intercept.shots import Path
from casemate.sim.outcome import inside
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

HALF_M, CELL_M, FAR_M = 8000.0, 250.0, 1200.0
SIGMA = np.array([5.0] * 3 + [3.0] * 3 + [0.05])


def estimates(world, t_s, assets, rng):
    """Return tracks of all rounds in the air as a fair tracker would have them, and the threats among them."""
    up = [r for r in world.rounds if r.start_s + 4.0 < t_s < r.impact_s - 0.5 and r.truth_id not in world.dead_s]
    tracks = np.zeros(len(up), TRACK)
    for row, r in zip(tracks, up, strict=True):
        pos, vel = world._volley.at(np.array([r.truth_id - 1]), np.array([t_s]))
        row["track_id"], row["status"], row["motion"] = r.truth_id, TrackStatus.CONFIRMED, Motion.BALLISTIC
        row["t_ns"] = world.t_start_ns + round(t_s * 1e9)
        row["state"] = np.array([*pos[0], *vel[0], np.log(1.28e-4)]) + SIGMA * rng.standard_normal(7)
        row["cov"] = np.diag(SIGMA**2)
    threats = [
        Threat(
            threat_id=r.truth_id, track_id=r.truth_id, asset_id=0, t_ns=0, p_hit=0.9, round_class="r107", rank=1,
            t_impact_ns=world.t_start_ns + round(r.impact_s * 1e9), reason="",
        )
        for r in up if any(inside(ring, r.impact_m) for ring in assets)
    ]  # fmt: skip
    return tracks, threats


def night(scenario, site, frame, rounds, air, seed):
    """Return what came down in one night, and how many bursts, rounds and kills there were."""
    world, rng = World(scenario, site, rounds, frame, seed), np.random.default_rng(seed)
    assets = [ring_of(asset.polygon_deg, frame) for asset in site.asset]
    next_s, done = 0.0, set()
    for message in world:
        if not isinstance(message, Scan):
            world.take(message, None)
            continue
        t_s = (message.t_recv_ns - world.t_start_ns) / 1e9
        tracks, threats = np.zeros(0, TRACK), []
        if t_s >= next_s:
            next_s = t_s + 1.0
            tracks, threats = estimates(world, t_s, assets, rng)
        world.take(message, Events(t_ns=message.t_recv_ns, tracks=tracks, threats=tuple(threats)))
    fallen = []
    for t_fire_ns, truth_id, spent in world.spent:
        fallen.append(fall_of_burst(spent, rng))
        if spent.end.fate is not None and truth_id not in done:
            r = world.rounds[truth_id - 1]
            if spent.end.fate is not Fate.FUZE_DEAD:
                done.add(truth_id)
            at = r.trajectory.t_s - r.trajectory.t_s[0] + r.start_s - (t_fire_ns - world.t_start_ns) / 1e9
            path = Path(at, r.trajectory.pos_m, r.trajectory.vel_mps)
            body = next(each for each in rounds if each.name == r.round_class)
            fallen.append(fall_of_round(loose_round(path, spent.end.kill_s, body, spent.end.fate, rng), air))
    shots = sum(len(spent.told.left_s) for _, _, spent in world.spent)
    return fallen, np.array([len(world.spent), shots, sum(s.end.fate is not None for _, _, s in world.spent)])


def ring_of(polygon, frame):
    corners = np.array(polygon)
    return frame.msl_to_enu(corners[:, 0], corners[:, 1], np.full(len(corners), frame.height_m))[:, :2]


def draw(grid, n, site, scenario, frame, file):
    figure = Figure(figsize=(13.0, 6.2), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    guns = np.array([(gun.lat_deg, gun.lon_deg, gun.height_m) for gun in scenario.gun])
    guns = frame.msl_to_enu(*guns.T)[:, :2] / 1e3
    panels = (
        ("mass of all that falls [kg/km2 a night]", grid.mass_kgpkm2),
        ("live things on the ground [1/km2 a night]", grid.n_live_per_km2),
    )
    for k, (title, values) in enumerate(panels):
        chart = figure.add_subplot(1, 2, k + 1)
        shown = np.where(values > 0.0, values / n, np.nan)
        edges = grid.edges_m / 1e3
        top = np.nanmax(shown)
        image = chart.pcolormesh(edges, edges, shown, cmap="YlOrRd", norm=LogNorm(top / 1e3, top))
        figure.colorbar(image, ax=chart, shrink=0.8)
        for zone in site.zone:
            chart.add_patch(Polygon(ring_of(zone.polygon_deg, frame) / 1e3, fill=False, ec="#52606d", lw=0.9))
        chart.plot(*guns.T, "^", color="#1f2933", ms=6, label="simulated guns")
        chart.set(title=title, xlabel="east [km]", ylabel="north [km]", aspect="equal")
        chart.legend(loc="lower left", fontsize=8)
    figure.tight_layout()
    figure.savefig(file)


def main(seeds=10, folder="docs/images"):
    scenario = read_toml(packaged("scenarios", "green-zone-2020"), Scenario)
    site = read_toml(packaged("sites", scenario.site), SiteFile)
    frame, rounds = SiteFrame.of(site.site), read_rounds()
    air = build_environment(EnvironmentSettings(), frame, drag_shape_of("generic"), None, scenario.wind_profile())
    fallen, counts = [], np.zeros(3)
    for seed in range(1, seeds + 1):
        rows, count = night(scenario, site, frame, rounds, air, seed)
        fallen += rows
        counts += count
        print(f"seed {seed}: bursts, rounds, kills {count.tolist()}", flush=True)
    whole = np.concatenate(fallen)
    grid = gather(whole, HALF_M, CELL_M)
    draw(grid, seeds, site, scenario, frame, pathlib.Path(folder) / "residue.png")
    with (pathlib.Path(folder) / "residue.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            [
                "what",
                "number a night",
                "kg a night",
                f"over {HAZARDOUS_J:g} J a night",
                "median energy J",
                "90 % of mass down after s",
                f"kg a night beyond {FAR_M:g} m",
            ]
        )
        for line in table_of(whole, FAR_M):
            nightly = [line.n, line.mass_kg, line.n_hazardous]
            table.writerow(
                [
                    line.what,
                    *(f"{x / seeds:.3g}" for x in nightly),
                    f"{line.median_energy_j:.3g}",
                    f"{line.t_90_s:.0f}",
                    f"{line.mass_beyond_kg / seeds:.3g}",
                ]
            )
    print((pathlib.Path(folder) / "residue.csv").read_text())
    places = np.hypot(*whole["pos_m"].T)
    live = whole["is_live"]
    print(f"{counts.tolist()} bursts, rounds, kills in {seeds} nights")
    print(f"{grid.mass_kg:.1f} kg, {grid.beyond_kg:.2f} of it beyond the grid")
    worst = (grid.mass_kgpkm2.max() / seeds, grid.n_live_per_km2.max() / seeds)
    print(f"worst cell {worst[0]:.0f} kg/km2, {worst[1]:.1f} live/km2 a night")
    far = int((places[live] > FAR_M).sum())
    print(f"live beyond {FAR_M:g} m: {far} of {int(live.sum())}; median {np.median(places[live]):.0f} m")


if __name__ == "__main__":
    main(*(kind(each) for kind, each in zip((int, str), sys.argv[1:], strict=False)))
