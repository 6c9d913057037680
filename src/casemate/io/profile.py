"""Profiles: air or wind by height, read from CSV and refused by row where a value cannot be.

Files of radiosondes and reanalyses are read as they come: geopotential heights, hectopascals, degrees Celsius, wind by
speed and direction, names in a comment line. What is left is SI and heights above mean sea level.
"""

import csv
import difflib
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import USSA76_R0_M
from casemate.errors import SettingsError

if TYPE_CHECKING:  # physics.profile brings numba, which --help must not wait for
    from casemate.physics.profile import Profile

Array = NDArray[np.float64]
StrPath = str | os.PathLike[str]


class Columns(NamedTuple):
    """A profile as read: None where the file has no such column."""

    height_m: Array
    pressure_pa: Array | None
    temperature_k: Array | None
    wind_e_mps: Array | None
    wind_n_mps: Array | None
    relative_humidity_percent: Array | None


class _Column(NamedTuple):
    # What a column of a file is: the field that it fills, its conversion, and its valid range after that.
    field: str
    convert: Callable[[float], float] = float
    low: float = -math.inf
    high: float = math.inf


def _geometric_m(geopotential_m: float) -> float:
    # U.S. Standard Atmosphere, 1976, equation 19. Its mean radius leaves 0.3 % of the height between equator and poles.
    return USSA76_R0_M * geopotential_m / (USSA76_R0_M - geopotential_m)


def _pascals(hectopascals: float) -> float:
    return 100.0 * hectopascals


def _kelvins(celsius: float) -> float:
    return celsius + 273.15


_HEIGHT: Final = _Column("height_m")
_GEOPOTENTIAL: Final = _Column("height_m", _geometric_m)
_HUMIDITY: Final = _Column("relative_humidity_percent", low=0.0, high=110.0)  # sondes read a little over 100 in cloud
_SPEED: Final = _Column("wind_speed_mps", low=0.0)
_FROM: Final = _Column("wind_from_deg", low=0.0, high=360.0)

COLUMNS: Final = {
    "height_m": _HEIGHT,
    "geopotential_height_m": _GEOPOTENTIAL,
    "pressure_pa": _Column("pressure_pa"),
    "pressure_hpa": _Column("pressure_pa", _pascals),
    "temperature_k": _Column("temperature_k"),
    "temperature_c": _Column("temperature_k", _kelvins),
    "relative_humidity_percent": _HUMIDITY,
    "wind_e_mps": _Column("wind_e_mps"),
    "wind_n_mps": _Column("wind_n_mps"),
    "wind_speed_mps": _SPEED,
    "wind_from_deg": _FROM,
}
"""The columns of Casemate's own profiles."""

_OTHERS: Final = {
    "geopotential_height_m_msl": _GEOPOTENTIAL,  # reanalysis tables
    "u_east_mps": COLUMNS["wind_e_mps"],
    "v_north_mps": COLUMNS["wind_n_mps"],
    "geopotential height_m": _GEOPOTENTIAL,  # University of Wyoming, radiosondes as CSV
    "relative humidity_%": _HUMIDITY,
    "wind speed_m/s": _SPEED,
    "wind direction_degree": _FROM,
}
_LEFT_OUT: Final = {
    "time", "longitude", "latitude", "dew point temperature_c", "ice point temperature_c", "humidity wrt ice_%",
    "mixing ratio_g/kg",
}  # fmt: skip
"""Columns of the University of Wyoming's files that a flight has no use for."""


def read_profile(path: StrPath) -> "Profile":
    """Read a profile of air or wind by height above mean sea level from CSV.

    Parameters
    ----------
    path : path
        CSV; names in the first row, or in the comment line (#) before the first row of numbers. Heights ascend.

    Returns
    -------
    Profile
        Pressure, temperature and humidity None where the file has none; a wind that is not given is still air.

    Raises
    ------
    SettingsError
        A column that is not known (with the nearest name), missing, or given twice; a value that cannot be, by row.

    Notes
    -----
    Columns: `height_m` or `geopotential_height_m` (needed), `pressure_pa` or `pressure_hpa`, `temperature_k` or
    `temperature_c`, `relative_humidity_percent` (over water), and `wind_e_mps` and `wind_n_mps` (toward east and north)
    or `wind_speed_mps` and `wind_from_deg` (clockwise from true north). Other spellings: `_OTHERS`.
    """
    from casemate.physics.profile import Profile  # noqa: PLC0415 late: brings numba

    columns = read_columns(Path(path), "")
    still = np.zeros_like(columns.height_m)
    return Profile(
        height_m=columns.height_m,
        pressure_pa=columns.pressure_pa,
        temperature_k=columns.temperature_k,
        wind_e_mps=still if columns.wind_e_mps is None else columns.wind_e_mps,
        wind_n_mps=still if columns.wind_n_mps is None else columns.wind_n_mps,
        relative_humidity_percent=columns.relative_humidity_percent,
    )


def suggest(word: str, words: Sequence[str]) -> str:
    """Return "; did you mean ...?" with the nearest word, or nothing."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def read_columns(path: Path, asked_by: str) -> Columns:
    """Read and check a profile's columns; `asked_by` says who named the file when it cannot be read."""
    file = str(path)
    header, rows = _table_of(file, read_text(path, asked_by))
    known = [_column_of(file, name) for name in header]
    fields = [None if column is None else column.field for column in known]
    for i, field in enumerate(fields):
        if field is not None and field in fields[:i]:
            raise SettingsError(file, header[i], f"gives {field} a second time")
    if "height_m" not in fields:
        raise SettingsError(file, "height_m", "the column is missing")
    values = np.array([_values_of(file, header, known, i, row) for i, row in enumerate(rows, 1)])
    found = {field: values[:, i].copy() for i, field in enumerate(fields) if field is not None}
    falling = np.flatnonzero(np.diff(found["height_m"]) <= 0.0)
    if falling.size:
        key = header[fields.index("height_m")]
        raise SettingsError(file, f"row {falling[0] + 2}, {key}", "is not above the row before")
    _split_wind(file, found)
    return Columns(found["height_m"], *(found.get(name) for name in Columns._fields[1:]))


def read_text(path: Path, asked_by: str) -> str:
    """Read a small text file, or say in one sentence why it cannot be; `asked_by` says who named it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise SettingsError(str(path), asked_by, why) from None
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), asked_by, f"is not UTF-8 text (byte {error.start})") from None


def _table_of(file: str, text: str) -> tuple[list[str], list[list[str]]]:
    # Names and rows. Where the first row holds numbers, the comment before it holds the names.
    comment = ""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            comment = comment if lines else line.lstrip("# ")
        elif line.strip():
            lines.append(line)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    except csv.Error as error:
        raise SettingsError(file, "", f"is not a CSV file: {error}") from None
    if rows and _is_number(rows[0][0]):
        names = re.sub(r"\s*\(.*\)\s*$", "", comment)  # what follows in parentheses tells of the source
        rows.insert(0, [cell.strip() for cell in names.split(",")])
    if len(rows) < 3:
        raise SettingsError(file, "", "needs a header and at least two rows")
    return rows[0], rows[1:]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _column_of(file: str, name: str) -> _Column | None:
    spelling = name.lower()
    if spelling in _LEFT_OUT:
        return None
    column = COLUMNS.get(spelling) or _OTHERS.get(spelling)
    if column is None:
        raise SettingsError(file, name, f"is not a known column{suggest(spelling, list(COLUMNS))}")
    return column


def _values_of(
    file: str, header: Sequence[str], known: Sequence[_Column | None], i: int, row: Sequence[str]
) -> list[float]:
    if len(row) != len(header):
        raise SettingsError(file, f"row {i}", f"has {len(row)} values for {len(header)} columns")
    values: list[float] = []
    for name, column, text in zip(header, known, row, strict=True):
        if column is None:
            values.append(math.nan)
            continue
        if not _is_number(text):
            raise SettingsError(file, f"row {i}, {name}", f"'{text}' is not a finite number")
        value = column.convert(float(text))
        if column.field in {"pressure_pa", "temperature_k"} and value <= 0.0:
            raise SettingsError(file, f"row {i}, {name}", f"'{text}' is not above zero")
        if not column.low <= value <= column.high:
            raise SettingsError(file, f"row {i}, {name}", f"'{text}' is outside [{column.low:g}, {column.high:g}]")
        values.append(value)
    return values


def _split_wind(file: str, found: dict[str, Array]) -> None:
    # Speed and the direction that it comes from, into what blows toward east and north.
    pair = ("wind_speed_mps", "wind_from_deg")
    given = [name for name in pair if name in found]
    if not given:
        return
    if len(given) == 1:
        raise SettingsError(file, next(name for name in pair if name not in found), f"is missing beside {given[0]}")
    for name in ("wind_e_mps", "wind_n_mps"):
        if name in found:
            raise SettingsError(file, name, "and wind_speed_mps both give the wind")
    speed, heading = found["wind_speed_mps"], np.radians(found["wind_from_deg"])
    found["wind_e_mps"], found["wind_n_mps"] = -speed * np.sin(heading), -speed * np.cos(heading)
