"""Environments and rounds that the tests of the flight kernels share."""

import functools

import numpy as np

from casemate.model.catalog import EnvironmentSettings
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile

BREEZE = Profile(np.array([0.0, 2000.0, 12000.0]), None, None, np.array([2.0, 9.0, 20.0]), np.array([-3.0, 4.0, 1.0]))
_GUSTS = np.random.default_rng(7).uniform(-15.0, 15.0, (2, 20))
ROUGH = Profile(1500.0 * np.arange(20), None, None, *_GUSTS)
"""Corners each 1.5 km that jump by up to 30 m/s."""

WINDS = {"calm": None, "breeze": BREEZE, "rough": ROUGH}

FAMILIES = {
    "mortar": (70.0, 320.0, 45.0, 85.0, 6e-5, 4e-4),
    "shell": (250.0, 950.0, 10.0, 70.0, 5e-5, 3e-4),
    "rocket": (300.0, 1300.0, 20.0, 60.0, 6e-5, 2e-4),
}
"""Speed [m/s], elevation [deg] and drag parameter [m2/kg], each from and to."""


@functools.cache
def environment(earth="wgs84", wind="calm", lat_deg=33.3):
    frame = SiteFrame(lat_deg, 44.39, 34.0)
    return build_environment(EnvironmentSettings(earth=earth), frame, drag_shape_of("generic"), None, WINDS[wind])


def shots(family, n, seed, factors=(0.5, 4.0)):
    """Draw n rounds near the site, to any side, their drag off by a factor."""
    rng = np.random.default_rng(seed)
    slow, fast, low, high, slim, blunt = FAMILIES[family]
    speed, up, side = rng.uniform(slow, fast, n), np.radians(rng.uniform(low, high, n)), rng.uniform(0.0, 2 * np.pi, n)
    k = np.exp(rng.uniform(np.log(slim), np.log(blunt), n) + rng.uniform(*np.log(factors), n))
    across = speed * np.cos(up)
    return np.column_stack(
        (
            rng.uniform(-3000.0, 3000.0, (n, 2)), rng.uniform(20.0, 500.0, n),
            across * np.sin(side), across * np.cos(side), speed * np.sin(up), np.log(k),
        )
    )  # fmt: skip
