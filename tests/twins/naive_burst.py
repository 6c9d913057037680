"""Twins of kernels.burst in the plain form: the noncentral chi-square CDF and adaptive quadrature."""

from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.stats import ncx2


def p_inside(u, b):
    if b == 0.0:
        return 1.0 - np.exp(-u * u / 2.0)
    return float(ncx2.cdf(u * u, 2, b * b))


def p_any(p_each, n):
    return 1.0 - (1.0 - p_each) ** n


def p_burst(u, v, n, p_kill):
    if v == 0.0:
        return p_any(p_kill * p_inside(u, 0.0), n)

    def integrand(b):
        return b / v**2 * np.exp(-0.5 * (b / v) ** 2) * p_any(p_kill * p_inside(u, b), n)

    edges = [0.0, *(x for x in (0.5 * u, u, u + 1.0, u + 3.0, v, 3.0 * v) if x < 10.0 * v), 10.0 * v]
    edges = sorted(set(edges))
    return sum(quad(integrand, low, high, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for low, high in pairwise(edges))


def p_burst_oval(u, v1, v2, m1, m2, n, p_kill):
    """Cartesian, along the axes of the shared error: Gauss-Legendre in panels of 0.7 sigma or scatters."""

    def axis(v, m):
        low, high = max(m - 9.0 * v, -u - 9.0), min(m + 9.0 * v, u + 9.0)
        if high <= low:
            return np.zeros(0), np.zeros(0)
        edges = np.linspace(low, high, int(np.ceil((high - low) / min(0.7 * v, 0.7))) + 1)
        x, w = np.polynomial.legendre.leggauss(10)
        half = np.diff(edges)[:, None] / 2.0
        at = (edges[:-1, None] + half + half * x).ravel()
        return at, (half * w).ravel() * np.exp(-0.5 * ((at - m) / v) ** 2) / (v * np.sqrt(2.0 * np.pi))

    (x, wx), (y, wy) = axis(v1, m1), axis(v2, m2)
    q = ncx2.cdf(u * u, 2, x[:, None] ** 2 + y**2)
    return float(wx @ p_any(p_kill * q, n) @ wy)
