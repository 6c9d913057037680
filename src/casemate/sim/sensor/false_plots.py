"""False plots: of noise, even over the cells; in clumps that stay for a while; along a jammer; and in a storm.

Their stream of chance is their own: they do not depend on what flies. Range, azimuth and elevation are each even over
the coverage, so they are dense near the radar.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import Band, RadarSite
from casemate.physics.radar import Measured
from casemate.sim.sensor.beam import Beam
from casemate.sim.sensor.declared import RadarTruth
from casemate.sim.sensor.faults import Faults

Floats = NDArray[np.float64]

_TURN = 2.0 * math.pi

FALSE_RATE_MPS: Final = 400.0
"""False plots have a range rate uniform within +-this [m/s]; assumption: the span of a medium-PRF Doppler bank."""

CLUMP_RATE_MPS: Final = 15.0
"""Clumps drift toward or away at up to this [m/s]: rain, birds, road traffic [A]."""


class FalseTurn(NamedTuple):
    """The (n,) false plots of a turn: where, by how much their power passes the threshold, and when [s]."""

    seen: Measured
    excess: Floats
    t_s: Floats

    def of(self, rows: NDArray[np.bool_]) -> "FalseTurn":
        """Return some of them."""
        return FalseTurn(Measured(*(part[rows] for part in self.seen)), self.excess[rows], self.t_s[rows])


class _Clump(NamedTuple):
    range_m: float
    az_rad: float  # after the start of the arc
    el_rad: float
    range_rate_mps: float
    until_s: float


class FalsePlots:
    """Draws the false plots of one radar, turn after turn.

    Parameters
    ----------
    radar, truth : RadarSite, RadarTruth
        What its owner says, and what it truly does.
    beam : Beam
        When it points where.
    faults : Faults
        Storms, and strobes of jammers.
    even, other : Generator
        Streams of chance: of the even ones, and of all else.
    """

    def __init__(
        self,
        radar: RadarSite,
        truth: RadarTruth,
        beam: Beam,
        faults: Faults,
        even: np.random.Generator,
        other: np.random.Generator,
    ) -> None:
        self._truth, self._beam, self._faults, self._even, self._other = truth, beam, faults, even, other
        self._mean, self._notch_mps = radar.false_plots_per_scan, radar.notch_mps
        self._n_clumps = truth.clumped_share * self._mean / truth.clump_plots_per_scan
        self._clumps: list[_Clump] | None = None

    def turn(self, t0_s: float) -> FalseTurn:
        """Draw the false plots of the turn from `t0_s` on [s]."""
        parts = [
            self._drawn(t0_s, self._even, self._spread(self._even, (1.0 - self._truth.clumped_share) * self._mean))
        ]
        if self._n_clumps > 0.0:
            parts.append(self._drawn(t0_s, self._other, self._clumped(t0_s)))
        extra = [(fault, (fault.factor - 1.0) * self._mean) for fault in self._faults.storms()]
        extra += [(fault, fault.plots_per_scan) for fault in self._faults.strobes()]
        for fault, mean in extra:
            seen = self._spread(self._other, mean, fault.azimuth_deg if fault.kind == "jammed" else None)
            part = self._drawn(t0_s, self._other, seen)
            parts.append(part.of((part.t_s >= fault.from_s) & (part.t_s < fault.to_s)))
        return FalseTurn(
            Measured(*(np.concatenate(each) for each in zip(*(part.seen for part in parts), strict=True))),
            np.concatenate([part.excess for part in parts]),
            np.concatenate([part.t_s for part in parts]),
        )

    def _drawn(self, t0_s: float, rng: np.random.Generator, seen: Measured) -> FalseTurn:
        excess = rng.exponential(size=len(seen.range_m))
        return FalseTurn(seen, excess, self._beam.time_of(t0_s, (seen.az_rad - self._beam.start_rad) % _TURN))

    def _spread(self, rng: np.random.Generator, mean: float, strobe_deg: Band | None = None) -> Measured:
        model = self._beam.model
        n = int(rng.poisson(mean))
        draw = rng.random((4, n))
        start, arc = model.az_rad[0], model.arc_rad
        if strobe_deg is not None:
            start, arc = math.radians(strobe_deg[0]), math.radians((strobe_deg[1] - strobe_deg[0]) % 360.0)
        return Measured(
            range_m=model.range_m[0] + draw[0] * (model.range_m[1] - model.range_m[0]),
            az_rad=(start + draw[1] * arc) % _TURN,
            el_rad=model.el_rad[0] + draw[2] * (model.el_rad[1] - model.el_rad[0]),
            height_m=np.full(n, np.nan),
            range_rate_mps=self._rates(2.0 * draw[3] - 1.0, FALSE_RATE_MPS),
        )

    def _rates(self, share: Floats, most_mps: float) -> Floats:
        # none where the filter takes what stands still for ground
        low = min(self._notch_mps, most_mps)
        return np.copysign(low + np.abs(share) * (most_mps - low), share)

    def _clumped(self, t0_s: float) -> Measured:
        # Neyman, Scott, J. R. Stat. Soc. B 20, 1958: parents at random places, a Poisson number about each.
        rng, truth, model = self._other, self._truth, self._beam.model
        born = self._n_clumps if self._clumps is None else self._n_clumps * self._beam.period_s / truth.clump_life_s
        alive = [clump for clump in self._clumps or () if clump.until_s > t0_s]
        new = self._spread(rng, born)
        lives = t0_s + rng.exponential(truth.clump_life_s, len(new.range_m))
        drift = CLUMP_RATE_MPS * rng.uniform(-1.0, 1.0, len(lives))
        after = (new.az_rad - model.az_rad[0]) % _TURN
        rows = np.column_stack([new.range_m, after, new.el_rad, drift, lives])
        alive += [_Clump(*row) for row in rows.tolist()]
        self._clumps = alive
        n = rng.poisson(truth.clump_plots_per_scan, len(alive))
        centre = np.repeat(np.array(alive, np.float64).reshape(-1, len(_Clump._fields)), n, axis=0)
        spread = rng.standard_normal((4, len(centre)))
        angle = math.radians(truth.clump_azimuth_deg)
        rate = (centre[:, 3] + spread[3]) / FALSE_RATE_MPS
        return Measured(
            range_m=_folded(centre[:, 0] + truth.clump_range_m * spread[0], *model.range_m),
            az_rad=(model.az_rad[0] + _folded(centre[:, 1] + angle * spread[1], 0.0, model.arc_rad)) % _TURN,
            el_rad=_folded(centre[:, 2] + angle * spread[2], *model.el_rad),
            height_m=np.full(len(centre), np.nan),
            range_rate_mps=self._rates(rate, FALSE_RATE_MPS),
        )


def _folded(values: Floats, low: float, high: float) -> Floats:
    # back into the band at both edges, so that a clump at the edge keeps all its plots and the mean stays even
    return low + (high - low) - np.abs((values - low) % (2.0 * (high - low)) - (high - low))
