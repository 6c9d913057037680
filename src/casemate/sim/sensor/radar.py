"""A rotating radar in simulation: when its beam meets each body, whether it sees it, what it then measures.

Geometry, coverage and noise are those of `physics.radar`; detection follows the radar equation with a
fluctuating cross section. A whole turn is worked out at once; `world` deals it out sector by sector.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite
from casemate.model.records import PLOT, Records, missing
from casemate.physics.detection import LOG_NORMAL, STEADY, THRESHOLD, p_detection, sigma_scale, snr_at
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import Measured, SensorModel, in_arc
from casemate.sim.scenario import RadarTruth
from casemate.sim.sensor.bodies import Bodies, Looks, Turn

Floats = NDArray[np.float64]

_TURN = 2.0 * math.pi

FALSE_RATE_MPS: Final = 400.0
"""False plots have a range rate uniform within +-this [m/s]; assumption: the span of a medium-PRF Doppler bank."""


class RotatingRadar:
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
    """

    def __init__(
        self, sensor_id: int, radar: RadarSite, truth: RadarTruth, frame: SiteFrame, rng: np.random.Generator
    ) -> None:
        self.sensor_id, self.truth = sensor_id, truth
        self.model = SensorModel.of(radar, frame)
        self.period_s = radar.scan_period_s
        self.sector_s = radar.scan_period_s / truth.sectors
        self._mask_rad = math.radians(radar.mask_deg if truth.mask_deg is None else truth.mask_deg)
        self._reference_m = truth.reference_range_m or radar.reference_range_m
        self._body_rng, self._false_rng, self._law_rng = rng.spawn(3)

    def covers_sector(self, i_sector: int) -> bool:
        """Tell whether sector `i_sector` of a turn holds any covered azimuth."""
        width = _TURN / self.truth.sectors
        low, first = i_sector * width, self.model.az_rad[0]
        return (first - low) % _TURN < width or (low - first) % _TURN < self.model.arc_rad - 1e-9

    def turn(self, i_turn: int, bodies: Bodies) -> Turn:
        """Sweep once round, from north at `i_turn` periods.

        Returns
        -------
        Turn
            Plots with everything but `plot_id` and `t_ns`, which `world` gives; a round that dies during the turn is
            still in it.
        """
        t0 = i_turn * self.period_s
        t_s, seen = self._meet(t0, bodies)
        is_met = self._is_covered(seen) & (t_s >= bodies.start_s) & (t_s < bodies.end_s)
        is_met &= (t_s >= t0) & (t_s < t0 + self.period_s)
        snr = snr_at(seen.range_m, bodies.rcs_dbsm, self._reference_m)
        chance = self.model.p_detection * p_detection(snr, bodies.rcs_law, 1, bodies.rcs_sigma_db)
        power = self._power(snr, bodies)
        is_seen = is_met & (power > THRESHOLD) & (self._body_rng.random(len(t_s)) < self.model.p_detection)
        noise = self._body_rng.standard_normal((4, len(t_s)))
        rate = seen.range_rate_mps + self._law_rng.uniform(-1.0, 1.0, len(t_s)) * bodies.rate_spread_mps
        seen = seen._replace(range_rate_mps=rate)
        own = self._plots(Measured(*(part[is_seen] for part in seen)), power[is_seen], noise[:, is_seen])
        false, false_t = self._false(t0)
        times = np.concatenate([t_s[is_seen], false_t])
        order = np.argsort(times, kind="stable")
        names = np.concatenate([bodies.truth_id[is_seen], np.zeros(len(false_t), np.int64)])
        looks = Looks(bodies.truth_id[is_met], t_s[is_met], chance[is_met])
        return Turn(np.concatenate([own, false])[order], names[order], times[order], looks)

    def _meet(self, t0: float, bodies: Bodies) -> tuple[Floats, Measured]:
        # The beam moves a thousand times faster in azimuth than a body: three rounds of substitution settle it. The
        # azimuth is unwrapped, so a body that passes north is met in one turn or the other, not in the wrong place.
        t_s = np.full(len(bodies.truth_id), t0 + 0.5 * self.period_s)
        seen = self.model.measure(*bodies.at(t_s))
        az = seen.az_rad
        for _ in range(2):
            t_s = t0 + self.period_s * az / _TURN
            seen = self.model.measure(*bodies.at(t_s))
            az = az + (seen.az_rad - az + math.pi) % _TURN - math.pi
        return t_s, seen

    def _is_covered(self, seen: Measured) -> NDArray[np.bool_]:
        model = self.model
        bottom = max(model.el_rad[0], self._mask_rad)
        is_near = (seen.range_m >= model.range_m[0]) & (seen.range_m <= model.range_m[1])
        return is_near & in_arc(seen.az_rad, *model.az_rad) & (seen.el_rad >= bottom) & (seen.el_rad <= model.el_rad[1])

    def _power(self, snr: Floats, bodies: Bodies) -> Floats:
        # A fluctuating signal in complex Gaussian noise of unit power, square-law detected.
        law = bodies.rcs_law
        shape = np.where((law == 3) | (law == 4), 2.0, 1.0)
        gain = self._body_rng.gamma(shape) / shape
        spread = bodies.rcs_sigma_db * math.log(10.0) / 10.0
        log_normal = np.exp(spread * self._law_rng.standard_normal(len(snr)) - 0.5 * spread**2)
        gain = np.select([law == STEADY, law == LOG_NORMAL], [1.0, log_normal], gain)
        amplitude = np.sqrt(snr * gain)
        noise = self._body_rng.standard_normal((2, len(snr))) * math.sqrt(0.5)
        return (amplitude + noise[0]) ** 2 + noise[1] ** 2

    def _plots(self, seen: Measured, power: Floats, noise: Floats) -> Records:
        model, truth = self.model, self.truth
        plots = missing(PLOT, len(power))
        scale = sigma_scale(power - 1.0)
        plots["sensor_id"] = self.sensor_id
        plots["sigma_range_m"] = scale * model.sigma_range_m
        plots["sigma_az_rad"] = scale * model.sigma_az_rad
        plots["sigma_el_rad"] = scale * model.sigma_el_rad
        plots["sigma_range_rate_mps"] = scale * model.sigma_range_rate_mps
        plots["snr_db"] = 10.0 * np.log10(np.maximum(power - 1.0, 1.0))
        plots["range_m"] = seen.range_m + truth.bias_range_m + noise[0] * plots["sigma_range_m"]
        azimuth = seen.az_rad + math.radians(truth.bias_azimuth_deg) + noise[1] * plots["sigma_az_rad"]
        plots["az_rad"] = azimuth % _TURN
        plots["el_rad"] = seen.el_rad + math.radians(truth.bias_elevation_deg) + noise[2] * plots["sigma_el_rad"]
        plots["range_rate_mps"] = seen.range_rate_mps + noise[3] * plots["sigma_range_rate_mps"]
        return plots

    def _false(self, t0: float) -> tuple[Records, Floats]:
        # Cells of range, azimuth and elevation are equally likely to ring: uniform in each, so dense near the radar.
        model, rng = self.model, self._false_rng
        n = int(rng.poisson(model.false_plots_per_scan))
        draw = rng.random((4, n))
        azimuth = (model.az_rad[0] + draw[1] * model.arc_rad) % _TURN
        seen = Measured(
            range_m=model.range_m[0] + draw[0] * (model.range_m[1] - model.range_m[0]),
            az_rad=azimuth,
            el_rad=model.el_rad[0] + draw[2] * (model.el_rad[1] - model.el_rad[0]),
            height_m=np.full(n, np.nan),
            range_rate_mps=(2.0 * draw[3] - 1.0) * FALSE_RATE_MPS,
        )
        power = THRESHOLD + rng.exponential(size=n)
        return self._plots(seen, power, np.zeros((4, n))), t0 + self.period_s * azimuth / _TURN
