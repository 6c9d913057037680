"""Registration: sensors brought to one picture by what they see in common.

`offsets` estimates; here it is decided what of it is sure and large enough to be taken off plots, which sensor is
further off than its site file declares, and what a scan looks like without its sensor's offsets. The journal keeps what
sensors said; only the tracker sees the difference.
"""

import bisect
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import RadarSite
from casemate.model.messages import Registered, Scan
from casemate.model.records import Motion, Records, TrackStatus, freeze
from casemate.physics.radar import SensorModel
from casemate.tracking.offsets import KINDS, Estimate, K, Offsets, Sights

Floats = NDArray[np.float64]

SIGMA_FAULT: Final = (100.0, math.radians(1.0), math.radians(1.0), 0.5)
"""1 sigma of offsets of a sensor that is set up wrongly [m, rad, rad, s]; ten declared ones if that is more [A]."""
SURE: Final = 4.0
"""Sigmas from which an offset, or the difference to the other sensors', is no chance; half of them keep it."""
WORTH: Final = 0.25
"""Share of a plot's own sigma below which an offset is left alone; half of it once it is taken off."""
SPEED_MPS: Final = 250.0
"""Turns time into distance where one must be weighed against the other: an aircraft's [A]."""
SLEW: Final = 0.1
"""A sensor's clock is set right by so much of the time that passes: its scans stay in order."""
LEAST_COMMON: Final = 2
"""Things seen in common before anything is taken off: one that turns for long may look like an offset."""
DECLARED_SIGMAS: Final = 3.0
"""Of the declared sigma of an offset: beyond, and surely so, a sensor is degraded."""
ALLOWED_TIME_S: Final = 0.05
"""What a clock may be off where the site file says nothing [s] [A]; otherwise one sigma of a plot is allowed."""
WORDS: Final = {
    "range": "range {:+.0f} m",
    "az": "azimuth {:+.2f} deg",
    "el": "elevation {:+.2f} deg",
    "time": "clock {:+.3f} s",
}

JUDGED_NS: Final = NS_PER_S
"""What is known is worked out anew so often."""
_NEVER: Final = 1e6


class Correction(NamedTuple):
    """What is taken off a sensor's plots, and how well it is known; 0 where nothing is."""

    offset: Floats  # (4,) range [m], azimuth, elevation [rad], time [s]
    var: Floats  # (4,)
    is_applied: NDArray[np.bool_]  # (4,)


class Registration:
    """Learns the offsets of sensors from settled scans, and takes them off new ones.

    Parameters
    ----------
    radars : sequence of RadarSite
        What they declare of their offsets.
    sensors : sequence of SensorModel
        The same, in the site's frame.

    Notes
    -----
    Common things tell differences between sensors and, by geometry, something of each one alone. What they leave open
    (both clocks late alike; with few things, both sensors off alike) goes to each by its declared or assumed sigma.
    """

    def __init__(self, radars: Sequence[RadarSite], sensors: Sequence[SensorModel]) -> None:
        self._sensors, n = tuple(sensors), len(sensors)
        declared = np.array([_declared(radar) for radar in radars])
        self._noise = np.array([_noise(sensor) for sensor in sensors])
        self._allowed = np.maximum(DECLARED_SIGMAS * declared, self._noise)
        self._allowed[:, 3] = np.maximum(DECLARED_SIGMAS * declared[:, 3], ALLOWED_TIME_S)
        self._prior = np.maximum(10.0 * declared, SIGMA_FAULT)
        self._offsets = Offsets(sensors, self._prior.reshape(-1))
        others = (1.0 - np.eye(n)) / max(n - 1, 1)
        self._contrast: Floats = np.asarray(np.kron(np.eye(n) - others, np.eye(K)), np.float64)
        self._sigma = np.array([(each.sigma_range_m, each.sigma_az_rad, each.sigma_el_rad) for each in sensors])
        self._waiting: list[tuple[Records, NDArray[np.uint32], Records]] = []
        nothing = Correction(np.zeros(K), np.zeros(K), np.zeros(K, np.bool_))
        self._history: list[tuple[int, tuple[Correction, ...]]] = [(-1, (nothing,) * n)]
        self.report = self._reported()  # of each sensor what is known, what is taken off, what is wrong with it

    def take(self, scan: Scan, tracks: Records, fates: Records, t_forget_ns: int) -> None:
        """Learn from a scan as the sensor sent it, with the fates of its plots and the tracks that it touched.

        `t_forget_ns`: no scan that ends before it is asked about any more.
        """
        if fates["track_id"].any():
            is_used = (fates["refusal"] == 0) & (fates["track_id"] > 0)
            sure = tracks[tracks["status"] == TrackStatus.CONFIRMED]
            self._waiting.append((scan.plots[is_used], fates["track_id"][is_used], sure))
        t_before_ns, before = self._history[-1]
        if scan.t_end_ns < t_before_ns + JUDGED_NS:
            return
        if self._waiting:
            plots, ids, sure = (np.concatenate(part) for part in zip(*self._waiting, strict=True))
            self._offsets.take(_sights(plots, ids, sure, self._sigma), scan.t_end_ns)
            self._waiting.clear()
        dt_s = (scan.t_end_ns - t_before_ns) / NS_PER_S if t_before_ns > 0 else 0.0
        self._history.append((scan.t_end_ns, self._judged(before, dt_s)))
        self.report = self._reported()
        n_gone = bisect.bisect_left(self._history, t_forget_ns, key=lambda each: each[0]) - 1
        if n_gone > 0:
            del self._history[:n_gone]

    def corrected(self, scan: Scan, t_known_ns: int) -> Scan:
        """Take off a scan what was known of its sensor's offsets before a time; the scan itself where nothing was."""
        at = bisect.bisect_left(self._history, t_known_ns, key=lambda each: each[0])
        correction = self._history[max(at - 1, 0)][1][scan.sensor_id]
        if not correction.offset.any():
            return scan
        offset, sensor = correction.offset, self._sensors[scan.sensor_id]
        shift_ns, plots = round(float(offset[3]) * NS_PER_S), scan.plots.copy()
        plots["t_ns"] -= shift_ns
        drift = correction.var[3] * SPEED_MPS**2
        fields = (("range_m", sensor.sigma_range_m), ("az_rad", sensor.sigma_az_rad), ("el_rad", sensor.sigma_el_rad))
        for k, (name, usual) in enumerate(fields):
            plots[name] -= offset[k]
            own = plots[f"sigma_{name}"]
            across = drift if k == 0 else drift / np.maximum(plots["range_m"], 1.0) ** 2
            plots[f"sigma_{name}"] = np.sqrt(np.where(np.isnan(own), usual, own) ** 2 + correction.var[k] + across)
        return msgspec.structs.replace(
            scan,
            t_start_ns=scan.t_start_ns - shift_ns,
            t_end_ns=scan.t_end_ns - shift_ns,
            az_from_rad=scan.az_from_rad - float(offset[1]),
            az_to_rad=scan.az_to_rad - float(offset[1]),
            plots=freeze(plots),
        )

    def _reported(self) -> tuple[Registered, ...]:
        bias, cov = self._offsets.estimate
        sigma = np.sqrt(np.diag(cov)).reshape(-1, K)
        value, troubles = bias.reshape(-1, K), self._troubles()
        is_known = sigma < 0.9 * self._prior
        out: list[Registered] = []
        for s, correction in enumerate(self._history[-1][1]):
            values = np.where(is_known[s], value[s], np.nan).tolist()
            sigmas = np.where(is_known[s], sigma[s], np.nan).tolist()
            applied = tuple(kind for k, kind in enumerate(KINDS) if correction.is_applied[k])
            n_common = self._offsets.n_common
            out.append(
                Registered(
                    bias=tuple(values), sigma=tuple(sigmas), applied=applied, n_common=n_common, trouble=troubles[s]
                )
            )
        return tuple(out)

    def _judged(self, before: tuple[Correction, ...], dt_s: float) -> tuple[Correction, ...]:
        if self._offsets.n_common < LEAST_COMMON:
            return before
        bias, cov = self._offsets.estimate
        was = np.array([each.is_applied for each in before]).reshape(-1)
        ease = np.where(was, 0.5, 1.0)
        contrast, contrast_sigma = _with_sigma(self._contrast, self._offsets.estimate)
        is_sure = np.abs(bias) > ease * SURE * np.sqrt(np.diag(cov))
        is_sure |= np.abs(contrast) > ease * SURE * contrast_sigma
        is_applied = (is_sure & (np.abs(bias) > ease * WORTH * self._noise.reshape(-1))).reshape(-1, K)
        wanted = np.where(is_applied, bias.reshape(-1, K), 0.0)
        var = np.where(is_applied, np.diag(cov).reshape(-1, K), 0.0)
        for s, each in enumerate(before):
            step = SLEW * dt_s
            wanted[s, 3] = each.offset[3] + np.clip(wanted[s, 3] - each.offset[3], -step, step)
        return tuple(Correction(*each) for each in zip(wanted, var, is_applied, strict=True))

    def _troubles(self) -> list[str]:
        # a sensor is named where it alone is surely off, and all of those that differ where nobody can tell which
        if self._offsets.n_common < LEAST_COMMON:
            return [""] * len(self._sensors)
        bias, cov = self._offsets.estimate
        value, sigma = bias.reshape(-1, K), np.sqrt(np.diag(cov)).reshape(-1, K)
        is_off = np.abs(value) - DECLARED_SIGMAS * sigma > self._allowed
        contrast, contrast_sigma = (part.reshape(-1, K) for part in _with_sigma(self._contrast, self._offsets.estimate))
        between = np.sqrt(_with_others(self._allowed**2))
        differs = (np.abs(contrast) - DECLARED_SIGMAS * contrast_sigma > between) & ~is_off.any(axis=0)
        own = [_said("off: ", value[s], is_off[s]) for s in range(len(value))]
        return [own[s] or _said("differs from the others: ", contrast[s], differs[s]) for s in range(len(value))]


def _declared(radar: RadarSite) -> tuple[float, float, float, float]:
    az, el = math.radians(radar.sigma_bias_azimuth_deg), math.radians(radar.sigma_bias_elevation_deg)
    return radar.sigma_bias_range_m, az, el, radar.sigma_bias_time_s


def _noise(sensor: SensorModel) -> tuple[float, float, float, float]:
    el = sensor.sigma_el_rad if sensor.has_elevation else _NEVER
    return sensor.sigma_range_m, sensor.sigma_az_rad, el, sensor.sigma_range_m / SPEED_MPS


def _with_sigma(by_bias: Floats, estimate: Estimate) -> tuple[Floats, Floats]:
    return by_bias @ estimate.bias, np.sqrt(np.maximum(np.diag(by_bias @ estimate.cov @ by_bias.T), 0.0))


def _with_others(var: Floats) -> Floats:
    # of the difference between one and the mean of the others, were all independent
    n = max(len(var) - 1, 1)
    return var + (var.sum(axis=0) - var) / n**2


def _said(title: str, values: Floats, is_said: NDArray[np.bool_]) -> str:
    shown = [
        WORDS[kind].format(math.degrees(x) if kind in {"az", "el"} else x)
        for kind, x in zip(KINDS, values, strict=True)
    ]
    words = [word for word, is_one in zip(shown, is_said, strict=True) if is_one]
    return title + ", ".join(words) if words else ""


def _sights(plots: Records, ids: NDArray[np.uint32], sure: Records, sigma: Floats) -> Sights:
    # of plots whose tracks are confirmed: what each track was last
    last = sure[np.argsort(sure["track_id"], kind="stable")]
    row = np.searchsorted(last["track_id"], ids, side="right") - 1
    is_sure = row >= 0
    is_sure[is_sure] = last["track_id"][row[is_sure]] == ids[is_sure]
    plots, mine = plots[is_sure], last[row[is_sure]]
    sensor_id = plots["sensor_id"].astype(np.int64)
    names = ("range_m", "az_rad", "el_rad")
    own = np.stack([plots[f"sigma_{name}"] for name in names], axis=1)
    return Sights(
        sensor_id,
        ids[is_sure].astype(np.int64),
        plots["t_ns"].copy(),
        np.stack([plots[name] for name in names], axis=1),
        np.where(np.isnan(own), sigma[sensor_id], own) ** 2,
        mine["state"][:, 3:6].copy(),
        mine["motion"] == Motion.LEVEL,
    )
