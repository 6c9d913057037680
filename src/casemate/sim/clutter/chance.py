"""Chance as a pure function of a key and a time: what fluctuates from look to look needs no memory."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_TICK_S: Final = 1e-3
"""Looks closer than this [s] share their chance: no radar turns in it."""


def draw_keys(rng: np.random.Generator, n: int) -> Keys:
    """Draw n keys from a recorded stream of chance."""
    return rng.integers(0, 2**64, n, np.uint64)


def uniform(keys: Keys, t_s: float, purpose: int = 0) -> Floats:
    """Return one number in [0, 1) for each key (n,) at a time [s]: the same whenever asked, whatever else was asked.

    `purpose` tells apart what is drawn for one key at one time. The mixing is SplitMix64.

    References
    ----------
    Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014, figure 17.
    """
    count = np.array([round(t_s / _TICK_S) * 64 + purpose], np.int64).astype(np.uint64)
    z = keys + _mix(count * _GOLDEN)
    out: Floats = (_mix(z + _GOLDEN) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return out


def _mix(z: Keys) -> Keys:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))
