"""The tables of the docs page, from the rows of the ledger: every mean with its n and its 95 % interval."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tracking_accuracy as accuracy
import tracking_speed as speed
from bench_ledger import Ledger, Row
from scipy.stats import t as student
from tracking_peers import Scenes

BEGIN, END = "<!-- tracking: written by scripts/bench-tracking, from here -->", "<!-- tracking: to here -->"


def put(page: pathlib.Path, text: str) -> None:
    """Write the tables between the markers of a page."""
    old = page.read_text(encoding="utf-8")
    (head, rest), (_, tail) = old.split(BEGIN), old.split(END)
    assert END in rest, f"{page}: the markers are out of order"
    page.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def values(rows: Sequence[Row], *keys: str) -> np.ndarray:
    """Return one figure of every row, NaN where there is none."""
    found = []
    for row in rows:
        value: Any = row
        for key in keys:
            value = value.get(key)
        found.append(np.nan if value is None else float(value))
    return np.array(found)


def half_width(x: np.ndarray) -> float:
    """Return half of the 95 % interval of a mean, Student's t over the seeds."""
    n = len(x)
    return float(student.ppf(0.975, n - 1) * x.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")


def mean_pm(x: np.ndarray, digits: int = 0) -> str:
    """Format a mean and its interval."""
    return f"{x.mean():.{digits}f} ± {half_width(x):.{digits}f}"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table; says so when there is nothing in it."""
    rows = list(rows)
    if not rows:
        return "Not measured with this version."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seeds_here(ledger: Ledger, case: Scenes, first: int, n: int) -> list[Row]:
    """Return the rows of a case, at most twice n seeds of them."""
    return ledger.of(case.name, range(first, first + 2 * n))


def ratio(rows: Sequence[Row], key: str, over: str = "oracle", over_key: str | None = None) -> np.ndarray:
    """Return ours over the oracle's or the bound's, seed by seed."""
    return values(rows, "ours", key) / values(rows, over, over_key or key)


def impact(rows: Sequence[Row], to_go: int) -> str:
    """Format the impact miss: ours, the oracle's, and the ratio of their means."""
    ours, oracle = (np.nanmean(values(rows, who, f"ipp_med_{to_go}s")) for who in ("ours", "oracle"))
    return f"{ours:.0f} / {oracle:.0f} m, {ours / oracle:.2f}"


def by_command(ledger: Ledger, case: Scenes, first: int, to_go: int) -> str:
    """Format the miss of the impacts of a run folder, one seed."""
    rows = ledger.of(f"command-{case.name}", [first])
    return f"{rows[0][f'ipp_med_{to_go}s']:.0f} m" if rows and f"ipp_med_{to_go}s" in rows[0] else ""


def raids(ledger: Ledger, first: int, n: int) -> str:
    """Format the spread raids."""
    head = ["K, L, rate", "seeds", "GOSPA, m", "over the oracle, mean / worst", "missed", "position over bound"]
    head += ["velocity over bound", "impact miss 10 s before: ours / oracle", "of a run folder"]
    out = []
    for case in accuracy.SPREAD:
        if rows := seeds_here(ledger, case, first, n):
            over = ratio(rows, "gospa")
            line = [case.title.removeprefix("spread, "), str(len(rows)), mean_pm(values(rows, "ours", "gospa"))]
            line += [
                f"{mean_pm(over, 3)} / {over.max():.3f}",
                f"{100 * values(rows, 'ours', 'miss_frac').mean():.1f} %",
            ]
            line += [mean_pm(ratio(rows, f"{key}_rmse", "bound", f"{key}_rms"), 3) for key in ("pos", "vel")]
            out.append([*line, impact(rows, 10), by_command(ledger, case, first, 10)])
    return grid(head, out)


def salvos(ledger: Ledger, cases: Sequence[Scenes], first: int, n: int) -> str:
    """Format salvos."""
    head = ["salvo", "seeds", "GOSPA mean / worst", "oracle mean / worst", "missed (oracle)", "switches (oracle)"]
    head += ["false tracks", "impact miss 20 s before: ours / oracle", "of a run folder"]
    out = []
    for case in cases:
        if rows := seeds_here(ledger, case, first, n):
            gospa, oracle = values(rows, "ours", "gospa"), values(rows, "oracle", "gospa")
            line = [case.title, str(len(rows)), f"{mean_pm(gospa)} / {gospa.max():.0f}"]
            line.append(f"{oracle.mean():.0f} / {oracle.max():.0f}")
            missed = [100 * values(rows, who, "miss_frac").mean() for who in ("ours", "oracle")]
            switched = [values(rows, who, "id_switch").mean() for who in ("ours", "oracle")]
            line += [f"{missed[0]:.1f} ({missed[1]:.1f}) %", f"{switched[0]:.1f} ({switched[1]:.1f})"]
            line += [f"{values(rows, 'ours', 'false_tracks').mean():.2f}"]
            out.append([*line, impact(rows, 20), by_command(ledger, case, first, 20)])
    return grid(head, out)


def cost(ledger: Ledger, first: int) -> str:
    """Format what a scan costs."""
    head, out = ["what", "measured", "bar"], []

    def add(what: str, key: str, form: str, bar: str) -> None:
        if rows := ledger.of(key, [first]):
            out.append([what, form.format(**rows[0]), bar])

    typical = "{mean_ms:.2f} ms, largest {peak_ms:.1f} ms ({scans} scans, best of {passes} passes each)"
    add("K=100, L=100, 1 Hz, CPU a scan", "typical-raid", typical, "0.5 ms")
    add("the same, p50 / p99 / p99.9, single passes", "tail-raid", TAIL, "p99.9 2 ms")
    add("salvo of 20, 0.5 s, 1 Hz", "typical-salvo-1hz", typical, "3 ms, largest 15 ms")
    add("the same at 4 Hz", "typical-salvo-4hz", typical, "")
    for radar, where in ((speed.SECTOR, "in the peers' sector"), (speed.ALL_ROUND, "all round to 50 km")):
        key = speed.crowd(radar, 10_000, 10_000).name
        rows = ledger.of(key, [first])
        form = CROWD_STOPPED if rows and "stopped_at_scan" in rows[0] else CROWD
        add(f"10,000 rounds, 10,000 false plots, 4 Hz, {where}", key, form, "50 ms")
    for what, sizes in (("tracks", "{0}-100"), ("false plots", "100-{0}")):
        line = growth(ledger, what, sizes, first)
        out += [line] if line else []
    return grid(head, out)


TAIL = "{p500_ms:.2f} / {p990_ms:.2f} / {p999_ms:.2f} ms ({scans} scans)"
CROWD = "{mean_ms:.1f} ms, p99 {p99_ms:.1f} ms ({scans} scans; {rounds_up} up, {firm} confirmed tracks)"
CROWD_STOPPED = "stopped after {stopped_at_scan} scans; the last took {mean_ms:.0f} ms with {rounds_up} up"


def growth(ledger: Ledger, what: str, sizes: str, first: int) -> list[str]:
    """Fit how the cost of a scan grows with a crowd in the peers' sector."""
    found = [(n, ledger.of(f"crowd-sector-{sizes.format(n)}", [first])) for n in speed.CROWD_SIZES]
    whole = [(n, rows[0]["mean_ms"]) for n, rows in found if rows and "stopped_at_scan" not in rows[0]]
    if len(whole) < 3:
        return []
    n, ms = zip(*whole, strict=True)
    fit = speed.exponent(n, ms)
    late = np.log(ms[-1] / ms[-2]) / np.log(n[-1] / n[-2])
    steps = ", ".join(f"{size}: {each:.2f}" for size, each in whole)
    text = f"{fit['exponent']:.2f} [{fit['low']:.2f}, {fit['high']:.2f}], last step {late:.2f} ({steps} ms)"
    return [f"growth with {what}, 4 Hz, 100 of the other, exponent", text, "1.1"]


def stone_soup(ledger: Ledger, first: int) -> str:
    """Format what Stone Soup did with the same files."""
    head = [
        "scene",
        "CPU a scan: Stone Soup / ours",
        "ratio",
        "its GOSPA",
        "missed",
        "switches",
        "impact miss 20 / 10 s",
    ]
    out = []
    for case in speed.PEER_CASES:
        if rows := ledger.of(f"peer-{case.name}", [first]):
            row = rows[0]
            line = [case.title, f"{row['theirs_ms']:.0f} / {row['ours_ms']:.2f} ms"]
            line += [
                f"{row['theirs_ms'] / row['ours_ms']:.0f}",
                f"{row['gospa']:.0f} m",
                f"{100 * row['miss_frac']:.1f} %",
            ]
            miss = " / ".join(f"{row[key]:.0f}" if row[key] else "-" for key in ("ipp_med_20s", "ipp_med_10s"))
            out.append([*line, str(row["id_switch"]), f"{miss} m"])
    return grid(head, out)


def tables(ledger: Ledger, first: int, n: int) -> str:
    """Return every table, as Markdown."""
    parts = [
        "### Spread raids",
        raids(ledger, first, n),
        "### Salvos, as the peers' bench makes them",
        salvos(ledger, accuracy.SALVOS, first, n),
        "### Salvos of other kinds",
        salvos(ledger, accuracy.UNTUNED, first, n),
        "### What a scan costs",
        cost(ledger, first),
        "### Stone Soup 1.9.1 on the same files",
        stone_soup(ledger, first),
        f"Seeds from {first} on; ± is the 95 % interval of a mean (Student's t over the seeds).",
    ]
    return "\n\n".join(parts) + "\n"
