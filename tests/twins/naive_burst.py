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
