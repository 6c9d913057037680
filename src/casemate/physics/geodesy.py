"""Geodesy: the site's ENU frame on the WGS 84 ellipsoid.

Frames and conversions take heights over the ellipsoid. What a site file declares is above mean sea level, which lies
`geoid_m` over it (under it, if negative); `SiteFrame.of` and `SiteFrame.msl_to_enu` turn one into the other.
"""

import math
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.errors import DomainError
from casemate.kernels import frames
from casemate.model.catalog import SitePoint

Array = NDArray[np.float64]

GEOID_M: Final = (-110.0, 90.0)
"""Mean sea level over the ellipsoid [m] lies in here, with room: EGM2008 has -106.9 to 86.6 (Pavlis et al., 2012)."""


def _rows(points: ArrayLike, name: str) -> Array:
    rows = np.ascontiguousarray(points, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 3:
        message = f"{name} must have shape (n, 3), not {rows.shape}"
        raise ValueError(message)
    return rows


def geodetic_to_ecef(lat_deg: ArrayLike, lon_deg: ArrayLike, height_m: ArrayLike) -> Array:
    """Turn geodetic points into ECEF points.

    Parameters
    ----------
    lat_deg, lon_deg, height_m : scalar or (n,) float64
        WGS 84, height over the ellipsoid.

    Returns
    -------
    (n, 3) float64 [m]
        x toward latitude 0, longitude 0, z toward the north pole.
    """
    lat, lon, height = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, np.float64)) for v in (lat_deg, lon_deg, height_m))
    )
    points = np.column_stack((np.radians(lat), np.radians(lon), height))
    out = np.empty_like(points)
    frames.geodetic_to_ecef_many(points, WGS84_A_M, WGS84_E2, out)
    return out


def ecef_to_geodetic(ecef: ArrayLike) -> Array:
    """Turn ECEF points (n, 3) [m] into rows of latitude [deg], longitude [deg], height [m] on WGS 84."""
    points = _rows(ecef, "ecef")
    out = np.empty_like(points)
    frames.ecef_to_geodetic_many(points, WGS84_A_M, WGS84_E2, out)
    out[:, :2] = np.degrees(out[:, :2])
    return out


class SiteFrame:
    """The ENU frame of a site: tangent to the ellipsoid at the site point, its origin.

    Parameters
    ----------
    lat_deg, lon_deg, height_m : float
        Origin on WGS 84, height over the ellipsoid.
    geoid_m : float
        Height of mean sea level over the ellipsoid, taken as the same all over the site.

    Notes
    -----
    A round trip geodetic -> ENU -> geodetic closes within 1e-8 m up to 1000 km from the site.
    """

    def __init__(self, lat_deg: float, lon_deg: float, height_m: float, geoid_m: float = 0.0) -> None:
        if not -90.0 <= lat_deg <= 90.0:
            raise DomainError("lat_deg", lat_deg, -90.0, 90.0)
        if not -180.0 <= lon_deg <= 180.0:
            raise DomainError("lon_deg", lon_deg, -180.0, 180.0)
        if not -11_000.0 <= height_m <= 100_000.0:
            raise DomainError("height_m", height_m, -11_000.0, 100_000.0)
        if not GEOID_M[0] <= geoid_m <= GEOID_M[1]:
            raise DomainError("geoid_m", geoid_m, *GEOID_M)
        self.lat_deg, self.lon_deg, self.height_m, self.geoid_m = lat_deg, lon_deg, height_m, geoid_m
        lat, lon = math.radians(lat_deg), math.radians(lon_deg)
        sp, cp, sl, cl = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
        self.rotation = np.array([[-sl, cl, 0.0], [-sp * cl, -sp * sl, cp], [cp * cl, cp * sl, sp]])
        self.rotation.flags.writeable = False
        self.origin_ecef_m = geodetic_to_ecef(lat_deg, lon_deg, height_m)[0]
        self.origin_ecef_m.flags.writeable = False
        # Gaussian mean radius, the root of the product of both principal radii (Vallado, 2013, section 3.2).
        self.radius_m = WGS84_A_M * math.sqrt(1.0 - WGS84_E2) / (1.0 - WGS84_E2 * sp * sp)

    @classmethod
    def of(cls, site: SitePoint) -> Self:
        """Make the frame of a declared site; where it does not say how high mean sea level is, on the ellipsoid."""
        geoid_m = 0.0 if site.geoid_m is None else site.geoid_m
        return cls(site.lat_deg, site.lon_deg, site.height_m + geoid_m, geoid_m)

    @property
    def height_msl_m(self) -> float:
        """Height of the origin above mean sea level [m]."""
        return self.height_m - self.geoid_m

    def ecef_to_enu(self, ecef: ArrayLike) -> Array:
        """Turn ECEF points (n, 3) [m] into ENU points (n, 3) [m]."""
        return (_rows(ecef, "ecef") - self.origin_ecef_m) @ self.rotation.T

    def enu_to_ecef(self, enu: ArrayLike) -> Array:
        """Turn ENU points (n, 3) [m] into ECEF points (n, 3) [m]."""
        return _rows(enu, "enu") @ self.rotation + self.origin_ecef_m

    def geodetic_to_enu(self, lat_deg: ArrayLike, lon_deg: ArrayLike, height_m: ArrayLike) -> Array:
        """Turn geodetic points (degrees, metres over the ellipsoid; scalars or (n,)) into ENU points (n, 3) [m]."""
        return self.ecef_to_enu(geodetic_to_ecef(lat_deg, lon_deg, height_m))

    def msl_to_enu(self, lat_deg: ArrayLike, lon_deg: ArrayLike, height_msl_m: ArrayLike) -> Array:
        """Turn geodetic points with heights above mean sea level, as files declare them, into ENU points (n, 3) [m]."""
        return self.geodetic_to_enu(lat_deg, lon_deg, np.asarray(height_msl_m, np.float64) + self.geoid_m)

    def enu_to_geodetic(self, enu: ArrayLike) -> Array:
        """Turn ENU points (n, 3) [m] into rows of latitude [deg], longitude [deg], height over the ellipsoid [m]."""
        return ecef_to_geodetic(self.enu_to_ecef(enu))
