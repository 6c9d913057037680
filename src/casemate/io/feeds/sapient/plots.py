"""Detections into plots: what a node registered says how to read what it reports.

A SAPIENT detection carries no time of its own but that of its message: all that one look of a sensor found has the
same (dstl's Apex refuses a node whose detections follow each other by less than 80 ms, but not by nothing).
"""

import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from sapient_msg.bsi_flex_335_v2_0 import registration_pb2 as registered
from sapient_msg.bsi_flex_335_v2_0 import velocity_pb2 as velocities
from sapient_msg.bsi_flex_335_v2_0.detection_report_pb2 import DetectionReport
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from casemate.errors import DecodeError
from casemate.io.feeds.sapient import place
from casemate.io.feeds.sapient.wire import time_of
from casemate.model.catalog import SiteFile
from casemate.model.records import PLOT, Records, missing

if TYPE_CHECKING:  # physics.geodesy brings numba, which --help must not wait for
    from casemate.physics.radar import SensorModel

ICD: Final = "BSI Flex 335 v2.0"
"""The edition of the standard that is spoken; another is refused when a node registers."""

_SPEEDS_MPS: Final = {velocities.SPEED_UNITS_MS: 1.0, velocities.SPEED_UNITS_KPH: 1.0 / 3.6}
_RATES: Final = ("east_rate", "north_rate", "up_rate")
_IS_SIGMA: Final = re.compile(r"\b(standard deviation|std|stddev|sigma|rms)\b", re.IGNORECASE)


class Told(NamedTuple):
    """What a node's registration says of how to read its reports."""

    name: str = ""
    node_type: str = ""
    tracking: str = ""  # whether its detections are filtered tracks
    zone: str = ""  # UTM
    level_mps: float = 1.0  # metres per second in a unit of its east and north rates
    up_mps: float = 1.0
    is_sigma: bool = True  # whether its errors are standard deviations
    is_scanning: bool = False  # whether it sees a part of its region at a time


def told_by(message: registered.Registration) -> Told:
    """Read a registration.

    Raises
    ------
    DecodeError
        The node speaks another edition of the standard, or rates in units that are not of it.
    """
    if message.icd_version.replace("_", " ").strip().lower() != ICD.lower():
        raise DecodeError(0, "registration", f"another edition than {ICD}")
    modes = message.mode_definition
    found = [each for mode in modes for each in mode.detection_definition]
    zones = [each.location_type.zone for each in found] + [message.status_definition.location_definition.zone]
    rates = [each.velocity_type.enu_velocity_units for each in found if each.HasField("velocity_type")]
    errors = [each.geometric_error.type for each in found if each.HasField("geometric_error")]
    level, up = (rates[0].east_north_rate_units, rates[0].up_rate_units) if rates else (0, 0)
    level = level or velocities.SPEED_UNITS_MS
    types = [registered.Registration.NodeType.Name(each.node_type) for each in message.node_definition]
    tracking = registered.Registration.TrackingType.Name(modes[0].tracking_type)
    return Told(
        name=message.name[:80],
        node_type=types[0].removeprefix("NODE_TYPE_").lower(),
        tracking=tracking.removeprefix("TRACKING_TYPE_").lower(),
        zone=next((zone for zone in zones if zone), ""),
        level_mps=_SPEEDS_MPS[level],
        up_mps=_SPEEDS_MPS[up or level],
        is_sigma=all(_IS_SIGMA.search(each) for each in errors),
        is_scanning=any(mode.scan_type == registered.Registration.SCAN_TYPE_SCANNING for mode in modes),
    )


class Sensors:
    """The sensors of a site by the node that each one is.

    Parameters
    ----------
    site : SiteFile
        `sapient_node` of a sensor is the node id under which it registers.
    """

    def __init__(self, site: SiteFile) -> None:
        from casemate.physics.geodesy import SiteFrame  # noqa: PLC0415 it brings numba
        from casemate.physics.radar import sensor_models  # noqa: PLC0415 it brings numba

        self.site = site
        self.frame = SiteFrame.of(site.site)
        self.models: tuple[SensorModel, ...] = sensor_models(site.sensor, self.frame)
        self.ids: dict[str, int] = {
            each.sapient_node: i for i, each in enumerate(site.sensor) if each.sapient_node is not None
        }

    def id_of(self, node_id: str) -> int:
        """Return the `sensor_id` of a node.

        Raises
        ------
        DecodeError
            The site file names no sensor that is this node.
        """
        if node_id not in self.ids:
            raise DecodeError(0, "node", "no sensor of the site")
        return self.ids[node_id]

    def away_m(self, node_id: str, where: place.places.Location, zone: str) -> tuple[float, float]:
        """Return how far a node of the site says it stands from where the site file has it, level, and its sigma [m].

        Raises
        ------
        DecodeError
            The place cannot be.
        """
        i = self.id_of(node_id)
        point = place.point_of(where, zone, self.site.site.lat_deg)
        here = self.frame.msl_to_enu(point.lat_deg, point.lon_deg, self.site.sensor[i].height_m)
        sigma_m = float(np.nanmax([point.sigma_east_m, point.sigma_north_m, 0.0]))
        return float(np.linalg.norm((here[0] - self.models[i].position_m)[:2])), sigma_m

    def plot_of(self, message: SapientMessage, told: Told) -> Records:
        """Turn a detection into a PLOT row (1,), its `plot_id` 0.

        Raises
        ------
        DecodeError
            It cannot be a plot; the reason says why.
        """
        detection, sensor_id = message.detection_report, self.id_of(message.node_id)
        if "lost" in detection.state.lower():
            raise DecodeError(0, "detection_report", "an object that its sensor has lost")
        row = missing(PLOT, 1)
        row["t_ns"], row["sensor_id"] = time_of(message), sensor_id
        seen = self._sighting(detection, sensor_id, told)
        for name in seen._fields:
            if told.is_sigma or not name.startswith("sigma_"):
                row[name] = getattr(seen, name)
        if not self.models[sensor_id].has_elevation:
            row["el_rad"] = row["sigma_el_rad"] = math.nan
        elif not math.isnan(seen.el_rad):
            row["height_m"] = math.nan  # the same said twice
        self._set_rate(row, detection, sensor_id, told)
        return row

    def _sighting(self, detection: DetectionReport, sensor_id: int, told: Told) -> place.Sighting:
        if detection.HasField("range_bearing"):
            sensor = self.site.sensor[sensor_id]
            return place.of_bearing(
                detection.range_bearing, place.convergence_rad(sensor.lat_deg, sensor.lon_deg, told.zone)
            )
        is_geoid_known = self.site.site.geoid_m is not None
        return place.of_location(
            detection.location, self.models[sensor_id], self.frame, told.zone, is_geoid_known=is_geoid_known
        )

    def _set_rate(self, row: Records, detection: DetectionReport, sensor_id: int, told: Told) -> None:
        # Along the line of sight, of a sensor that the site file says measures it: another one's velocity is its
        # filter's, made of the same places once more. Without the third component it cannot be had.
        velocity, el_rad = detection.enu_velocity, float(row["el_rad"][0])
        is_whole = detection.HasField("enu_velocity") and velocity.HasField("up_rate")
        if not is_whole or math.isnan(self.models[sensor_id].sigma_range_rate_mps) or math.isnan(el_rad):
            return
        model, az_rad = self.models[sensor_id], float(row["az_rad"][0])
        ahead = (math.cos(el_rad) * math.sin(az_rad), math.cos(el_rad) * math.cos(az_rad), math.sin(el_rad))
        sight = (np.array(ahead) @ model.rotation).tolist()
        units = (told.level_mps, told.level_mps, told.up_mps)
        rates = tuple(place.said(velocity, name) for name in _RATES)
        row["range_rate_mps"] = sum(a * b * c for a, b, c in zip(sight, units, rates, strict=True))
        sigmas = tuple(place.error_of(velocity, f"{name}_error") for name in _RATES)
        if told.is_sigma:
            row["sigma_range_rate_mps"] = math.hypot(*(a * b * c for a, b, c in zip(sight, units, sigmas, strict=True)))
