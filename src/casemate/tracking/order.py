"""The order of time: where what came late belongs, as long as it may come.

It is total and knows nothing of arrival: by the end of a scan or the time of a tick, scans first, then by sensor,
start and arc; what is alike in all that is one and the same. Plots of a scan are ordered by time, then by what they
say. A plot that is older than the scan that brought it goes to the first scan of its sensor that ends no earlier than
it: in order it came in that one.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.messages import Aside, Input, Scan, Tick
from casemate.model.records import PLOT, Records, freeze
from casemate.physics.radar import SensorModel
from casemate.tracking import door
from casemate.tracking.filter import FLOAT_FIELDS
from casemate.tracking.tracker import Snapshot, TrackStep

NO_PLOTS = freeze(np.zeros(0, PLOT))


@dataclass(slots=True)
class Kept:
    """An input inside the lag."""

    key: tuple[Any, ...]  # its place in the order of time
    message: Scan | Tick  # its plots in order, numbered by arrival, without those that belong to an earlier scan
    guests: Records = field(default_factory=lambda: NO_PLOTS)  # plots that later scans brought
    snapshot: Snapshot | None = None  # of the tracker before its step
    step: TrackStep | None = None  # what the tracker answered last, None before it was played

    def joined(self, other: "Kept") -> "Kept":
        """Take in the plots of the same scan that came again; returns itself."""
        if isinstance(self.message, Scan) and isinstance(other.message, Scan) and len(other.message.plots):
            plots = ordered(np.concatenate([self.message.plots, other.message.plots]))
            self.message = msgspec.structs.replace(self.message, plots=plots)
        return self

    def played(self) -> Scan | Tick:
        """Return what the tracker takes."""
        if isinstance(self.message, Tick) or len(self.guests) == 0:
            return self.message
        return msgspec.structs.replace(self.message, plots=ordered(np.concatenate([self.message.plots, self.guests])))


class Order:
    """Inputs of the last `lag_ns`, in the order of time.

    Parameters
    ----------
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts; an input of another may not be put in.
    lag_ns : int
        How much older than the newest input another may be [ns].
    """

    def __init__(self, sensors: Sequence[SensorModel], lag_ns: int) -> None:
        self._sensors, self._lag_ns = sensors, lag_ns
        self.kept: list[Kept] = []
        self.n_plots = 0  # that came so far: the number of the next
        self._strays = NO_PLOTS  # whose scan is kept; numbered by arrival, as all plots in here
        self._t_gone_ns = [0] * len(sensors)  # end of each sensor's last scan that is not kept any more

    def put(self, message: Scan | Tick) -> tuple[Kept, int]:
        """Put an input where it belongs; returns it, and the first place that it changed.

        A scan that came again adds its plots to the first: a sector is looked at once.
        """
        entry = self._numbered(message)
        at = bisect.bisect_left(self.kept, entry.key, key=lambda each: each.key)
        if at < len(self.kept) and self.kept[at].key == entry.key:
            entry = self.kept[at].joined(entry)
        else:
            self.kept.insert(at, entry)
        first = min(at, self._house(message.sensor_id)) if isinstance(message, Scan) else at
        return entry, first

    def settled(self, t_ns: int) -> list[Kept]:
        """Take out what nothing can come before any more, the newest time being `t_ns`."""
        n_gone = sum(time_of(each.message) < t_ns - self._lag_ns for each in self.kept)
        gone = self.kept[:n_gone]
        for each in gone:
            if isinstance(each.message, Scan):
                self._t_gone_ns[each.message.sensor_id] = each.message.t_end_ns
        del self.kept[:n_gone]
        if n_gone and len(self._strays):
            t_gone_ns = np.array(self._t_gone_ns)[self._strays["sensor_id"]]
            self._strays = self._strays[self._strays["t_ns"] > t_gone_ns]
        return gone

    def _numbered(self, message: Scan | Tick) -> Kept:
        # plots are numbered by arrival in here, whatever the feed calls them: so their fates are found again
        if isinstance(message, Tick):
            return Kept((message.t_ns, 1), message)
        plots = message.plots.copy()
        plots["plot_id"] = self.n_plots + np.arange(len(plots))
        self.n_plots += len(plots)
        arc = np.array([message.az_from_rad, message.az_to_rad]).tobytes()
        key = (message.t_end_ns, 0, message.sensor_id, message.t_start_ns, arc)
        return Kept(key, msgspec.structs.replace(message, plots=ordered(plots)))

    def _house(self, sensor_id: int) -> int:
        """Give every late plot of a sensor to the scan that it belongs to; returns the first place that changed."""
        scans = [(i, each) for i, each in enumerate(self.kept) if _is_scan_of(each, sensor_id)]
        ends = [time_of(each.message) for _, each in scans]
        t_gone_ns, sensor = self._t_gone_ns[sensor_id], self._sensors[sensor_id]
        first = len(self.kept)
        for (i, each), t_before_ns in zip(scans, [t_gone_ns, *ends], strict=False):
            assert isinstance(each.message, Scan)
            # a plot of the sector before is no guest in this one, even where the door would still let it in
            t_own_ns = min(each.message.t_start_ns, t_before_ns)
            plots, t_late_ns = each.message.plots, max(door.late_before_ns(t_before_ns, sensor), t_own_ns)
            if len(plots) == 0 or plots["t_ns"][0] >= t_late_ns:  # the first is the earliest
                continue
            is_stray = (plots["t_ns"] < t_late_ns) & (plots["t_ns"] > t_gone_ns) & (plots["sensor_id"] == sensor_id)
            if is_stray.any():
                self._strays = np.concatenate([self._strays, plots[is_stray]])
                each.message = msgspec.structs.replace(each.message, plots=freeze(plots[~is_stray]))
                first = min(first, i)
        mine = self._strays[self._strays["sensor_id"] == sensor_id]
        if len(mine) == 0:
            return first
        home = np.searchsorted(ends, mine["t_ns"])
        for k, (i, each) in enumerate(scans):
            guests = mine[home == k]
            if not np.array_equal(guests["plot_id"], each.guests["plot_id"]):
                each.guests = guests
                first = min(first, i)
        return first


def in_order(inputs: Iterable[Input], sensors: Sequence[SensorModel], lag_s: float) -> Iterator[Input]:
    """Yield inputs as a perfect network had brought them: each when it was, each plot in its scan, nothing twice.

    Parameters
    ----------
    inputs : iterable of Input
        As they came.
    sensors : sequence of SensorModel
        In the order that `sensor_id` counts.
    lag_s : float
        How much older than the newest input another may be [s]; what is older still is left out.

    Notes
    -----
    A plot that came again says the same time, range and azimuth of the same sensor; a scan that came again, the same
    times and arc. Asides stand before what they are beside. What could not be true (an unknown sensor, times that
    cannot be) stands where it came, to be refused again.
    """
    lag_ns, t_ns, n_named = round(lag_s * NS_PER_S), 0, 0
    order, ids = Order(sensors, lag_ns), dict[int, int]()
    for message in inputs:
        if isinstance(message, Aside) or not is_possible(message, len(sensors)):
            yield message
        elif time_of(message) >= t_ns - lag_ns:
            t_ns = max(t_ns, time_of(message))
            yield from _once(order.settled(t_ns), ids)
            order.put(message)
            if isinstance(message, Scan):
                names: list[int] = message.plots["plot_id"].tolist()
                ids.update(enumerate(names, n_named))
                n_named += len(message.plots)
    yield from _once(order.settled(2 * door.LATEST_NS), ids)


def is_possible(message: Scan | Tick, n_sensors: int) -> bool:
    """Tell whether an input is of a known sensor, at a time that can be."""
    if isinstance(message, Tick):
        return 0 <= message.t_ns < door.LATEST_NS
    return door.is_known(message, n_sensors) and door.is_timely(message)


def time_of(message: Scan | Tick) -> int:
    """Return the end of a scan or the time of a tick [ns]."""
    return message.t_end_ns if isinstance(message, Scan) else message.t_ns


def ordered(plots: Records) -> Records:
    """Return plots by time, then by the bits of what they say: a total order, whatever is missing or not a number."""
    floats = np.stack([plots[name] for name in reversed(FLOAT_FIELDS)]).view(np.uint64)
    return freeze(plots[np.lexsort([plots["plot_id"], plots["sensor_id"], *floats, plots["t_ns"]])])


def _is_scan_of(each: Kept, sensor_id: int) -> bool:
    return isinstance(each.message, Scan) and each.message.sensor_id == sensor_id


def _once(settled: Sequence[Kept], ids: dict[int, int]) -> Iterator[Scan | Tick]:
    # inputs with the first of equal plots, under the names that they came with
    for message in (each.played() for each in settled):
        if isinstance(message, Tick):
            yield message
            continue
        said = [
            message.plots["t_ns"].view(np.uint64),
            *(message.plots[k].view(np.uint64) for k in ("range_m", "az_rad")),
        ]
        plots = message.plots[np.sort(np.unique(said, axis=1, return_index=True)[1])]
        named = [ids[number] for number in plots["plot_id"].tolist()]
        for number in message.plots["plot_id"].tolist():
            del ids[number]
        plots["plot_id"] = named
        yield msgspec.structs.replace(message, plots=freeze(plots))
