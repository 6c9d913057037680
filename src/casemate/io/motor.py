"""Motors: thrust curves from RASP files (`.eng`) or two columns of CSV, refused by line where they cannot be."""

import math
import os
import re
from pathlib import Path
from typing import Final

from casemate.errors import SettingsError
from casemate.io.profile import read_text
from casemate.model.catalog import Motor

__all__ = ["cut_at", "read_motor"]

_N_HEADER: Final = 7  # name, diameter [mm], length [mm], delays, propellant [kg], total [kg], maker
_SPLIT: Final = re.compile(r"[,;\s]+")


def read_motor(path: str | os.PathLike[str], propellant_kg: float | None = None) -> Motor:
    """Read a motor.

    Parameters
    ----------
    path : path
        `.eng`, RASP's format: lines of comment (;), a header of seven words, then time [s] and thrust [N] until the
        thrust is 0. Anything else is read as two columns of time and thrust, with or without a row of names.
    propellant_kg : float, optional
        Instead of the header's; needed where there is no header.

    Returns
    -------
    Motor
        Starting at 0 s: RASP leaves the first point, no thrust at 0 s, unsaid.

    Raises
    ------
    SettingsError
        File, line and why.

    References
    ----------
    G. H. Stroick, RASP motor file format, thrustcurve.org/info/raspformat.html.
    """
    file = str(path)
    is_rasp = file.lower().endswith(".eng")
    mark = ";" if is_rasp else "#"
    lines = [(i, line.strip()) for i, line in enumerate(read_text(Path(path), "").splitlines(), 1)]
    lines = [(i, line) for i, line in lines if line and not line.startswith(mark)]
    if is_rasp:
        given_kg, lines = _header_of(file, lines)
        propellant_kg = given_kg if propellant_kg is None else propellant_kg
    elif lines and not _numbers_of(lines[0][1]):
        lines = lines[1:]  # names
    if propellant_kg is None:
        raise SettingsError(file, "propellant_kg", "is not in the file and must be given")
    if not 0.0 <= propellant_kg < math.inf:
        raise SettingsError(file, "propellant_kg", f"must be zero or more, is {propellant_kg:g}")
    return _motor_of(file, lines, propellant_kg, is_rasp=is_rasp)


def cut_at(motor: Motor, burn_s: float) -> Motor:
    """Return the motor with its thrust cut off at a time [s]; all of the propellant is gone by then."""
    if burn_s >= motor.thrust_s[-1]:
        return motor
    kept = [(t, f) for t, f in zip(motor.thrust_s, motor.thrust_n, strict=True) if t < burn_s]
    (t0, f0), (t1, f1) = kept[-1], (motor.thrust_s[len(kept)], motor.thrust_n[len(kept)])
    kept.append((burn_s, f0 + (f1 - f0) * (burn_s - t0) / (t1 - t0)))
    times, thrusts = zip(*kept, strict=True)
    return Motor(thrust_s=times, thrust_n=thrusts, propellant_kg=motor.propellant_kg)


def _header_of(file: str, lines: list[tuple[int, str]]) -> tuple[float, list[tuple[int, str]]]:
    # Propellant mass [kg], and the lines of points; a second motor in the file is refused as no point.
    if not lines:
        raise SettingsError(file, "", "holds no motor")
    i, header = lines[0]
    words = _SPLIT.split(header, maxsplit=_N_HEADER - 1)
    if len(words) < _N_HEADER - 1:
        why = "is no header of name, diameter, length, delays, propellant, total and maker"
        raise SettingsError(file, f"line {i}", why)
    masses = [_number(word) for word in words[4:6]]
    if not all(0.0 < mass < math.inf for mass in masses):
        raise SettingsError(
            file, f"line {i}", f"'{words[4]} {words[5]}' are not the masses of propellant and motor in kg"
        )
    if masses[0] > masses[1]:
        raise SettingsError(file, f"line {i}", f"more propellant ({words[4]} kg) than motor ({words[5]} kg)")
    return masses[0], lines[1:]


def _motor_of(file: str, lines: list[tuple[int, str]], propellant_kg: float, *, is_rasp: bool) -> Motor:
    times: list[float] = []
    thrusts: list[float] = []
    for i, line in lines:
        pair = _numbers_of(line)
        if len(pair) != 2:
            raise SettingsError(file, f"line {i}", f"'{line}' is not a time [s] and a thrust [N]")
        t, f = pair
        if f < 0.0 or t < 0.0:
            raise SettingsError(file, f"line {i}", f"{'time' if t < 0.0 else 'thrust'} is below zero")
        if times and t <= times[-1]:
            raise SettingsError(file, f"line {i}", f"time {t:g} s is not after {times[-1]:g} s")
        times.append(t)
        thrusts.append(f)
    if len(times) < 2 or max(thrusts) == 0.0:
        raise SettingsError(file, "", "needs at least two points, and thrust in one of them")
    if is_rasp and thrusts[-1] != 0.0:
        raise SettingsError(file, f"line {lines[-1][0]}", f"the last thrust must be 0, is {thrusts[-1]:g}")
    if times[0] > 0.0:
        times.insert(0, 0.0)
        thrusts.insert(0, 0.0)
    return Motor(thrust_s=tuple(times), thrust_n=tuple(thrusts), propellant_kg=propellant_kg)


def _numbers_of(line: str) -> list[float]:
    # The numbers of a line, or none where one of its words is no finite number.
    values = [_number(word) for word in _SPLIT.split(line.strip())]
    return values if all(math.isfinite(value) for value in values) else []


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
