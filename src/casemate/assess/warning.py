"""Who is told what, and when: one small state machine per zone, quiet -> warned -> quiet.

Knows risks (records) and zones; not tracks, not the map, not the siren. Time enters by `t_ns` alone.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from casemate.constants import NS_PER_S
from casemate.model.catalog import Declaration, Share, WarningZone
from casemate.model.messages import WarningLevel, WarningPhase, ZoneWarning
from casemate.model.records import Records

Seconds = Annotated[float, Meta(ge=0.0, le=86_400.0)]


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a zone is warned, told again, and cleared."""

    p_warn: Share = 0.15  # the zone's combined probability from which it is warned
    p_hold: Share = 0.05  # and under which nothing keeps it warned
    p_round_min: Share = 0.9  # a track counts only if it surely is there and is a round,
    n_hit_min: Annotated[int, Meta(ge=1, le=100)] = 4  # and has this many plots (3 to 4 a second apart: facts),
    sigma_small_m: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 100.0  # or an impact this well known
    update_s: Seconds = 2.0  # a predicted time that moves by more is told, not more often than this either
    clear_after_s: Seconds = 120.0  # without risk; what falls from above needs 8 to 90 s (parameters, section 3)


class _ZoneState:
    """What a zone was last told."""

    def __init__(self) -> None:
        self.warning_id = self.incident_id = 0  # 0: quiet
        self.t_first_ns = 0  # of the alarm that still lasts
        self.t_issued_ns = 0
        self.t_risk_ns = 0  # when there last was a risk
        self.is_borne_out = False  # something that it was told of came down, or near enough
        self.told: dict[int, int] = {}  # track_id -> impact time that the zone was told


class WarningStage:
    """Warns, updates and clears zones.

    Parameters
    ----------
    zones : sequence of WarningZone
        `zone_id` is the index.
    settings : Settings
        Thresholds and times.

    Notes
    -----
    Two thresholds on 1 - prod(1 - p_hit p_round), the probability that something comes down in the zone, keep it from
    flickering; a track that has few plots and a wide ellipse does not count, so that a wild first estimate
    alarms nobody. An update supersedes the warning before it: a new track joined, or a predicted time moved.
    """

    def __init__(self, zones: Sequence[WarningZone], settings: Settings) -> None:
        if settings.p_hold > settings.p_warn:
            raise ValueError("warning.p_hold must not exceed warning.p_warn")
        self._zones, self._settings = tuple(zones), settings
        self._states = [_ZoneState() for _ in zones]
        self._warned: set[int] = set()
        self._n_warnings = 0

    def step(self, t_ns: int, risks: Records) -> tuple[ZoneWarning, ...]:
        """Return what zones are told now.

        Parameters
        ----------
        t_ns : int
            Time of the step, never going back.
        risks : ZONE_RISK (n,)
            All risks that stand; empty: there is none.
        """
        if not risks.size and not self._warned:
            return ()
        limits = self._settings
        is_sure = (risks["n_hit"] >= limits.n_hit_min) | (risks["sigma_m"] <= limits.sigma_small_m)
        counted = risks[is_sure & (risks["p_round"] >= limits.p_round_min) & np.isfinite(risks["p_hit"])]
        busy = {int(i) for i in np.unique(counted["zone_id"])}
        out: list[ZoneWarning] = []
        for zone_id in sorted(busy | self._warned):
            rows = counted[counted["zone_id"] == zone_id]
            told = self._warn(t_ns, zone_id, rows) if rows.size else []
            out += told or self._clear(t_ns, zone_id)
        return tuple(out)

    def _warn(self, t_ns: int, zone_id: int, rows: Records) -> list[ZoneWarning]:
        """Warn or update the zone if it must be told something."""
        state, limits = self._states[zone_id], self._settings
        p_each = rows["p_hit"] * rows["p_round"]
        p = float(1.0 - np.prod(1.0 - p_each))
        if state.warning_id and p >= limits.p_hold:
            state.t_risk_ns = t_ns
        is_coming = rows["t_impact_ns"] > t_ns
        came = rows["track_id"][~is_coming & (p_each >= limits.p_hold)]
        state.is_borne_out |= any(int(i) in state.told for i in came)
        part = rows[is_coming & (p_each >= limits.p_hold)]
        part = part if part.size else rows[is_coming]  # many small risks that only add up
        if p < (limits.p_hold if state.warning_id else limits.p_warn) or not part.size:
            return []
        t_of = {int(row["track_id"]): int(row["t_impact_ns"]) for row in part}
        moved_ns = round(limits.update_s * NS_PER_S)
        fresh = [i for i, t in t_of.items() if i not in state.told or abs(t - state.told[i]) > moved_ns]
        is_first = not state.warning_id
        if not fresh or (not is_first and t_ns - state.t_issued_ns < moved_ns):
            return []
        return [self._issue(t_ns, zone_id, part, fresh, p)]

    def _issue(self, t_ns: int, zone_id: int, part: Records, fresh: list[int], p: float) -> ZoneWarning:
        state, zone = self._states[zone_id], self._zones[zone_id]
        t_of = {int(row["track_id"]): int(row["t_impact_ns"]) for row in part}
        is_first = not state.warning_id
        if is_first:
            state.t_first_ns = t_ns
            self._warned.add(zone_id)
        t_next_ns = min(t_of.values())
        t_fresh_ns = min(t_of[i] for i in fresh)
        is_useful = t_fresh_ns - state.t_first_ns >= round(zone.shelter_s * NS_PER_S)
        left_s = (t_fresh_ns - t_ns) / NS_PER_S
        what = "" if is_first else ("new round: " if set(fresh) - set(state.told) else "time moved: ")
        if is_useful:
            why = f"{what}impact in {left_s:.1f} s with probability {p:.2f}"
        elif is_first:
            why = f"no useful warning possible: {left_s:.1f} s left, {zone.shelter_s:.1f} s needed"
        else:
            since_s = (t_ns - state.t_first_ns) / NS_PER_S
            why = (
                f"{what}no useful warning possible: {left_s:.1f} s left, {zone.shelter_s:.1f} s needed, "
                f"warned {since_s:.1f} s ago"
            )
        phase = WarningPhase.WARN if is_first else WarningPhase.UPDATE
        state.told.update(t_of)
        state.t_issued_ns = state.t_risk_ns = t_ns
        return self._message(t_ns, zone_id, phase, t_next_ns, p, part, why, is_useful=is_useful)

    def _clear(self, t_ns: int, zone_id: int) -> list[ZoneWarning]:
        """Clear the zone when it has been without risk for long enough."""
        state, limits = self._states[zone_id], self._settings
        if not state.warning_id or t_ns - state.t_risk_ns < round(limits.clear_after_s * NS_PER_S):
            return []
        t_last_ns = max(state.told.values())
        why = "" if state.is_borne_out else "withdrawn, the predicted impact left the zone: "
        why += f"no active threat for {limits.clear_after_s:.0f} s"
        phase = WarningPhase.CLEAR if state.is_borne_out else WarningPhase.WITHDRAWN
        message = self._message(t_ns, zone_id, phase, t_last_ns, 0.0, None, why, is_useful=True)
        self._states[zone_id] = _ZoneState()
        self._warned.discard(zone_id)
        return [message]

    def _message(
        self,
        t_ns: int,
        zone_id: int,
        phase: WarningPhase,
        t_impact_ns: int,
        p: float,
        part: Records | None,
        reason: str,
        *,
        is_useful: bool,
    ) -> ZoneWarning:
        state = self._states[zone_id]
        self._n_warnings += 1
        supersedes, state.warning_id = state.warning_id, self._n_warnings
        state.incident_id = state.incident_id or self._n_warnings
        is_over = phase in {WarningPhase.CLEAR, WarningPhase.WITHDRAWN}
        threat_ids: set[int] = set() if part is None else {int(i) for i in part["threat_id"] if i}
        track_ids = set(state.told) if part is None else {int(i) for i in part["track_id"]}
        return ZoneWarning(
            warning_id=self._n_warnings,
            zone_id=zone_id,
            level=WarningLevel.CLEAR if is_over else WarningLevel.WARN,
            phase=phase,
            incident_id=state.incident_id,
            lead_s=(t_impact_ns - t_ns) / NS_PER_S if t_impact_ns > t_ns else math.nan,
            t_issued_ns=t_ns,
            t_impact_ns=t_impact_ns,
            p_impact=p,
            threat_ids=tuple(sorted(threat_ids)),
            track_ids=tuple(sorted(track_ids)),
            supersedes=supersedes,
            is_useful=is_useful,
            reason=reason,
        )
