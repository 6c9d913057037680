"""What a run counts: steps, plots, refusals, tracks, and how long a step takes."""

from collections import Counter

import msgspec
import numpy as np

from casemate.model.messages import Events, Scan, SensorHealth, SensorState, Tick, WarningLevel
from casemate.model.records import Records, Refusal, TrackStatus


class Latency:
    """Percentiles of the step time in bounded memory: counts in bins a twentieth of a decade wide."""

    def __init__(self) -> None:
        self._edges_ns = np.logspace(3, 11, 161)
        self._counts = np.zeros(162, np.int64)
        self._max_ns = 0

    def add(self, step_ns: int) -> None:
        """Count one step."""
        self._counts[int(np.searchsorted(self._edges_ns, step_ns))] += 1
        self._max_ns = max(self._max_ns, step_ns)

    def percentile_ms(self, percent: float) -> float:
        """Return the upper edge [ms] of the bin that holds the percentile, 0 without steps."""
        total = int(self._counts.sum())
        if not total:
            return 0.0
        i = int(np.searchsorted(np.cumsum(self._counts), percent / 100.0 * total))
        return min(float(self._edges_ns[min(i, 160)]), float(self._max_ns)) / 1e6


class TrackTally:
    """Counts confirmed tracks, and those whose height was never known; forgets a track when it ends."""

    def __init__(self) -> None:
        self._has_height: dict[int, bool] = {}
        self._n_ended = self._n_ended_unknown = 0

    def add(self, tracks: Records) -> None:
        """Take the tracks that a step touched."""
        firm = tracks[tracks["status"] == TrackStatus.CONFIRMED]
        for track_id, is_known in zip(firm["track_id"].tolist(), firm["is_height_known"].tolist(), strict=True):
            self._has_height[track_id] = is_known or self._has_height.get(track_id, False)
        for track_id in tracks["track_id"][tracks["status"] == TrackStatus.DROPPED].tolist():
            is_known = self._has_height.pop(track_id, None)
            self._n_ended += is_known is not None
            self._n_ended_unknown += is_known is False

    def counts(self) -> dict[str, int]:
        """Return how many there were so far."""
        unknown = sum(not is_known for is_known in self._has_height.values())
        return {
            "tracks_confirmed": self._n_ended + len(self._has_height),
            "tracks_without_height": self._n_ended_unknown + unknown,
        }


_GAUGES = ("tracks_alive", "tracks_firm")  # how many there are, not how many came: the most is kept, not the sum


class Stats(msgspec.Struct):
    """What a run counted; `counts` depend on the input alone, the times on the machine."""

    counts: Counter[str] = msgspec.field(default_factory=Counter[str])
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    diagnostics: Counter[str] = msgspec.field(default_factory=Counter[str])
    most: Counter[str] = msgspec.field(default_factory=Counter[str])
    sensors: dict[int, SensorHealth] = msgspec.field(default_factory=dict[int, SensorHealth])  # the newest of each
    lost: Counter[int] = msgspec.field(default_factory=Counter[int])  # how often each sensor was
    t_first_ns: int | None = None
    t_last_ns: int | None = None
    is_stopped: bool = False
    wall_s: float = 0.0
    cpu_s: float = 0.0
    step_ms: dict[str, float] = msgspec.field(default_factory=dict[str, float])

    def note(self, message: Scan | Tick, events: Events) -> None:
        """Count one step."""
        if events.t_ns:  # 0: whatever came so far was refused whole
            self.t_first_ns = events.t_ns if self.t_first_ns is None else self.t_first_ns
            self.t_last_ns = events.t_ns
        self.counts["steps"] += 1
        if isinstance(message, Scan):
            self.counts["scans"] += 1
            self.counts["plots"] += len(message.plots)
        self.counts["impacts"] += len(events.impacts)
        for issued in events.warnings:
            first = issued.level is WarningLevel.WARN and not issued.supersedes
            self.counts["warnings" if first else f"warning_{'updates' if issued.level == 'warn' else 'clears'}"] += 1
        for health in events.sensors:
            self.sensors[health.sensor_id] = health
            self.lost[health.sensor_id] += health.state is SensorState.LOST
        refusals = events.fates["refusal"]
        for code in refusals[refusals != Refusal.NONE]:
            self.refused[Refusal(code).name.lower()] += 1
        for name, n in events.diagnostics.items():
            if name in _GAUGES:
                self.most[name] = max(self.most[name], n)
            else:
                self.diagnostics[name] += n
