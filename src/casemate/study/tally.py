"""What a study of protection keeps of a night: counts of rounds and bursts by truth, and who bears what came down."""

from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from casemate.model.catalog import Ring
from casemate.model.messages import WarningLevel, ZoneWarning
from casemate.sim.fallen import WHOLE, come_down, hit_rounds
from casemate.sim.intercept.debris import DEAD_ROUND, DUD_BODY, LIVE_BODY
from casemate.sim.intercept.gun import Outcome
from casemate.sim.people import ring_of
from casemate.sim.world import World
from casemate.study.harm import Alarm, Borne, borne_by, crowd_of, inside_of
from casemate.study.nights import Flown

Bools = NDArray[np.bool_]

_OPEN: Final = 2**62


class Aimed(msgspec.Struct, frozen=True, kw_only=True):
    """Bursts that were fired, by where what they met would truly have come down."""

    asset: int
    zone: int  # in a zone, and in no asset
    nowhere: int  # in neither: it would have hurt nobody
    nothing: int  # they met no round: it was gone already, or never was

    @property
    def n(self) -> int:
        """All of them."""
        return self.asset + self.zone + self.nowhere + self.nothing


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to; counts of rounds of the raid but for those of bursts and shots."""

    seed: int
    n_rounds: int
    n_bound_for_asset: int
    n_bound_for_nobody: int  # in no asset and no zone
    n_met: int  # a burst was fired at where they were
    n_intercepted: int  # destroyed, or their fuze is dead
    n_destroyed: int  # no longer in the air
    n_down_inside: int  # came down in the zones inside the site: whole, dead, or as a body
    n_live_inside: int  # of them, those that were not made harmless
    n_live_at_asset: int
    n_shots: int
    n_held: int  # bursts that were called off
    bursts: Aimed
    borne: tuple[Borne, ...]

    @classmethod
    def of(cls, flown: Flown) -> Self:
        """Count a night."""
        world, plan, frame = flown.world, flown.ground.plan, flown.ground.plan.frame()
        down, site, n = come_down(world), plan.site, len(world.rounds)
        crowd, inside = crowd_of(flown.ground.scenario, site, frame), inside_of(site, frame)
        class_of = [r.round_class for r in world.rounds]
        borne = borne_by(down, alarms_of(flown.told), site, crowd, inside, world.classes, class_of)

        def shape(rings: Sequence[Ring]) -> shapely.Geometry:
            return shapely.union_all([shapely.Polygon(ring_of(ring, frame)) for ring in rings])

        assets = shape([asset.polygon_deg for asset in site.asset])
        zones = shape([zone.polygon_deg for zone in site.zone])
        wall = shape([site.zone[i].polygon_deg for i in inside])
        is_body = np.isin(down["what"], (WHOLE, DEAD_ROUND, DUD_BODY, LIVE_BODY))
        in_wall = is_body & _within(wall, down["pos_m"])
        impacts = np.array([r.impact_m for r in world.rounds]).reshape(-1, 2)
        at_asset, in_zone = _within(assets, impacts), _within(zones, impacts)
        outcomes = [(row["outcome"], int(row["n_rounds"])) for rows in flown.engagements for row in rows]
        return cls(
            seed=world.seed,
            n_rounds=n,
            n_bound_for_asset=int(at_asset.sum()),
            n_bound_for_nobody=int((~at_asset & ~in_zone).sum()),
            n_met=len({truth_id for _, truth_id, _ in world.spent if 0 < truth_id <= n}),
            n_intercepted=len(hit_rounds(world)),
            n_destroyed=sum(i <= n for i in world.dead_s),
            n_down_inside=int(in_wall.sum()),
            n_live_inside=int((in_wall & down["is_live"]).sum()),
            n_live_at_asset=int((is_body & down["is_live"] & _within(assets, down["pos_m"])).sum()),
            n_shots=sum(shots for outcome, shots in outcomes if outcome in {Outcome.KILL, Outcome.MISS}),
            n_held=sum(outcome == Outcome.HELD for outcome, _ in outcomes),
            bursts=_aimed(world, at_asset, in_zone),
            borne=borne,
        )

    @property
    def n_bursts(self) -> int:
        """Bursts that were fired."""
        return self.bursts.n

    def harm(self, *, is_warned: bool, is_inside: bool | None = None) -> float:
        """Return expected casualties, of one side of the wall or of both."""
        return sum(b.total(is_warned=is_warned) for b in self.borne if is_inside in {None, b.is_inside})


def alarms_of(told: Sequence[ZoneWarning]) -> list[Alarm]:
    """Return each alarm from its first warning to its all-clear."""
    begun: dict[int, int] = {}
    out: list[Alarm] = []
    for warning in told:
        if warning.level is not WarningLevel.CLEAR:
            begun.setdefault(warning.zone_id, warning.t_issued_ns)
        elif warning.zone_id in begun:
            out.append(Alarm(warning.zone_id, begun.pop(warning.zone_id), warning.t_issued_ns))
    return out + [Alarm(zone_id, t_ns, _OPEN) for zone_id, t_ns in begun.items()]


def _aimed(world: World, at_asset: Bools, in_zone: Bools) -> Aimed:
    met = np.array([truth_id for _, truth_id, _ in world.spent], np.int64)
    met = met[(met > 0) & (met <= len(world.rounds))] - 1
    asset, zone = int(at_asset[met].sum()), int((in_zone & ~at_asset)[met].sum())
    return Aimed(asset=asset, zone=zone, nowhere=met.size - asset - zone, nothing=len(world.spent) - met.size)


def _within(shape: shapely.Geometry, pos_m: NDArray[np.float64]) -> Bools:
    return np.asarray(shapely.contains_xy(shape, pos_m[:, 0], pos_m[:, 1]), np.bool_)
