"""Which sensors can be relied on: heard, lost, found again, off. Event time alone; a clock on a wall has no say.

Silence is counted from the end of a sensor's last usable scan. A scan without plots is a delivery: the sensor looked.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.catalog import RadarSite
from casemate.model.messages import TICK_NS, Registered, Scan, SensorHealth, SensorState

LEAST_SILENCE_NS = 2 * NS_PER_S
"""A sensor is lost after this or two turns, whichever is longer (operators' bar, not physics)."""

FROZEN_SCANS, FROZEN_NS = 3, 2 * NS_PER_S
"""A sensor whose scans with plots repeat those of the turn before, so many and for so long, shows no sky any more:
the noise of two plots never falls out alike, that of a wire's coarse steps not thrice [A]."""

GAPS_KEPT = 64
"""A sensor's last gaps between deliveries, at least one turn of as many sectors."""

TOLD_NS = 10 * NS_PER_S
"""What is known of offsets is told again so often, as long as there is anything; of a lost sensor there is no news."""
_NOTHING = Registered((math.nan,) * 4, (math.nan,) * 4, (), 0, "")


class _Repeats:
    """Whether a sensor's scans repeat themselves: a frozen one goes on delivering, and is worse than a silent one."""

    def __init__(self) -> None:
        self._last: dict[float, bytes] = {}  # by where a scan began to look: its plots
        self._n_same, self._t_first_ns, self._t_last_ns = 0, 0, 0

    def look(self, scan: Scan) -> None:
        """Compare a scan that has plots with the last one of its sector."""
        if not len(scan.plots) or scan.t_end_ns <= self._t_last_ns:  # one that comes twice is no new look
            return
        plots = np.sort(np.stack([scan.plots[name] for name in ("range_m", "az_rad", "el_rad")]), axis=1).tobytes()
        is_same = self._last.get(scan.az_from_rad) == plots
        self._last[scan.az_from_rad] = plots
        self._n_same = self._n_same + 1 if is_same else 0
        self._t_first_ns = self._t_first_ns if is_same else scan.t_end_ns
        self._t_last_ns = scan.t_end_ns

    @property
    def frozen_s(self) -> float:
        """For how long nothing has changed [s], 0 where that may be chance."""
        since_ns = self._t_last_ns - self._t_first_ns
        return since_ns / NS_PER_S if self._n_same >= FROZEN_SCANS and since_ns >= FROZEN_NS else 0.0


class _Heard:
    """When a sensor delivered, and in what rhythm."""

    def __init__(self, scan_period_s: float) -> None:
        self.limit_ns = max(LEAST_SILENCE_NS, round(2.0 * scan_period_s * NS_PER_S))
        self.state = SensorState.WAITING
        self.repeats = _Repeats()
        self.applied: tuple[str, ...] = ()
        self.t_first_ns = self.t_last_ns = self.t_told_ns = 0
        self.gaps_ns: deque[int] = deque(maxlen=GAPS_KEPT)

    def hear(self, t_ns: int, t_end_ns: int) -> None:
        """Take a delivery that ended at `t_end_ns` and came at `t_ns`."""
        if t_end_ns <= self.t_last_ns:
            return
        gap_ns = t_ns - self.t_last_ns
        if self.t_last_ns and gap_ns < self.limit_ns:
            self.gaps_ns.append(gap_ns)
        self.t_first_ns = self.t_first_ns or t_ns
        self.t_last_ns = t_end_ns

    @property
    def silence_ns(self) -> int:
        """How long it may be silent: half as long again as it ever is, up to the limit and a tick less at least.

        Silence is noticed by ticks: so it is called so much earlier where the rhythm allows.
        """
        if self.t_last_ns < self.t_first_ns + self.limit_ns:  # its rhythm is not known yet
            return self.limit_ns
        longest = max(self.gaps_ns, default=0)
        return min(max(3 * longest // 2, self.limit_ns - TICK_NS), self.limit_ns)


class HealthStage:
    """Tells when a sensor is first heard, lost, heard again, found to be off, and what its offsets are.

    Parameters
    ----------
    sensors : sequence of RadarSite
        In the order that `sensor_id` counts.
    """

    def __init__(self, sensors: Sequence[RadarSite]) -> None:
        self._heard = [_Heard(sensor.scan_period_s) for sensor in sensors]
        self._t_ns = 0

    def step(self, t_ns: int, scan: Scan | None, registered: Sequence[Registered] = ()) -> tuple[SensorHealth, ...]:
        """Return the sensors of which there is news.

        Parameters
        ----------
        t_ns : int
            Time of the pipeline's step; where it goes back, the newest so far stands.
        scan : Scan or None
            What came, None with a tick. One that ends after `t_ns` was refused whole, and is no delivery.
        registered : sequence of Registered
            What is known of each sensor's offsets; none without registration.
        """
        self._t_ns = max(self._t_ns, t_ns)
        if scan is not None and 0 <= scan.sensor_id < len(self._heard) and 0 < scan.t_end_ns <= self._t_ns:
            self._heard[scan.sensor_id].hear(self._t_ns, scan.t_end_ns)
            self._heard[scan.sensor_id].repeats.look(scan)
        known = registered or (_NOTHING,) * len(self._heard)
        news = [self._news(s, each) for s, each in enumerate(known)]
        return tuple([each for each in news if each is not None])

    def _news(self, sensor_id: int, known: Registered) -> SensorHealth | None:
        heard = self._heard[sensor_id]
        if not heard.t_last_ns:
            return None
        state, reason = self._state(heard, known)
        is_due = known.n_common > 0 and state is not SensorState.LOST and self._t_ns >= heard.t_told_ns + TOLD_NS
        if state is heard.state and known.applied == heard.applied and not is_due:
            return None
        heard.state, heard.applied, heard.t_told_ns = state, known.applied, self._t_ns
        names = ("range_m", "az_rad", "el_rad", "time_s")
        offsets = {f"bias_{name}": value for name, value in zip(names, known.bias, strict=True)}
        offsets |= {f"sigma_{name}": value for name, value in zip(names, known.sigma, strict=True)}
        return SensorHealth(
            sensor_id=sensor_id,
            state=state,
            t_ns=self._t_ns,
            t_last_ns=heard.t_last_ns,
            reason=reason,
            n_common=known.n_common,
            applied=known.applied,
            **offsets,
        )

    def _state(self, heard: _Heard, known: Registered) -> tuple[SensorState, str]:
        age_ns = self._t_ns - heard.t_last_ns
        if age_ns >= heard.limit_ns - TICK_NS and age_ns >= heard.silence_ns:
            return SensorState.LOST, f"nothing usable for {age_ns / NS_PER_S:.1f} s"
        if heard.repeats.frozen_s:
            return SensorState.LOST, f"frozen: the same plots for {heard.repeats.frozen_s:.1f} s"
        if known.trouble:
            return SensorState.DEGRADED, known.trouble
        was = {SensorState.WAITING: "first heard", SensorState.LOST: "heard again"}
        return SensorState.OK, was.get(heard.state, "as declared")
