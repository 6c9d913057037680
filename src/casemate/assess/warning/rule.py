"""Whether it is time to warn: the casualties that a warning now spares, against its cost and against waiting.

Two declared numbers decide, `cost_per_person` and `share_acting` of `model.catalog.WarningSettings`.
Knows probabilities and times; not tracks, not zones' names, not channels.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

SIGMA_LN_TIME: Final = 0.5
"""Spread of the time to protected, log-normal, 1 sigma of its logarithm: 10 to 90 % within a factor of 1.9 of the
median (parts of it have 1.5 to 2.5; parameters of this project, section 2.4 [A])."""
HEAR_S: Final = 1.0
"""Median time to hear and recognise, awake and drilled: nobody is in cover sooner (section 2.4 [A])."""
LYING_S: Final = 3.0
"""Median time to hear, and to lie down: 1 s and 2 s, awake and drilled (section 2.4 [A])."""
HARM_LYING: Final = 0.3
"""Harm to people who lie in the open, relative to standing there (section 2.3: 0.15 / 0.3 / 0.5 [A])."""
HARM_IN_COVER: Final = 0.05
"""The same in cover: between a shelter (0.005 / 0.02 / 0.05) and an ordinary house (0.05 / 0.15 / 0.3; the same
[A])."""


class Balance(NamedTuple):
    """Of each zone, casualties per person."""

    p: Floats  # (k,) that at least one round comes down there
    benefit: Floats  # (k,) spared by a warning now
    later: Floats  # (k,) spared by one at the next chance
    news: Floats  # (k,) share of what is open that the next look settles


def spared(lead_s: Floats, shelter_s: Floats, share_acting: float) -> Floats:
    """Return the share of harm that a warning spares by the time it leaves: the shelter curve.

    Parameters
    ----------
    lead_s : (n,) float64 [s]
        From the warning to the impact.
    shelter_s : (n,) float64 [s]
        Median of the log-normal time to cover.
    share_acting : float
        Of the people, who do what the warning says.

    Notes
    -----
    Who is in cover bears `HARM_IN_COVER`, who has come so far as to lie down `HARM_LYING`, all others the whole.
    """
    left_s = np.maximum(lead_s, 1e-9)
    lies = ndtr(np.log(left_s / LYING_S) / SIGMA_LN_TIME)
    covered = ndtr(np.log(left_s / np.maximum(shelter_s, HEAR_S)) / SIGMA_LN_TIME)
    return share_acting * (covered * (1.0 - HARM_IN_COVER) + (1.0 - covered) * lies * (1.0 - HARM_LYING))


def news_of(n_hit: Floats, *, is_followed: NDArray[np.bool_]) -> Floats:
    """Return the share of what is open about an impact that the next look will settle.

    Parameters
    ----------
    n_hit : (n,) float64
        Plots of the track.
    is_followed : (n,) bool
        That it had one lately; who has been lost is not expected to bring news.

    Notes
    -----
    A line through n looks forecasts with a variance near n^-3 (least squares, the forecast far outside the looks), so
    one more settles 1 - (n / (n + 1))^3.
    """
    return np.where(is_followed, 1.0 - (n_hit / (n_hit + 1.0)) ** 3, 0.0)


def balance(
    p: Floats,
    p_hurt: Floats,
    lead_s: Floats,
    news: Floats,
    shelter_s: Floats,
    starts: NDArray[np.intp],
    *,
    share_acting: float,
    period_s: float,
) -> Balance:
    """Weigh all zones at once.

    Parameters
    ----------
    p, p_hurt : (n,) float64
        Of each pair of zone and track, by zone: that it comes down there, and that a person there is hurt if it does.
    lead_s, news, shelter_s : (n,) float64
        Time to the impact [s], what the next look will settle (see `news_of`), median time to cover [s].
    starts : (k,) int
        Where each zone's pairs begin.
    share_acting : float
        See `WarningSettings`.
    period_s : float
        Until the next chance to warn: the next look.

    Notes
    -----
    News of several tracks count by what each might hurt.
    """
    harm = p * p_hurt
    total = np.add.reduceat(harm, starts)
    return Balance(
        p=-np.expm1(np.add.reduceat(np.log1p(-np.minimum(p, 1.0 - 1e-12)), starts)),
        benefit=np.add.reduceat(harm * spared(lead_s, shelter_s, share_acting), starts),
        later=np.add.reduceat(harm * spared(lead_s - period_s, shelter_s, share_acting), starts),
        news=np.add.reduceat(harm * news, starts) / np.maximum(total, 1e-300),
    )


def is_due(zones: Balance, cost: float) -> NDArray[np.bool_]:
    """Tell which zones to warn now.

    Parameters
    ----------
    zones : Balance
        Benefits now and at the next chance.
    cost : float
        Casualties per person alarmed.

    Notes
    -----
    Warning now is worth B - C. Waiting is worth B' - C or nothing where the next look tells little, and B' - P C where
    it tells all, since then only a true threat is warned of: news of it weighs the two. It is time when now is worth
    more than nothing and no less than waiting.
    """
    now = zones.benefit - cost
    informed = np.maximum(zones.later - zones.p * cost, 0.0)
    blind = np.maximum(zones.later - cost, 0.0)
    return (now > 0.0) & (now >= zones.news * informed + (1.0 - zones.news) * blind)


def p_turning(zones: Balance, cost: float) -> Floats:
    """Return the probability (k,) at which each decision turns, all else as it is: `is_due` from there on.

    Benefits and probability are taken to shrink alike, as they do where one round decides.
    """
    worth = zones.benefit - zones.later + zones.news * zones.p * cost
    patient = zones.news * cost / np.maximum(worth, 1e-300)
    informed = np.maximum(zones.later - zones.p * cost, 0.0)
    pressed = cost / np.maximum(zones.benefit - zones.news * informed, 1e-300)
    return zones.p * np.where(patient * zones.later > cost, patient, pressed)
