"""Verification: run every reference set that a folder holds against the models, error beside tolerance.

Sets are recognised by their file names: NESC check cases (`Atmos_NN_*sim_MM.csv`), rows of the standard atmosphere
(`ussa1976_rows.csv`), standard drag functions (`drag_G*.csv`), measured rocket flights (`flights.json`), and instances
of static assignment (`wta*.txt`), which are solved and held to a lower bound of our own.
"""

import csv
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.errors import SettingsError
from casemate.physics.atmosphere import ussa76
from casemate.physics.drag import compile_drag
from casemate.study import nesc, rockets, saturation, wta
from casemate.study.nesc import Check

__all__ = ["Check", "Verification", "verify"]

_GAP_TOLERANCE: Final = 3e-3  # what the larger published instances are known to, with a margin
_DRAG_TOLERANCE: Final = 5e-5  # the tables print four decimals


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """All checks, in order of their files; what is outside the models, and what is no set known here, each with why."""

    checks: tuple[Check, ...]
    assignments: tuple[wta.Solved, ...] = ()
    outside_model: tuple[str, ...] = ()
    not_recognised: tuple[str, ...]

    @property
    def is_inside(self) -> bool:
        """Tell whether every error is within its tolerance."""
        return all(check.is_inside for check in self.checks)


def verify(folders: Sequence[pathlib.Path], n_threats: int = 0) -> Verification:
    """Run every reference set recognised in the folders (and below them) against the models.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        Or single files.
    n_threats : int
        Where more than 0, the schedule of simulated guns is held to queueing theory over as many threats.

    Returns
    -------
    Verification

    Raises
    ------
    SettingsError
        A folder that is missing, empty, or holds no set that is known here; a file of a set that does not parse.
    """
    checks: list[Check] = []
    outside: list[str] = []
    strangers: list[str] = []
    solved: list[wta.Solved] = []
    for folder in folders:
        found = len(checks)
        files = _files_of(folder)
        for file in files:
            if wta.FILE_NAME.fullmatch(file.name):
                solved.append(wta.solve(file))
                checks.append(_check_gap(solved[-1]))
                continue
            try:
                made = _check(file, outside)
            except (ValueError, IndexError, KeyError, TypeError, StopIteration) as error:
                raise SettingsError(
                    str(file), "", f"does not read as the reference set it is named for: {error}"
                ) from error
            if isinstance(made, str):
                strangers.append(f"{file}: {made}")
            else:
                checks.extend(made)
        if len(checks) == found:
            raise SettingsError(str(folder), "", "holds no reference set that is known here")
    if n_threats > 0:
        checks.extend(saturation.check(n_threats))
    return Verification(
        checks=tuple(checks), assignments=tuple(solved), outside_model=tuple(outside), not_recognised=tuple(strangers)
    )


def _check_gap(solved: wta.Solved) -> Check:
    return Check(
        set="assignment", case=solved.case, quantity="value above its bound", error=solved.gap,
        tolerance=_GAP_TOLERANCE, unit="of the value", n=1,
    )  # fmt: skip


def _files_of(folder: pathlib.Path) -> list[pathlib.Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise SettingsError(str(folder), "", "is no folder")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise SettingsError(str(folder), "", "is empty")
    return files


def _check(file: pathlib.Path, outside: list[str]) -> list[Check] | str:
    # The checks that a file gives, or why it is none; cases beyond the models are told to `outside`.
    if file.name in nesc.COMPANIONS or file.name.lower().startswith("readme") or rockets.is_companion(file):
        return []
    if file.name == rockets.FILE_NAME:
        checks, beyond = rockets.check(file)
        outside.extend(beyond)
        return checks
    if nesc.FILE_NAME.fullmatch(file.name):
        return nesc.check(file)
    for name, kind in _KINDS:
        if name.fullmatch(file.name):
            return kind(file)
    return "not recognised"


def _rows(file: pathlib.Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.reader(line for line in lines if not line.startswith("#")) if row]
    if not rows:
        message = "no rows"
        raise ValueError(message)
    return rows


def _check_air(file: pathlib.Path) -> list[Check]:
    # Each row prints Z, T, P [hPa], rho; the standard's own table is cut, not rounded, in places (264.99 hPa at 10 km,
    # where its equations give 264.9987), so a whole unit of the last digit is allowed.
    rows = _rows(file)
    air = ussa76(np.array([float(row[0]) for row in rows]))
    columns = (
        ("temperature", 1, air.temperature_k),
        ("pressure", 2, air.pressure_pa / 100.0),
        ("density", 3, air.density_kgpm3),
    )
    return [
        Check(
            set="USSA 1976", case=file.name, quantity=name, error=_worst_rounding([row[i] for row in rows], values),
            tolerance=1.0, unit="of the last digit printed", n=len(rows),
        )
        for name, i, values in columns
    ]  # fmt: skip


def _worst_rounding(printed: Sequence[str], values: NDArray[np.float64]) -> float:
    # Largest difference in units of each row's last printed digit.
    digits = [10.0 ** -len(text.strip().partition(".")[2]) for text in printed]
    given = np.array([float(text) for text in printed])
    return float(np.max(np.abs(values - given) / np.array(digits)))


def _check_drag(file: pathlib.Path) -> list[Check]:
    # The compiled curve must pass through the table's own points.
    table = np.array([[float(cell) for cell in row[:2]] for row in _rows(file)])
    mach, cd = table[:, 0], table[:, 1]
    if not (np.all(np.diff(mach) > 0.0) and np.all(cd > 0.0)):
        message = "Mach numbers must rise and coefficients be positive"
        raise ValueError(message)
    return [
        Check(
            set="drag table", case=file.stem, quantity="drag coefficient", error=compile_drag(mach, cd).node_error,
            tolerance=_DRAG_TOLERANCE, unit="", n=mach.size,
        )
    ]  # fmt: skip


_KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[pathlib.Path], list[Check]]], ...]] = (
    (re.compile(r"ussa1976_rows.*\.csv"), _check_air),
    (re.compile(r"drag_G\w*\.csv"), _check_drag),
)
