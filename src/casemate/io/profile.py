"""Profiles: air or wind by height, read from CSV and refused by row where a value cannot be."""

import csv
import difflib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError

if TYPE_CHECKING:  # physics.atmosphere brings numba, which --help must not wait for
    from casemate.physics.atmosphere import Profile

StrPath = str | os.PathLike[str]


class Columns(NamedTuple):
    """A profile as read: None where the file has no such column."""

    height_m: NDArray[np.float64]
    pressure_pa: NDArray[np.float64] | None
    temperature_k: NDArray[np.float64] | None
    wind_e_mps: NDArray[np.float64] | None
    wind_n_mps: NDArray[np.float64] | None


def read_profile(path: StrPath) -> "Profile":
    """Read a profile of air or wind by height above mean sea level from CSV.

    Columns, named in the first row: height_m (needed, ascending), pressure_pa, temperature_k, wind_e_mps and
    wind_n_mps (toward east and north). A wind that is not given is still air.
    """
    from casemate.physics.atmosphere import Profile  # noqa: PLC0415 late: brings numba

    columns = read_columns(Path(path), "")
    still = np.zeros_like(columns.height_m)
    return Profile(
        height_m=columns.height_m,
        pressure_pa=columns.pressure_pa,
        temperature_k=columns.temperature_k,
        wind_e_mps=still if columns.wind_e_mps is None else columns.wind_e_mps,
        wind_n_mps=still if columns.wind_n_mps is None else columns.wind_n_mps,
    )


def suggest(word: str, words: Sequence[str]) -> str:
    """Return "; did you mean ...?" with the nearest word, or nothing."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def read_columns(path: Path, asked_by: str) -> Columns:
    """Read and check a profile's columns; `asked_by` says who named the file when it cannot be read."""
    file = str(path)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(line for line in stream if line.strip() and not line.startswith("#")))
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise SettingsError(file, asked_by, why) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(file, asked_by, f"is not a CSV file: {error}") from None
    if len(rows) < 3:
        raise SettingsError(file, "", "needs a header and at least two rows")
    header = [name.strip() for name in rows[0]]
    for name in header:
        if name not in Columns._fields:
            raise SettingsError(file, name, f"is not a known column{suggest(name, Columns._fields)}")
    if "height_m" not in header:
        raise SettingsError(file, "height_m", "the column is missing")
    values = np.array([_profile_row(file, header, i, row) for i, row in enumerate(rows[1:], 1)])
    _check_profile(file, header, values)
    columns = {name: values[:, header.index(name)] for name in header}
    return Columns(columns["height_m"], *(columns.get(name) for name in Columns._fields[1:]))


def _profile_row(file: str, header: Sequence[str], i: int, row: Sequence[str]) -> list[float]:
    if len(row) != len(header):
        raise SettingsError(file, f"row {i}", f"has {len(row)} values for {len(header)} columns")
    for name, text in zip(header, row, strict=True):
        try:
            is_finite = math.isfinite(float(text))
        except ValueError:
            is_finite = False
        if not is_finite:
            raise SettingsError(file, f"row {i}, {name}", f"'{text.strip()}' is not a finite number")
    return [float(text) for text in row]


def _check_profile(file: str, header: Sequence[str], values: NDArray[np.float64]) -> None:
    height = values[:, header.index("height_m")]
    falling = np.flatnonzero(np.diff(height) <= 0.0)
    if falling.size:
        raise SettingsError(file, f"row {falling[0] + 2}, height_m", "is not above the row before")
    for name in ("pressure_pa", "temperature_k"):
        bad = np.flatnonzero(values[:, header.index(name)] <= 0.0) if name in header else np.zeros(0, np.int64)
        if bad.size:
            raise SettingsError(file, f"row {bad[0] + 1}, {name}", "must be above zero")
