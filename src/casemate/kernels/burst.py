"""Probability that a burst of rounds with a shared aim error hits a small round body: Gaussians over a disc.

Lengths are in units of the scatter of one round (1 sigma per axis), so that three numbers describe a burst:
`u` the radius of the disc, `v` the shared aim error (1 sigma per axis), `n` the rounds.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, error_model="numpy")
def p_inside(u: float, b: float) -> float:
    """Return the probability that a standard 2D Gaussian at distance `b` from a disc's centre falls inside radius `u`.

    It is the noncentral chi-square CDF at u^2 with 2 degrees of freedom and noncentrality b^2, here by Green's
    theorem round the disc's edge: (1 / 2 pi) times the ring integral of (1 - exp(-r^2/2)) / r^2 (x dy - y dx).
    The integrand is entire and periodic, so the trapezoid rule converges geometrically; its narrowest feature
    is 1 / sqrt(u b) wide, hence the number of nodes. Absolute error below 1e-12 for u, b <= 60.
    """
    m = 16 + int(8.0 * math.sqrt(u * b))
    total = 0.0
    for j in range(m + 1):
        c = math.cos(math.pi * j / m)
        half_r2 = 0.5 * (b * b + u * u) + b * u * c
        # (1 - exp(-x)) / x, whose limit at 0 is 1
        g = 1.0 if half_r2 < 1e-300 else -math.expm1(-half_r2) / half_r2
        weight = 0.5 if j % m == 0 else 1.0  # the two ends of the half ring
        total += weight * g * (u * u + b * u * c)
    p = 0.5 * total / m
    return min(max(p, 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def p_any(p_each: float, n: int) -> float:
    """Return 1 - (1 - p)^n, the probability of at least one success in `n` independent tries, without cancellation."""
    if p_each >= 1.0:
        return 1.0
    return -math.expm1(n * math.log1p(-p_each))


@njit(cache=True, error_model="numpy")
def p_burst(
    u: float, v: float, n: int, p_kill: float, nodes: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Return the probability that at least one of `n` rounds hits and kills; each hit kills with `p_kill`.

    P = integral over b of (b / v^2) exp(-b^2 / 2 v^2) [1 - (1 - p_kill p_inside(u, b))^n]: the rounds are
    independent only given the shared error, whose distance b from the disc's centre is Rayleigh distributed.
    `nodes`, `weights`: Gauss-Legendre on [-1, 1], applied to panels no wider than the narrower of 1 and v.
    """
    if v <= 0.0:
        return p_any(p_kill * p_inside(u, 0.0), n)
    top = min(9.0 * v, u + 9.0)  # beyond: exp(-40) of the shared error, or no round reaches the disc
    n_panels = math.ceil(top / min(v, 1.0))
    half = 0.5 * top / n_panels
    total = 0.0
    for i in range(n_panels):
        middle = (2 * i + 1) * half
        for k in range(nodes.shape[0]):
            b = middle + half * nodes[k]
            density = b / (v * v) * math.exp(-0.5 * b * b / (v * v))
            total += half * weights[k] * density * p_any(p_kill * p_inside(u, b), n)
    return min(total, 1.0)


@njit(cache=True, error_model="numpy")
def p_burst_oval(
    u: float, v1: float, v2: float, m1: float, m2: float, n: int, p_kill: float,
    nodes: NDArray[np.float64], weights: NDArray[np.float64],
) -> float:  # fmt: skip
    """Return `p_burst` for a shared error that is oval and off centre: sigmas v1, v2 > 0 along two axes, mean m1, m2.

    P = integral over b of h(b) [1 - (1 - p_kill p_inside(u, b))^n], h the density of the error's distance b: of its
    2D Gaussian the mean round the ring of radius b, by the trapezoid rule (periodic: it converges geometrically), times
    2 pi b. Panels are no wider than the narrower of 1, v1 and v2: one axis much smaller than the other takes long.
    """
    wide, narrow = max(v1, v2), min(v1, v2)
    far = math.sqrt(m1 * m1 + m2 * m2)
    low, high = max(far - 9.0 * wide, 0.0), min(far + 9.0 * wide, u + 9.0)
    if high <= low:
        return 0.0
    n_panels = math.ceil((high - low) / min(narrow, 1.0))
    half = 0.5 * (high - low) / n_panels
    total = 0.0
    for i in range(n_panels):
        middle = low + (2 * i + 1) * half
        for k in range(nodes.shape[0]):
            b = middle + half * nodes[k]
            # the ring's arc b theta meets features as wide as the narrower sigma, or the bend of the wider
            m = 12 + int(6.0 * b / narrow * min(1.0, max(far / narrow, b / narrow * (1.0 - narrow / wide)) + 0.2))
            ring = 0.0
            for j in range(m):
                angle = 2.0 * math.pi * j / m
                x, y = (b * math.cos(angle) - m1) / v1, (b * math.sin(angle) - m2) / v2
                ring += math.exp(-0.5 * (x * x + y * y))
            density = b * ring / (m * v1 * v2)
            total += half * weights[k] * density * p_any(p_kill * p_inside(u, b), n)
    return min(total, 1.0)
