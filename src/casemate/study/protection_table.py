"""Tables of the answers about protection as Markdown: a row for each case, each figure with what it counts."""

import math
from pathlib import Path

from casemate.errors import SettingsError
from casemate.study.falling import Falling
from casemate.study.lines import Line
from casemate.study.protection import Answer


def table_of_answer(answer: Answer) -> str:
    """Return the table of an answer: a row for each case, a column for each thing that is told of it."""
    cells = {(line.case, line.what): _cell(line) for line in answer.lines}
    cases, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    rows = [[case, *(cells.get((case, what), "") for what in columns)] for case in cases]
    title = f"{answer.scenario}: {answer.question}, {answer.n} nights each, seeds 1 to {answer.n_asked}"
    return _page(title, ["case", *columns], rows, answer.notes)


def table_of_falling(found: Falling) -> str:
    """Return the table of what falls."""
    rows = [
        ["rounds fired", str(found.shots)],
        ["rounds of the raid hit", str(found.hit)],
        ["live things on the ground", str(found.live)],
        ["pieces and bodies over 79 J", str(found.hazardous)],
        *(
            [f"people under {each.hazardous_per_km2:g} or more of those per km2, of {found.n_people:,.0f}",
             f"{each.n_people:,.0f}"]
            for each in found.under
        ),
        ["people struck by those, if all stood in the open", str(found.people_struck)],
        ["mass that is missing, worst night, as a share", f"{found.imbalance_share:.1e}"],
    ]  # fmt: skip
    duds = "the guns' own share of duds" if found.p_dud is None else f"{100.0 * found.p_dud:g} % duds"
    last = found.first_seed + found.n_nights - 1
    title = f"{found.scenario}: residue, {duds}, {found.n_nights} nights, seeds {found.first_seed} to {last}"
    return _page(title, ["a night", duds], rows, ())


def write_table(text: str, file: Path) -> None:
    """Write a table.

    Raises
    ------
    SettingsError
        It cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be written: {error.strerror or error}") from None


def _cell(line: Line) -> str:
    if math.isnan(line.value):
        return f"no {line.per}"
    if not line.n:
        return f"{line.value:.3g}"
    of = "" if line.per == "night" else f"; n = {line.n}"
    return f"{line.value:.3g} ({line.low:.3g} to {line.high:.3g}{of})"


def _page(title: str, head: list[str], rows: list[list[str]], notes: tuple[str, ...]) -> str:
    lines = [f"## {title} (SIMULATION)", "", _row(head), _row(["---"] * len(head)), *map(_row, rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes), *([""] if notes else [])])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
