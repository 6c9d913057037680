"""Measure how well the probability of a kind is calibrated, and what the declaration costs a round in time.

    python tests/bench/bench_class.py calibration [--seeds N ...] [--minutes M] [--p-detection P] [--scan-period S]
    python tests/bench/bench_class.py delay [--seeds N ...]

Calibration: rounds of every class (`class_scenes.all_rounds`) and dense traffic, tracked by the real tracker, with the
scene's own mix as prior. Each confirmed track counts once at each of some ages. Delay: the packaged raids; time
of the first impact row of each track of a round against the rule before (the tracker's odds alone). One seed
is one draw of both scenes; the seeds here were not used in the making unless the page says so.
"""

import argparse
import itertools
import json
import sys

import numpy as np
from class_scenes import Judged, all_rounds, dense_traffic, had_impact, has_impact, judge, packaged, priors_of
from scipy.stats import beta

from casemate.constants import NS_PER_S
from casemate.model.records import Kind

AGES = (4, 8, 16, 32)
EDGES = (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0 + 1e-12)
RAIDS = ("green-zone-2020", "camp-barrage", "mortar-team", "flat-and-close")


def interval(k: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper, Pearson, Biometrika 26, 1934)."""
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    return float(low), float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0


def at_age(judged: Judged, age: int) -> tuple[np.ndarray, np.ndarray]:
    """Return truth (m,) and p_kind (m, 8) of each confirmed track of a thing, at its first row with `age` plots."""
    is_old = (judged.rows["n_hit"] >= age) & (judged.truth >= 0)
    _, first = np.unique(judged.rows["track_id"][is_old], return_index=True)
    return judged.truth[is_old][first], judged.classes["p_kind"][is_old][first]


def score(truth: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return Brier score (0 best, 2 worst) and log loss [nats], beside those of the population's own shares."""
    own = np.eye(len(Kind))[truth]
    share = own.mean(axis=0)
    ln = -np.log(np.maximum(p[np.arange(len(p)), truth], 1e-12))
    return {
        "n": len(truth),
        "brier": float(np.mean(np.sum((p - own) ** 2, axis=1))),
        "brier_shares": float(1.0 - np.sum(share**2)),
        "log_loss": float(ln.mean()),
        "log_loss_shares": float(-np.sum(share[share > 0] * np.log(share[share > 0]))),
        "right": float(np.mean(np.argmax(p, axis=1) == truth)),
    }


def reliability(p: np.ndarray, is_so: np.ndarray) -> list[dict[str, float]]:
    """Return, by bin of p, how many, their mean p and how often it was so, with its interval."""
    table = []
    for low, high in itertools.pairwise(EDGES):
        here = (p >= low) & (p < high)
        n, k = int(here.sum()), int(is_so[here].sum())
        if n:
            table.append({"from": low, "to": min(high, 1.0), "n": n, "mean_p": float(p[here].mean()), "rate": k / n})
            table[-1]["interval"] = interval(k, n)
    return table


def calibration(args: argparse.Namespace) -> dict[str, object]:
    """Fly, judge and score."""
    found: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {age: [] for age in AGES}
    n_false = 0
    for seed in args.seeds:
        scenes = all_rounds(seed), dense_traffic(args.minutes)
        settings = priors_of(*scenes)
        for i, scene in enumerate(scenes):
            print(f"seed {seed}, scene {i + 1} of 2", file=sys.stderr, flush=True)
            judged = judge(scene, seed, settings, p_detection=args.p_detection, scan_period_s=args.scan_period)
            n_false += int(((judged.truth > Kind.SHELL) & has_impact(judged.rows, judged.classes)).sum())
            for age in AGES:
                found[age].append(at_age(judged, age))
    out: dict[str, object] = {"impact_rows_of_others": n_false}
    for age, parts in found.items():
        truth, p = (np.concatenate(part) for part in zip(*parts, strict=True))
        by_round = np.column_stack([p[:, :3].sum(axis=1), p[:, 3:]])
        group = np.maximum(truth - 2, 0)
        out[f"age {age}"] = {
            "kinds": score(truth, p),
            "any_round": score(group, np.pad(by_round, ((0, 0), (0, 2)))),
            "p_round": reliability(by_round[:, 0], truth <= Kind.SHELL),
            "p_of_the_likeliest": reliability(by_round.max(axis=1), np.argmax(by_round, axis=1) == group),
        }
    return out


def delay(args: argparse.Namespace) -> dict[str, object]:
    """Fly the packaged raids and compare the first impact rows."""
    out: dict[str, object] = {}
    for name in RAIDS:
        late, n_lost, n_won, n_rows = [], 0, 0, [0, 0]
        for seed in args.seeds:
            print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
            judged = judge(packaged(name), seed)
            now, before = has_impact(judged.rows, judged.classes), had_impact(judged.rows)
            n_rows[0] += int(before.sum())
            n_rows[1] += int(now.sum())
            for label in np.unique(judged.label[(judged.truth >= 0) & (judged.truth <= Kind.SHELL)]):
                own = judged.label == label
                t = [judged.rows["t_ns"][own & rule].min(initial=2**62) for rule in (before, now)]
                n_lost += t[1] == 2**62 > t[0]
                n_won += t[0] == 2**62 > t[1]
                if max(t) < 2**62:
                    late.append((int(t[1]) - int(t[0])) / NS_PER_S)
        spread = np.array(late)
        out[name] = {
            "rounds": len(late), "lost": int(n_lost), "won": int(n_won), "rows_before": n_rows[0],
            "rows_now": n_rows[1], "p50_s": float(np.median(spread)), "mean_s": float(spread.mean()),
            "worst_s": float(spread.max()), "best_s": float(spread.min()),
        }  # fmt: skip
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("calibration", "delay"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[7001, 7002, 7003, 7004])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--p-detection", type=float, default=None)
    parser.add_argument("--scan-period", type=float, default=None)
    args = parser.parse_args()
    print(json.dumps(calibration(args) if args.what == "calibration" else delay(args), indent=1))


if __name__ == "__main__":
    main()
