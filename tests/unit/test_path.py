"""A flight's samples over the ground, against geodesics of another library."""

import math

import numpy as np
import pytest

from casemate.physics.body import build_body
from casemate.physics.exact import Trajectory
from casemate.physics.geodesy import SiteFrame
from casemate.physics.path import path_of

# latitude, longitude, azimuth [deg] and length [m] of a geodesic, and where it ends: GeographicLib 2.1,
# Geodesic.WGS84.Direct (Karney, J. Geodesy 87, 2013), exact to 15 nm
GEODESICS = [
    (33.3, 44.4, 0.0, 40000.0, 33.66064290811738, 44.4),
    (33.3, 44.4, 60.0, 40000.0, 33.479765473646175, 44.77270802783586),
    (-47.0, -9.0, 135.0, 25000.0, -47.158774541900925, -8.766878798168994),
    (0.0, 179.9, 90.0, 30000.0, 0.0, -179.83050541476413),
    (70.0, 20.0, 300.0, 40000.0, 70.1769400629894, 19.085053485847848),
    (33.3, 44.4, 210.0, 1000.0, 33.292191503807075, 44.39463196555608),
]  # fmt: skip


def body():
    return build_body(1.0, 0.0, np.zeros((1, 4)))


@pytest.mark.parametrize(("lat", "lon", "azimuth", "length_m", "lat_end", "lon_end"), GEODESICS)
@pytest.mark.parametrize("height_m", [0.0, 2000.0])
def test_ranges_are_along_the_ellipsoid(lat, lon, azimuth, length_m, lat_end, lon_end, height_m):
    frame = SiteFrame(lat, lon, height_m)
    end = frame.geodetic_to_enu(lat_end, lon_end, height_m)[0]
    path = Trajectory(np.array([0.0, 100.0]), np.array([np.zeros(3), end]), np.array([end, end]) / 100.0)
    samples = path_of(path, frame, path.t_s, math.radians(azimuth), body())
    assert samples.ground_range_m[-1] == pytest.approx(length_m, abs=0.002)  # as the docstring says
    # the end is 2 km up along another vertical: 4 cm off the plane at 40 km (n = 648 directions, heights to 2 km)
    assert samples.cross_range_m[-1] == pytest.approx(0.0, abs=0.05)
    assert samples.lat_deg[-1] == pytest.approx(lat_end, abs=1e-9)
    assert samples.height_m == pytest.approx(height_m, abs=1e-6)


def test_right_is_positive():
    frame = SiteFrame(33.3, 44.4, 0.0)
    points = np.array([[0.0, 0.0, 0.0], [100.0, 1000.0, 0.0]])  # to the north, and a little to the east
    path = Trajectory(np.array([0.0, 1.0]), points, np.zeros((2, 3)))
    samples = path_of(path, frame, path.t_s, 0.0, body())
    assert samples.cross_range_m[-1] == pytest.approx(100.0, abs=0.01)
    assert samples.ground_range_m[-1] == pytest.approx(1000.0, abs=0.01)


def test_heights_are_above_the_sea_and_speeds_over_the_ground():
    frame = SiteFrame(33.3, 44.4, 134.0, 34.0)  # 100 m above a sea that stands 34 m over the ellipsoid
    velocity = np.array([30.0, 40.0, 12.0])
    path = Trajectory(np.array([0.0, 1.0]), np.array([np.zeros(3), velocity]), np.array([velocity, velocity]))
    samples = path_of(path, frame, path.t_s, 0.0, body())
    assert samples.height_m == pytest.approx([100.0, 112.0], abs=1e-3)
    assert samples.ground_m == pytest.approx([112.0, 112.0], abs=1e-3)
    assert samples.speed_mps == pytest.approx([math.hypot(30.0, 40.0, 12.0)] * 2, abs=1e-6)
    assert samples.mach == pytest.approx(samples.speed_mps / 339.9, rel=1e-3)  # sound at 100 m in the standard air
