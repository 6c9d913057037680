"""What a burst does to a round: the analytic answer, and every round drawn. The two agree.

The rounds of a burst share one aim error and scatter about it, each on its own. Both are 2D Gaussians of equal
sigma in both axes, in the plane that the round crosses. Rounds that hit kill independently of each other.
The model knows no range, gun or track; `gun` and `schedule` do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.kernels import burst as kernel

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
"""12 nodes a panel: within 3e-10 of 40 nodes for 1 to 100,000 rounds (tests/unit/test_sim_burst.py)."""

_RADIUS_MAX_SCATTERS = 60.0
"""Largest disc radius, in scatters of one round, for which the kernel was checked against noncentral chi-square."""


def _check(radius_m: float, sigma_scatter_m: float, sigma_bias_m: float, n_rounds: int, p_kill: float) -> None:
    if not 0.0 < sigma_scatter_m < np.inf:
        raise DomainError("sigma_scatter_m", sigma_scatter_m, 0.0, np.inf)
    if not 0.0 <= radius_m <= _RADIUS_MAX_SCATTERS * sigma_scatter_m:
        raise DomainError("radius_m", radius_m, 0.0, _RADIUS_MAX_SCATTERS * sigma_scatter_m)
    if not 0.0 <= sigma_bias_m < np.inf:
        raise DomainError("sigma_bias_m", sigma_bias_m, 0.0, np.inf)
    if n_rounds < 0:
        raise DomainError("n_rounds", n_rounds, 0, np.inf)
    if not 0.0 <= p_kill <= 1.0:
        raise DomainError("p_kill_given_hit", p_kill, 0.0, 1.0)


def p_burst_kill(
    radius_m: float, sigma_scatter_m: float, sigma_bias_m: float, n_rounds: int, p_kill_given_hit: float = 1.0
) -> float:
    """Return the probability that a burst kills, before its shared error is known.

    Parameters
    ----------
    radius_m : float
        Radius of the disc that the round shows; at most 60 scatters.
    sigma_scatter_m, sigma_bias_m : float
        Scatter of each round, and shared error of the burst, 1 sigma per axis [m] at the round.
    n_rounds : int
        Rounds in the burst.
    p_kill_given_hit : float
        1 gives the probability of at least one hit.

    Returns
    -------
    float
        Within 1e-9; the shared error is integrated, not averaged away: treating the rounds as
        independent overstates long bursts.
    """
    _check(radius_m, sigma_scatter_m, sigma_bias_m, n_rounds, p_kill_given_hit)
    return kernel.p_burst(
        radius_m / sigma_scatter_m, sigma_bias_m / sigma_scatter_m, n_rounds, p_kill_given_hit, _NODES, _WEIGHTS
    )


def p_kill_at(
    radius_m: float, sigma_scatter_m: float, offset_m: float, n_rounds: int, p_kill_given_hit: float = 1.0
) -> float:
    """Return the probability that a burst kills, its whole pattern known to lie `offset_m` off the round's centre."""
    _check(radius_m, sigma_scatter_m, offset_m, n_rounds, p_kill_given_hit)
    p_hit = kernel.p_inside(radius_m / sigma_scatter_m, offset_m / sigma_scatter_m)
    return kernel.p_any(p_kill_given_hit * p_hit, n_rounds)


def draw_kills(
    rng: np.random.Generator,
    radius_m: float,
    sigma_scatter_m: float,
    offsets_m: NDArray[np.float64] | Sequence[Sequence[float]],
    n_rounds: int,
    p_kill_given_hit: float = 1.0,
) -> NDArray[np.bool_]:
    """Draw every round of every burst and tell which bursts killed.

    Parameters
    ----------
    offsets_m : (k, 2) float64 [m]
        Where the middle of each burst's pattern lies from the round's centre.

    Returns
    -------
    (k,) bool
    """
    _check(radius_m, sigma_scatter_m, 0.0, n_rounds, p_kill_given_hit)
    middle = np.asarray(offsets_m, np.float64).reshape(-1, 1, 2)
    rounds = middle + sigma_scatter_m * rng.standard_normal((middle.shape[0], n_rounds, 2))
    is_hit = np.hypot(rounds[..., 0], rounds[..., 1]) <= radius_m
    return np.any(is_hit & (rng.random((middle.shape[0], n_rounds)) < p_kill_given_hit), axis=1)
