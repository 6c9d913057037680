"""NDJSON: a plot as a line, a JSON object with the columns of a plot table."""

from collections.abc import Mapping
from typing import Final

import msgspec

from casemate.errors import SettingsError
from casemate.io.profile import suggest


class PlotLine(msgspec.Struct, frozen=True):
    """A line; columns and units as in a plot table, what is left out or null was not said."""

    t_ns: int
    sensor: str
    range_m: float
    azimuth_deg: float
    elevation_deg: float | None = None
    height_m: float | None = None
    range_rate_mps: float | None = None
    snr_db: float | None = None
    sigma_range_m: float | None = None
    sigma_azimuth_deg: float | None = None
    sigma_elevation_deg: float | None = None
    sigma_range_rate_mps: float | None = None
    scan: int | None = None
    label: str | None = None


_DECODER: Final = msgspec.json.Decoder(PlotLine)
_NAMES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_line(line: bytes) -> PlotLine:
    """Read one line.

    Raises
    ------
    ValueError
        It is no plot; says why, with the nearest name where a needed one is missing.
    """
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(_why_not(line, error)) from None
    if not 0 <= row.t_ns < 2**62:
        raise ValueError("t_ns cannot be")
    return row


def read_lines(content: bytes, file: str) -> Mapping[str, list[object]]:
    """Read all lines into columns; empty ones are passed over.

    Raises
    ------
    SettingsError
        A line is no plot: names `file` and the line.
    """
    rows: list[PlotLine] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                rows.append(read_line(line))
            except ValueError as error:
                raise SettingsError(file, f"line {number}", str(error)) from None
    return {name: [getattr(row, name) for row in rows] for name in PlotLine.__struct_fields__}


def _why_not(line: bytes, error: Exception) -> str:
    why = str(error).splitlines()[0]
    if "missing required field" in why:
        name = why.split("`")[1]
        others = [each for each in _NAMES.decode(line) if each not in PlotLine.__struct_fields__]
        return f"{name} is missing{suggest(name, others)}"
    return why
