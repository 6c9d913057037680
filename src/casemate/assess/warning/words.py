"""What a warning says of itself: its reason, its causes, what would have changed it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from casemate.constants import NS_PER_S
from casemate.model.messages import Cause, WarningPhase
from casemate.model.records import Records


class Told(NamedTuple):
    """What a reason is made of."""

    t_ns: int
    t_first_ns: int  # since when the zone is warned
    t_impact_ns: int  # the first of those that are new, else of all
    shelter_s: float
    phase: WarningPhase
    has_new: bool
    is_useful: bool


def why_warned(told: Told, p: float) -> str:
    """Return the reason of a warning that something is to come down.

    Parameters
    ----------
    told : Told
    p : float
        That at least one round does.
    """
    left_s = (told.t_impact_ns - told.t_ns) / NS_PER_S
    is_first = told.phase is WarningPhase.WARN
    what = "" if is_first else ("new round: " if told.has_new else "time or area moved: ")
    if told.phase is WarningPhase.IMPACT and not told.has_new:
        what = "impact expected: "
    if told.is_useful:
        return f"{what}impact in {left_s:.1f} s with probability {p:.2f}"
    why = f"{what}no useful warning possible: {left_s:.1f} s left, {told.shelter_s:.1f} s needed"
    return why if is_first else f"{why}, warned {(told.t_ns - told.t_first_ns) / NS_PER_S:.1f} s ago"


def why_gone(told: Records, t_ns: int, standing: frozenset[int]) -> str:
    """Return what became of a zone's risk when it went away.

    Parameters
    ----------
    told : ZONE_RISK (n,)
        As the zone was told.
    t_ns : int
        When it went.
    standing : set of int
        Tracks that come down somewhere, and have not yet.
    """
    if standing.intersection(told["track_id"].tolist()):
        return "the predicted impact left the zone"
    if bool((told["t_impact_ns"] > t_ns).any()):
        return "what was to come down is no round any more, or was dropped"
    return "the predicted impact passed with too small a probability"


def causes_of(rows: Records, class_names: Sequence[str]) -> tuple[Cause, ...]:
    """Return what each track adds.

    Parameters
    ----------
    rows : ZONE_RISK (n,)
    class_names : sequence of str
        As `i_class` counts them.
    """
    names = ("track_id", "i_class", "t_impact_ns", "sigma_t_s", "p_hit", "p_round", "n_hit", "point_m", "cov_m2")
    columns: list[list[Any]] = [rows[name].tolist() for name in names]
    return tuple(
        Cause(i, class_names[int(k)], t_ns, s_s, p_hit, p_round, n, (e_m, n_m), ((ee, en), (ne, nn)))
        for i, k, t_ns, s_s, p_hit, p_round, n, (e_m, n_m), ((ee, en), (ne, nn)) in zip(*columns, strict=True)
    )


def turned_by(p: float, p_turn: float, wait_s: float) -> str:
    """Return what would have kept a first warning from being given: a smaller probability, or being later."""
    later = f", or {wait_s:.1f} s later" if math.isfinite(wait_s) else ""
    return f"p {p:.3g} -> below {p_turn:.3g}{later}"


def held_by(p: float, share: float, clear_after_s: float) -> str:
    """Return what would have ended an alarm: a share of the probability, for long enough."""
    return f"p {p:.3g} -> below {p * min(share, 1.0):.2g} for {clear_after_s:.0f} s"
