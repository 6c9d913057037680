"""Instances of static assignment as Andersen, Pavlikov and Toffolo (2022) publish them: read, solved, timed.

The first line holds the numbers of types and of targets and the units of each type; then one worth a target, a line
each; then a line `type target p` for each pair, counted from 0.
"""

import math
import pathlib
import re
import time
from typing import Final

import msgspec
import numpy as np

from casemate.errors import SettingsError
from casemate.sim.intercept.assignment import Problem, as_problem, assign

FILE_NAME: Final = re.compile(r"wta.*\.txt")


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an instance; value and bound in the unit of its worths."""

    case: str
    value: float
    bound: float
    gap: float  # of the value
    is_optimal: bool
    cut: str
    time_s: float


def solve(file: pathlib.Path) -> Solved:
    """Return the answer to an instance, with its bound and the time that it took."""
    problem = read(file)
    begin_s = time.perf_counter()
    found = assign(problem)
    return Solved(
        case=file.name, value=found.value, bound=found.bound, gap=found.gap, is_optimal=found.is_optimal, cut=found.cut,
        time_s=time.perf_counter() - begin_s,
    )  # fmt: skip


def read(file: pathlib.Path) -> Problem:
    """Return the instance that a file holds.

    Raises
    ------
    SettingsError
        A line that does not read, counts that do not fit, p outside 0 to 1, worths or units below 0, a pair that is
        missing or stands twice.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), "", f"cannot be read as text: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    n_types, n_targets, n_each = (_whole(file, 1, text) for text in _cells(file, lines, 0, 3))
    n_lines = 1 + n_targets + n_types * n_targets
    if len(lines) != n_lines:
        why = f"has {len(lines)} lines; {n_types} types and {n_targets} targets take {n_lines}"
        raise SettingsError(str(file), f"line {min(len(lines), n_lines) + 1}", why)
    worth = np.array([_number(file, k + 1, _cells(file, lines, k, 1)[0], math.inf) for k in range(1, 1 + n_targets)])
    p = np.full((n_types, n_targets), np.nan)
    for k in range(1 + n_targets, n_lines):
        i, j, text = _cells(file, lines, k, 3)
        at = _whole(file, k + 1, i), _whole(file, k + 1, j)
        if at[0] >= n_types or at[1] >= n_targets:
            raise SettingsError(str(file), f"line {k + 1}", f"no such type and target: {at[0]} {at[1]}")
        if not np.isnan(p[at]):
            raise SettingsError(str(file), f"line {k + 1}", f"type {at[0]} and target {at[1]} stand twice")
        p[at] = _number(file, k + 1, text, 1.0)
    return as_problem(worth, p, np.full(n_types, n_each))


def _cells(file: pathlib.Path, lines: list[str], k: int, n: int) -> list[str]:
    cells = lines[k].split() if k < len(lines) else []
    if len(cells) != n:
        raise SettingsError(str(file), f"line {k + 1}", f"{n} numbers are needed, {len(cells)} stand there")
    return cells


def _whole(file: pathlib.Path, line: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise SettingsError(str(file), f"line {line}", f"must be a whole number of at least 0: {text!r}")
    return int(text)


def _number(file: pathlib.Path, line: int, text: str, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0.0 <= value <= high and math.isfinite(value)):
        span = "from 0 to 1" if high == 1.0 else "of at least 0"
        raise SettingsError(str(file), f"line {line}", f"must be a number {span}: {text!r}")
    return value
