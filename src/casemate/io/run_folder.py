"""A run folder, read again: for pictures, reports and whoever else looks at a finished run."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from casemate.errors import SettingsError
from casemate.io.profile import StrPath


class RunTables(NamedTuple):
    """A run folder, read: its tables, further ones by name (truth, engagements), its summary."""

    plots: pa.Table
    tracks: pa.Table
    impacts: pa.Table
    warnings: pa.Table
    asides: dict[str, pa.Table]
    summary: dict[str, Any]


def read_run(folder: StrPath, *, is_brief: bool = False) -> RunTables:
    """Read a finished run folder.

    Parameters
    ----------
    folder : str or path
    is_brief : bool
        Leave out what a picture does not show: covariances, and tentative tracks. A twentieth of the memory.

    Raises
    ------
    SettingsError
        A table is missing or cannot be read.
    """
    found = {path.stem: _read_table(path, is_brief) for path in sorted(Path(folder).glob("*.parquet"))}
    for name in ("plots", "tracks", "impacts", "warnings"):
        if name not in found:
            raise SettingsError(str(folder), f"{name}.parquet", "is missing; `casemate replay` makes it again")
    path = Path(folder) / "summary.json"
    summary: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    own = [found.pop(name) for name in ("plots", "tracks", "impacts", "warnings")]
    return RunTables(*own, asides=found, summary=summary)


def _read_table(path: Path, is_brief: bool) -> pa.Table:  # noqa: FBT001 private, one caller
    try:
        if not is_brief:
            return pq.read_table(str(path))
        names = [name for name in pq.read_schema(str(path)).names if name != "cov"]
        shown = [("status", "!=", "tentative")] if path.stem == "tracks" else None
        return pq.read_table(str(path), columns=names, filters=shown)
    except (pa.ArrowInvalid, OSError) as error:
        raise SettingsError(str(path), "", f"cannot be read: {str(error).splitlines()[0]}") from None
