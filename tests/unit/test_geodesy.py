import numpy as np
import pytest

from casemate.errors import DomainError
from casemate.model.catalog import SitePoint
from casemate.physics.geodesy import SiteFrame, ecef_to_geodetic, geodetic_to_ecef


def test_axes_point_east_north_up():
    frame = SiteFrame(33.3, 44.39, 34.0)
    enu = frame.geodetic_to_enu([33.3, 33.31, 33.3], [44.40, 44.39, 44.39], [34.0, 34.0, 134.0])
    assert enu[0, 0] > 900.0
    assert enu[1, 1] > 1100.0
    assert np.allclose(enu[2], [0.0, 0.0, 100.0], atol=1e-6)
    assert np.allclose(frame.rotation @ frame.rotation.T, np.eye(3))


def test_known_points():
    assert np.allclose(geodetic_to_ecef(0.0, 0.0, 0.0), [[6378137.0, 0.0, 0.0]])
    # The semi-minor axis of WGS 84, NIMA TR8350.2, table 3.3.
    assert np.allclose(geodetic_to_ecef(90.0, 0.0, 0.0), [[0.0, 0.0, 6356752.3142]], atol=1e-4)
    assert np.allclose(ecef_to_geodetic([[0.0, 0.0, 6356852.3142]])[0, [0, 2]], [90.0, 100.0], atol=1e-4)


def test_radius_is_the_gaussian_mean():
    # Between the polar radius of curvature, 6399593.6 m, and the meridian's at the equator, 6335439.3 m.
    assert SiteFrame(90.0, 0.0, 0.0).radius_m == pytest.approx(6399593.6, abs=0.1)
    assert SiteFrame(0.0, 0.0, 0.0).radius_m == pytest.approx((6335439.3 * 6378137.0) ** 0.5, abs=0.1)


def test_a_site_gives_its_frame():
    frame = SiteFrame.of(SitePoint(name="x", lat_deg=10.0, lon_deg=20.0, height_m=5.0))
    assert (frame.lat_deg, frame.lon_deg, frame.height_m) == (10.0, 20.0, 5.0)


@pytest.mark.parametrize("where", [(91.0, 0.0, 0.0), (0.0, 181.0, 0.0), (0.0, 0.0, 2e5), (float("nan"), 0.0, 0.0)])
def test_an_origin_off_the_earth_is_refused(where):
    with pytest.raises(DomainError):
        SiteFrame(*where)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        SiteFrame(0.0, 0.0, 0.0).ecef_to_enu([1.0, 2.0, 3.0])
