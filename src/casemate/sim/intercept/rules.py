"""When a simulated gun may not fire: the weapons state, human consent, friends, sectors, roofs, arcs.

Asked when an intercept is planned, at each step while it waits, and right before the trigger; a rule never causes a
shot. It knows declarations and what friends report of themselves, never the truth.
"""

import math
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.records import Records
from casemate.physics.environment import Environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.airspace import Picture, zone_of, zone_of_roof
from casemate.sim.intercept.declared import RulesOfFire
from casemate.sim.intercept.mount import Mount
from casemate.sim.intercept.ways import UP_RAD, Ways
from casemate.sim.scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.str_]

_PLAN_RAD: Final = 0.03
"""What a plan does not know of its burst's directions [rad]: elevation over the line of sight, and how the line turns
while the burst lasts; assumption. Before the trigger the directions of the rounds themselves are asked about."""

_FEW: Final = 12
"""Rounds that stand for a burst before the trigger; half of what lies between two widens each."""


class Hold(StrEnum):
    """Why a gun may not fire."""

    TIGHT = "tight"
    NO_CONSENT = "no consent"
    VETO = "vetoed"
    FRIEND = "friend"
    SECTOR = "sector"
    ROOF = "roof"
    ARC = "arc"


class _Sector(NamedTuple):
    reason: Hold
    az_rad: tuple[float, float]  # middle, half width
    el_rad: tuple[float, float]  # low, high

    def holds(self, az_rad: Floats, el_rad: Floats, wide_rad: Floats) -> NDArray[np.bool_]:
        """Tell which directions (k,), known to so much (k,), reach into it."""
        off = np.abs((az_rad - self.az_rad[0] + math.pi) % (2.0 * math.pi) - math.pi)
        wide_az = wide_rad / np.maximum(np.cos(el_rad), 1e-3)
        is_in = (off <= self.az_rad[1] + wide_az) & (el_rad + wide_rad >= self.el_rad[0])
        return is_in & (el_rad - wide_rad < self.el_rad[1])


class Rules:
    """The rules of a scenario for its guns.

    Parameters
    ----------
    scenario : Scenario
        Checked.
    frame : SiteFrame
        ENU of the site.
    air : Environment
        Air and Earth as the fire control believes them.
    key : int
        Of the chance of consent, which is one draw a threat, whoever asks and in whatever order.
    """

    def __init__(self, scenario: Scenario, frame: SiteFrame, air: Environment, key: int) -> None:
        self._rules, self._key = scenario.rules or RulesOfFire(), key
        self.picture = Picture(frame)
        t_start_ns = scenario.t_start_ns()
        self._spaces = [zone_of(each, frame, t_start_ns) for each in scenario.airspace]
        self._roofs = [zone_of_roof(each, frame) for each in scenario.roof]
        mounts = [Mount(gun, frame, air) for gun in scenario.gun]
        self._ways = [Ways(mount.shots, mount.place_m) for mount in mounts]
        names = [gun.name for gun in scenario.gun]
        self._sectors = [self._sectors_of(scenario, name, ways) for name, ways in zip(names, self._ways, strict=True)]
        self._asked: dict[int, tuple[int, Hold | None]] = {}

    def take(self, t_ns: int, reports: Records) -> None:
        """Take what friends reported of themselves: rows of `SYSTEM_TRACK` (n,), when they came in."""
        self.picture.take(t_ns, reports)

    def consent(self, track_id: int, t_ns: int, rank: int) -> tuple[int, Hold | None]:
        """Ask whether a threat may be engaged, once; return from when on [ns], or why never.

        Parameters
        ----------
        track_id : int
        t_ns : int
            Now: the human's time begins when first asked.
        rank : int
            Of the threat; weapons tight, it may change the answer at any time.
        """
        if self._rules.weapons == "tight" and rank > self._rules.tight_rank:
            return t_ns, Hold.TIGHT
        if track_id not in self._asked:
            self._asked[track_id] = self._answer(track_id, t_ns)
        return self._asked[track_id]

    def bars(self, gun_id: int, t_fire_ns: Ints, lasts_s: Floats, az_rad: Floats, el_rad: Floats) -> Texts:
        """Return for each intercept (k,) that is planned why it may not be fired, "" where it may.

        Parameters
        ----------
        gun_id : int
        t_fire_ns : (k,) int64
            Of the trigger.
        lasts_s : (k,) float64
            From the first round to the last.
        az_rad, el_rad : (k,) float64
            Where the meeting is, seen from the gun.
        """
        wide = np.full(az_rad.size, _PLAN_RAD)
        return self._bars(gun_id, t_fire_ns, lasts_s, az_rad, el_rad + UP_RAD, wide, 0.0 * wide)

    def bars_rounds(self, gun_id: int, t_fire_ns: int, left_s: Floats, muzzle_mps: Floats) -> str:
        """Return why a burst may not be fired whose rounds leave like this, "" if it may: the last look.

        Parameters
        ----------
        gun_id : int
        t_fire_ns : int
            Of the trigger.
        left_s : (n,) float64
            When each round leaves, after it.
        muzzle_mps : (n, 3) float64
            As commanded, ENU.
        """
        n = left_s.size
        i = np.unique(np.linspace(0, n - 1, min(n, _FEW)).round().astype(np.int64))
        ray = muzzle_mps / np.linalg.norm(muzzle_mps, axis=1)[:, None]
        turn = np.arccos(np.clip(np.sum(ray[i[1:]] * ray[i[:-1]], axis=1), -1.0, 1.0))
        gap_s = np.diff(left_s[i])
        wide, lasts_s = 0.5 * _sides(turn), _sides(gap_s)
        t_ns = t_fire_ns + np.rint((left_s[i] - 0.5 * lasts_s) * NS_PER_S).astype(np.int64)
        az, el = np.arctan2(ray[i, 0], ray[i, 1]), np.arcsin(np.clip(ray[i, 2], -1.0, 1.0))
        why = self._bars(gun_id, t_ns, lasts_s, az, el, wide, wide)
        return next((each for each in why.tolist() if each), "")

    def _bars(
        self, gun_id: int, t_ns: Ints, lasts_s: Floats, az: Floats, el: Floats, wide: Floats, wide_sector: Floats
    ) -> Texts:
        ways = self._ways[gun_id]
        out = np.full(az.size, "", "U10")
        if self._spaces or self._roofs or self.picture.n_aircraft:
            tubes = ways.tubes(az, el, wide)
            for zone in self._roofs:
                out[zone.is_near(tubes, t_ns, lasts_s)] = Hold.ROOF
            for zone in self._spaces:
                out[zone.is_near(tubes, t_ns, lasts_s)] = Hold.FRIEND
            out[self.picture.is_near(tubes, t_ns, lasts_s)] = Hold.FRIEND
        for sector in self._sectors[gun_id]:
            out[sector.holds(az, el, wide_sector + ways.stray_rad)] = sector.reason
        return out

    def _sectors_of(self, scenario: Scenario, name: str, ways: Ways) -> list[_Sector]:
        found: list[_Sector] = []
        for each in scenario.no_fire:
            if each.gun in (None, name):
                low, high = each.elevation_deg
                found.append(_Sector(Hold.SECTOR, _around(each.azimuth_deg), (math.radians(low), math.radians(high))))
        least = [(arc.azimuth_deg, arc.least_elevation_deg) for arc in scenario.safe_arc if arc.gun in (None, name)]
        found += [_Sector(Hold.ARC, _around(az), (-math.pi, math.radians(el))) for az, el in least]
        if self._rules.keep_off_ground:
            # the table's own stray is in it; a direction's stray is added when asked
            low = ways.least_elevation_rad(0.0) - ways.stray_rad
            found.append(_Sector(Hold.ARC, _around((0.0, 360.0)), (-math.pi, low)))
        return found

    def _answer(self, track_id: int, t_ns: int) -> tuple[int, Hold | None]:
        rng = np.random.default_rng([self._key, track_id])
        veto, late = float(rng.random()), float(rng.standard_normal())
        if veto < self._rules.p_veto:
            return t_ns, Hold.VETO
        delay_s = self._rules.consent_s * self._rules.consent_factor**late
        return t_ns + round(delay_s * NS_PER_S), None


def _around(azimuth_deg: tuple[float, float]) -> tuple[float, float]:
    """Return middle and half width [rad] of an arc clockwise from, to [deg]."""
    begin, end = azimuth_deg
    width = (end - begin) % 360.0 or 360.0
    return math.radians(begin + 0.5 * width), math.radians(0.5 * width)


def _sides(between: Floats) -> Floats:
    """Return for each of n rounds the larger of what lies before and behind it (n - 1,)."""
    out = np.zeros(between.size + 1)
    out[1:], out[:-1] = between, np.maximum(out[:-1], between)
    return out
