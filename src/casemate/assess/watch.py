"""Who can see what comes down in each zone: silence is not safety where nobody looks.

Knows where sensors look and which of them deliver; not tracks, not what was told. Ground and buildings are not asked:
`casemate doctor --coverage` is what knows them.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite, WarningZone
from casemate.model.messages import SensorHealth, SensorState, ZoneWatch
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel

DESCENTS_DEG: Final = (10.0, 30.0, 60.0)
"""How rounds come down: rockets 7 to 61 degrees, bombs and shells 10 to 81 (parameters of this project, section
1.2)."""
N_BEARINGS: Final = 36
WAY_M: Final = 5_000.0
"""Of a way down that is looked at, straight back from the ground: 20 s at a common speed of arrival."""
_STEP_M: Final = 250.0
SPEED_MPS: Final = 250.0
"""A common speed of arrival (the same section)."""
N_LOOKS: Final = 4
"""Looks that a track needs before anyone is warned (facts, flight-time budget: 3 to 4)."""
WATCHED_SHARE: Final = 0.5
"""A zone is unwatched when less than this is seen of what its sensors would see if all delivered (this project)."""
_DELIVERS: Final = {SensorState.OK, SensorState.DEGRADED}


class WatchStage:
    """Tells for each zone which sensors watch it, when that changes.

    Parameters
    ----------
    zones : sequence of WarningZone
        `zone_id` is the index.
    radars, models : sequences of RadarSite and SensorModel
        The same sensors, in the order that `sensor_id` counts. One without elevation does not count: it warns nobody.
    frame : SiteFrame
        ENU of the site.
    """

    def __init__(
        self,
        zones: Sequence[WarningZone],
        radars: Sequence[RadarSite],
        models: Sequence[SensorModel],
        frame: SiteFrame,
    ) -> None:
        self._names = [radar.name for radar in radars]
        ways = _ways()
        self._seen = np.zeros((len(zones), len(radars), ways.shape[0]), np.bool_)
        for zone_id, zone in enumerate(zones):
            lat, lon = np.array(zone.polygon_deg, np.float64).T
            middle_m = frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m)).mean(axis=0)
            for sensor_id, (radar, model) in enumerate(zip(radars, models, strict=True)):
                self._seen[zone_id, sensor_id] = _sees(radar, model, middle_m + ways)
        self._states = [SensorState.WAITING] * len(radars)
        self._is_told = False

    def step(self, t_ns: int, news: Sequence[SensorHealth]) -> tuple[ZoneWatch, ...]:
        """Return the zones of which there is news, at first all.

        Parameters
        ----------
        t_ns : int
            Time of the step.
        news : sequence of SensorHealth
            Of this step.
        """
        if self._is_told and not news:
            return ()
        before = self._delivering()
        for each in news:
            self._states[each.sensor_id] = each.state
        now = self._delivering()
        if self._is_told and np.array_equal(before, now):
            return ()
        is_changed = self._seen[:, before != now].any(axis=(1, 2)) | (not self._is_told)
        self._is_told = True
        return tuple(self._watch(t_ns, int(zone_id), now) for zone_id in np.flatnonzero(is_changed))

    def _delivering(self) -> NDArray[np.bool_]:
        return np.array([state in _DELIVERS for state in self._states], np.bool_)

    def _watch(self, t_ns: int, zone_id: int, delivers: NDArray[np.bool_]) -> ZoneWatch:
        seen = self._seen[zone_id]
        share, best = float(seen[delivers].any(axis=0).mean()), float(seen.any(axis=0).mean())
        who = np.flatnonzero(delivers & seen.any(axis=1)).tolist()
        missing = np.flatnonzero(~delivers & seen.any(axis=1)).tolist()
        why = f"{100.0 * share:.0f} % of the ways down are seen"
        why += "".join(f", {self._names[i]} is {self._states[i].value}" for i in missing)
        return ZoneWatch(
            zone_id=zone_id,
            t_ns=t_ns,
            sensor_ids=tuple(who),
            share=share,
            is_watched=share > 0.0 and share >= WATCHED_SHARE * best,
            reason=why if best > 0.0 else "no radar that measures elevation sees what comes down there",
        )


def _ways() -> NDArray[np.float64]:
    """Return points (ways, points, 3) [m] from the ground back up, from every side at every descent."""
    bearings = np.arange(N_BEARINGS) * 2.0 * np.pi / N_BEARINGS
    descents = np.radians(DESCENTS_DEG)
    along = np.arange(_STEP_M, WAY_M + 0.5 * _STEP_M, _STEP_M)
    az, el = (grid.ravel() for grid in np.meshgrid(bearings, descents, indexing="ij"))
    toward = np.stack([np.sin(az) * np.cos(el), np.cos(az) * np.cos(el), np.sin(el)], axis=1)
    return toward[:, None, :] * along[None, :, None]


def _sees(radar: RadarSite, model: SensorModel, points_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which ways (n, k, 3) a sensor sees for as long as it needs for `N_LOOKS` looks."""
    if not model.has_elevation:
        return np.zeros(len(points_m), np.bool_)
    flat = points_m.reshape(-1, 3)
    above = model.measure(flat, np.zeros_like(flat)).el_rad >= math.radians(radar.mask_deg)
    is_seen = model.covers(flat) & above
    n_seen: NDArray[np.intp] = np.count_nonzero(is_seen.reshape(len(points_m), -1), axis=1)
    n_needed = math.ceil((N_LOOKS - 1) * radar.scan_period_s * SPEED_MPS / _STEP_M)
    return np.greater_equal(n_seen, n_needed)
