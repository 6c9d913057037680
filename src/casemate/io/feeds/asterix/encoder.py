"""Plots into CAT015 and CAT048 records, by libasterix: what is written is what the wire can say, to its steps."""

import math
from collections.abc import Callable
from typing import Any, Final, cast

from asterix import generated

from casemate.io.feeds.asterix.clock import TICK_NS, TICKS_A_DAY
from casemate.io.feeds.asterix.records import DEG_RAD, FT_M, NM_M, PlotItem

Encode = Callable[[PlotItem, int, int, bool], bytes]
"""(plot, SAC * 256 + SIC, time [ns], whether it is a drill) -> a record."""
RANGE_M: Final = NM_M / 256.0
AZIMUTH_RAD: Final = 360.0 / 65_536.0 * DEG_RAD
HEIGHT_M: Final = 25.0 * FT_M
FINE_RANGE_M: Final = 0.1
FINE_RATE_MPS: Final = 0.01
SIGMA_RATE_MPS: Final = 1.0 / 64.0
SIGMA_ANGLE_RAD: Final = 45.0 / 65_536.0 * DEG_RAD
ELEVATION_RAD: Final = 180.0 / 65_536.0 * DEG_RAD
_DOPPLER_MPS: Final = 511.0  # what ten bits of 1 m/s hold
_REPLAYED: Final = 3  # I015/020 TTAX
_PSR, _ROLL_CALL = 1, 5  # I048/020 TYP
_HEX: Final = frozenset("0123456789abcdef")


def cat048(plot: PlotItem, source: int, t_ns: int, is_drill: bool) -> bytes:  # noqa: FBT001 an Encode
    """Return a CAT048 record (edition 1.32): position, height, Doppler, aircraft address.

    A range rate beyond 511 m/s does not fit and is left out, as are the errors of a plot, which CAT048 has no room for.
    """
    address = plot.label if len(plot.label) == 6 and _HEX.issuperset(plot.label) else ""
    kind = _ROLL_CALL if address else _PSR
    # the trap: (1,) would be the whole octet, type 0 and a field monitor
    items: dict[str, Any] = {
        "010": source,
        "140": _ticks(t_ns),
        "020": ((("TYP", kind), int(is_drill), 0, 0, 0, None),),
        "040": (("RHO", round(plot.range_m / RANGE_M)), ("THETA", round(plot.az_rad / AZIMUTH_RAD) % 65_536)),
    }
    if address:
        items["220"] = int(address, 16)
    if not math.isnan(plot.height_m):
        items["110"] = (0, ("3DH", _within(plot.height_m / HEIGHT_M, 14)))
    if abs(plot.range_rate_mps) <= _DOPPLER_MPS:
        items["120"] = {"CAL": (0, 0, round(plot.range_rate_mps) % 1024)}
    return _bytes(generated.Cat_048_1_32, items)


def cat015(plot: PlotItem, source: int, t_ns: int, is_drill: bool) -> bytes:  # noqa: FBT001 an Encode
    """Return a CAT015 record (edition 1.2), a measurement plot: range, Doppler, angles, each with its error; SNR."""
    items: dict[str, Any] = {
        "010": source,
        "000": (1, 0),
        "145": _ticks(t_ns),
        "020": ((0, _REPLAYED if is_drill else 0, 0, 0, None),),
        "161": int(plot.label) % 65_536 if plot.label.isdecimal() else None,
        "625": {"R": round(plot.range_m / FINE_RANGE_M), "SDR": _sigma(plot.sigma_range_m, FINE_RANGE_M, 24)},
        "626": {
            "DV": _signed(plot.range_rate_mps, FINE_RATE_MPS, 24),
            "SDDV": _sigma(plot.sigma_range_rate_mps, SIGMA_RATE_MPS, 16),
        },
        "627": {
            "AZ": round(plot.az_rad / AZIMUTH_RAD) % 65_536,
            "SDASZ": _sigma(plot.sigma_az_rad, SIGMA_ANGLE_RAD, 16),
        },
        "628": {
            "EL": _signed(plot.el_rad, ELEVATION_RAD, 16),
            "SDEL": _sigma(plot.sigma_el_rad, SIGMA_ANGLE_RAD, 16),
        },
        "630": {"DPS": _signed(plot.snr_db, 1.0, 8)},
    }
    present = {name: _present(item) for name, item in items.items()}
    return _bytes(generated.Cat_015_1_2, {name: item for name, item in present.items() if item is not None})


def block(category: int, records: list[bytes]) -> bytes:
    """Return a data block of a category."""
    body = b"".join(records)
    return bytes([category]) + (len(body) + 3).to_bytes(2, "big") + body


def _bytes(kind: Any, items: dict[str, Any]) -> bytes:  # noqa: ANN401 libasterix makes a class per category
    return kind.cv_record.create(items).unparse().to_bytes()


def _present(item: Any) -> Any:  # noqa: ANN401 as above
    if not isinstance(item, dict):
        return item
    subitems = cast("dict[str, Any]", item)
    return {name: value for name, value in subitems.items() if value is not None} or None


def _ticks(t_ns: int) -> int:
    return round(t_ns / TICK_NS) % TICKS_A_DAY


def _signed(value: float, step: float, bits: int) -> int | None:
    return None if math.isnan(value) else _within(value / step, bits)


def _within(steps: float, bits: int) -> int:
    most = 1 << (bits - 1)
    return min(max(round(steps), -most), most - 1)


def _sigma(value: float, step: float, bits: int) -> int | None:
    # one below the step is one step: 0 would say that there is no error
    return None if math.isnan(value) else min(max(round(value / step), 1), (1 << bits) - 1)
