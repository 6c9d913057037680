"""What a plot says: the truth with noise, the radar's own errors, and the steps of the wire.

A plot's sigmas are what the radar knows of its errors, from its own signal-to-noise; offsets, multipath and rounding
are not in them.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from casemate.model.catalog import RadarSite
from casemate.model.records import PLOT, Records, missing
from casemate.physics.detection import SIGMA_FLOOR, sigma_of_beam, sigma_scale
from casemate.physics.radar import Measured, SensorModel
from casemate.sim.sensor.declared import RadarTruth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TURN = 2.0 * math.pi

MULTIPATH_S: Final = 5.0
"""Time over which an error by multipath forgets itself [s]: a few scans [A]."""

MULTIPATH_SIGMA: Final = 4.0
"""What multiplies the elevation's sigma on the ground, falling to 1 a beamwidth up; 2 to 4 in the lower half [A]."""

_FORGET_S = 60.0  # a body not seen for so long has a new error, drawn as for a new one


class Reading:
    """Makes plots of one radar.

    Parameters
    ----------
    sensor_id : int
        Its index in the site file.
    radar, truth : RadarSite, RadarTruth
        What its owner says, and what it truly is.
    model : SensorModel
        Where it truly stands and leans.
    rng : Generator
        The stream of the multipath.
    """

    def __init__(
        self, sensor_id: int, radar: RadarSite, truth: RadarTruth, model: SensorModel, rng: np.random.Generator
    ) -> None:
        self._sensor_id, self._radar, self._truth, self._model, self._rng = sensor_id, radar, truth, model, rng
        beams = (radar.beamwidth_azimuth_deg, radar.beamwidth_elevation_deg)
        self._beams_rad = tuple(math.nan if beam is None else math.radians(beam) for beam in beams)
        self._phases: dict[int, tuple[float, float]] = {}

    def plots(self, seen: Measured, snr: Floats, noise: Floats) -> Records:
        """Return plots without their times.

        Parameters
        ----------
        seen : Measured
            Of (n,) arrays, without error.
        snr : (n,) float64
            Of the look, as drawn, not in dB.
        noise : (4, n) float64
            In sigmas, of range, azimuth, elevation and range rate.
        """
        radar, truth = self._radar, self._truth
        plots = missing(PLOT, len(snr))
        self._say_sigmas(plots, snr)
        plots["sensor_id"] = self._sensor_id
        plots["snr_db"] = 10.0 * np.log10(np.maximum(snr, 1.0))
        plots["range_m"] = seen.range_m + truth.bias_range_m + noise[0] * plots["sigma_range_m"]
        azimuth = seen.az_rad + math.radians(truth.bias_azimuth_deg) + noise[1] * plots["sigma_az_rad"]
        plots["az_rad"] = _rounded(azimuth, math.radians(radar.step_azimuth_deg)) % _TURN
        plots["el_rad"] = seen.el_rad + math.radians(truth.bias_elevation_deg) + noise[2] * plots["sigma_el_rad"]
        plots["range_rate_mps"] = seen.range_rate_mps + noise[3] * plots["sigma_range_rate_mps"]
        plots["range_m"] = _rounded(plots["range_m"], radar.step_range_m)
        plots["el_rad"] = _rounded(plots["el_rad"], math.radians(radar.step_elevation_deg))
        plots["range_rate_mps"] = _rounded(plots["range_rate_mps"], radar.step_range_rate_mps)
        return plots

    def bent(self, truth_id: Ints, t_s: Floats, seen: Measured, noise: Floats) -> tuple[Measured, Floats]:
        """Return measurements and noise of (n,) bodies as multipath changes them: in elevation, near the ground.

        The error of a body swings between both ends, as its phase walks: it stays nearly the same from scan to scan.
        """
        beam_rad, most = self._beams_rad[1], self._truth.multipath_mrad * 1e-3
        if not (most > 0.0 and self._model.has_elevation and len(truth_id)):
            return seen, noise
        depth = np.clip(1.0 - seen.el_rad / beam_rad, 0.0, 1.0)
        swing = most * np.sin(self._walked(truth_id, t_s))
        shaky = noise.copy()
        shaky[2] *= 1.0 + (MULTIPATH_SIGMA - 1.0) * depth
        return seen._replace(el_rad=seen.el_rad + depth * swing), shaky

    def _walked(self, truth_id: Ints, t_s: Floats) -> Floats:
        steps, starts = self._rng.standard_normal(len(t_s)), self._rng.uniform(0.0, _TURN, len(t_s))
        phase = np.empty(len(t_s))
        for i, (name, now) in enumerate(zip(truth_id.tolist(), t_s.tolist(), strict=True)):
            last, then = self._phases.get(name, (math.nan, -math.inf))
            age = now - then
            phase[i] = starts[i] if age > _FORGET_S else last + math.sqrt(2.0 * max(age, 0.0) / MULTIPATH_S) * steps[i]
            self._phases[name] = float(phase[i]), now
        oldest = float(t_s.max()) - _FORGET_S
        self._phases = {name: kept for name, kept in self._phases.items() if kept[1] >= oldest}
        return phase

    def _say_sigmas(self, plots: Records, snr: Floats) -> None:
        model = self._model
        scale = sigma_scale(snr, self._radar.pulses)
        plots["sigma_range_m"] = scale * model.sigma_range_m
        plots["sigma_az_rad"] = scale * model.sigma_az_rad
        plots["sigma_el_rad"] = scale * model.sigma_el_rad
        plots["sigma_range_rate_mps"] = scale * model.sigma_range_rate_mps
        if self._truth.accuracy == "beamwidth":
            across, up = (sigma_of_beam(beam, snr) for beam in self._beams_rad)
            plots["sigma_az_rad"] = np.maximum(across, SIGMA_FLOOR * model.sigma_az_rad)
            plots["sigma_el_rad"] = np.maximum(up, SIGMA_FLOOR * model.sigma_el_rad)


def _rounded(values: Floats, step: float) -> Floats:
    return values if step == 0.0 else step * np.rint(values / step)
