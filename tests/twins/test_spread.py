"""`kernels.spread` against its plain twin: each loop by itself, on the lanes of random states."""

import naive_spread as naive
import numpy as np
import pytest
from flight_cases import environment
from test_lanes import rows_of

from casemate.kernels import lanes, spread

NODES = (0, spread.NODE, 2 * spread.NODE)


def prepared(seed, earth, ahead=0.0):
    """Return lanes whose stage 0 is done but for the brake, and their states."""
    env, S = environment(earth, "rough"), rows_of(seed).ravel()
    S[lanes.E * lanes.W : lanes.VE * lanes.W] *= (
        0.3  # where the kernel's height is the twin's to 1e-9 m, see test_motion
    )
    J = np.random.default_rng(seed).normal(size=spread.N_JACOBIAN * lanes.W)
    per_m = 1.0 / env.air_dz_m
    lanes.arrange(S, 0)
    if env.is_flat:
        lanes.weigh_flat(S, env.gravity_mps2, env.site_height_m - env.air_z0_m, per_m, 1e9)
    else:
        lanes.weigh_round(S, env.earth, env.site_height_m - env.air_z0_m, per_m, 1e9)
    lanes.breathe(S, env.air)
    lanes.feel_wind(S, env.wind)
    lanes.lean(S, env.earth)
    spread.slope_of_air(S, J, env.air, env.wind, per_m, ahead)
    lanes.pace(S, 700.0)
    lanes.shape(S, env.drag)
    spread.slope_of_drag(S, J, env.drag)
    return env, S, J


def node_at(J, i, l):
    """Read node i of lane l as the twin has it."""
    row = J.reshape(-1, lanes.W)[NODES[i] : NODES[i] + spread.NODE, l]
    ee, en, eu, nn, nu, uu = row[6:]
    return naive.Node(row[:3], row[3:6], np.array([[ee, en, eu], [en, nn, nu], [eu, nu, uu]]))


def lean_at(J, l):
    return np.array([J[spread.LEAN_E * lanes.W + l], J[spread.LEAN_N * lanes.W + l], 1.0])


def matrix(X, l):
    return X.reshape(spread.N_BY, 6, lanes.W)[:, :, l].T


def close(got, want):
    assert np.allclose(got, want, rtol=1e-10, atol=1e-10 * np.abs(want).max())


@pytest.mark.parametrize("earth", ["flat", "wgs84"])
@pytest.mark.parametrize("ahead", [1.0, 0.0, -1.0])
@pytest.mark.parametrize("seed", range(3))
def test_slopes_and_nodes(seed, ahead, earth):
    env, S, J = prepared(seed, earth, ahead)
    rows = S.reshape(-1, lanes.W)
    for n in range(3):
        spread.fill_jacobian(S, J, n, 1.0 / env.earth_radius_m)
    for l in range(lanes.W):
        state = rows[lanes.E : lanes.E + 6, l]
        inside = ahead if rows[lanes.QU, l] > 0.0 else -ahead
        slopes = naive.slope_of_air(rows[lanes.HEIGHT, l] + env.site_height_m, inside, env)
        close(J.reshape(-1, lanes.W)[spread.THIN : spread.THIN + 4, l], slopes)
        mach = rows[lanes.SPEED, l] * rows[lanes.SOUND, l]
        close(J[spread.STEEP * lanes.W + l], naive.slope_of_drag(mach, env))
        close(lean_at(J, l)[:2], state[:2] / env.earth_radius_m)
        want = naive.node(state, rows[lanes.K, l], ahead, env)
        for n in range(3):
            for a, b in zip(node_at(J, n, l), want, strict=True):
                close(a, b)


@pytest.mark.parametrize("seed", range(3))
def test_carry_and_leave(seed):
    env, S, J = prepared(seed, "wgs84")
    for n in range(3):
        S[lanes.RHO * lanes.W : (lanes.RHO + 1) * lanes.W] *= 0.9  # three nodes that differ
        spread.fill_jacobian(S, J, n, 1.0 / env.earth_radius_m)
    X = np.random.default_rng(seed).normal(size=spread.N_DERIVATIVES * lanes.W)
    was = X.copy()
    spread.carry(S, J, X, env.gravity_mps2 / env.earth_radius_m, *env.earth[11:13])
    for l in range(lanes.W):
        nodes, lean = [node_at(J, n, l) for n in range(3)], lean_at(J, l)
        close(matrix(X, l), naive.carry(matrix(was, l), nodes, lean, S[lanes.STEP * lanes.W + l], env))
        before = matrix(X, l).copy()
        spread.leave(J, X, l, 0.03)
        close(matrix(X, l), naive.leave(before, nodes[2], lean, 0.03))


def test_board():
    X = np.random.default_rng(0).normal(size=spread.N_DERIVATIVES * lanes.W)
    was = X.copy()
    spread.board(X, 5)
    close(matrix(X, 5), naive.board())
    assert np.array_equal(np.delete(matrix(X, slice(None)), 5, axis=0), np.delete(matrix(was, slice(None)), 5, axis=0))
