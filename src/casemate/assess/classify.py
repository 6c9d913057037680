"""Which round class a track belongs to, by its drag: Bayes over the catalog.

Knows tracks and the catalog; not the tracker, and not what becomes of the answer.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.model.catalog import Declaration, NotNegative, RoundClass, Share
from casemate.model.records import TRACK_CLASS, Motion, Records, freeze

_SUBSONIC_MACH = 0.8
"""Below this the drag coefficient of every class is flat; domain parameters, section 1.1, 'Shape of the rise'."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a track is judged to be a round of a class."""

    p_ballistic_min: Share = 0.5  # below: not a round
    # the curve that the filter scales is not the class's own: peaks of 1.75 to 2.5 in parameters 1.1 are +-10 %
    # about their middle after a flight that is half transonic; ln of K, 1 sigma
    sigma_curve_share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.1
    prior_weight: dict[str, NotNegative] = msgspec.field(default_factory=dict[str, float])  # by class; others 1


def classify(tracks: Records, rounds: Sequence[RoundClass], settings: Settings) -> Records:
    """Judge for each track which class of round it is, if it is one.

    Parameters
    ----------
    tracks : TRACK (n,)
        The last of the state is ln K, K = Cd S / m of the subsonic body [m2/kg].
    rounds : sequence of RoundClass
        The catalog; `i_class` counts it.
    settings : Settings
        Priors and spreads.

    Returns
    -------
    TRACK_CLASS (n,)
        The likeliest class; `p_class` is its posterior times `p_ballistic`. `i_class` -1: not a round, and
        `p_class` is then the probability of that.

    Notes
    -----
    ln K of a class is normal about its subsonic value; its spread between rounds and between makes, the track's
    own variance and the mismatch of the drag curve add up. A short arc hardly shows its drag
    (parameters, section 8.2): the variance is then large and the answer stays near the prior. Missing drag: the prior.
    """
    out = np.zeros(tracks.shape[0], TRACK_CLASS)
    out["track_id"] = tracks["track_id"]
    p_ballistic = np.where(tracks["motion"] == Motion.BALLISTIC, tracks["p_ballistic"], 0.0)
    p_ballistic = np.nan_to_num(p_ballistic, nan=0.0)
    is_round = (p_ballistic >= settings.p_ballistic_min) & (p_ballistic > 0.0) & (len(rounds) > 0)
    out["i_class"] = -1
    out["p_class"] = 1.0 - p_ballistic
    if np.any(is_round):
        p = _posterior(tracks["state"][is_round, 6], tracks["cov"][is_round, 6, 6], rounds, settings)
        best = np.argmax(p, axis=1)
        out["i_class"][is_round] = best
        out["p_class"][is_round] = p_ballistic[is_round] * p[np.arange(best.size), best]
    return freeze(out)


def _posterior(
    ln_drag: NDArray[np.float64], variance: NDArray[np.float64], rounds: Sequence[RoundClass], settings: Settings
) -> NDArray[np.float64]:
    """Return p(class | ln K) (n, classes); rows whose ln K is missing hold the prior."""
    mean = np.array([np.log(drag_parameter(c)) for c in rounds])
    own = np.array([c.drag_sigma_round**2 + c.drag_sigma_make**2 for c in rounds]) + settings.sigma_curve_share**2
    prior = np.array([settings.prior_weight.get(c.name, 1.0) for c in rounds])
    prior = prior / prior.sum() if prior.sum() > 0.0 else np.full(len(rounds), 1.0 / len(rounds))
    spread = variance[:, None] + own[None, :]
    ln_likelihood = -0.5 * ((ln_drag[:, None] - mean) ** 2 / spread + np.log(spread))
    is_known = np.all(np.isfinite(ln_likelihood), axis=1, keepdims=True)
    ln_likelihood = np.where(is_known, ln_likelihood, 0.0)
    p = prior * np.exp(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
    total = p.sum(axis=1, keepdims=True)
    return np.where(total > 0.0, p / np.where(total > 0.0, total, 1.0), prior)


def drag_parameter(round_class: RoundClass) -> float:
    """Return the subsonic K = Cd S / m [m2/kg] of a class, S from its calibre."""
    subsonic = [cd for mach, cd in zip(round_class.mach, round_class.cd, strict=True) if mach <= _SUBSONIC_MACH]
    cd = sum(subsonic) / len(subsonic) if subsonic else round_class.cd[0]
    return cd * np.pi * round_class.calibre_m**2 / 4.0 / round_class.mass_kg
