"""Offline check of a run's audit log, against what its summary and its journal know of it."""

import json
from pathlib import Path
from typing import Any

import msgspec

from casemate.errors import JournalError, SettingsError
from casemate.io import journal
from casemate.io.channels import audit
from casemate.io.channels.audit import Head, Verdict
from casemate.model.messages import Aside


def audit_run(folder: Path) -> Verdict:
    """Check the audit log of a run folder.

    Parameters
    ----------
    folder : Path
        A run folder, whole or broken off.

    Raises
    ------
    SettingsError
        There is no audit log.
    """
    heads = {**_of_summary(folder), **_of_journal(folder)}
    path = folder / audit.NAME
    if not path.is_file():
        why = "is missing" if any(head.n for head in heads.values()) else "is missing, and nothing tells of one"
        raise SettingsError(str(folder), audit.NAME, why)
    try:
        return audit.verify(path, heads)
    except OSError as error:
        raise SettingsError(str(path), "", f"cannot be read: {error.strerror or error}") from None


def _of_summary(folder: Path) -> dict[str, Head]:
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
        return {"summary.json": _head(summary["told"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # a run that was killed has none


def _of_journal(folder: Path) -> dict[str, Head]:
    path, found = folder / "journal.sqlite", dict[str, Head]()
    try:
        told = msgspec.json.decode(journal.read_meta(path).get("told", "null"))
        if told is not None:
            found["the journal's end"] = _head(told)
        for message in journal.read_inputs(path):
            for row in message.rows if isinstance(message, Aside) and message.kind == "audit" else ():
                found[f"the journal at {int(row['t_ns'])}"] = Head(int(row["n"]), str(row["sha256"]))
    except (JournalError, ValueError, KeyError, TypeError):
        return found
    return found


def _head(told: dict[str, Any]) -> Head:
    kept = told["audit"]
    return Head(int(kept["n"]), str(kept["sha256"]))
