"""Measured flights of student sounding rockets, against a 6-DOF program's apogee (RocketPy, github RocketPy-Team).

A folder holds `flights.json` and a folder per flight: its thrust (`*.eng` or `thrust*.csv`), its drag by Mach
(`drag*.csv`, or in the flight's own words), its air and wind (`era5_profile.csv`). Nothing is tuned: each flight goes
from rest on its rail to the apogee with the figures given.
"""

import json
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError
from casemate.io.motor import cut_at, read_motor
from casemate.io.profile import read_profile
from casemate.model.catalog import Motor
from casemate.physics.body import build_body
from casemate.physics.drag import compile_drag
from casemate.physics.exact import Body, Rail, Trajectory, fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.path import ATTACK_LIMIT_DEG, attack_deg_of
from casemate.physics.profile import Profile
from casemate.study.nesc import Check

Array = NDArray[np.float64]

FILE_NAME: Final = "flights.json"
TOLERANCE_PERCENT: Final = 1.0  # what an untuned point mass reaches where it is valid
_POINT: Final = re.compile(r"\((\d*\.?\d+?)(?:\.\.(\d*\.?\d+))?,\s*(\d*\.?\d+)\)")
_NUMBERS: Final = (
    "lat", "lon", "elev_m", "mass_dry_kg", "prop_kg", "burn_s", "radius_m", "incl_deg", "heading_deg", "rail_m",
    "apogee_rocketpy_m",
)  # fmt: skip


class Ascent(NamedTuple):
    """A flight, flown: what it left, its apogee over the launch point, and how it met the wind at the rail's end."""

    path: Trajectory
    apogee_m: float
    exit_mps: float
    attack_deg: float


def is_companion(file: pathlib.Path) -> bool:
    """Tell whether a file belongs to a flight of a `flights.json` above it."""
    return (file.parent.parent / FILE_NAME).is_file()


def check(file: pathlib.Path) -> tuple[list[Check], list[str]]:
    """Fly each flight of a `flights.json`; return the checks, and a sentence for each that is outside the model."""
    checks: list[Check] = []
    outside: list[str] = []
    for name, flight in json.loads(file.read_text(encoding="utf-8")).items():
        missing = [key for key in _NUMBERS if key not in flight]
        if missing:
            message = f"{name}: {missing[0]} is missing"
            raise ValueError(message)
        try:
            ascent = fly(file.parent / name, flight)
        except DomainError as error:
            outside.append(f"{file.parent / name}: outside the model: {error}")
            continue
        if ascent.attack_deg > ATTACK_LIMIT_DEG:
            outside.append(
                f"{file.parent / name}: outside the model: a point mass leaves its rail within {ATTACK_LIMIT_DEG:g} "
                f"deg of the flow, this rocket {ascent.attack_deg:.1f} deg off it, at {ascent.exit_mps:.1f} m/s"
            )
            continue
        given = float(flight["apogee_rocketpy_m"])
        measured = flight.get("apogee_measured_m")
        beside = "" if measured is None else f", measured {measured:g} m"
        checks.append(
            Check(
                set="rocket flights", case=name,
                quantity=f"apogee {ascent.apogee_m:.1f} m (6-DOF {given:g} m{beside})",
                error=100.0 * abs(ascent.apogee_m / given - 1.0), tolerance=TOLERANCE_PERCENT, unit="%", n=1,
            )
        )  # fmt: skip
    return checks, outside


def fly(folder: pathlib.Path, flight: Mapping[str, Any]) -> Ascent:
    """Fly one flight of the folder from its rail.

    Raises
    ------
    SettingsError
        A file that does not read.
    DomainError
        A flight outside the model.
    """
    frame = SiteFrame(flight["lat"], flight["lon"], flight["elev_m"])
    profile = read_profile(_one_of(folder, "era5_profile.csv"))
    motor = cut_at(read_motor(_one_of(folder, "*.eng", "thrust*.csv"), flight["prop_kg"]), flight["burn_s"])
    body = _body_of(folder, flight, motor, profile)
    rail = Rail(flight["rail_m"], math.radians(flight["heading_deg"]), math.radians(flight["incl_deg"]))
    path = fly_exact(body, frame, np.zeros(3), rail=rail)
    exit_mps = float(np.linalg.norm(path.at(path.rail_exit_s)[1]))
    return Ascent(path, path.apex(frame).height_m - frame.height_m, exit_mps, attack_deg_of(path, frame, profile))


def _one_of(folder: pathlib.Path, *patterns: str) -> pathlib.Path:
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if len(found) != 1:
        message = f"{folder.name}: {len(found)} files {' or '.join(patterns)}, one is needed"
        raise ValueError(message)
    return found[0]


def _body_of(folder: pathlib.Path, flight: Mapping[str, Any], motor: Motor, profile: Profile) -> Body:
    area = math.pi * flight["radius_m"] ** 2
    table = compile_drag(*_drag_of(folder, flight)).table  # holds the last coefficient, as the 6-DOF program does
    return build_body(flight["mass_dry_kg"], area, table, motor=motor, wind=profile, air=profile)


def _drag_of(folder: pathlib.Path, flight: Mapping[str, Any]) -> tuple[Array, Array]:
    # Points (n,) of Mach and drag coefficient: a constant, a file, or pairs "(Mach,Cd)" in the note, Mach maybe a span.
    if "cd_const" in flight:
        return np.zeros(1), np.array([float(flight["cd_const"])])
    files = sorted(folder.glob("drag*.csv"))
    if files:
        table = np.loadtxt(files[0], delimiter=",", ndmin=2)
        return table[:, 0], table[:, 1]
    points = [
        (float(mach), float(cd))
        for first, last, cd in _POINT.findall(flight.get("note", "").partition("Drag:")[2])
        for mach in (first, last or first)
    ]
    if not points:
        message = f"{folder.name}: no drag by Mach"
        raise ValueError(message)
    return np.array(points)[:, 0], np.array(points)[:, 1]
