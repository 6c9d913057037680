"""Flight files: the declaration of one flight, with the class, tables and profiles that it names."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from casemate.errors import SettingsError
from casemate.io.motor import read_motor
from casemate.io.profile import StrPath, read_columns, read_text, suggest
from casemate.io.settings import check_spin, profile_path, read_profiles, read_rounds, read_toml
from casemate.model.catalog import Declaration, Motor, RoundClass
from casemate.model.flight import BodySettings, FlightFile, MotorSettings

if TYPE_CHECKING:  # physics.atmosphere brings numba, which --help must not wait for
    from casemate.physics.profile import Profile

__all__ = ["FlightInputs", "read_flight"]


class FlightInputs(NamedTuple):
    """A flight file, checked, and what it names, read."""

    file: FlightFile
    body: RoundClass
    motor: Motor | None  # of the file; a class has its own
    air: "Profile | None"
    wind: "Profile | None"


def read_flight(path: StrPath) -> FlightInputs:
    """Read a flight file and everything that it names, relative to itself.

    Raises
    ------
    SettingsError
        The file or one that it names cannot be read, or contradicts itself: file, key and why.
    """
    file = read_toml(path, FlightFile)
    name = str(path)
    _check_finite(name, "", msgspec.to_builtins(file))
    _check_beginning(name, file)
    if file.environment.earth == "flat":
        raise SettingsError(name, "environment.earth", "must be wgs84: a flight is flown over the turning Earth")
    body = _body_of(name, file, Path(path).parent)
    _check_spin(name, file, body)
    for key in ("atmosphere", "wind"):
        profile = profile_path(path, file.environment, key)
        if profile is not None:
            read_columns(profile, f"environment.{key} of {name}")
    air, wind = read_profiles(path, file.environment)
    motor = None if file.motor is None else _motor_of(name, file.motor, Path(path).parent)
    return FlightInputs(file, body, motor, air, wind)


def _check_finite(name: str, key: str, value: Any) -> None:  # noqa: ANN401 any TOML value
    # Bounds refuse NaN, and infinity where they have two ends; this refuses it everywhere.
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(name, key, f"must be finite, is {value}")
    if isinstance(value, dict):
        for each, inside in cast("dict[str, Any]", value).items():
            _check_finite(name, f"{key}.{each}".removeprefix("."), inside)
    elif isinstance(value, list | tuple):
        for i, inside in enumerate(cast("Sequence[Any]", value)):
            _check_finite(name, f"{key}[{i}]", inside)


def _check_beginning(name: str, file: FlightFile) -> None:
    if file.rail is not None and file.motor is None:
        raise SettingsError(name, "rail", "belongs to a [motor]: nothing else sets out from rest")
    if file.rail is not None:
        _refuse(name, file.start, ("speed_mps",), "stands beside [rail], which is left from rest: say one", "start.")
    elif file.start.speed_mps is None:
        raise SettingsError(name, "start.speed_mps", "is needed and missing; only a [motor] on a [rail] starts at rest")
    if file.terrain is not None:
        _refuse(name, file.flight, ("ground_height_m",), "stands beside [terrain]: say one", "flight.")
    if file.body.round_class is not None:
        own = "stands beside body.class, which has its own or none: give figures instead"
        _refuse(name, file, ("motor", "spin"), own)
        _refuse(name, file.body, ("mass_kg", "calibre_m", "drag", "mach", "cd"), own, "body.")


def _refuse(name: str, table: Declaration, keys: Sequence[str], why: str, above: str = "") -> None:
    for key in keys:
        if getattr(table, key) is not None:
            raise SettingsError(name, f"{above}{key}", why)


def _check_spin(name: str, file: FlightFile, body: RoundClass) -> None:
    is_spinning = file.flight.model == "modified-point-mass"
    if file.spin is not None and not is_spinning:
        raise SettingsError(name, "spin", 'is for model = "modified-point-mass"; a point mass has none')
    if file.spin is not None:
        check_spin(name, "spin", file.flight.name, file.spin)
    if is_spinning and body.spin is None:
        able = ", ".join(each.name for each in read_rounds() if each.spin is not None)
        raise SettingsError(name, "flight.model", f"needs a body that declares its spin: {able}, or a [spin]")
    if is_spinning and (body.burn_s is not None or file.motor is not None):
        raise SettingsError(name, "flight.model", "is for shells: no motor burns in it")


def _body_of(name: str, file: FlightFile, folder: Path) -> RoundClass:
    body = file.body
    if body.round_class is not None:
        rounds = {each.name: each for each in read_rounds()}
        if body.round_class not in rounds:
            nearest = suggest(body.round_class, tuple(rounds))
            why = f"'{body.round_class}' is not a round class{nearest}; there are: {', '.join(rounds)}"
            raise SettingsError(name, "body.class", why)
        return rounds[body.round_class]
    mach, cd = _drag_of(name, body, folder)
    if body.mass_kg is None or body.calibre_m is None:
        missing = "mass_kg" if body.mass_kg is None else "calibre_m"
        raise SettingsError(name, f"body.{missing}", "is needed and missing, or a body.class")
    return RoundClass(
        name="declared",
        title=f"{body.mass_kg:g} kg, {1e3 * body.calibre_m:g} mm, as declared",
        kind="shell",
        mass_kg=body.mass_kg,
        calibre_m=body.calibre_m,
        mach=mach,
        cd=cd,
        # one round flies, and nobody stands where it comes down
        drag_sigma_round=0.0,
        drag_sigma_make=0.0,
        hazard_radius_m=0.0,
        sigma_range_share=0.0,
        sigma_cross_share=0.0,
        p_dud=0.0,
        spin=file.spin,
        source={},
    )


def _drag_of(name: str, body: BodySettings, folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if body.drag is not None:
        _refuse(name, body, ("mach", "cd"), "stands beside body.drag: say one", "body.")
        return _read_drag(folder / body.drag, f"body.drag of {name}")
    if body.mach is None or body.cd is None:
        raise SettingsError(name, "body.drag", "is needed and missing, or body.mach with body.cd, or a body.class")
    if len(body.mach) != len(body.cd):
        raise SettingsError(name, "body.cd", f"has {len(body.cd)} values for {len(body.mach)} of mach")
    if any(b <= a for a, b in pairwise(body.mach)):
        raise SettingsError(name, "body.mach", "is not ascending")
    return body.mach, body.cd


def _motor_of(name: str, motor: MotorSettings, folder: Path) -> Motor:
    if motor.file is not None:
        _refuse(name, motor, ("thrust_s", "thrust_n"), "stands beside motor.file: say one", "motor.")
        read_text(folder / motor.file, f"motor.file of {name}")
        return read_motor(folder / motor.file, motor.propellant_kg)
    times, thrust = motor.thrust_s, motor.thrust_n
    if times is None or thrust is None:
        raise SettingsError(name, "motor.file", "is needed and missing, or motor.thrust_s with motor.thrust_n")
    if motor.propellant_kg is None:
        raise SettingsError(name, "motor.propellant_kg", "is needed and missing; only an .eng file gives it")
    if len(times) != len(thrust):
        raise SettingsError(name, "motor.thrust_n", f"has {len(thrust)} values for {len(times)} of thrust_s")
    if times[0] != 0.0 or any(b <= a for a, b in pairwise(times)):
        raise SettingsError(name, "motor.thrust_s", "is not ascending from 0")
    if max(thrust) == 0.0:
        raise SettingsError(name, "motor.thrust_n", "is zero all along")
    return Motor(thrust_s=times, thrust_n=thrust, propellant_kg=motor.propellant_kg)


def _read_drag(path: Path, asked_by: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Two columns of numbers, not negative; names above them and lines that begin with # may be there. Measured points
    # come in any order: they are sorted.
    file = str(path)
    lines = [(i, line.strip()) for i, line in enumerate(read_text(path, asked_by).splitlines(), 1)]
    rows = [(i, line.split(",")) for i, line in lines if line and not line.startswith("#")]
    if rows and not _is_number(rows[0][1][0]):
        rows = rows[1:]
    if len(rows) < 2:
        raise SettingsError(file, "", "needs at least two rows of Mach number and drag coefficient")
    for i, row in rows:
        if len(row) != 2:
            raise SettingsError(file, f"line {i}", f"has {len(row)} values, not Mach number and drag coefficient")
        for word, text in zip(("mach", "cd"), row, strict=True):
            if not (_is_number(text) and 0.0 <= float(text) < math.inf):
                raise SettingsError(file, f"line {i}, {word}", f"'{text.strip()}' is not a number from 0 up")
    mach, cd = zip(*sorted((float(mach), float(cd)) for _, (mach, cd) in rows), strict=True)
    return mach, cd


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
