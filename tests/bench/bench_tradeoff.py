"""The trade-off of the confirmation threshold: how late a round is confirmed, against how often nothing is.

    python tests/bench/bench_tradeoff.py [--hours 10] [--l 10 100 1000] [--hz 1 4] [--print]

Sweeps `confirm_score` (`SWEEP`). The delay is of rounds of spread raids of 20, from the first scan that could
have met one to the scan that reports a confirmed track of it, over seeds 101 and on; rounds never confirmed count as
later than all others. False tracks are counted over hours of nothing but false plots, with their exact Poisson 95 %
interval (Garwood, Biometrika 28, 1936). Writes a CSV and a picture into docs/images, for the how-to. Long: let it run
with low priority; stopped, it goes on where it was.
"""

import argparse
import csv
import functools
import os
import pathlib
from typing import Any

import bench_false_tracks
import bench_ledger
import numpy as np
import radar_scenes
import salvo_cases
import tracking_peers as peers
from bench_ledger import Ledger, Row
from tracking_accuracy import track, tracker_of

from casemate.tracking.tracker import Settings

SWEEP = (1.0, 3.0, 5.0, 7.0, 9.0, 12.0)
"""The settings tried: `confirm_score`."""
IMAGES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "images"
FIRST_SEED, SEEDS, ROUNDS = 101, 12, 20
NEAR_M = 300.0
"""A confirmed track so near to a round is a track of it: the scorer's own cut-off."""
HOUR_SPLIT = 10
"""The hours of clutter are counted in so many parts, each with a seed of its own, so that a stopped run keeps some."""


def settings_of(setting: float) -> Settings:
    """Return the settings of one point of the sweep."""
    return Settings(confirm_score=setting)


@functools.cache
def raid_of(seed: int) -> radar_scenes.Rounds:
    """Return the raid of a seed, the same for every point of the sweep."""
    return salvo_cases.spread_raid(ROUNDS, np.random.default_rng([seed, ROUNDS]))


def delays_s(setting: float, false: int, hz: float, seed: int) -> list[float]:
    """Return how long after its first look in coverage each round was confirmed; inf where it never was."""
    radar = radar_scenes.Radar(hz=hz, false_plots=false, false_plots_told=false)
    scene = radar_scenes.scene(raid_of(seed), radar, np.random.default_rng([seed, false, int(hz)]), seed=seed)
    tracks = track(tracker_of(peers.site_of(scene), settings_of(setting)), peers.scans_of(scene)).tracks
    first, got = {}, {}
    rows = zip(scene["truth_scan"], scene["truth_id"], scene["truth_pos"], scene["truth_vis"], strict=True)
    for k, i, place, seen in rows:
        if seen:
            first.setdefault(i, k)
        if i in first and i not in got:
            off = np.linalg.norm(tracks["pos"][tracks["scan"] == k] - place, axis=1)
            if (off < NEAR_M).any():
                got[i] = k
    return [(got[i] - k) / hz if i in got else float("inf") for i, k in first.items()]


def point(what: str, seed: int) -> Row:
    """Measure one part of one point: `delay` of a seed, or `clutter` of a part of the hours."""
    kind, false, hz, setting, hours = what.split("|")
    if kind == "delay":
        return {"delay_s": [min(d, 1e9) for d in delays_s(float(setting), int(false), float(hz), seed)]}
    n = bench_false_tracks.confirmed_in_clutter(
        float(false), float(hours), seed, settings_of(float(setting)), float(hz)
    )
    return {"false_tracks": n, "hours": float(hours)}


def summary(ledger: Ledger, false: int, hz: float, setting: float, hours: float) -> dict[str, Any] | None:
    """Return one line of the CSV, None while nothing is there."""
    delays = ledger.of(f"delay|{false}|{hz:g}|{setting:g}|0", range(FIRST_SEED, FIRST_SEED + SEEDS))
    quiet = ledger.of(f"clutter|{false}|{hz:g}|{setting:g}|{hours / HOUR_SPLIT:g}", range(HOUR_SPLIT))
    if not delays or not quiet:
        return None
    all_s = np.array([d for row in delays for d in row["delay_s"]])
    n, counted_h = sum(row["false_tracks"] for row in quiet), sum(row["hours"] for row in quiet)
    low, high = bench_false_tracks.garwood(n, counted_h)
    # with quantiles between two values of a grid, the later one: no round is confirmed in between
    median, p90 = (float(np.quantile(all_s, q, method="higher")) for q in (0.5, 0.9))
    line = {"false_plots_per_scan": false, "hz": hz, "confirm_score": setting, "rounds": len(all_s)}
    line |= {"mean_delay_s": round(float(all_s[all_s < 1e9].mean()), 3), "median_delay_s": median, "p90_delay_s": p90}
    line |= {"never_confirmed": int((all_s >= 1e9).sum()), "false_tracks": n, "hours": round(counted_h, 3)}
    return line | {"per_hour": n / counted_h, "per_hour_low": round(low, 4), "per_hour_high": round(high, 4)}


def draw(lines: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Draw the curves: one panel for each scan rate, a line for each number of false plots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rates = sorted({line["hz"] for line in lines})
    figure = Figure(figsize=(10.0, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(rates), sharey=True, squeeze=False)[0]
    for panel, hz in zip(panels, rates, strict=True):
        for i, false in enumerate(sorted({line["false_plots_per_scan"] for line in lines})):
            here = [line for line in lines if (line["hz"], line["false_plots_per_scan"]) == (hz, false)]
            colour = ("#1b6ca8", "#c8553d", "#3a7d44")[i % 3]
            delay = [line["mean_delay_s"] for line in here]
            # none counted: the mark stands on the upper end of its interval
            rate = [line["per_hour"] or line["per_hour_high"] for line in here]
            ends = [
                [max(y - line["per_hour_low"], 0.0) if line["false_tracks"] else 0.0 for y, line in pairs(rate, here)]
            ]
            ends.append([max(line["per_hour_high"] - y, 0.0) for y, line in pairs(rate, here)])
            panel.errorbar(
                delay, rate, ends, color=colour, lw=1.2, elinewidth=0.8, capsize=2, label=f"{false} false plots"
            )
            panel.plot([line["p90_delay_s"] for line in here], rate, ":", color=colour, lw=0.9)
            for x, y, line in zip(delay, rate, here, strict=True):
                fill = colour if line["false_tracks"] else "white"
                panel.plot(x, y, marker="o", ms=6, mec=colour, mfc=fill, ls="none")
                panel.annotate(f"{line['confirm_score']:g}", (x, y), (5, 5), textcoords="offset points", fontsize=7)
        panel.set(yscale="log", title=f"{hz:g} Hz", xlabel="delay to confirmed, mean (dotted: 90 %) [s]")
        panel.grid(alpha=0.25)
        panel.legend(title="in a scan", fontsize=8)
    panels[0].set_ylabel("false confirmed tracks an hour, 95 % interval")
    figure.suptitle(f"code {bench_ledger.code_hash()}", fontsize=7, x=0.99, ha="right")
    figure.savefig(path, metadata={"Software": None})


def pairs(rate: list[float], here: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """Pair heights with their lines."""
    return list(zip(rate, here, strict=True))


def main() -> None:
    """Measure what is missing, then write the CSV and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=10.0, help="of clutter, for each point")
    parser.add_argument("--l", type=int, nargs="*", default=[10, 100, 1000], help="false plots a scan")
    parser.add_argument("--hz", type=float, nargs="*", default=[1.0, 4.0])
    parser.add_argument("--scores", type=float, nargs="*", default=list(SWEEP))
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the delays")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ledger", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=IMAGES, help="folder of the CSV and the picture")
    given = parser.parse_args()
    os.nice(10)
    ledger = Ledger(given.ledger or peers.CACHE / f"tradeoff-{bench_ledger.code_hash()}.jsonl")
    points = [(false, hz, score) for false in given.l for hz in given.hz for score in given.scores]
    jobs = [
        (f"delay|{f}|{hz:g}|{r:g}|0", s) for f, hz, r in points for s in range(FIRST_SEED, FIRST_SEED + given.seeds)
    ]
    jobs += [
        (f"clutter|{f}|{hz:g}|{r:g}|{given.hours / HOUR_SPLIT:g}", s) for s in range(HOUR_SPLIT) for f, hz, r in points
    ]
    try:
        ledger.fill("trade-off", jobs, point, given.workers)
    except KeyboardInterrupt:
        print(f"\nstopped; what was measured is kept in {ledger.path}")
    lines = [line for at in points if (line := summary(ledger, *at, given.hours)) is not None]
    if not lines:
        return
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "trade-off.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, lines[0])
        table.writeheader()
        table.writerows(lines)
    draw(lines, given.out / "trade-off.png")
    print(f"{given.out / 'trade-off.csv'} and {given.out / 'trade-off.png'}; rows: {ledger.path}")


if __name__ == "__main__":
    main()
