"""Friendly aircraft that report themselves: where they truly are, and the reports that come of it, late and with gaps.

A report is a row of `SYSTEM_TRACK` of category 21, as the reader of CAT021 makes it: position, geometric height and
velocity, no accuracy. Its errors, delays and gaps have a stream of chance of their own. Rules see the reports alone.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.records import SYSTEM_TRACK, Records, freeze
from casemate.physics.geodesy import SiteFrame
from casemate.sim.clutter.legs import Legs
from casemate.sim.clutter.routes import Once, Routed
from casemate.sim.intercept.declared import Flight, Reports

Floats = NDArray[np.float64]

_CATEGORY: Final = 21


class Friends:
    """The friendly aircraft of a scenario.

    Parameters
    ----------
    flights : sequence of Flight
        As declared.
    frame : SiteFrame
        ENU of the site.
    t_start_ns : int
        Start of the scenario.
    rng : Generator
        Their own stream of chance.
    """

    def __init__(self, flights: Sequence[Flight], frame: SiteFrame, t_start_ns: int, rng: np.random.Generator) -> None:
        self._routed = tuple(Routed(flight, frame, rng.spawn(1)[0]) for flight in flights)
        self._legs = Legs(self._routed)
        streams = rng.spawn(len(flights))
        told = [self._told(i, flight, frame, t_start_ns, streams[i]) for i, flight in enumerate(flights)]
        rows = np.concatenate([np.zeros(0, SYSTEM_TRACK), *(rows for rows, _ in told)])
        come_ns = np.concatenate([np.zeros(0, np.int64), *(come_ns for _, come_ns in told)])
        order = np.argsort(come_ns, kind="stable")
        self._rows, self._come_ns, self._n_given = freeze(rows[order]), come_ns[order], 0

    def sources(self) -> tuple[Once, ...]:
        """Return what the sky bears them from."""
        return tuple(Once(routed) for routed in self._routed)

    def at(self, t_s: Floats) -> Floats:
        """Return where they truly are (n, k, 3) [m] at times (k,) [s]; NaN where one does not fly. For scoring."""
        out = np.full((len(self._routed), t_s.size, 3), np.nan)
        for i, routed in enumerate(self._routed):
            up = (t_s >= routed.born_s) & (t_s < routed.end_s)
            out[i, up] = self._legs.at(np.full(int(up.sum()), i), t_s[up])[0]
        return out

    def reports(self, until_ns: int) -> Records:
        """Return the reports that came in since the last call (n,), in that order."""
        n = int(np.searchsorted(self._come_ns, until_ns, side="right"))
        rows, self._n_given = self._rows[self._n_given : n], max(n, self._n_given)
        return rows

    def _told(
        self, i: int, flight: Flight, frame: SiteFrame, t_start_ns: int, rng: np.random.Generator
    ) -> tuple[Records, NDArray[np.int64]]:
        routed, by = self._routed[i], flight.reports
        t_s = np.arange(routed.born_s + by.period_s * float(rng.random()), routed.end_s, by.period_s)
        t_s = t_s[_is_told(by, t_s, rng)]
        n = t_s.size
        pos, vel = self._legs.at(np.full(n, i), t_s)
        error = (rng.standard_normal(3) + rng.standard_normal((n, 3))) * np.sqrt(0.5)
        pos = pos + error * np.array([by.sigma_m, by.sigma_m, by.sigma_height_m])
        vel = vel + by.sigma_mps * rng.standard_normal((n, 3))
        rows = np.zeros(n, SYSTEM_TRACK)
        t_ns = t_start_ns + np.rint(t_s * NS_PER_S).astype(np.int64)
        place = frame.enu_to_geodetic(pos).reshape(-1, 3)
        rows["t_ns"], rows["category"], rows["number"], rows["address"] = t_ns, _CATEGORY, i, i
        rows["lat_rad"], rows["lon_rad"] = np.radians(place[:, 0]), np.radians(place[:, 1])
        rows["height_m"] = place[:, 2] if by.has_height else np.nan
        rows["level_m"] = rows["sigma_e_m"] = rows["sigma_n_m"] = np.nan
        rows["ve_mps"], rows["vn_mps"], rows["vu_mps"] = vel.T
        rows["callsign"] = flight.name
        late_ns = np.rint(rng.uniform(*by.latency_s, n) * NS_PER_S).astype(np.int64)
        return rows, t_ns + late_ns


def _is_told(by: Reports, t_s: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which reports get through (n,): some are lost one by one, others in gaps."""
    is_told = rng.random(t_s.size) >= by.lost_share
    if t_s.size and by.gaps_per_hour > 0.0:
        n_gaps = int(rng.poisson(by.gaps_per_hour * float(t_s[-1] - t_s[0]) / 3600.0))
        begins, lasts = rng.uniform(t_s[0], t_s[-1], n_gaps), rng.uniform(*by.gap_s, n_gaps)
        is_told &= ~np.any((t_s >= begins[:, None]) & (t_s < (begins + lasts)[:, None]), axis=0)
    return is_told
