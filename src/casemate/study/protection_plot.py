"""Pictures of the answers about protection: each figure with its interval, its denominator, and what it is not."""
# matplotlib leaves its keyword arguments untyped, in nearly every call:
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from casemate.errors import SettingsError
from casemate.io.chart import FAINT, INK, PAPER
from casemate.study.lines import Line
from casemate.study.protection import LADDER, REPORTED, WAYS, Answer, Nights

COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9")
"""Told apart by colour-blind eyes (Okabe and Ito 2008)."""
_MARKS: Final = ("o", "s", "^", "D", "v", "P")


def draw(answer: Answer, nights: Nights, file: Path) -> None:
    """Write the picture of an answer as a PNG or SVG, by the name's suffix.

    Raises
    ------
    SettingsError
        It cannot be written; what stood there stays as it was.
    """
    figure = Figure(figsize=(10.0, 5.0), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    _DRAWN[answer.question](figure, answer, nights)
    small = f"; {answer.n} is few: the bars say how few" if answer.n < 30 else ""
    words = [f"{answer.n} nights each, the same seeds; bars: 95 % intervals{small}", *answer.notes[:2]]
    figure.text(0.02, 0.015, "\n".join(words), fontsize=8, color=INK, va="bottom")
    part = file.with_name(f".{file.name}.part{file.suffix.lower()}")
    try:
        figure.savefig(part)
        part.replace(file)
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _axes(figure: Figure, n: int, title: str, names: Sequence[tuple[str, str]]) -> list[Axes]:
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK)
    width = 0.93 / n
    charts = [figure.add_axes((0.07 + i * width, 0.25, width - 0.07, 0.58)) for i in range(n)]
    for chart, (title_, label) in zip(charts, names, strict=True):
        chart.set_title(title_, fontsize=10, loc="left", color=INK)
        chart.set_ylabel(label, fontsize=9)
        chart.spines[["top", "right"]].set_visible(False)
        chart.tick_params(labelsize=8.5)
        chart.grid(axis="y", color=FAINT, alpha=0.3, linewidth=0.6)
        chart.set_axisbelow(True)
    return charts


def _dots(chart: Axes, x: Sequence[float], lines: Sequence[Line], i: int, label: str, *, joined: bool = True) -> None:
    value = np.array([line.value for line in lines])
    off = np.array([[line.value - line.low for line in lines], [line.high - line.value for line in lines]])
    chart.errorbar(
        x, value, yerr=np.maximum(np.nan_to_num(off), 0.0), fmt=_MARKS[i] + ("-" if joined else ""), color=COLOURS[i],
        capsize=3, markersize=5, linewidth=1.2, label=label,
    )  # fmt: skip


def _risk(figure: Figure, answer: Answer, _: Nights) -> None:
    title = f"{answer.scenario}: expected casualties of a night, four ways, and who bears them"
    panes = [("inside the site", "casualties a night"), ("outside it", ""), ("change against nothing, all", "")]
    charts = _axes(figure, 3, title, panes)
    at = list(range(len(WAYS)))
    for chart, side in zip(charts[:2], ("inside", "outside"), strict=True):
        lines = [answer.value(way, f"casualties, {side}") for way in WAYS]
        chart.bar(at, [line.value for line in lines], color=COLOURS[:4], width=0.62, alpha=0.85)
        off = [[line.value - line.low for line in lines], [line.high - line.value for line in lines]]
        chart.errorbar(at, [line.value for line in lines], yerr=np.maximum(off, 0.0), fmt="none", ecolor=INK, capsize=4)
        for x, line in zip(at, lines, strict=True):
            chart.annotate(
                f"{line.value:.3g}", (x, line.value), (5, 3), textcoords="offset points", ha="left", fontsize=8
            )
        chart.set_xticks(at, [way.replace(" ", "\n") for way in WAYS])
        chart.set_ylim(0.0, min(1.12 * max(*(line.high for line in lines), 1e-6), 3.0 * lines[0].value + 1.0))
    lines = [answer.value(way, "change against nothing, all") for way in WAYS[1:]]
    for i, line in enumerate(lines):
        _dots(charts[2], [i], [line], i + 1, WAYS[i + 1], joined=False)
        charts[2].annotate(
            f"{line.value:+.3g}", (i, line.value), (8, 0), textcoords="offset points", va="center", fontsize=8
        )
    charts[2].axhline(0.0, color=INK, linewidth=0.8)
    charts[2].set_xticks(range(3), [way.replace(" ", "\n") for way in WAYS[1:]])
    charts[2].set_xlim(-0.5, 2.7)


def _guns(figure: Figure, answer: Answer, nights: Nights) -> None:
    title = f"{answer.scenario}: what numbers of guns leave of the raid, beside what was reported of it"
    panes = [("came down inside the site", "rounds a night"), ("intercepted", "rounds a night")]
    charts = _axes(figure, 2, title, panes)
    rng = np.random.default_rng(0)
    names = list(nights)
    for chart, pick, what in zip(
        charts, ("n_down_inside", "n_intercepted"), ("came down inside", "intercepted"), strict=True
    ):
        for i, name in enumerate(names):
            each = np.array([getattr(night, pick) for night in nights[name]], np.float64)
            chart.scatter(
                i - 0.18 + rng.uniform(-0.09, 0.09, each.size), each, s=14, color=COLOURS[0], alpha=0.4, linewidths=0
            )
            _dots(chart, [i + 0.15], [answer.value(name, what)], 3, "mean" if i == 0 else "_", joined=False)
        chart.set_xticks(range(len(names)), names)
        chart.set_ylim(-0.8, 22)
    charts[0].axhspan(REPORTED[0] - 0.25, REPORTED[1] + 0.25, color=COLOURS[2], alpha=0.25, label="reported: 8 to 10")
    charts[1].axhspan(11, 21.4, color=COLOURS[1], alpha=0.22, label='"most if not all": 11 to 21')
    charts[1].scatter([], [], s=14, color=COLOURS[0], alpha=0.5, label="a night")
    for chart in charts:
        chart.legend(fontsize=8, frameon=False, loc="best")


def _ladder(figure: Figure, answer: Answer, _: Nights) -> None:
    title = f"{answer.scenario}, rounds that rise within 10 s: how many at once are too many"
    panes = [("no burst met it", "share of rounds"), ("leaked live into an asset", "share of rounds bound for one")]
    charts = _axes(figure, 2, title, panes)
    counts = sorted({int(line.case.split()[0]) for line in answer.lines})
    for i, k in enumerate(counts):
        cases = [f"{k} guns, {n} rounds" for n in LADDER]
        nudge = [n * 1.05 ** (i - 1) for n in LADDER]
        name = "1 gun" if k == 1 else f"{k} guns"
        _dots(charts[0], nudge, [answer.value(c, "no burst met it") for c in cases], i, name)
        _dots(charts[1], nudge, [answer.value(c, "leaked live into an asset") for c in cases], i, name)
        for what, style in (("fixed window", ":"), ("Erlang loss", "--")):
            values = [answer.value(c, what).value for c in cases]
            charts[0].plot(LADDER, values, style, color=COLOURS[i], linewidth=1.0, alpha=0.8)
    charts[0].plot([], [], ":", color=INK, label="exact, fixed window")
    charts[0].plot([], [], "--", color=INK, label="exact, Erlang")
    for chart in charts:
        chart.set_xscale("log", base=2)
        chart.set_xticks(LADDER, [str(n) for n in LADDER])
        chart.set_xlabel("rounds", fontsize=9)
        chart.set_ylim(-0.03, 1.03)
    charts[0].legend(fontsize=8, frameon=False)


def _hold(figure: Figure, answer: Answer, nights: Nights) -> None:
    title = f"{answer.scenario}: what it costs to hold fire (median time until consent)"
    panes = [("intercepted", "share of rounds"), ("casualties, all warned", "a night"), ("bursts fired", "a night")]
    charts = _axes(figure, 3, title, panes)
    names = list(nights)
    for chart, what in zip(charts, ("share intercepted", "casualties with warning", "bursts fired"), strict=True):
        _dots(chart, list(range(len(names))), [answer.value(name, what) for name in names], 0, "", joined=False)
        chart.set_xticks(range(len(names)), [name.replace("nothing is held", "no hold") for name in names], fontsize=8)
        chart.set_ylim(bottom=0.0)


def _sensing(figure: Figure, answer: Answer, _: Nights) -> None:
    title = f"{answer.scenario}: the price of sensing, fire by the tracker's estimate and at truth"
    panes = [("intercepted", "share of rounds"), ("kills", "a burst"), ("casualties, all warned", "a night")]
    charts = _axes(figure, 3, title, panes)
    for chart, what in zip(charts, ("share intercepted", "kills", "casualties with warning"), strict=True):
        for i, case in enumerate(("estimate", "truth")):
            _dots(chart, [i], [answer.value(case, what)], i, case, joined=False)
        chart.set_xticks((0, 1), ("by estimate", "at truth"))
        chart.set_xlim(-0.6, 1.6)
        chart.set_ylim(bottom=0.0)


_DRAWN: Final[dict[str, Callable[[Figure, Answer, Nights], None]]] = {
    "risk": _risk, "guns": _guns, "ladder": _ladder, "hold": _hold, "sensing": _sensing,
}  # fmt: skip
