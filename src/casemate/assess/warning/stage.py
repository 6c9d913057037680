"""Zones from quiet to warned to quiet. Time enters by `t_ns` alone: the same risks in the same order say the same."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.assess.warning.rule import Balance, Floats, balance, is_due, news_of, p_turning, spared
from casemate.assess.warning.words import Told, causes_of, held_by, turned_by, why_gone, why_warned
from casemate.constants import NS_PER_S
from casemate.model.catalog import WarningSettings, WarningZone
from casemate.model.messages import WarningLevel, WarningPhase, ZoneWarning
from casemate.model.records import ZONE_RISK, Records, freeze

P_ROUND_MIN: Final = 0.9
"""A track counts only if it surely is there and is a round: nobody is warned of a bird (this project)."""
N_HIT_MIN: Final = 4
"""And has this many plots: 3 to 4 a second apart is what a track needs (facts, flight-time budget),"""
SIGMA_SMALL_M: Final = 100.0
"""or an impact this well known, 1 sigma: some hundred metres, as zones are (this project)."""
DUE_S: Final = 2.0
"""An impact is expected from so long before its time, or two sigma of it if that is more: the time to lie down."""
STAY_AFTER_S: Final = 10.0
"""Nothing is to come for so long before a zone is told to stay: rounds of one raid come down closer together [A]."""
_WAITS_S: Final = np.arange(1.0, 41.0)
"""Delays that are tried to tell how late a warning could still have come."""
_NOBODY: Final = freeze(np.zeros(0, ZONE_RISK))
_NO_ROWS: Final = slice(0, 0)
_OVER: Final = {WarningPhase.CLEAR, WarningPhase.WITHDRAWN}


class _Standing(NamedTuple):
    """The risks that stand, and what is asked of each once, until others do."""

    risks: Records  # ZONE_RISK, as given
    rows: Records  # ZONE_RISK (n,), those that count, by zone and track
    matters: NDArray[np.bool_]  # (n,) by itself
    close_s: Floats  # (n,) from so long before its time the impact is expected
    harm: Floats  # (n,) to a person there
    zones: dict[int, slice]  # where the rows of a zone are
    holds: dict[int, bool]  # whether they hold its alarm, filled when it is asked


class _Due(NamedTuple):
    """Why it is time to warn a zone."""

    weighed: Balance  # of the zone alone
    wait_s: float  # by which a later warning would have been too late


class _Alarm:
    """What a warned zone was last told."""

    def __init__(self, incident_id: int, t_ns: int, wait_s: float) -> None:
        self.incident_id = self.warning_id = incident_id
        self.wait_s = wait_s  # by which a later warning would have been too late
        self.phase = WarningPhase.WARN
        self.t_first_ns = self.t_issued_ns = self.t_risk_ns = t_ns
        self.is_borne_out = False  # something that it was told of came down, or near enough
        self.why_gone = ""  # what became of the risk, as long as there is none
        self.told: Records = _NOBODY  # ZONE_RISK, by track: as the zone was told
        self.no_news: tuple[_Standing | None, bytes] = None, b""  # what said nothing new, and which rows of the zone

    def knows(self, track_ids: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Tell of which tracks (n,) the zone was told, and where in `told` they are."""
        if not self.told.size:
            return np.zeros(track_ids.shape, np.bool_), np.zeros(track_ids.shape, np.intp)
        place = np.minimum(np.searchsorted(self.told["track_id"], track_ids), self.told.size - 1)
        return np.asarray(self.told["track_id"][place] == track_ids), place

    def tell(self, part: Records) -> None:
        """Remember what the zone is told now."""
        self.no_news = None, b""
        if not self.told.size:
            self.told = part
            return
        both = np.concatenate([part, self.told])
        self.told = both[np.unique(both["track_id"], return_index=True)[1]]  # the first of each: the newer


class WarningStage:
    """Warns, updates and clears zones.

    Parameters
    ----------
    zones : sequence of WarningZone
        `zone_id` is the index.
    class_names : sequence of str
        Of the catalog's round classes, as `i_class` counts them.
    period_s : float
        Until the next chance to warn: the shortest time between two looks of any sensor.
    settings : WarningSettings
        The rule's numbers.

    Notes
    -----
    A quiet zone is warned when `rule.is_due` says so of the rounds that are still to come down. A warned zone stays at
    risk while a warning would spare `hold_share` of its cost, whatever the time left, and is cleared `clear_after_s`
    after that: two thresholds and a wait, so that nothing flickers.
    """

    def __init__(
        self, zones: Sequence[WarningZone], class_names: Sequence[str], period_s: float, settings: WarningSettings
    ) -> None:
        self._zones, self._settings, self._class_names = tuple(zones), settings, tuple(class_names)
        self._period_s = period_s
        self._shelter_s = np.array([zone.shelter_s for zone in zones])
        # with all the time in the world: what holds an alarm does not shrink with the time left
        self._hold_at = settings.hold_share * settings.cost_per_person / float(self._most_spared())
        self._alarms: dict[int, _Alarm] = {}
        self._is_quiet = np.ones(len(zones), np.bool_)
        self._standing = self._asked(_NOBODY)
        self._n_warnings = 0

    def step(self, t_ns: int, risks: Records, standing: frozenset[int] = frozenset()) -> tuple[ZoneWarning, ...]:
        """Return what zones are told now.

        Parameters
        ----------
        t_ns : int
            Time of the step, never going back.
        risks : ZONE_RISK (n,)
            All risks that stand, in any order; empty: there is none.
        standing : set of int
            Tracks that come down somewhere, and have not yet: says why a risk went away.
        """
        if not risks.size and not self._alarms:
            return ()
        if risks is not self._standing.risks:
            self._standing = self._asked(risks)
        left_ns = self._standing.rows["t_impact_ns"] - t_ns
        due = self._due(t_ns, left_ns)
        out: list[ZoneWarning] = []
        for zone_id in sorted(self._alarms.keys() | due.keys()):
            if zone_id in self._alarms:
                told = self._follow(t_ns, zone_id, left_ns, standing)
            else:
                told = self._first(t_ns, zone_id, left_ns, due[zone_id])
            out += [told] if told else []
        return tuple(out)

    def _asked(self, risks: Records) -> _Standing:
        is_sure = (risks["n_hit"] >= N_HIT_MIN) | (risks["sigma_m"] <= SIGMA_SMALL_M)
        rows = risks[is_sure & (risks["p_round"] >= P_ROUND_MIN) & np.isfinite(risks["p_hit"] * risks["p_hurt"])]
        rows = rows[np.lexsort((rows["track_id"], rows["zone_id"]))]
        harm = rows["p_hit"] * rows["p_round"] * rows["p_hurt"]
        zone_ids, starts = np.unique(rows["zone_id"], return_index=True)
        places = itertools.starmap(slice, itertools.pairwise([*starts.tolist(), len(rows)]))
        close_s = np.maximum(DUE_S, 2.0 * rows["sigma_t_s"])
        zones = dict(zip(zone_ids.tolist(), places, strict=True))
        return _Standing(risks, rows, harm >= self._hold_at, close_s, harm, zones, {})

    def _holds(self, zone_id: int, mine: slice) -> bool:
        # the harm of all risks of a zone together
        holds = self._standing.holds.get(zone_id)
        if holds is None:
            holds = self._standing.holds[zone_id] = float(self._standing.harm[mine].sum()) >= self._hold_at
        return holds

    def _most_spared(self) -> NDArray[np.float64]:
        return spared(np.array(math.inf), np.array(1.0), self._settings.share_acting)

    def _balance(self, t_ns: int, rows: Records, starts: NDArray[np.intp], wait_s: float | Floats = 0.0) -> Balance:
        period_ns = self._period_s * NS_PER_S
        return balance(
            rows["p_hit"] * rows["p_round"],
            rows["p_hurt"],
            (rows["t_impact_ns"] - t_ns) / NS_PER_S - wait_s,
            news_of(rows["n_hit"].astype(np.float64), is_followed=t_ns - rows["t_ns"] < round(2.0 * period_ns)),
            self._shelter_s[rows["zone_id"]],
            starts,
            share_acting=self._settings.share_acting,
            period_s=self._period_s,
        )

    def _due(self, t_ns: int, left_ns: NDArray[np.int64]) -> dict[int, _Due]:
        """Return the quiet zones that the rule would warn now."""
        rows = self._standing.rows
        is_open = (left_ns > 0) & self._is_quiet[rows["zone_id"]]
        if not np.count_nonzero(is_open):
            return {}
        coming = rows[is_open]
        zone_ids, starts = np.unique(coming["zone_id"], return_index=True)
        zones = self._balance(t_ns, coming, starts)
        due = np.flatnonzero(is_due(zones, self._settings.cost_per_person))
        if not due.size:
            return {}
        waits_s = self._waits_s(t_ns, coming[np.isin(coming["zone_id"], zone_ids[due])])
        return {
            int(zone_ids[k]): _Due(Balance(*(column[k : k + 1] for column in zones)), wait_s)
            for k, wait_s in zip(due.tolist(), waits_s.tolist(), strict=True)
        }

    def _waits_s(self, t_ns: int, rows: Records) -> Floats:
        # of each zone the first delay at which a warning would not have been due any more, all tried at once
        n, starts = _WAITS_S.size, np.unique(rows["zone_id"], return_index=True)[1]
        all_starts = (np.arange(n)[:, None] * rows.size + starts).ravel()
        later = self._balance(t_ns, np.tile(rows, n), all_starts, np.repeat(_WAITS_S, rows.size))
        is_past = ~is_due(later, self._settings.cost_per_person).reshape(n, -1)
        return np.where(is_past.any(axis=0), _WAITS_S[is_past.argmax(axis=0)], math.inf)

    def _first(self, t_ns: int, zone_id: int, left_ns: NDArray[np.int64], due: _Due) -> ZoneWarning:
        self._alarms[zone_id], self._is_quiet[zone_id] = _Alarm(self._n_warnings + 1, t_ns, due.wait_s), False
        mine = self._standing.zones[zone_id]
        coming = self._standing.rows[mine][left_ns[mine] > 0]
        return self._issue(t_ns, zone_id, coming, WarningPhase.WARN, due.weighed)

    def _follow(
        self, t_ns: int, zone_id: int, left_ns: NDArray[np.int64], standing: frozenset[int]
    ) -> ZoneWarning | None:
        """Tell a warned zone what changed, if it must be told."""
        alarm = self._alarms[zone_id]
        mine = self._standing.zones.get(zone_id, _NO_ROWS)
        holds = self._holds(zone_id, mine)
        if holds:
            alarm.t_risk_ns, alarm.why_gone = t_ns, ""
        elif not alarm.why_gone:
            alarm.why_gone = why_gone(alarm.told, t_ns, standing)
        if mine is not _NO_ROWS:
            rows, matters, is_coming = self._standing.rows[mine], self._standing.matters[mine], left_ns[mine] > 0
            if not alarm.is_borne_out and np.count_nonzero(matters & ~is_coming):
                alarm.is_borne_out = bool(alarm.knows(rows["track_id"][matters & ~is_coming])[0].any())
            which = matters & is_coming
            if holds and not np.count_nonzero(which):
                which = is_coming  # many small risks that only add up
            if np.count_nonzero(which):
                is_close = left_ns[mine] / NS_PER_S <= self._standing.close_s[mine]
                phase = self._phase_before(t_ns, alarm, rows, which, is_close)
                return None if phase is None else self._issue(t_ns, zone_id, rows[which], phase)
        quiet_s = (t_ns - alarm.t_risk_ns) / NS_PER_S
        if quiet_s >= self._settings.clear_after_s:
            return self._clear(t_ns, zone_id)
        if alarm.is_borne_out and alarm.phase is not WarningPhase.STAY and quiet_s >= STAY_AFTER_S:
            return self._issue(t_ns, zone_id, _NOBODY, WarningPhase.STAY)
        return None

    def _phase_before(
        self, t_ns: int, alarm: _Alarm, rows: Records, which: NDArray[np.bool_], is_close: NDArray[np.bool_]
    ) -> WarningPhase | None:
        """Return the phase to tell of while something is to come down, None where nothing is new."""
        was_expected = alarm.phase is WarningPhase.IMPACT
        if not was_expected and np.count_nonzero(is_close & which):
            return WarningPhase.IMPACT
        may = t_ns - alarm.t_issued_ns >= round(self._settings.update_s * NS_PER_S)
        if may and self._has_news(alarm, rows, which):
            return WarningPhase.IMPACT if was_expected else WarningPhase.UPDATE
        return None

    def _has_news(self, alarm: _Alarm, rows: Records, which: NDArray[np.bool_]) -> bool:
        # of time or of area: another second, another place, or an ellipse of a sixteenth of the area
        if alarm.no_news[0] is self._standing and alarm.no_news[1] == which.tobytes():
            return False
        part = rows[which]
        is_known, place = alarm.knows(part["track_id"])
        if not is_known.all():
            return True
        told = alarm.told[place]
        moved_s = np.abs(part["t_impact_ns"] - told["t_impact_ns"]) / NS_PER_S
        moved_m = np.hypot(*(part["point_m"] - told["point_m"]).T)
        is_smaller = _area2_m4(part) * 256.0 < _area2_m4(told)
        if np.any((moved_s > self._settings.update_s) | (moved_m > 2.0 * told["sigma_m"]) | is_smaller):
            return True
        alarm.no_news = self._standing, which.tobytes()
        return False

    def _issue(
        self, t_ns: int, zone_id: int, part: Records, phase: WarningPhase, weighed: Balance | None = None
    ) -> ZoneWarning:
        alarm, shelter_s = self._alarms[zone_id], self._zones[zone_id].shelter_s
        is_new = ~alarm.knows(part["track_id"])[0]
        alarm.tell(part)
        if not part.size:
            t_last_ns = int(alarm.told["t_impact_ns"].max())
            return self._message(t_ns, zone_id, phase, t_last_ns, "stay in cover: more may follow, and debris falls")
        fresh = part[is_new] if is_new.any() else part
        t_fresh_ns = int(fresh["t_impact_ns"].min())
        is_useful = t_fresh_ns - alarm.t_first_ns >= round(shelter_s * NS_PER_S)
        told = Told(t_ns, alarm.t_first_ns, t_fresh_ns, shelter_s, phase, bool(is_new.any()), is_useful)
        return self._message(t_ns, zone_id, phase, int(part["t_impact_ns"].min()), "", part, told, weighed)

    def _clear(self, t_ns: int, zone_id: int) -> ZoneWarning:
        alarm = self._alarms[zone_id]
        t_last_ns = int(alarm.told["t_impact_ns"].max())
        phase = WarningPhase.CLEAR if alarm.is_borne_out else WarningPhase.WITHDRAWN
        why = f"no active threat for {self._settings.clear_after_s:.0f} s"
        if phase is WarningPhase.WITHDRAWN:
            why = f"withdrawn, {alarm.why_gone}: {why}"
        message = self._message(t_ns, zone_id, phase, t_last_ns, why)
        del self._alarms[zone_id]
        self._is_quiet[zone_id] = True
        return message

    def _message(
        self,
        t_ns: int,
        zone_id: int,
        phase: WarningPhase,
        t_impact_ns: int,
        reason: str,
        part: Records | None = None,
        told: Told | None = None,
        weighed: Balance | None = None,
    ) -> ZoneWarning:
        alarm, people = self._alarms[zone_id], self._zones[zone_id].people or 1
        rows = _NOBODY if part is None else part
        if rows.size and weighed is None:
            weighed = self._balance(t_ns, rows, np.zeros(1, np.intp))
        p = 0.0 if weighed is None else float(weighed.p[0])
        self._n_warnings += 1
        supersedes = 0 if alarm.incident_id == self._n_warnings else alarm.warning_id
        alarm.warning_id, alarm.phase, alarm.t_issued_ns = self._n_warnings, phase, t_ns
        return ZoneWarning(
            warning_id=self._n_warnings,
            zone_id=zone_id,
            level=WarningLevel.CLEAR if phase in _OVER else WarningLevel.WARN,
            t_issued_ns=t_ns,
            t_impact_ns=t_impact_ns,
            p_impact=p,
            threat_ids=tuple(sorted({*rows["threat_id"].tolist()} - {0})),
            track_ids=tuple((rows if rows.size else alarm.told)["track_id"].tolist()),
            supersedes=supersedes,
            is_useful=told is None or told.is_useful,
            reason=reason if told is None else why_warned(told, p),
            phase=phase,
            incident_id=alarm.incident_id,
            causes=causes_of(rows, self._class_names),
            lead_s=(t_impact_ns - t_ns) / NS_PER_S if t_impact_ns > t_ns else math.nan,
            benefit=math.nan if weighed is None else float(weighed.benefit[0]) * people,
            cost=self._settings.cost_per_person * people,
            would_change="" if weighed is None else self._would_change(alarm, rows, weighed, phase),
        )

    def _would_change(self, alarm: _Alarm, rows: Records, weighed: Balance, phase: WarningPhase) -> str:
        if phase is not WarningPhase.WARN:
            share = self._hold_at / float(np.sum(rows["p_hit"] * rows["p_round"] * rows["p_hurt"]))
            return held_by(float(weighed.p[0]), share, self._settings.clear_after_s)
        turning = float(p_turning(weighed, self._settings.cost_per_person)[0])
        return turned_by(float(weighed.p[0]), turning, alarm.wait_s)


def _area2_m4(rows: Records) -> Floats:
    """Return the squares of the ellipses' areas, but for a factor: determinants."""
    cov_m2 = rows["cov_m2"]
    return np.asarray(cov_m2[:, 0, 0] * cov_m2[:, 1, 1] - cov_m2[:, 0, 1] * cov_m2[:, 1, 0], np.float64)
