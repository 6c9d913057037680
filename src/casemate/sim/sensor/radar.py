"""A radar in simulation, rotating or staring: turn after turn, the plots of what its beam meets.

Geometry, coverage and noise are those of `physics.radar`; detection is that of `physics.detection`. A whole turn (of a
staring radar, a dwell) is worked out at once; `sectors` deals it out.
"""

import math

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite
from casemate.model.records import Records
from casemate.physics.detection import LOG_NORMAL, STEADY, p_detection, snr_at, threshold
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import Measured
from casemate.physics.terrain import Terrain
from casemate.sim.sensor.beam import Beam
from casemate.sim.sensor.bodies import Bodies, Looks, Turn
from casemate.sim.sensor.declared import RadarTruth
from casemate.sim.sensor.false_plots import FalsePlots
from casemate.sim.sensor.faults import Faults
from casemate.sim.sensor.reading import Reading

Floats = NDArray[np.float64]


class Radar:
    """One radar: turn after turn, plots of what its beam meets.

    Parameters
    ----------
    sensor_id : int
        Its index in the site file.
    radar : RadarSite
        As the site file says.
    truth : RadarTruth
        What the site file does not say.
    frame : SiteFrame
        ENU of the site.
    rng : Generator
        Its own stream; split here, so that false plots do not depend on what flies.
    terrain : Terrain, optional
        What hides bodies from it; the level ground at the site's height when not given.
    """

    def __init__(
        self,
        sensor_id: int,
        radar: RadarSite,
        truth: RadarTruth,
        frame: SiteFrame,
        rng: np.random.Generator,
        terrain: Terrain | None = None,
    ) -> None:
        self._body_rng, false_rng, self._law_rng, other_rng, path_rng, self.clock_rng = rng.spawn(6)
        self.sensor_id, self.truth = sensor_id, truth
        self.beam = Beam(radar, truth, frame, terrain)
        self.model, self.period_s = self.beam.model, self.beam.period_s
        self.faults = Faults(truth.fault)
        self._reading = Reading(sensor_id, radar, truth, self.model, path_rng)
        self._false = FalsePlots(radar, truth, self.beam, self.faults, false_rng, other_rng)
        self._reference_m = truth.reference_range_m or radar.reference_range_m
        self._pulses, self._threshold = radar.pulses, threshold(radar.pulses)

    def turn(self, i_turn: int, bodies: Bodies) -> Turn:
        """Sweep once, from `i_turn` periods on.

        Returns
        -------
        Turn
            Plots with everything but `plot_id` and `t_ns`, which are dealt out later; a round that dies during the turn
            is still in it.
        """
        t0 = i_turn * self.period_s
        met = self.beam.meet(t0, bodies)
        t_s, seen = met.t_s, met.seen
        spread = self._law_rng.uniform(-1.0, 1.0, len(t_s)) * bodies.rate_spread_mps
        seen = seen._replace(range_rate_mps=seen.range_rate_mps + spread)
        is_met = self.beam.covers(met) & (t_s >= bodies.start_s) & (t_s < bodies.end_s)
        is_met &= (t_s >= t0) & (t_s < t0 + self.period_s) & self.beam.is_moving(seen.range_rate_mps)
        is_met &= ~self.faults.is_blind(t_s, seen.az_rad)
        snr = snr_at(seen.range_m, bodies.rcs_dbsm, self._reference_m, self._pulses)
        snr = snr / self.faults.noise(t_s, seen.az_rad)
        chance = self.model.p_detection * p_detection(snr, bodies.rcs_law, self._pulses, bodies.rcs_sigma_db)
        power = self._power(snr, bodies)
        is_seen = is_met & (power > self._threshold) & (self._body_rng.random(len(t_s)) < self.model.p_detection)
        noise = self._body_rng.standard_normal((4, len(t_s)))
        looks = Looks(bodies.truth_id[is_met], t_s[is_met], chance[is_met])
        kept = Measured(*(part[is_seen] for part in seen))
        kept, noise = self._reading.bent(bodies.truth_id[is_seen], t_s[is_seen], kept, noise[:, is_seen])
        own = self._reading.plots(kept, power[is_seen] - self._pulses, noise)
        return self._with_false(t0, own, bodies.truth_id[is_seen], t_s[is_seen], looks)

    def _with_false(self, t0: float, own: Records, names: NDArray[np.int64], t_s: Floats, looks: Looks) -> Turn:
        drawn = self._false.turn(t0)
        drawn = drawn.of(~self.faults.is_blind(drawn.t_s, drawn.seen.az_rad))
        snr = self._threshold + drawn.excess - self._pulses
        false = self._reading.plots(drawn.seen, snr, np.zeros((4, len(snr))))
        times = np.concatenate([t_s, drawn.t_s])
        order = np.argsort(times, kind="stable")
        names = np.concatenate([names, np.zeros(len(false), np.int64)])
        return Turn(np.concatenate([own, false])[order], names[order], times[order], looks)

    def _power(self, snr: Floats, bodies: Bodies) -> Floats:
        # A fluctuating signal in complex Gaussian noise of unit power, square-law detected, over all pulses of a look:
        # their signal may be taken as in one of them, the others are noise.
        law, n = bodies.rcs_law, self._pulses
        shape = np.select([law == 2, law == 3, law == 4], [1.0 * n, 2.0, 2.0 * n], 1.0)
        gain = self._body_rng.gamma(shape) / shape
        spread = bodies.rcs_sigma_db * math.log(10.0) / 10.0
        log_normal = np.exp(spread * self._law_rng.standard_normal(len(snr)) - 0.5 * spread**2)
        gain = np.select([law == STEADY, law == LOG_NORMAL], [1.0, log_normal], gain)
        amplitude = np.sqrt(n * snr * gain)
        noise = self._body_rng.standard_normal((2, len(snr))) * math.sqrt(0.5)
        rest = self._law_rng.gamma(n - 1.0, size=len(snr)) if n > 1 else 0.0
        return (amplitude + noise[0]) ** 2 + noise[1] ** 2 + rest
