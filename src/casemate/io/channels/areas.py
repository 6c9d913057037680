"""Where rounds are expected to come down, as polygons in degrees: 90 % ellipses, many at once."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from casemate.model.catalog import RoundClass, SiteFile
from casemate.model.notices import P_AREA, ImpactArea
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import Terrain, ground_height_m

Array = NDArray[np.float64]

N_VERTICES: Final = 36
"""Of an ellipse as a polygon; its area is made exact, its edge is off by up to 0.4 % of the radius."""


class Place(NamedTuple):
    """What is known of the site: names, polygons, frame and ground."""

    site: SiteFile
    rounds: tuple[RoundClass, ...]
    frame: SiteFrame
    terrain: Terrain | None


class Landing(NamedTuple):
    """Where and when one round is expected to come down."""

    track_id: int
    round_class: str
    t_impact_ns: int
    p_zone: float  # that it hits the zone that is meant, NaN where none is
    point_m: ArrayLike  # (2,) east and north of the site
    cov_m2: ArrayLike  # (2, 2)


def areas_of(landings: Sequence[Landing], place: Place) -> tuple[ImpactArea, ...]:
    """Return the 90 % ellipse of each landing as a polygon in degrees, at the height of the ground."""
    if not landings:
        return ()
    frame = place.frame
    points = np.array([landing.point_m for landing in landings], np.float64)
    covs = np.array([landing.cov_m2 for landing in landings], np.float64)
    up_m = ground_up_m(place, points)
    middles = frame.enu_to_geodetic(np.column_stack((points, up_m))).tolist()
    corners = ellipse_rings(points, covs).reshape(-1, 2)
    rings = frame.enu_to_geodetic(np.column_stack((corners, np.repeat(up_m, N_VERTICES))))[:, :2]
    lats_deg, lons_deg = (rings[:, i].reshape(-1, N_VERTICES).tolist() for i in range(2))
    # zip makes the pairs: in Python 18,000 of them, of 500 rounds, would take 50 ms
    rings_deg = [tuple(zip(*each, strict=True)) for each in zip(lats_deg, lons_deg, strict=True)]
    return tuple(
        ImpactArea(
            track_id=landing.track_id,
            round_class=landing.round_class,
            t_impact_ns=landing.t_impact_ns,
            p_zone=landing.p_zone,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            height_m=height_m - frame.geoid_m,
            ring_deg=ring,
            cov_m2=(float(cov[0, 0]), float(cov[0, 1]), float(cov[1, 1])),
        )
        for landing, (lat_deg, lon_deg, height_m), ring, cov in zip(landings, middles, rings_deg, covs, strict=True)
    )


def ellipse_rings(points_m: Array, covs_m2: Array) -> Array:
    """Return the regions that hold `P_AREA` of 2D normals as polygons of the same areas.

    Parameters
    ----------
    points_m, covs_m2 : (n, 2) [m], (n, 2, 2) [m2] float64

    Returns
    -------
    (n, 36, 2) float64 [m]
        Corners against the clock.

    Notes
    -----
    The radius in sigmas is the root of -2 ln(1 - P) = 2.146. A polygon on the ellipse would have 0.5 % less area, so
    its corners lie 0.25 % outside.
    """
    variances, axes = np.linalg.eigh(covs_m2)
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]  # rotations, so that the polygons run against the clock
    angles = 2.0 * np.pi * np.arange(N_VERTICES) / N_VERTICES
    radius = math.sqrt(-2.0 * math.log(1.0 - P_AREA))
    radius *= math.sqrt(2.0 * math.pi / (N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))
    circle = radius * np.column_stack((np.cos(angles), np.sin(angles)))
    flat = circle[None] * np.sqrt(np.maximum(variances, 0.0))[:, None, :]
    return points_m[:, None, :] + flat @ axes.transpose(0, 2, 1)


def ground_up_m(place: Place, points_m: Array) -> Array:
    """Return the up coordinates of the ground (n,) at points (n, 2) [m] of the site's plane."""
    frame = place.frame
    is_flat = place.site.environment.earth == "flat"
    drop_m = np.zeros(len(points_m)) if is_flat else (points_m**2).sum(axis=1) / (2.0 * frame.radius_m)
    if place.terrain is None:
        return -drop_m
    terrain = place.terrain
    ground_m = np.array([ground_height_m(terrain, float(e_m), float(n_m)) for e_m, n_m in points_m])
    return ground_m - frame.height_m - drop_m
