"""Perfect tracks, for one question only: what the tracker's error costs the simulated guns.

From the first plot of a round on, its track is where it truly is, and its threat is where it will truly come down. The
air that it flies through is still what the fire control believes, and so are its own shots. Nothing but a study can ask
for this.
"""

from typing import Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.messages import Aside, Events, Threat
from casemate.model.records import TRACK, Motion, Records, TrackStatus, freeze
from casemate.physics.ballistics import propagate
from casemate.physics.environment import Environment
from casemate.pipeline import Plan
from casemate.sim.raid import Round
from casemate.sim.world import World

Floats = NDArray[np.float64]

_AHEAD_S: Final = 2.0
"""The drag is such that the round is where it truly is after this long [s]: about a shot's flight."""
_SIGMA: Final = (0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 1e-3)
"""Of the state: 1 cm, 1 cm/s, 0.1 % of the drag."""
_LN_DRAG: Final = np.log(1.3e-4)
"""Where the search for the drag begins [ln m2/kg]; a 107 mm rocket's."""


class PerfectTracks:
    """Tracks and threats of a world, from its truth.

    Parameters
    ----------
    world : World
    plan : Plan
        For the assets and the air that is believed in.
    """

    def __init__(self, world: World, plan: Plan) -> None:
        self._world, self._air, frame = world, plan.environment(), plan.frame()
        self._seen: set[str] = set()
        corners = [np.array(asset.polygon_deg, np.float64).T for asset in plan.site.asset]
        rings = [frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m))[:, :2] for lat, lon in corners]
        self._bound = {r.truth_id: _asset_of(r, [shapely.Polygon(ring) for ring in rings]) for r in world.rounds}
        self._priority = [asset.priority for asset in plan.site.asset]

    def take(self, aside: Aside) -> None:
        """Note which rounds a radar has seen."""
        if aside.kind == "label":
            self._seen.update(aside.rows["label"].tolist())

    def instead_of(self, events: Events) -> Events:
        """Return a step's events with true tracks and threats in place of its own."""
        t_s = (events.t_ns - self._world.t_start_ns) / NS_PER_S
        dead_s = self._world.dead_s
        up = [
            r
            for r in self._world.rounds
            if r.label in self._seen and r.start_s <= t_s < min(r.impact_s, dead_s.get(r.truth_id, np.inf))
        ]
        gone = [
            r.truth_id for r in self._world.rounds if t_s - 5.0 < min(r.impact_s, dead_s.get(r.truth_id, np.inf)) <= t_s
        ]
        tracks = np.concatenate([self._rows(events.t_ns, t_s, up), _dropped(events.t_ns, gone)])
        threats = [r for r in up if self._bound[r.truth_id] is not None]
        threats.sort(key=lambda r: (self._priority[self._bound[r.truth_id] or 0], r.impact_s))
        named = tuple(self._threat(events.t_ns, rank, r) for rank, r in enumerate(threats, 1))
        return msgspec.structs.replace(events, tracks=freeze(tracks), threats=named)

    def _threat(self, t_ns: int, rank: int, r: Round) -> Threat:
        return Threat(
            threat_id=r.truth_id, track_id=r.truth_id, asset_id=self._bound[r.truth_id] or 0, t_ns=t_ns,
            t_impact_ns=self._world.t_start_ns + round(r.impact_s * NS_PER_S), p_hit=1.0, round_class=r.round_class,
            rank=rank, reason="",
        )  # fmt: skip

    def _rows(self, t_ns: int, t_s: float, up: list[Round]) -> Records:
        rows = np.zeros(len(up), TRACK)
        if not up:
            return rows
        rows["track_id"], rows["t_ns"] = [r.truth_id for r in up], t_ns
        rows["status"], rows["motion"], rows["is_height_known"] = TrackStatus.CONFIRMED, Motion.BALLISTIC, True
        rows["n_hit"], rows["p_exists"], rows["p_ballistic"] = 99, 1.0, 1.0
        rows["state"] = _states(up, t_s, self._air)
        rows["cov"] = np.diag(np.square(_SIGMA))
        return rows


def _states(up: list[Round], t_s: float, air: Environment) -> Floats:
    # True position and velocity; one Newton step for the drag that brings it farthest along its true way.
    pairs = [r.trajectory.at(t_s - r.start_s + float(r.trajectory.t_s[0])) for r in up]
    states = np.empty((len(up), 7))
    states[:, :3], states[:, 3:6] = [np.ravel(p) for p, _ in pairs], [np.ravel(v) for _, v in pairs]
    states[:, 6] = _LN_DRAG
    ahead_s = np.array([min(_AHEAD_S, r.impact_s - t_s) for r in up])
    there = [
        np.ravel(r.trajectory.at(t_s + s - r.start_s + float(r.trajectory.t_s[0]))[0])
        for r, s in zip(up, ahead_s.tolist(), strict=True)
    ]
    for _ in range(3):
        nudged = states.copy()
        nudged[:, 6] += 0.05
        here, moved = propagate(states, ahead_s, air)[:, :3], propagate(nudged, ahead_s, air)[:, :3]
        per = (moved - here) / 0.05
        gain = np.einsum("ij,ij->i", np.array(there) - here, per) / np.maximum(np.einsum("ij,ij->i", per, per), 1e-9)
        states[:, 6] += np.clip(gain, -0.5, 0.5)
    return states


def _dropped(t_ns: int, ids: list[int]) -> Records:
    rows = np.zeros(len(ids), TRACK)
    rows["track_id"], rows["t_ns"], rows["status"] = ids, t_ns, TrackStatus.DROPPED
    return rows


def _asset_of(r: Round, assets: list[shapely.Polygon]) -> int | None:
    return next((i for i, ring in enumerate(assets) if ring.contains(shapely.Point(r.impact_m))), None)
