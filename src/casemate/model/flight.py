"""The flight file: one flight as a user declares it in TOML. A misspelt key is refused by name.

A flight is declared by its start and goes forward; there is no table for a place that it should come down at.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.model.catalog import (
    Band,
    Declaration,
    EnvironmentSettings,
    Lat,
    Lon,
    Name,
    NotNegative,
    Positive,
    Spin,
    TerrainFile,
)

AirHeight = Annotated[float, Meta(ge=-500.0, le=86_000.0)]
"""Above mean sea level, up to the top of the standard atmosphere."""

Array = NDArray[np.float64]
Geoid = Annotated[float, Meta(ge=-110.0, le=90.0)]
"""Height of mean sea level over the WGS 84 ellipsoid."""

Model = Literal["point-mass", "modified-point-mass"]


class FlightSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the flight is called, the model that flies it, and the level ground that it ends on."""

    name: Name
    model: Model = "point-mass"
    ground_height_m: AirHeight | None = None  # above mean sea level; None: the height of the start, or a [terrain]


class StartPoint(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how the flight begins; on a rail it begins at rest."""

    lat_deg: Lat
    lon_deg: Lon
    height_m: AirHeight  # above mean sea level
    geoid_m: Geoid | None = None  # None: mean sea level is taken to lie on the ellipsoid
    azimuth_deg: Annotated[float, Meta(ge=0.0, le=360.0)] = 0.0  # of the motion, clockwise from true north
    elevation_deg: Annotated[float, Meta(ge=-90.0, le=90.0)]  # above the local horizon
    speed_mps: Positive | None = None  # over the ground; None: at rest on a rail


class BodySettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What flies: a round class of the catalog, or figures."""

    round_class: str | None = msgspec.field(name="class", default=None)
    mass_kg: Positive | None = None  # after burn, the empty motor included
    calibre_m: Positive | None = None  # diameter that the drag coefficients refer to
    drag: str | None = None  # a CSV file of Mach and drag coefficient
    mach: Annotated[tuple[NotNegative, ...], Meta(min_length=2)] | None = None
    cd: Annotated[tuple[NotNegative, ...], Meta(min_length=2)] | None = None
    drag_factor: NotNegative = 1.0  # multiplies the whole drag curve


class MotorSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The motor, lit at the start: a file (RASP .eng, or CSV of time and thrust), or figures."""

    file: str | None = None
    thrust_s: Annotated[tuple[NotNegative, ...], Meta(min_length=2)] | None = None
    thrust_n: Annotated[tuple[NotNegative, ...], Meta(min_length=2)] | None = None
    propellant_kg: NotNegative | None = None  # an .eng file gives it


class RailSettings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rail that the flight begins on, in the direction of the start."""

    length_m: Positive


class FlightFile(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole flight file."""

    flight: FlightSettings
    start: StartPoint
    body: BodySettings
    motor: MotorSettings | None = None
    rail: RailSettings | None = None
    spin: Spin | None = None  # of a body given by figures; a class has its own
    environment: EnvironmentSettings = EnvironmentSettings()
    terrain: TerrainFile | None = None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a flight worth a mark: start, rail exit, burnout, apex, impact."""

    t_s: float
    lat_deg: float
    lon_deg: float
    height_m: float  # above mean sea level
    ground_range_m: float  # along the ground in the direction of the start
    cross_range_m: float  # to the right of it
    speed_mps: float  # over the ground
    mach: float  # through the air


class FlightResult(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one flight."""

    name: str
    model: str  # in words
    body: str
    drag_digest: str  # of the compiled drag curve, which is the model
    cd_node_error: float  # largest distance of that curve from the points of its table
    drag_factor: float  # that the whole curve was multiplied by
    start: Mark
    rail_exit: Mark | None = None
    burnout: Mark | None = None
    apex: Mark
    impact: Mark
    ground_range_m: float  # between start and impact, along the ground
    flight_s: float
    fall_angle_deg: float  # below the local horizon at the impact
    deflection_m: float  # of the impact from the vertical plane of the start, positive to the right
    mach: Band  # least and greatest
    drift_m: float | None = None  # what the spin adds to the deflection
    yaw_of_repose_deg: float | None = None  # greatest
    fast_kernel_miss_m: float | None = None  # from the impact that the kernel of the live pipeline finds

    def marks(self) -> dict[str, Mark]:
        """Return the moments by name, in order of time; a flight that never climbs has no apex but its start."""
        apex = self.apex if self.apex.t_s > 0.0 else None
        found = {"start": self.start, "rail exit": self.rail_exit, "burnout": self.burnout, "apex": apex}
        there = {name: mark for name, mark in found.items() if mark is not None} | {"impact": self.impact}
        return dict(sorted(there.items(), key=lambda item: item[1].t_s))


class FlightPath(NamedTuple):
    """A flight sample by sample, as tables and plots show it: arrays (m,), SI, degrees where the name says so."""

    t_s: Array
    lat_deg: Array
    lon_deg: Array
    height_m: Array  # above mean sea level
    ground_range_m: Array  # along the ground in the direction of the start
    cross_range_m: Array  # to the right of it
    ground_m: Array  # height of the ground beneath, above mean sea level
    speed_mps: Array  # over the ground
    mach: Array  # through the air
    ve_mps: Array
    vn_mps: Array
    vu_mps: Array  # in the local east, north, up
