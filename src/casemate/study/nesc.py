"""The point-mass check cases of NASA's NESC: 6-DOF programs compared (NASA/TM-2015-218675, volume II).

The conditions come from the `Initial_Conditions_Atmos.csv` that lies with the cases, so that any of them whose vehicle
is a point as far as its path goes (sphere, brick without drag) is run. Feet are converted exactly (0.3048 m).
"""

import csv
import pathlib
import re
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.constants import WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, WGS84_OMEGA_RADPS
from casemate.physics.body import build_body
from casemate.physics.exact import Body, Earth, sample_exact
from casemate.physics.profile import Profile

Array = NDArray[np.float64]

FILE_NAME: Final = re.compile(r"Atmos_(\d+(?:p\d+)?)_.*?sim_(\d+)\.csv")
CONDITIONS: Final = "Initial_Conditions_Atmos.csv"
COMPANIONS: Final = (CONDITIONS, "cannonball_aero.dml", "cannonball_inertia.dml")

FT_M: Final = 0.3048  # international foot, exact
_SLUG_KG: Final = 0.45359237 * 9.80665 / FT_M  # pound-force second squared per foot, exact
_SHEET_FT_PER_M: Final = 3.28084
_AREA_M2: Final = 0.1963495 * FT_M**2  # cannonball_aero.dml, revision E
_CD: Final = 0.1  # same source
_WIND_FT: Final = (-10_000.0, 200_000.0)  # heights between which a case's linear wind is given to the flight

_TOLERANCE_M: Final = {"04": 0.05, "05": 0.05}  # the two programs that agree with an independent reference within 8 mm
_OTHERS_TOLERANCE_M: Final = 1.5  # spread of NASA's own programs


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity of one case against its reference: the largest error of n values beside the tolerance."""

    set: str
    case: str
    quantity: str
    error: float
    tolerance: float
    unit: str
    n: int
    is_inside: bool = False

    def __post_init__(self) -> None:
        """Decide; an error that is not a number is outside."""
        msgspec.structs.force_setattr(self, "is_inside", bool(self.error <= self.tolerance))


class Case(NamedTuple):
    """A case ready to fly: Earth, body, ECEF state at time 0."""

    earth: Earth
    body: Body
    start: Array


def check(file: pathlib.Path) -> list[Check] | str:
    """Fly the case that a program's file belongs to, compare the position at every sample; or say why it cannot be."""
    match = FILE_NAME.fullmatch(file.name)
    conditions = _conditions_near(file)
    if match is None or conditions is None:
        return f"not recognised: no {CONDITIONS} beside it or above it"
    number, program = match[1].replace("p", ".").lstrip("0"), match[2]
    case = case_of(conditions, number)
    if isinstance(case, str):
        return f"not recognised: {case}"
    times, given, is_inertial = _read(file)
    flown = sample_exact(case.start, np.concatenate(([0.0], times)), case.body, case.earth)[1:, :3]
    if is_inertial:
        flown = _to_inertial(flown, times * case.earth.omega_radps)
    miss = np.sqrt(np.sum((flown - given) ** 2, axis=1))
    return [
        Check(
            set="NESC", case=f"{number} / sim_{program}", quantity="position", error=float(np.max(miss)),
            tolerance=_TOLERANCE_M.get(program, _OTHERS_TOLERANCE_M), unit="m", n=times.size,
        )
    ]  # fmt: skip


def _conditions_near(file: pathlib.Path) -> pathlib.Path | None:
    for folder in list(file.resolve().parents)[:3]:
        if (folder / CONDITIONS).is_file():
            return folder / CONDITIONS
    return None


@lru_cache(maxsize=4)
def _sheet(path: pathlib.Path) -> tuple[tuple[str, ...], ...]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return tuple(tuple(row) for row in csv.reader(lines))


def case_of(conditions: pathlib.Path, number: str) -> Case | str:
    """Read a case from the sheet of conditions, or say why it is not one for a point mass."""
    sheet = _sheet(conditions)
    if number not in sheet[0]:
        return f"case {number} is not in {CONDITIONS}"
    column = sheet[0].index(number)

    def cell(name: str) -> str:
        return next(row[column] for row in sheet if name in row[:2])

    vehicle, air, notes = cell("Vehicle"), cell("Atmosphere"), cell("Notes")
    has_drag = vehicle.startswith("Sphere with constant")
    if not has_drag and not vehicle.startswith("Dragless"):
        return f"case {number} needs more than a point mass ({vehicle})"
    wind = _wind_of(air, notes)
    if wind is None:
        return f"case {number} has air that is not known here ({air})"
    earth = _earth_of(cell("Geodesy"), float(cell("Equatorial radius")), float(cell("Earth rotation rate")))
    place = (float(cell("Latitude")), float(cell("Longitude")), float(cell("Altitude MSL")) * FT_M)
    motion = np.array([float(cell("Veast")), float(cell("Vnorth")), -float(cell("Vdown"))]) * FT_M
    cd = np.array([[_CD, 0.0, 0.0, 0.0]])
    area = _AREA_M2 if has_drag else 0.0
    body = build_body(_SLUG_KG, area, cd, wind=wind, mach_top=np.inf)
    return Case(earth, body, _start(earth, place, motion))


def _earth_of(geodesy: str, radius_ft: float, turn: float) -> Earth:
    # The sheet's lengths of the Earth are metres times 3.28084 (6378137 m gives its 20925646.99508), not exact feet,
    # and its turn is rounded to seven digits; the programs used the constants themselves, as their first rows show.
    omega = WGS84_OMEGA_RADPS if turn != 0.0 else 0.0
    if geodesy.startswith("WGS-84"):
        return Earth(WGS84_A_M, WGS84_E2, WGS84_GM_M3PS2, WGS84_J2, omega)
    return Earth(radius_ft / _SHEET_FT_PER_M, 0.0, WGS84_GM_M3PS2, 0.0, omega)


def _wind_of(air: str, notes: str) -> Profile | None:
    # The wind by height; None where the words are not understood.
    if "no wind" in air:
        return _west_wind((0.0, 0.0))
    steady = re.search(r"steady ([\d.]+) ft/s wind from due West", air)
    if steady:
        return _west_wind((float(steady[1]), float(steady[1])))
    shear = re.search(r"\(([-+\d.]+) ?h ?([-+]) ?([\d.]+)\).*from West", notes)
    if shear is None:
        return None
    slope, base = float(shear[1]), float(shear[2] + shear[3])  # ft/s by ft, ft/s
    return _west_wind((slope * _WIND_FT[0] + base, slope * _WIND_FT[1] + base))


def _west_wind(ends_ftps: tuple[float, float]) -> Profile:
    east = np.array(ends_ftps) * FT_M
    return Profile(np.array(_WIND_FT) * FT_M, None, None, east, np.zeros(2))


def _start(earth: Earth, place: tuple[float, float, float], motion: Array) -> Array:
    # ECEF state from latitude, longitude [deg], height [m] and velocity toward east, north, up [m/s].
    lat, lon = np.radians(place[0]), np.radians(place[1])
    sp, cp, sl, cl = np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)
    curve = earth.a_m / np.sqrt(1.0 - earth.e2 * sp * sp)
    out = curve + place[2]
    position = np.array([out * cp * cl, out * cp * sl, (curve * (1.0 - earth.e2) + place[2]) * sp])
    axes = np.array([[-sl, cl, 0.0], [-sp * cl, -sp * sl, cp], [cp * cl, cp * sl, sp]])
    return np.concatenate((position, motion @ axes))


def _read(file: pathlib.Path) -> tuple[Array, Array, bool]:
    # Times (n,) [s], positions (n, 3) [m], and whether these are inertial (else Earth-fixed).
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row]
    header = [name.strip() for name in rows[0]]
    for prefix, is_inertial in (("eiPosition", True), ("gePosition", False)):
        for unit, scale in (("ft", FT_M), ("m", 1.0)):
            names = [f"{prefix}_{unit}_{axis}" for axis in "XYZ"]
            if all(name in header for name in names):
                columns = [header.index(name) for name in ("time", *names)]
                table = np.array([[float(row[i]) for i in columns] for row in rows[1:]])
                return table[:, 0], table[:, 1:] * scale, is_inertial
    message = "no position columns"
    raise ValueError(message)


def _to_inertial(ecef: Array, angle: Array) -> Array:
    # The inertial frame coincides with the Earth-fixed one at time 0.
    c, s = np.cos(angle), np.sin(angle)
    return np.column_stack((c * ecef[:, 0] - s * ecef[:, 1], s * ecef[:, 0] + c * ecef[:, 1], ecef[:, 2]))
