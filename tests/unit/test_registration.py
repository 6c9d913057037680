"""Offsets against their Cramer-Rao bound, association given; the whole chain is in tests/faults and tests/bench."""

import math

import numpy as np
import pytest
from registration_cases import BIAS, CASES, NONE, TWO, bound, drawn, estimated

from casemate.tracking.offsets import K

DIFFERENCE = np.hstack([-np.eye(K), np.eye(K)])


@pytest.mark.parametrize("case", CASES[1::2], ids=lambda case: case.name)
def test_differences_come_near_the_bound_and_sigmas_are_honest(case):
    squares, own = [], []
    for seed in range(12):
        flights = drawn(case, seed)
        bias, cov = estimated(flights, TWO, seed)
        error = DIFFERENCE @ (bias - TWO.reshape(-1))
        least = DIFFERENCE @ bound(flights) @ DIFFERENCE.T
        squares.append(error**2 / np.diag(least))
        own.append(error @ np.linalg.solve(DIFFERENCE @ cov @ DIFFERENCE.T, error))
    assert np.sqrt(np.mean(squares)) < 1.3  # 48 values: 95 % of an efficient estimator are under 1.2
    assert 0.6 < np.mean(own) / K < 1.6  # chi-square of 48: 99 % within 0.54 to 1.6


def test_clocks_that_are_late_alike_stay_unknown():
    _, cov = estimated(drawn(CASES[0], 3), NONE, 3)
    alike = np.zeros(2 * K)
    alike[[3, K + 3]] = 0.5
    assert math.sqrt(alike @ cov @ alike) > 0.3  # the prior's 0.5 s, by the square root of two


@pytest.mark.parametrize("load_g", [0.5, 3.0])
def test_aircraft_that_turn_do_not_look_like_offsets(load_g):
    worst = []
    for seed in range(6):
        bias, cov = estimated(drawn(CASES[0], seed, load_g), NONE, seed)
        worst.append(np.abs(DIFFERENCE @ bias) / np.sqrt(np.diag(DIFFERENCE @ cov @ DIFFERENCE.T)))
    assert np.max(worst) < 4.0


def test_one_aircraft_that_only_one_radar_sees_says_nothing():
    flights = drawn(CASES[0], 1)
    alone = flights._replace(looks=[look for look in flights.looks if look.sensor_id == 0])
    bias, cov = estimated(alone, TWO, 1)
    assert not bias.any()
    assert cov[1, 1] == pytest.approx(math.radians(3.0) ** 2)  # ten times what is declared


def test_the_offsets_are_those_of_the_bar():
    assert BIAS.tolist() == [60.0, math.radians(0.3), 0.0, 0.15]
