"""Detection: the range equation, the chance of a plot, and how well what is seen is measured.

Powers are over the mean noise power, not in dB. A detector adds the power of `n_pulses` echoes (square law, no phase)
and rings above a threshold; noise alone rings with the chance `P_FALSE` a cell.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chndtr, gammainc, gammaincc, gammainccinv

Floats = NDArray[np.float64]
Laws = NDArray[np.int64]

P_FALSE: Final = 1e-6
"""Chance that noise rings in a cell: 2 false alarms a turn of 2 million cells [A]."""

THRESHOLD: Final = -math.log(P_FALSE)
"""Threshold of one pulse over the mean noise power [-]."""

REFERENCE_P: Final = 0.8
"""Chance of detection at the reference range, of a Swerling 1 body [-]; the site file's `p_detection` comes on top."""

REFERENCE_SNR: Final = THRESHOLD / -math.log(REFERENCE_P) - 1.0
"""SNR [-] at which one pulse detects a Swerling 1 body with probability 0.8 (Richards, Fundamentals of Radar Signal
Processing, 2014, table 6.1): 17.9 dB. The site file's sigmas hold here."""

REFERENCE_RCS_DBSM: Final = -20.0
"""Cross section that `RadarSite.reference_range_m` is said for."""

SIGMA_FLOOR: Final = 1.0 / 3.0
"""Sigmas fall as 1/sqrt(SNR), to no less than a third of their value [A]."""

BEAM_SLOPE: Final = 1.6
"""Slope of the error signal of a monopulse antenna [-], 1.66 of one that scans (Barton, Leonov, Radar Technology
Encyclopedia, 1997, pp. 6 to 7)."""

EFFECTIVE_EARTH_M: Final = 4.0 / 3.0 * 6_371_000.0
"""Radius of the Earth over which rays are straight in a standard atmosphere [m] (Skolnik, Introduction to Radar
Systems, 2001, section 8.2)."""

RAY_CURVATURE: Final = 0.25 / 6_371_000.0
"""Curvature of a ray, toward the ground, that goes with it [1/m]."""

STEADY, LOG_NORMAL = 0, 5
"""Laws of fluctuation beside Swerling's 1 to 4."""

_NODES = np.arange(-6.0, 6.01, 0.25)  # sigmas; the rule of the trapezium is exact to 1e-5 for what falls off so fast
_WEIGHTS = np.exp(-0.5 * _NODES**2)
_LEAST_SNR = 1e-6  # below it every law gives P_FALSE to six digits


def threshold(n_pulses: int = 1) -> float:
    """Return what the power of `n_pulses` added echoes must pass, so that noise alone does with `P_FALSE`."""
    return THRESHOLD if n_pulses == 1 else float(gammainccinv(n_pulses, P_FALSE))


@lru_cache
def reference_snr(n_pulses: int = 1) -> float:
    """Return the SNR [-] of each of `n_pulses` with which a Swerling 1 body is detected with `REFERENCE_P`."""
    if n_pulses == 1:
        return REFERENCE_SNR
    low, high = 1e-3, REFERENCE_SNR
    for _ in range(60):  # the chance rises with the SNR; 60 halvings leave nothing
        middle = math.sqrt(low * high)
        is_less = float(_one_draw(np.array([middle]), n_pulses)[0]) < REFERENCE_P
        low, high = (middle, high) if is_less else (low, middle)
    return high


def snr_at(range_m: Floats, rcs_dbsm: Floats, reference_range_m: float, n_pulses: int = 1) -> Floats:
    """Return the mean SNR [-] of one pulse by the range equation.

    Parameters
    ----------
    range_m, rcs_dbsm : (n,) float64 [m], [dB over 1 m2]
        Ranges below 1 m count as 1 m.
    reference_range_m : float [m]
        Where `REFERENCE_RCS_DBSM` has `reference_snr(n_pulses)`.

    References
    ----------
    Skolnik, Introduction to Radar Systems, 2001, equation 1.7: fourth power of range, so at equal SNR
    R = R0 10^((rcs - rcs0) / 40). Losses and noise are inside the reference range.
    """
    gain = 10.0 ** ((rcs_dbsm - REFERENCE_RCS_DBSM) / 10.0)
    return reference_snr(n_pulses) * gain * (reference_range_m / np.maximum(range_m, 1.0)) ** 4


def p_detection(snr: Floats, law: Laws, n_pulses: int = 1, rcs_sigma_db: Floats | float = 0.0) -> Floats:
    """Return the chance that the added power of `n_pulses` echoes passes the threshold.

    Parameters
    ----------
    snr : (n,) float64
        Mean signal over noise power of one pulse.
    law : (n,) int64
        0 steady; 1, 2 exponential power, the same for all pulses of a look or each anew; 3, 4 the same with chi-square
        power of four degrees of freedom; 5 log-normal, the same for all pulses of a look. With one pulse, 1 is 2 and 3
        is 4.
    n_pulses : int
        From 1 on.
    rcs_sigma_db : (n,) float64 or float [dB]
        Of the logarithm of the cross section, with law 5.

    References
    ----------
    Marcum, Swerling, IRE Transactions IT-6(2), 1960; the sums of two gamma variables that 1 and 3 are, and the binomial
    mixture of gamma variables that 4 is, integrated exactly (Richards, 2014, table 6.1, approximates 3).
    """
    snr, law = np.atleast_1d(np.asarray(snr, np.float64)), np.atleast_1d(np.asarray(law))
    sigma = np.broadcast_to(np.asarray(rcs_sigma_db, np.float64), snr.shape)
    rules = (_steady, _one_draw, _each_drawn, _one_draw_of_four, _each_drawn_of_four)
    out = np.empty(snr.shape)
    for kind in np.unique(law).tolist():
        rows = law == kind
        least = np.maximum(snr[rows], _LEAST_SNR)
        if kind == LOG_NORMAL:
            out[rows] = _log_normal(least, sigma[rows], n_pulses)
        else:
            out[rows] = rules[kind](least, n_pulses)
    return out


def sigma_scale(snr: Floats, n_pulses: int = 1) -> Floats:
    """Return by what the site file's sigmas are multiplied: 1 at the reference, as 1/sqrt(SNR), floored.

    `snr` is that of a whole look, the sum over its pulses; below 1 it counts as 1.
    """
    return np.maximum(np.sqrt(n_pulses * reference_snr(n_pulses) / np.maximum(snr, 1.0)), SIGMA_FLOOR)


def sigma_of_beam(beamwidth_rad: float, snr: Floats) -> Floats:
    """Return the error of an angle [rad], 1 sigma, that a beam of this width (3 dB, one way) has at a look's SNR.

    Barton, Leonov, Radar Technology Encyclopedia, 1997, p. 6: beamwidth / (k sqrt(2 E / N0)), k = `BEAM_SLOPE`.
    """
    return beamwidth_rad / (BEAM_SLOPE * np.sqrt(2.0 * np.maximum(snr, 1.0)))


def horizon_m(height_m: Floats | float) -> Floats:
    """Return how far the horizon is from heights over the ground [m], with refraction; two see each other over both."""
    return np.sqrt(2.0 * EFFECTIVE_EARTH_M * np.asarray(height_m, np.float64))


def _steady(snr: Floats, n: int) -> Floats:
    # Marcum's Q: the sum is half a noncentral chi-square of 2 n degrees of freedom and noncentrality 2 n snr
    far = np.minimum(snr, 1e4)  # where it is 1 to the last digit, and the series would be long
    return np.clip(1.0 - chndtr(2.0 * threshold(n), 2.0 * n, 2.0 * n * far), 0.0, 1.0)


def _one_draw(snr: Floats, n: int) -> Floats:
    # noise of n - 1 pulses, Gamma(n - 1, 1), and one exponential of mean c
    high, c = threshold(n), 1.0 + n * snr
    share = 1.0 - 1.0 / c
    return gammaincc(n - 1, high) + np.exp(-high / c) * share ** (1 - n) * gammainc(n - 1, share * high)


def _each_drawn(snr: Floats, n: int) -> Floats:
    return gammaincc(n, threshold(n) / (1.0 + snr))


def _one_draw_of_four(snr: Floats, n: int) -> Floats:
    # Gamma(n - 2, 1) and Gamma(2, c); of one pulse the same as law 4
    if n == 1:
        return _each_drawn_of_four(snr, n)
    high, c, m = threshold(n), 1.0 + 0.5 * n * snr, n - 2
    share = 1.0 - 1.0 / c
    first = (1.0 + high / c) * share**-m * gammainc(m, share * high)
    second = m / c * share ** -(m + 1) * gammainc(m + 1, share * high)
    return gammaincc(m, high) + np.exp(-high / c) * (first - second)


def _each_drawn_of_four(snr: Floats, n: int) -> Floats:
    # each pulse is Gamma(1, c) with chance 1/c, else Gamma(2, c): of n pulses, k of the second kind
    high, c = threshold(n), 1.0 + 0.5 * snr
    share = 1.0 - 1.0 / c
    terms = (math.comb(n, k) * share**k * (1.0 - share) ** (n - k) * gammaincc(n + k, high / c) for k in range(n + 1))
    return np.asarray(sum(terms))


def _log_normal(snr: Floats, sigma_db: Floats, n: int) -> Floats:
    # over the decibels; the mean power is kept: ln of it has mean -s^2/2
    s = sigma_db * math.log(10.0) / 10.0
    chances = [_steady(snr * np.exp(s * x - 0.5 * s * s), n) * w for x, w in zip(_NODES, _WEIGHTS, strict=True)]
    return np.sum(chances, axis=0) / _WEIGHTS.sum()
