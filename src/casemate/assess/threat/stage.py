"""What a predicted impact means for zones and assets: the probability that the round comes down there.

Knows impacts and polygons; not how they were found, and not who is warned. Remembers the latest risk of each
track until its impact is past: a round that the radar lost near the ground still comes down.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta

from casemate.assess.threat.inside import Shapes
from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, DefendedAsset, RoundClass, Share, WarningZone
from casemate.model.messages import Threat
from casemate.model.records import ZONE_RISK, Motion, Records, Status, TrackStatus, freeze
from casemate.physics.geodesy import SiteFrame

_NO_RISKS = freeze(np.zeros(0, ZONE_RISK))
_BALLISTIC, _TENTATIVE, _VALUED = int(Motion.BALLISTIC), int(TrackStatus.TENTATIVE), (Status.OK, Status.OUT_OF_TABLE)


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


_NOTHING = ThreatStep((), _NO_RISKS)


class _Judged(NamedTuple):
    """The latest judgement of one track."""

    t_ns: int
    t_impact_ns: int
    t_past_ns: int
    p_round: float
    i_class: int
    p_asset: dict[int, float]


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
        self._zones = Shapes([zone.polygon_deg for zone in zones], rounds, frame)
        self._targets = Shapes([asset.polygon_deg for asset in assets], rounds, frame)
        self._judged: dict[int, _Judged] = {}
        self._pool: Records = _NO_RISKS  # ZONE_RISK, by zone and track: of all that are judged
        self._threat_ids: dict[tuple[int, int], int] = {}
        self._n_threats = 0
        self._said = _NOTHING

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
            return _NOTHING
        n_before = len(self._judged)
        is_no_round = (tracks["motion"] != _BALLISTIC) | (classes["i_class"] < 0) | (tracks["status"] == _TENTATIVE)
        for track_id in tracks["track_id"][is_no_round].tolist():
            self._judged.pop(track_id, None)
        fresh = self._fresh(tracks, classes, impacts) if impacts.size else None
        past = [track_id for track_id, judged in self._judged.items() if judged.t_past_ns < t_ns]
        if fresh is None and not past and len(self._judged) == n_before:
            return self._said  # what stands does so until something is judged or past
        for track_id in past:
            del self._judged[track_id]
        fresh_ids, risks = (set[int](), _NO_RISKS) if fresh is None else fresh
        kept = self._pool[[i in self._judged and i not in fresh_ids for i in self._pool["track_id"].tolist()]]
        self._pool = _merged(kept, risks[[i in self._judged for i in risks["track_id"].tolist()]])
        threats = self._name(t_ns, fresh_ids)
        self._said = ThreatStep((), self._risks(), frozenset(self._judged))
        return self._said._replace(threats=threats)

    def _fresh(self, tracks: Records, classes: Records, impacts: Records) -> tuple[set[int], Records] | None:
        # which tracks are judged in this step, and their risks
        order = np.argsort(tracks["track_id"])
        place = order[np.searchsorted(tracks["track_id"], impacts["track_id"], sorter=order)]
        is_judged = np.isin(impacts["status"], _VALUED) & (classes["i_class"][place] >= 0)
        if not is_judged.any():
            return None
        judged = impacts[is_judged]
        return set(judged["track_id"].tolist()), self._judge(
            tracks[place[is_judged]], classes[place[is_judged]], judged
        )

    def _judge(self, tracks: Records, classes: Records, impacts: Records) -> Records:
        """Judge impacts (n,), row by row beside their tracks; return their risks, ZONE_RISK."""
        i_class, points_m, covs_m2 = classes["i_class"].astype(np.intp), impacts["point_m"], impacts["cov_m2"]
        zones = self._zones.p_of_many(i_class, points_m, covs_m2, self._settings.p_risk_min)
        assets = self._targets.p_of_many(i_class, points_m, covs_m2, self._settings.p_threat_min)
        wait_s = np.maximum(self._settings.n_sigma_forget * impacts["sigma_t_s"], self._settings.forget_s)
        t_past_ns = impacts["t_impact_ns"] + np.rint(wait_s * NS_PER_S).astype(np.int64)
        p_round = tracks["p_exists"] * classes["p_round"]
        p_asset: list[dict[int, float]] = [{} for _ in range(len(impacts))]
        for i, asset_id, p in zip(*(each.tolist() for each in assets), strict=True):
            p_asset[i][asset_id] = p
        columns = (impacts["t_ns"], impacts["t_impact_ns"], t_past_ns, p_round, i_class)
        rows = zip(*(each.tolist() for each in columns), p_asset, strict=True)
        self._judged |= {i: _Judged(*row) for i, row in zip(impacts["track_id"].tolist(), rows, strict=True)}
        is_said = zones.p >= self._settings.p_risk_min
        of, zone_id = zones.i_point[is_said], zones.i_shape[is_said]
        risks = np.zeros(of.size, ZONE_RISK)
        for name in ("track_id", "t_ns", "t_impact_ns", "sigma_t_s", "point_m", "cov_m2"):
            risks[name] = impacts[name][of]
        risks["zone_id"], risks["p_hit"], risks["p_round"] = zone_id, zones.p[is_said], p_round[of]
        risks["n_hit"], risks["i_class"] = tracks["n_hit"][of], i_class[of]
        risks["p_hurt"] = self._zones.p_hurt[i_class[of], zone_id]
        longest_m2 = np.linalg.eigvalsh(covs_m2)[:, -1]
        risks["sigma_m"] = np.sqrt(np.maximum(longest_m2, 0.0))[of]
        return risks

    def _name(self, t_ns: int, fresh: set[int]) -> tuple[Threat, ...]:
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
        return tuple(self._threat(*key, rank) for rank, key in enumerate(keys, 1) if key[0] in fresh)

    def _threat(self, track_id: int, asset_id: int, rank: int) -> Threat:
        judged, asset = self._judged[track_id], self._assets[asset_id]
        p_hit = judged.p_asset[asset_id] * judged.p_round
        left_s = (judged.t_impact_ns - judged.t_ns) / NS_PER_S
        round_class = self._rounds[judged.i_class].name
        return Threat(
            threat_id=self._threat_ids[track_id, asset_id],
            track_id=track_id,
            asset_id=asset_id,
            t_ns=judged.t_ns,
            t_impact_ns=judged.t_impact_ns,
            p_hit=p_hit,
            round_class=round_class,
            rank=rank,
            reason=f"{round_class} comes down at {asset.name} with probability {p_hit:.2f} in {left_s:.1f} s",
        )

    def _risks(self) -> Records:
        ids = {track_id: threat_id for (track_id, _), threat_id in reversed(self._threat_ids.items())}
        risks = self._pool.copy()
        risks["threat_id"] = [ids.get(i, 0) for i in risks["track_id"].tolist()]
        return freeze(risks)


def _merged(one: Records, other: Records) -> Records:
    # by zone and track; written out: numpy's own concatenation compares the fields' names every time
    rows = np.empty(len(one) + len(other), ZONE_RISK)
    rows[: len(one)], rows[len(one) :] = one, other
    return rows[np.lexsort((rows["track_id"], rows["zone_id"]))]
