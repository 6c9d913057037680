"""Five questions about the protection of a site, each answered by many nights: what comes of warning and of guns.

Variants of one question fly the same seeds, and with them the same raids, so differences are of pairs. Every answer is
a list of lines with its denominator and a 95 % interval; ladders are fixed, and nothing is searched for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.sim.intercept.gun import Gun
from casemate.sim.scenario import Scenario
from casemate.study.lines import Line, mean_line, rate_line, ratio_line
from casemate.study.nights import Variant
from casemate.study.saturation import erlang_b, window_bound
from casemate.study.tally import Night

Floats = NDArray[np.float64]
Nights = Mapping[str, Sequence[Night]]

WAYS: Final = ("nothing", "warning only", "guns only", "both")
LADDER: Final = (1, 2, 4, 8, 16, 32, 60)
LADDER_S: Final = 10.0
"""All rounds of the ladder rise within this [s]."""
LADDER_SIGMA_M: Final = 75.0
"""Scatter of the ladder's impacts about the site's middle [m], so that nearly all are bound for an asset [A]."""
CONSENT_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0)
REPORTED: Final = (8, 10)
"""Landings in the zone that were reported of the night of `green-zone-2020`; nothing is set by them."""
MORE_GUNS: Final = ((33.30316, 44.39483), (33.29684, 44.38517), (33.30000, 44.39966), (33.30000, 44.38034))
"""Where a third gun and those after it stand (lat, lon): invented, as the first two are, on the other corners of the
same square about the headquarters, then east and west of it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: `asked` of `n_asked` seeds, `n` of which were flown."""

    question: str
    scenario: str
    n: int
    n_asked: int
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def value(self, case: str, what: str) -> Line:
        """Return a line."""
        return next(line for line in self.lines if line.case == case and line.what == what)


class Question(NamedTuple):
    """What is flown, and what is made of it."""

    name: str
    variants: tuple[Variant, ...]
    answer: Callable[[Nights, int], Answer]


def risk(name: str, scenario: Scenario, site: str) -> Question:
    """Ask what the night does to whom with nothing, warning only, guns only, and both."""
    flown = Variant(name="guns", scenario=scenario, site=site)
    still = Variant(name="no guns", scenario=scenario, site=site, with_intercept=False)

    def answer(nights: Nights, n_asked: int) -> Answer:
        lines: list[Line] = []
        for side, is_inside in (("all", None), ("inside", True), ("outside", False)):
            base = np.array([n.harm(is_warned=False, is_inside=is_inside) for n in nights["no guns"]])
            for way in WAYS:
                found = nights["guns" if way in {"guns only", "both"} else "no guns"]
                harm = [n.harm(is_warned=way in {"warning only", "both"}, is_inside=is_inside) for n in found]
                lines.append(mean_line(way, f"casualties, {side}", harm, "night"))
                if way != "nothing":
                    lines.append(mean_line(way, f"change against nothing, {side}", np.array(harm) - base, "night"))
        for what, pick in (("of the guns' own rounds", "guns"), ("of being alarmed", "alarm")):
            values = [sum(getattr(b, pick) for b in n.borne) for n in nights["guns"]]
            lines.append(mean_line("both", f"casualties {what}", values, "night"))
        lines.append(_intercepted("guns only", nights["guns"]))
        n = len(nights["guns"])
        return Answer(question="risk", scenario=name, n=n, n_asked=n_asked, lines=tuple(lines), notes=_HARM_NOTES)

    return Question(f"risk-{name}", (still, flown), answer)


def guns(name: str, scenario: Scenario, site: str, most: int) -> Question:
    """Ask what numbers of guns, from none to `most`, leave of the raid."""
    variants = tuple(_with_guns(scenario, site, n) for n in range(most + 1))

    def answer(nights: Nights, n_asked: int) -> Answer:
        lines: list[Line] = []
        for v in variants:
            found = nights[v.name]
            down, hit = [n.n_down_inside for n in found], [n.n_intercepted for n in found]
            lines += [
                mean_line(v.name, "came down inside", down, "night"),
                mean_line(v.name, "of them live", [n.n_live_inside for n in found], "night"),
                mean_line(v.name, "intercepted", hit, "night"),
                _intercepted(v.name, found),
                rate_line(v.name, f"{REPORTED[0]} to {REPORTED[1]} came down inside", [_is_reported(k) for k in down]),
                rate_line(v.name, "most destroyed in the air", [2 * n.n_destroyed > n.n_rounds for n in found]),
                rate_line(v.name, "all destroyed in the air", [n.n_destroyed == n.n_rounds for n in found]),
                mean_line(v.name, "rounds fired", [n.n_shots for n in found], "night"),
            ]
        n = len(nights[variants[0].name])
        return Answer(question="guns", scenario=name, n=n, n_asked=n_asked, lines=tuple(lines), notes=_GUN_NOTES)

    return Question(f"guns-{name}", variants, answer)


def ladder(name: str, scenario: Scenario, site: str, n_guns: Sequence[int], *, sees_truth: bool) -> Question:
    """Ask how many at once are too many, for numbers of guns."""
    variants = tuple(_rung(scenario, site, n, k, sees_truth=sees_truth) for k in n_guns for n in LADDER)

    def answer(nights: Nights, n_asked: int) -> Answer:
        lines: list[Line] = []
        for v in variants:
            found = nights[v.name]
            n, k = v.scenario.raid[0].count, len(v.scenario.gun)
            whole = [night.n_rounds for night in found]
            bound = [night.n_bound_for_asset for night in found]
            missed = [x - y.n_met for x, y in zip(whole, found, strict=True)]
            leaked = [min(night.n_live_at_asset, b) for night, b in zip(found, bound, strict=True)]
            lines += [
                ratio_line(v.name, "no burst met it", missed, whole, "rounds"),
                ratio_line(v.name, "leaked live into an asset", leaked, bound, "rounds bound for one"),
                *_exact(v, n, k),
            ]  # fmt: skip
        notes = tuple(f"{k} guns: nine tenths of up to {_knee(lines, k)} at once are met" for k in n_guns)
        n = len(nights[variants[0].name])
        seen = "true places" if sees_truth else "the tracker's estimates"
        return Answer(
            question="ladder", scenario=name, n=n, n_asked=n_asked, lines=tuple(lines),
            notes=(f"fire control goes by {seen}", _exact_note(variants[0]), *notes),
        )  # fmt: skip

    return Question(f"ladder-{name}", variants, answer)


def hold(name: str, scenario: Scenario, site: str) -> Question:
    """Ask what it costs that a human's consent takes time, and what holding fire for friends does."""
    variants = [_ruled(f"{x:g} s", scenario, site, {"consent_s": x}) for x in CONSENT_S]
    if len(getattr(scenario, "friend", ())):
        variants.append(_ruled("nothing is held", scenario, site, {"consent_s": 0.0, "is_obeyed": False}))
    last = variants[-1].name if len(variants) > len(CONSENT_S) else variants[0].name

    def answer(nights: Nights, n_asked: int) -> Answer:
        lines: list[Line] = []
        base = [n.harm(is_warned=True) for n in nights[last]]
        for v in variants:
            found = nights[v.name]
            harm = [n.harm(is_warned=True) for n in found]
            lines += [
                _intercepted(v.name, found),
                mean_line(v.name, "bursts fired", [n.n_bursts for n in found], "night"),
                mean_line(v.name, "bursts called off", [n.n_held for n in found], "night"),
                mean_line(v.name, "casualties with warning", harm, "night"),
                mean_line(v.name, f"casualties more than: {last}", np.array(harm) - np.array(base), "night"),
            ]
        n = len(base)
        return Answer(question="hold", scenario=name, n=n, n_asked=n_asked, lines=tuple(lines), notes=_HARM_NOTES)

    return Question(f"hold-{name}", tuple(variants), answer)


def sensing(name: str, scenario: Scenario, site: str) -> Question:
    """Ask what the tracker's error costs the guns: the same nights with fire at truth."""
    by = {
        "estimate": Variant(name="estimate", scenario=scenario, site=site),
        "truth": Variant(name="truth", scenario=scenario, site=site, sees_truth=True),
    }

    def answer(nights: Nights, n_asked: int) -> Answer:
        lines: list[Line] = []
        for case, found in nights.items():
            lines += [
                _intercepted(case, found),
                mean_line(case, "intercepted", [n.n_intercepted for n in found], "night"),
                mean_line(case, "bursts fired", [n.n_bursts for n in found], "night"),
                *_fired_at(case, found),
                ratio_line(case, "kills", [n.n_intercepted for n in found], [n.n_bursts for n in found], "bursts"),
                mean_line(case, "casualties with warning", [n.harm(is_warned=True) for n in found], "night"),
            ]
        pairs = list(zip(nights["truth"], nights["estimate"], strict=True))
        more = [t.n_intercepted - e.n_intercepted for t, e in pairs]
        less = [t.harm(is_warned=True) - e.harm(is_warned=True) for t, e in pairs]
        lines.append(mean_line("truth less estimate", "intercepted", more, "night"))
        lines.append(mean_line("truth less estimate", "casualties with warning", less, "night"))
        return Answer(
            question="sensing", scenario=name, n=len(pairs), n_asked=n_asked, lines=tuple(lines), notes=_TRUTH_NOTES
        )

    return Question(f"sensing-{name}", tuple(by.values()), answer)


_HARM_NOTES: Final = (
    "all people stand in the open where nobody warns them: figures are upper ones, and compare ways, not nights",
    "no claim about any real system: guns, radar, site and people are generic or invented",
)
_GUN_NOTES: Final = (
    "a round counts as down whole, with a dead fuze, or as the live body of a broken one",
    "no claim about any real system: guns, radar, site and the places of all guns are invented",
)
_TRUTH_NOTES: Final = (
    "truth: place and course from the first plot on, and where it will come down; wind and shots stay unknown",
    "at truth only rounds bound for an asset are shot at; by estimate also some that miss all",
)


def _intercepted(case: str, found: Sequence[Night]) -> Line:
    hit, whole = [n.n_intercepted for n in found], [n.n_rounds for n in found]
    return ratio_line(case, "share intercepted", hit, whole, "rounds")


def _fired_at(case: str, found: Sequence[Night]) -> list[Line]:
    # What bursts were fired at, by where it would truly have come down.
    fired = [n.bursts for n in found]
    each = {
        "bursts at rounds bound for no asset": [b.zone + b.nowhere for b in fired],
        "of them, for no zone either": [b.nowhere for b in fired],
        "bursts at no round": [b.nothing for b in fired],
    }
    return [ratio_line(case, what, part, [b.n for b in fired], "bursts") for what, part in each.items()]


def _is_reported(k: int) -> bool:
    return REPORTED[0] <= k <= REPORTED[1]


def _changed(scenario: Scenario, **keys: Any) -> Scenario:
    try:
        return msgspec.convert(msgspec.to_builtins(scenario) | keys, Scenario)
    except msgspec.ValidationError as error:
        raise SettingsError(scenario.title, ", ".join(keys), str(error)) from None


def _guns_of(scenario: Scenario, n: int) -> list[dict[str, Any]]:
    first = list(scenario.gun[:n])
    like = scenario.gun[0]
    for i in range(len(first), n):
        lat, lon = MORE_GUNS[i - len(scenario.gun)]
        first.append(msgspec.structs.replace(like, name=f"gun-{i + 1}", lat_deg=lat, lon_deg=lon))
    return [msgspec.to_builtins(gun) for gun in first]


def _with_guns(scenario: Scenario, site: str, n: int) -> Variant:
    """Return a scenario with so many guns; those declared come first."""
    name = "1 gun" if n == 1 else f"{n} guns"
    if n == 0:  # the night that `risk` flies without guns, so that it is kept once
        return Variant(name=name, scenario=scenario, site=site, with_intercept=False)
    if n == len(scenario.gun):
        return Variant(name=name, scenario=scenario, site=site)
    return Variant(name=name, scenario=_changed(scenario, gun=_guns_of(scenario, n)), site=site)


def _rung(scenario: Scenario, site: str, n: int, k: int, *, sees_truth: bool) -> Variant:
    raid = msgspec.to_builtins(scenario.raid[0]) | {
        "count": n, "failed": 0, "spread_s": (LADDER_S, LADDER_S), "impact_sigma_m": LADDER_SIGMA_M,
        "shared_sigma_m": 0.0, "start_s": 5.0,
    }  # fmt: skip
    changed = _changed(scenario, gun=_guns_of(scenario, k), raid=[raid], duration_s=40.0)
    return Variant(name=f"{k} guns, {n} rounds", scenario=changed, site=site, sees_truth=sees_truth)


def _ruled(name: str, scenario: Scenario, site: str, rules: dict[str, Any]) -> Variant:
    given: dict[str, Any] = msgspec.to_builtins(getattr(scenario, "rules", None)) or {}
    return Variant(name=name, scenario=_changed(scenario, rules=given | rules), site=site)


def service_s(gun: Gun) -> float:
    """Return how long a gun is bound to one threat [s]: its burst, the flight of its shots to 1 km, its assessment."""
    kind = gun.resolved()
    return kind.settle_s + kind.burst_s(kind.n_burst) + 1e3 / (0.75 * kind.muzzle_mps) + kind.assess_s


def _window_s(gun: Gun) -> float:
    low_m, high_m = gun.resolved().range_m
    return LADDER_S + (high_m - low_m) / _ROUND_MPS


_ROUND_MPS: Final = 350.0  # of a round over the guns' reach


def _exact(v: Variant, n: int, k: int) -> tuple[Line, Line]:
    service = service_s(v.scenario.gun[0])
    window = 1.0 - window_bound(n, k, _window_s(v.scenario.gun[0]) / service) / n
    lost = erlang_b(n / LADDER_S * service, k)
    return (
        Line(case=v.name, what="fixed window", value=window, low=window, high=window, n=0, per="rounds"),
        Line(case=v.name, what="Erlang loss", value=lost, low=lost, high=lost, n=0, per="rounds"),
    )


def _exact_note(v: Variant) -> str:
    gun = v.scenario.gun[0]
    return f"fixed window: W = {_window_s(gun):.1f} s, S = {service_s(gun):.1f} s; Erlang: load N S / {LADDER_S:g} s"


def _knee(lines: Sequence[Line], k: int) -> int:
    good = [
        n
        for n in LADDER
        if any(x.case == f"{k} guns, {n} rounds" and x.what == "no burst met it" and x.value <= 0.1 for x in lines)
    ]
    return max(good, default=0)
