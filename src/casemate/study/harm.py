"""Expected casualties of a night: of what came down, where people are, and what they had been told by then.

One number for each place and cause, of chance in the air alone: who stands where is not drawn. The areas of harm and
the shelter curve are those that the live warning decides by. All people stand in the open when nobody warns them, so
figures are upper ones; cover that is the same in all four ways takes the same share off each.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from casemate.assess.warning.rule import spared
from casemate.constants import NS_PER_S
from casemate.model.catalog import RoundClass, SiteFile
from casemate.model.records import Records
from casemate.physics.geodesy import SiteFrame
from casemate.physics.harm import harm_area_m2
from casemate.sim.fallen import WHOLE
from casemate.sim.intercept.debris import DEAD_ROUND, DUD_BODY, GROUND_STRIKE, LIVE_BODY, UNBURST
from casemate.sim.intercept.residue import HAZARDOUS_J
from casemate.sim.people import Crowd, ring_of
from casemate.sim.scenario import Scenario

Floats = NDArray[np.float64]

PEOPLE_INSIDE_PER_M2: Final = 2.5e-3
"""Of a zone inside the site that declares no people [A]: 2,500 a km2."""
PEOPLE_OUTSIDE_PER_M2: Final = 7.5e-3
"""Of any other zone that declares none, and beyond every zone [A]: a town's 7,500 a km2."""
HURT_BY_ALARM: Final = 1e-5
"""Injuries that the alarm itself does, per person alarmed: 2e-6 / 1e-5 / 5e-5 (section 2.4 of the project's public
parameter list [A])."""
STRUCK_M2: Final = 0.3
"""Area about a person within which a falling body hits [m2]: a disc of 0.3 m and what falls, 0.2 to 0.5 [A]."""
STRIKE_M: Final = 4.3
"""Radius [m] of the disc in which 1 kg of gun round that goes off on the ground hurts, by the cube root of its mass: 2
m at 0.1 kg, 1 to 4 [A]. Its pieces are too small for the far reach that the form for rounds has."""
BEYOND: Final = "beyond every zone"


class Alarm(NamedTuple):
    """A zone under warning, from when to when [ns]."""

    zone_id: int
    from_ns: int
    to_ns: int


class Borne(msgspec.Struct, frozen=True, kw_only=True):
    """Expected casualties in one place; of the guns: by their own rounds. `alarm`: hurt by being alarmed."""

    place: str
    is_inside: bool
    people_per_m2: float
    raid: float
    raid_warned: float
    guns: float
    guns_warned: float
    alarm: float

    def total(self, *, is_warned: bool) -> float:
        """Return all casualties, warned or as if nobody had been."""
        return self.raid_warned + self.guns_warned + self.alarm if is_warned else self.raid + self.guns


def borne_by(
    down: Records,
    alarms: Sequence[Alarm],
    site: SiteFile,
    crowd: Crowd,
    inside: Collection[int],
    classes: Mapping[str, RoundClass],
    class_of: Sequence[str],
) -> tuple[Borne, ...]:
    """Return who bears what came down: a row for each zone, and one for everywhere else.

    Parameters
    ----------
    down : COME_DOWN (k,)
        Everything that came down, see `sim.fallen`.
    alarms : sequence of Alarm
        Warnings as they stood.
    site : SiteFile
        Time to cover of its zones.
    crowd : Crowd
        See `crowd_of`.
    inside : collection of int
        Zones inside the site, see `inside_of`.
    classes : mapping of str to RoundClass
    class_of : sequence of str
        Class of each round, in order of its id from 1 on.

    Notes
    -----
    A thing counts where it comes down, with the people and the warning of that place: zones are taken to be wide
    against the radius of harm. A point in two zones belongs to the first.
    """
    rows = down[np.isfinite(down["pos_m"]).all(axis=1)]
    place = crowd.zone_at(rows["pos_m"])
    area = areas_m2(rows, classes, class_of)
    kept = 1.0 - _spared(rows["t_ns"], place, alarms, site)
    is_gun = rows["round_id"] == 0
    out: list[Borne] = []
    for i in (*range(len(site.zone)), -1):
        density = float(crowd.per_m2_elsewhere if i < 0 else crowd.per_m2_in_zones[i])
        n_alarms = sum(alarm.zone_id == i for alarm in alarms)
        here = density * np.where(place == i, area, 0.0)
        out.append(
            Borne(
                place=BEYOND if i < 0 else site.zone[i].name,
                is_inside=i in inside,
                people_per_m2=density,
                raid=float(here[~is_gun].sum()),
                raid_warned=float((here * kept)[~is_gun].sum()),
                guns=float(here[is_gun].sum()),
                guns_warned=float((here * kept)[is_gun].sum()),
                alarm=HURT_BY_ALARM * density * float(crowd.areas_m2[i]) * n_alarms if n_alarms else 0.0,
            )
        )
    return tuple(out)


def areas_m2(rows: Records, classes: Mapping[str, RoundClass], class_of: Sequence[str]) -> Floats:
    """Return the area (k,) [m2] in which each row of COME_DOWN hurts whoever stands there in the open.

    A round and the live body of a broken one go off unless they are duds; a gun's round that strikes the ground does.
    What else falls hurts whom it hits, if with more than 79 J.
    """
    hits = np.where(rows["energy_j"] > HAZARDOUS_J, rows["n"] * STRUCK_M2, 0.0)
    hits[np.isin(rows["what"], (DEAD_ROUND, DUD_BODY, UNBURST))] = STRUCK_M2
    for row in np.flatnonzero(np.isin(rows["what"], (WHOLE, LIVE_BODY))).tolist():
        body = classes[class_of[int(rows["round_id"][row]) - 1]]
        hits[row] = (1.0 - body.p_dud) * _area_m2(body.hazard_radius_m)
    is_strike = rows["what"] == GROUND_STRIKE
    hits[is_strike] = np.pi * (STRIKE_M * np.cbrt(rows["mass_kg"][is_strike])) ** 2
    out: Floats = hits
    return out


@cache
def _area_m2(radius_m: float) -> float:
    return harm_area_m2(radius_m)


def inside_of(site: SiteFile, frame: SiteFrame) -> tuple[int, ...]:
    """Return which zones are inside the site: those that hold a part of a defended asset."""
    assets = shapely.union_all([shapely.Polygon(ring_of(asset.polygon_deg, frame)) for asset in site.asset])
    zones = [shapely.Polygon(ring_of(zone.polygon_deg, frame)) for zone in site.zone]
    return tuple(i for i, zone in enumerate(zones) if zone.intersection(assets).area > 0.0)


def crowd_of(scenario: Scenario, site: SiteFile, frame: SiteFrame) -> Crowd:
    """Return the people that a scenario and its site declare; where neither does, those assumed here."""
    crowd = Crowd(scenario, site, frame)
    if scenario.people:
        return crowd
    inside = inside_of(site, frame)
    for i, zone in enumerate(site.zone):
        if zone.people is None:
            crowd.per_m2_in_zones[i] = PEOPLE_INSIDE_PER_M2 if i in inside else PEOPLE_OUTSIDE_PER_M2
    crowd.per_m2_elsewhere = PEOPLE_OUTSIDE_PER_M2
    return crowd


def _spared(t_ns: NDArray[np.int64], place: NDArray[np.intp], alarms: Sequence[Alarm], site: SiteFile) -> Floats:
    share = np.zeros(len(t_ns))
    for alarm in alarms:
        is_in = (place == alarm.zone_id) & (alarm.from_ns <= t_ns) & (t_ns <= alarm.to_ns)
        lead_s = (t_ns[is_in] - alarm.from_ns) / NS_PER_S
        shelter_s = np.full(lead_s.size, site.zone[alarm.zone_id].shelter_s)
        share[is_in] = np.maximum(share[is_in], spared(lead_s, shelter_s, site.warning.share_acting))
    return share
