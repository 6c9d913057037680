"""Places: what SAPIENT says of where something is, in its many units and datums, as a sensor would measure it.

A datum that cannot be turned into true north or into a height that the site knows is refused, never guessed.
"""

import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import utm
from google.protobuf.message import Message
from numpy.typing import NDArray
from sapient_msg.bsi_flex_335_v2_0 import location_pb2 as places
from sapient_msg.bsi_flex_335_v2_0 import range_bearing_pb2 as bearings

from casemate.constants import WGS84_A_M, WGS84_E2
from casemate.errors import DecodeError

if TYPE_CHECKING:  # physics.geodesy brings numba, which --help must not wait for
    from casemate.physics.geodesy import SiteFrame
    from casemate.physics.radar import SensorModel

_UNITS: Final = {
    bearings.RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_M: (math.radians(1.0), 1.0),
    bearings.RANGE_BEARING_COORDINATE_SYSTEM_RADIANS_M: (1.0, 1.0),
    bearings.RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_KM: (math.radians(1.0), 1000.0),
    bearings.RANGE_BEARING_COORDINATE_SYSTEM_RADIANS_KM: (1.0, 1000.0),
}
"""Radians in a unit of angle, metres in a unit of range."""
_DATUMS: Final = {
    bearings.RANGE_BEARING_DATUM_UNSPECIFIED: "an azimuth from a north that is not said",
    bearings.RANGE_BEARING_DATUM_MAGNETIC: "an azimuth from magnetic north",
    bearings.RANGE_BEARING_DATUM_PLATFORM: "an azimuth from a platform's heading",
}
_ANGLES: Final = {
    places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M: 1.0,
    places.LOCATION_COORDINATE_SYSTEM_LAT_LNG_RAD_M: math.degrees(1.0),
}
"""Degrees in a unit of latitude and longitude."""
_ZONE: Final = re.compile(r"\s*(\d{1,2})\s*([C-HJ-NP-X]?)\s*", re.IGNORECASE)
_ERROR_MAX: Final = 1e6  # in any unit: larger ones are no errors, and their squares need room
_HEIGHTS_M: Final = (-1e3, 1e6)  # as far as any thing worth a plot may be

Floats = NDArray[np.float64]


class Sighting(NamedTuple):
    """A place as its sensor sees it; NaN for what was not said."""

    range_m: float
    az_rad: float  # clockwise from true north
    el_rad: float
    height_m: float  # above mean sea level
    sigma_range_m: float
    sigma_az_rad: float
    sigma_el_rad: float


class Point(NamedTuple):
    """A place on the Earth and its errors, 1 sigma; NaN for what was not said."""

    lat_deg: float
    lon_deg: float
    height_m: float  # over the datum that the message names
    sigma_east_m: float
    sigma_north_m: float
    sigma_up_m: float


def refuse(why: str) -> DecodeError:
    """Make the error of a place that cannot be used."""
    return DecodeError(0, "place", why)


def said(message: Message, field: str) -> float:
    """Return a field's value, NaN where it was not said."""
    return float(getattr(message, field)) if message.HasField(field) else math.nan


def error_of(message: Message, field: str) -> float:
    """Return the error along an axis, NaN where it was not said; one that cannot be is refused: axes change here."""
    value = said(message, field)
    if message.HasField(field) and not 0.0 <= value <= _ERROR_MAX:
        raise refuse("an error that cannot be")
    return value


def of_bearing(seen: bearings.RangeBearing, convergence_rad: float) -> Sighting:
    """Turn range, azimuth and elevation into SI and true north.

    Parameters
    ----------
    seen : RangeBearing
        Without elevation where the sensor has none.
    convergence_rad : float
        Grid north at the sensor, clockwise from true north.

    Raises
    ------
    DecodeError
        No range or azimuth, units that are not said, or a north that is not known.
    """
    if seen.coordinate_system not in _UNITS:
        raise refuse("a bearing in units that are not said")
    if seen.datum in _DATUMS:
        raise refuse(_DATUMS[seen.datum])
    if not (seen.HasField("range") and seen.HasField("azimuth")):
        raise refuse("a bearing without range" if seen.HasField("azimuth") else "a bearing without azimuth")
    angle_rad, length_m = _UNITS[seen.coordinate_system]
    turn_rad = convergence_rad if seen.datum == bearings.RANGE_BEARING_DATUM_GRID else 0.0
    az_rad = said(seen, "azimuth") * angle_rad + turn_rad
    return Sighting(
        range_m=said(seen, "range") * length_m,
        az_rad=az_rad % (2.0 * math.pi) if abs(az_rad) <= 4.0 * math.pi else az_rad,  # else the door refuses it
        el_rad=said(seen, "elevation") * angle_rad,
        height_m=math.nan,
        sigma_range_m=said(seen, "range_error") * length_m,
        sigma_az_rad=said(seen, "azimuth_error") * angle_rad,
        sigma_el_rad=said(seen, "elevation_error") * angle_rad,
    )


def of_location(
    place: places.Location, sensor: "SensorModel", frame: "SiteFrame", zone: str, *, is_geoid_known: bool
) -> Sighting:
    """Turn a place on the Earth into what the sensor measures of it, its errors along the axes into sigmas.

    Correlations that the change of axes makes are left out: a plot has none. With equal errors there are none.

    Parameters
    ----------
    zone : str
        The UTM zone that the sensor registered; the place may say its own.
    is_geoid_known : bool
        Whether the site says how high mean sea level lies: without it, heights over the ellipsoid are refused.
    """
    point = point_of(place, zone, frame.lat_deg)
    if math.isnan(point.height_m):
        raise refuse("a location without a height")
    if place.datum == places.LOCATION_DATUM_WGS84_E and not is_geoid_known:
        raise refuse("a height over the ellipsoid, and no geoid_m in the site file")
    turn = frame.geodetic_to_enu if place.datum == places.LOCATION_DATUM_WGS84_E else frame.msl_to_enu
    pos_m = turn(point.lat_deg, point.lon_deg, point.height_m)
    seen = sensor.measure(pos_m, np.zeros((1, 3)))
    range_m, az_rad, el_rad = float(seen.range_m[0]), float(seen.az_rad[0]), float(seen.el_rad[0])
    axes = sensor.rotation @ np.diag(point[3:6]) if range_m > 0.0 else np.full((3, 3), math.nan)
    across, forward = math.sin(az_rad), math.cos(az_rad)
    level, up = math.cos(el_rad), math.sin(el_rad)
    sigma_m = (
        float(np.linalg.norm(np.array(each) @ axes))
        for each in (
            (level * across, level * forward, up),
            (forward, -across, 0.0),
            (-up * across, -up * forward, level),
        )
    )
    along_m, aside_m, over_m = sigma_m
    return Sighting(
        range_m=range_m,
        az_rad=az_rad,
        el_rad=el_rad,
        height_m=float(seen.height_m[0]),
        sigma_range_m=along_m,
        sigma_az_rad=aside_m / max(range_m * level, 1.0),
        sigma_el_rad=over_m / max(range_m, 1.0),
    )


def point_of(place: places.Location, zone: str, near_lat_deg: float) -> Point:
    """Turn a location, in degrees, radians or UTM, into degrees and metres.

    Parameters
    ----------
    zone : str
        UTM zone where the location says none, as "30U"; empty: nobody said.
    near_lat_deg : float
        Latitude of the site: tells north from south where the zone does not ("30S" is a band and a hemisphere).
    """
    if place.datum not in {places.LOCATION_DATUM_WGS84_E, places.LOCATION_DATUM_WGS84_G}:
        raise refuse("a location whose datum is not said")
    x, y = place.x, place.y
    height_m, sigma_up_m = said(place, "z"), error_of(place, "z_error")
    east, north = error_of(place, "x_error"), error_of(place, "y_error")
    if place.coordinate_system == places.LOCATION_COORDINATE_SYSTEM_UTM_M:
        lat_deg, lon_deg = _of_utm(x, y, place.utm_zone or zone, near_lat_deg)
    elif place.coordinate_system in _ANGLES:
        unit_deg = _ANGLES[place.coordinate_system]
        lat_deg, lon_deg = y * unit_deg, x * unit_deg
        if not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0):
            raise refuse("a latitude or longitude that cannot be")
        over_rad = math.radians(unit_deg) * WGS84_A_M
        s2 = math.sin(math.radians(lat_deg)) ** 2
        east *= over_rad / math.sqrt(1.0 - WGS84_E2 * s2) * math.cos(math.radians(lat_deg))
        north *= over_rad * (1.0 - WGS84_E2) / (1.0 - WGS84_E2 * s2) ** 1.5
    else:
        raise refuse("a location in units that are not said")
    if not (math.isnan(height_m) and not place.HasField("z")) and not _HEIGHTS_M[0] <= height_m <= _HEIGHTS_M[1]:
        raise refuse("a height that cannot be")
    return Point(lat_deg, lon_deg, height_m, east, north, sigma_up_m)


def convergence_rad(lat_deg: float, lon_deg: float, zone: str = "") -> float:
    """Return where UTM's grid north points [rad], clockwise from true north.

    On the sphere: inside a zone the ellipsoid adds less than 1e-6 rad (J. P. Snyder, Map Projections: A Working
    Manual, USGS Professional Paper 1395, 1987, chapter 8). `zone` is the one that the sensor registered, if any.
    """
    match = _ZONE.fullmatch(zone)
    number = int(match[1]) if match else math.floor((lon_deg + 180.0) / 6.0) + 1
    centre_deg = 6.0 * number - 183.0
    return math.atan(math.tan(math.radians(lon_deg - centre_deg)) * math.sin(math.radians(lat_deg)))


def _of_utm(x: float, y: float, zone: str, near_lat_deg: float) -> tuple[float, float]:
    match = _ZONE.fullmatch(zone)
    if match is None or not 1 <= int(match[1]) <= 60:
        raise refuse("UTM without a zone")
    letter = match[2].upper()
    halves = (True, False) if letter in {"", "S"} else (letter >= "N",)
    try:
        found = [utm.to_latlon(x, y, int(match[1]), northern=is_north) for is_north in halves]
    except ValueError:
        raise refuse("UTM coordinates that cannot be") from None
    lat_deg, lon_deg = min(found, key=lambda each: abs(each[0] - near_lat_deg))
    return float(lat_deg), float(lon_deg)
