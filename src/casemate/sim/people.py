"""Where people are, for studies of harm: so many per km2 in zones that are named, and so many everywhere else.

A declared, even density; nobody's census. Studies use it, the guns never see it.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.model.catalog import SiteFile
from casemate.physics.geodesy import SiteFrame
from casemate.sim.scenario import Scenario

Floats = NDArray[np.float64]


class Crowd:
    """People on the ground about a site.

    Parameters
    ----------
    scenario : Scenario
        Its `people` say how many live where; none are declared: nobody is anywhere.
    site : SiteFile
        Its zones. One that says how many `people` it holds has them, spread evenly, unless the scenario names it.
    frame : SiteFrame
        ENU of the site.

    Raises
    ------
    SettingsError
        A zone that the site does not have.
    """

    def __init__(self, scenario: Scenario, site: SiteFile, frame: SiteFrame) -> None:
        self.zones = tuple(zone.name for zone in site.zone)
        self._shapes = [shapely.Polygon(ring_of(zone.polygon_deg, frame)) for zone in site.zone]
        self.areas_m2: Floats = np.array([shape.area for shape in self._shapes])
        self.per_m2_in_zones: Floats = np.array(
            [(zone.people or 0) / area for zone, area in zip(site.zone, self.areas_m2.tolist(), strict=True)]
        )
        self.per_m2_elsewhere = 0.0
        for i, each in enumerate(scenario.people):
            for name in each.zones:
                if name not in self.zones:
                    why = f"{name!r} is no zone of the site: {list(self.zones)}"
                    raise SettingsError("scenario", f"people[{i}].zones", why)
                self.per_m2_in_zones[self.zones.index(name)] = 1e-6 * each.people_per_km2
            if not each.zones:
                self.per_m2_elsewhere = 1e-6 * each.people_per_km2

    def zone_at(self, pos_m: Floats) -> NDArray[np.int64]:
        """Return the index of the zone that each point (k, 2) ENU lies in, the first of several; -1: none."""
        found = np.full(len(pos_m), -1, np.int64)
        points = shapely.points(pos_m)
        for i in reversed(range(len(self._shapes))):
            found[shapely.contains(self._shapes[i], points)] = i
        return found

    def per_m2_at(self, pos_m: Floats) -> Floats:
        """Return how many people there are per m2 about points (k, 2) ENU; NaN places hold nobody."""
        zone = self.zone_at(pos_m)
        inside = np.append(self.per_m2_in_zones, self.per_m2_elsewhere)[zone]
        return np.where(np.isfinite(pos_m).all(axis=1), inside, 0.0)


def ring_of(polygon_deg: Sequence[tuple[float, float]], frame: SiteFrame) -> Floats:
    """Return a ring of latitudes and longitudes as ENU of the site (m, 2) [m]."""
    lat, lon = np.array(polygon_deg, np.float64).T
    ring: Floats = frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m))[:, :2]
    return ring
