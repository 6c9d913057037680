"""What a predicted impact means for zones and assets: the probability that the round comes down there.

Knows impacts and polygons; not how they were found, and not who is warned. Remembers the latest risk of each
track until its impact is past: a round that the radar lost near the ground still comes down.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, NamedTuple

import numpy as np
import shapely
from msgspec import Meta
from numpy.typing import NDArray
from scipy.special import owens_t

from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, DefendedAsset, RoundClass, Share, WarningZone
from casemate.model.messages import Threat
from casemate.model.records import ZONE_RISK, Motion, Records, Status, TrackStatus, freeze
from casemate.physics.geodesy import SiteFrame
from casemate.physics.harm import harm_area_m2

_FAR_SIGMA = 9.0
"""A polygon farther than this from the impact point, in sigmas of the long axis, has a probability below 1e-18."""

_VARIANCE_FLOOR_M2 = 1e-4
"""Impact points are not known better than a centimetre; keeps the whitening finite."""


_NO_RISKS = freeze(np.zeros(0, ZONE_RISK))


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as a threat or a risk, and how long it is remembered."""

    p_threat_min: Share = 0.05  # an asset's probability of being hit, from which a threat is named
    p_risk_min: Share = 1e-4  # a zone's, below which it is not mentioned
    n_sigma_forget: Annotated[float, Meta(ge=0.0, le=10.0)] = 3.0  # an impact is past this many sigma_t after its time,
    forget_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 1.0  # and at least this long after it


class ThreatStep(NamedTuple):
    """What one step says."""

    threats: tuple[Threat, ...]  # of the tracks judged in this step, by rank
    risks: Records  # ZONE_RISK (n,), all that are remembered, by zone and track
    standing: frozenset[int] = frozenset()  # tracks that are judged to come down somewhere, and have not yet


class _Judged(NamedTuple):
    """The latest judgement of one track."""

    t_ns: int
    t_impact_ns: int
    t_past_ns: int
    sigma_t_s: float
    sigma_m: float
    p_round: float
    n_hit: int
    i_class: int
    round_class: str
    point_m: NDArray[np.float64]
    cov_m2: NDArray[np.float64]
    p_zone: dict[int, float]
    p_asset: dict[int, float]


def p_inside(ring_m: NDArray[np.float64], point_m: NDArray[np.float64], cov_m2: NDArray[np.float64]) -> float:
    """Return the probability that a 2D normal point lies inside a simple polygon.

    Parameters
    ----------
    ring_m : (k, 2) float64 [m]
        Vertices in order, either way round, not closed.
    point_m, cov_m2 : (2,) [m], (2, 2) [m2] float64
        Mean and covariance in the same frame.

    Notes
    -----
    Exact to rounding. In axes where the point is a standard normal, Green's theorem gives a sum over edges: an
    edge at signed distance h, from s1 to s2 along its line, adds F(h, s2) - F(h, s1) with
    F = atan(s / h) / 2 pi - T(h, s / h), T Owen's function (D. B. Owen, Tables for computing bivariate normal
    probabilities, Annals of Mathematical Statistics 27, 1956).
    """
    return float(_p_rings([_edges(ring_m)], point_m, cov_m2)[0])


def _edges(ring_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges (k, 2, 2) of a polygon: from, to."""
    return np.stack([ring_m, np.roll(ring_m, -1, axis=0)], axis=1)


def _p_rings(
    rings: Sequence[NDArray[np.float64]], point_m: NDArray[np.float64], cov_m2: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability inside each of some polygons, given by their edges; see `p_inside`."""
    variances, axes = np.linalg.eigh(cov_m2)
    flat = (np.concatenate(rings) - point_m) @ (axes / np.sqrt(np.maximum(variances, _VARIANCE_FLOOR_M2)))
    step = flat[:, 1] - flat[:, 0]
    length = np.hypot(step[:, 0], step[:, 1])
    along = step / np.where(length > 0.0, length, 1.0)[:, None]
    h = flat[:, 0, 0] * along[:, 1] - flat[:, 0, 1] * along[:, 0]
    is_off = (h != 0.0) & (length > 0.0)  # seen end on, or without length, an edge encloses nothing
    h = np.where(is_off, h, 1.0)
    slope = np.einsum("kij,kj->ki", flat, along) / h[:, None]
    total = np.arctan(slope) / (2.0 * np.pi) - owens_t(h[:, None], slope)
    starts = np.cumsum([0, *(ring.shape[0] for ring in rings[:-1])])
    return np.minimum(np.abs(np.add.reduceat(np.where(is_off, total[:, 1] - total[:, 0], 0.0), starts)), 1.0)


class _Shapes:
    """The polygons of some declared things in ENU metres, widened by the hazard radius of each class.

    `p_hurt[i_class][i]` is the probability that a person there, standing in the open, is hurt by a round that comes
    down inside: the area of harm over that of the polygon, since nobody knows where in it either is.
    """

    def __init__(
        self, rings_deg: Sequence[Sequence[tuple[float, float]]], rounds: Sequence[RoundClass], frame: SiteFrame
    ) -> None:
        self._rings: list[list[NDArray[np.float64]]] = [[] for _ in rounds]
        plain = [_to_enu(ring, frame) for ring in rings_deg]
        for rings, round_class in zip(self._rings, rounds, strict=True):
            rings += [_edges(_widen(ring, round_class.hazard_radius_m)) for ring in plain]
        areas_m2 = [[_area_m2(edges) for edges in rings] for rings in self._rings]
        harms_m2 = [harm_area_m2(round_class.hazard_radius_m) for round_class in rounds]
        self.p_hurt = [[min(h / a, 1.0) for a in each] for each, h in zip(areas_m2, harms_m2, strict=True)]
        self._middle = np.array([ring.mean(axis=0) for ring in plain]).reshape(-1, 2)
        reach = [np.hypot(*(ring - ring.mean(axis=0)).T).max() for ring in plain]
        self._reach_m = np.array(reach) + max((c.hazard_radius_m for c in rounds), default=0.0)

    def p_of(self, i_class: int, point_m: NDArray[np.float64], cov_m2: NDArray[np.float64]) -> dict[int, float]:
        """Return the probability for each shape that is not out of reach."""
        sigma_m = np.sqrt(max(float(np.linalg.eigvalsh(cov_m2)[-1]), _VARIANCE_FLOOR_M2))
        far_m = np.hypot(*(self._middle - point_m).T)
        near = np.flatnonzero(far_m <= self._reach_m + _FAR_SIGMA * sigma_m)
        if not near.size:
            return {}
        p = _p_rings([self._rings[i_class][int(i)] for i in near], point_m, cov_m2)
        return {int(i): float(p_one) for i, p_one in zip(near, p, strict=True)}


def _area_m2(edges: NDArray[np.float64]) -> float:
    """Return the area of a polygon given by its edges (k, 2, 2), by the shoelace formula."""
    (x1, y1), (x2, y2) = edges[:, 0].T, edges[:, 1].T
    return abs(float(np.sum(x1 * y2 - x2 * y1))) / 2.0


def _to_enu(ring_deg: Sequence[tuple[float, float]], frame: SiteFrame) -> NDArray[np.float64]:
    lat, lon = np.array(ring_deg, np.float64).T
    return frame.geodetic_to_enu(lat, lon, np.full(lat.size, frame.height_m))[:, :2]


def _widen(ring_m: NDArray[np.float64], radius_m: float) -> NDArray[np.float64]:
    """Return all points within `radius_m` of a polygon, corners rounded by 8 chords a quarter (0.5 % of the radius)."""
    wide = shapely.Polygon(ring_m).buffer(radius_m, quad_segs=8)
    return shapely.get_coordinates(wide.exterior)[:-1]


class ThreatStage:
    """Judges every predicted impact, and remembers.

    Parameters
    ----------
    zones, assets : sequences of declarations
        `zone_id` and `asset_id` are the indices.
    rounds : sequence of RoundClass
        The catalog that `i_class` counts.
    frame : SiteFrame
        ENU frame of the site.
    settings : Settings
        Thresholds.
    """

    def __init__(
        self,
        zones: Sequence[WarningZone],
        assets: Sequence[DefendedAsset],
        rounds: Sequence[RoundClass],
        frame: SiteFrame,
        settings: Settings,
    ) -> None:
        self._settings, self._assets, self._rounds = settings, tuple(assets), tuple(rounds)
        self._zones = _Shapes([zone.polygon_deg for zone in zones], rounds, frame)
        self._targets = _Shapes([asset.polygon_deg for asset in assets], rounds, frame)
        self._judged: dict[int, _Judged] = {}
        self._threat_ids: dict[tuple[int, int], int] = {}
        self._n_threats = 0

    def step(self, t_ns: int, tracks: Records, classes: Records, impacts: Records) -> ThreatStep:
        """Judge the impacts of this step and return its threats and all risks that still stand.

        Parameters
        ----------
        t_ns : int
            Time of the step.
        tracks : TRACK (n,)
            Tracks touched in this step.
        classes : TRACK_CLASS (n,)
            Row by row beside `tracks`.
        impacts : IMPACT (k,)
            Their predicted impacts.
        """
        if not impacts.size and not self._judged:
            return ThreatStep((), _NO_RISKS)
        is_no_round = (tracks["motion"] != Motion.BALLISTIC) | (classes["i_class"] < 0)
        for track_id in tracks["track_id"][is_no_round | (tracks["status"] == TrackStatus.TENTATIVE)]:
            self._judged.pop(int(track_id), None)
        fresh: list[int] = []
        for impact in impacts:
            i = int(np.flatnonzero(tracks["track_id"] == impact["track_id"])[0])
            if impact["status"] in {Status.OK, Status.OUT_OF_TABLE} and classes[i]["i_class"] >= 0:
                self._judged[int(impact["track_id"])] = self._judge(tracks[i], classes[i], impact)
                fresh.append(int(impact["track_id"]))
        self._judged = {i: judged for i, judged in self._judged.items() if judged.t_past_ns >= t_ns}
        threats = self._name(t_ns, fresh)
        return ThreatStep(threats, self._risks(), frozenset(self._judged))

    def _judge(self, track: np.void, judged: np.void, impact: np.void) -> _Judged:
        i_class = int(judged["i_class"])
        point_m, cov_m2 = impact["point_m"], impact["cov_m2"]
        wait_s = max(self._settings.n_sigma_forget * float(impact["sigma_t_s"]), self._settings.forget_s)
        return _Judged(
            t_ns=int(impact["t_ns"]),
            t_impact_ns=int(impact["t_impact_ns"]),
            t_past_ns=int(impact["t_impact_ns"]) + round(wait_s * NS_PER_S),
            sigma_t_s=float(impact["sigma_t_s"]),
            sigma_m=float(np.sqrt(max(np.linalg.eigvalsh(cov_m2)[-1], 0.0))),
            p_round=float(track["p_exists"] * judged["p_round"]),
            n_hit=int(track["n_hit"]),
            i_class=i_class,
            round_class=self._rounds[i_class].name,
            point_m=point_m,
            cov_m2=cov_m2,
            p_zone=self._zones.p_of(i_class, point_m, cov_m2),
            p_asset=self._targets.p_of(i_class, point_m, cov_m2),
        )

    def _name(self, t_ns: int, fresh: Sequence[int]) -> tuple[Threat, ...]:
        """Rank all threats that stand; return those of fresh tracks. First asset priority, then probability by time."""
        standing: list[tuple[float, float, int, int]] = []
        for track_id, judged in self._judged.items():
            left_s = max((judged.t_impact_ns - t_ns) / NS_PER_S, 1.0)
            for asset_id, p in judged.p_asset.items():
                p_hit = p * judged.p_round
                if p_hit >= self._settings.p_threat_min:
                    standing.append((self._assets[asset_id].priority, -p_hit / left_s, track_id, asset_id))
        standing.sort()
        keys = [(track_id, asset_id) for _, _, track_id, asset_id in standing]
        for key in keys:
            if key not in self._threat_ids:
                self._n_threats += 1
                self._threat_ids[key] = self._n_threats
        self._threat_ids = {key: i for key, i in self._threat_ids.items() if key[0] in self._judged}
        is_fresh = set(fresh)
        return tuple(self._threat(*key, rank) for rank, key in enumerate(keys, 1) if key[0] in is_fresh)

    def _threat(self, track_id: int, asset_id: int, rank: int) -> Threat:
        judged, asset = self._judged[track_id], self._assets[asset_id]
        p_hit = judged.p_asset[asset_id] * judged.p_round
        left_s = (judged.t_impact_ns - judged.t_ns) / NS_PER_S
        return Threat(
            threat_id=self._threat_ids[track_id, asset_id],
            track_id=track_id,
            asset_id=asset_id,
            t_ns=judged.t_ns,
            t_impact_ns=judged.t_impact_ns,
            p_hit=p_hit,
            round_class=judged.round_class,
            rank=rank,
            reason=f"{judged.round_class} comes down at {asset.name} with probability {p_hit:.2f} in {left_s:.1f} s",
        )

    def _risks(self) -> Records:
        ids = {track_id: threat_id for (track_id, _), threat_id in reversed(self._threat_ids.items())}
        rows = [
            (
                *(zone_id, i, ids.get(i, 0), j.t_ns, j.t_impact_ns, j.sigma_t_s, j.sigma_m, p, j.p_round, j.n_hit),
                *(j.i_class, self._zones.p_hurt[j.i_class][zone_id], j.point_m, j.cov_m2),
            )
            for i, j in self._judged.items()
            for zone_id, p in j.p_zone.items()
            if p >= self._settings.p_risk_min
        ]
        return freeze(np.array(sorted(rows, key=itemgetter(0, 1)), ZONE_RISK))
