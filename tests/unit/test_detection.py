"""The chance of detection against distributions that scipy integrates: nothing here is our own formula."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, gamma, ncx2, norm

from casemate.physics.detection import (
    P_FALSE,
    REFERENCE_SNR,
    SIGMA_FLOOR,
    p_detection,
    sigma_scale,
    snr_at,
    threshold,
)

SNRS = np.array([0.1, 1.0, 5.0, 20.0, 61.9, 400.0])


def exact(snr, law, n, sigma_db=0.0):
    """Chance that half a chi-square of 2 n degrees, noncentral by the fluctuating energy, passes the threshold."""
    high = chi2.isf(P_FALSE, 2 * n)

    def steady(energy):
        return ncx2.sf(high, 2 * n, 2.0 * energy)

    if law == 0:
        return steady(n * snr)
    if law == 5:
        s, x = sigma_db * math.log(10.0) / 10.0, np.linspace(-8.0, 8.0, 4001)
        return np.trapezoid(steady(n * snr * np.exp(s * x - s * s / 2)) * norm.pdf(x), x)
    k = {1: 1, 2: n, 3: 2, 4: 2 * n}[law]
    x = math.log(n * snr) + np.linspace(-18.0, 5.0, 4001)
    return np.trapezoid(steady(np.exp(x)) * gamma(k, scale=n * snr / k).pdf(np.exp(x)) * np.exp(x), x)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("law", [0, 1, 2, 3, 4, 5])
def test_every_law_has_the_chance_that_scipy_integrates(law, n):
    ours = p_detection(SNRS, np.full(len(SNRS), law), n, 5.0)
    for snr, p in zip(SNRS.tolist(), ours.tolist(), strict=True):
        assert p == pytest.approx(exact(snr, law, n, 5.0), abs=2e-6 if law != 5 else 2e-5), snr


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_noise_alone_rings_as_often_as_it_may(n):
    assert chi2.sf(2.0 * threshold(n), 2 * n) == pytest.approx(P_FALSE, rel=1e-9)
    p = p_detection(np.zeros(6), np.arange(6), n, 3.0)
    np.testing.assert_allclose(p, P_FALSE, rtol=2e-4)


def test_published_snr_for_half_and_nine_tenths():
    """One pulse, false alarm 1e-6: 11.2 and 13.2 dB steady (Skolnik, 2001, figure 2.6), 21.1 dB Swerling 1 at 0.9."""
    db = np.array([11.24, 13.18, 21.14])
    p = p_detection(10.0 ** (db / 10.0), np.array([0, 0, 1]))
    np.testing.assert_allclose(p, [0.5, 0.9, 0.9], atol=4e-3)


def test_ten_db_less_cost_44_percent_of_range_and_the_reference_is_the_reference():
    near = snr_at(np.array([12_000.0]), np.array([-20.0]), 12_000.0)
    far = snr_at(np.array([12_000.0 * 10 ** (-10 / 40)]), np.array([-30.0]), 12_000.0)
    np.testing.assert_allclose(near, far)
    assert near[0] == pytest.approx(REFERENCE_SNR)
    assert p_detection(near, np.array([1]))[0] == pytest.approx(0.8)


def test_sigmas_fall_with_the_root_of_snr_to_a_third():
    scale = sigma_scale(np.array([REFERENCE_SNR / 4.0, REFERENCE_SNR, 4.0 * REFERENCE_SNR, 1e9]))
    np.testing.assert_allclose(scale, [2.0, 1.0, 0.5, SIGMA_FLOOR])
