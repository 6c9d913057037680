"""What a run that was broken off left unfinished: read from its own files, so that the run after it goes on with it.

A killed station leaves sirens, maps and alerts that say "take cover" and a run folder that says what they were told:
`notices.jsonl` holds each notice, the audit log who has it.
"""

import fcntl
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from casemate.errors import SettingsError
from casemate.io.channels.audit import NAME as AUDIT_LOG
from casemate.io.channels.stamps import Stamp
from casemate.model.messages import WarningPhase
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

N = TypeVar("N", bound=AnyNotice)

_ENDS: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class _Sent(msgspec.Struct):
    # A line of the audit log, as far as it is asked here.
    what: str
    channel: str = ""
    notice: str = ""
    incident: str = ""


def unfinished(folder: Path, lines: str, stamp: Stamp[N, AnyPicture, AnyHeartbeat], now_ns: int) -> tuple[N, ...]:
    """Return the last notice of each incident that still holds: not ended, or ended and not everywhere heard.

    Parameters
    ----------
    folder : Path
        Of the run that was broken off; one that told nothing, or is none, left nothing.
    lines : str
        Name of the file that holds its notices.
    stamp : Stamp
        Whose notices are looked for; a drill's are never taken for live ones, nor live ones for a drill's.
    now_ns : int
        By the station's clock: what has expired is over for everybody.

    Raises
    ------
    SettingsError
        The run goes on yet, in another process.
    """
    try:
        with (folder / lines).open("rb") as file:
            if _is_held(file.fileno()):
                raise SettingsError(str(folder), "", "is a run that goes on in another process; stop that first")
            newest = _newest(file.read().splitlines(), stamp.notice)
    except FileNotFoundError:
        return ()
    unheard = _unheard(folder / AUDIT_LOG, newest)
    return tuple(
        each
        for each in newest.values()
        if each.t_expires_ns > now_ns and (each.phase not in _ENDS or each.incident in unheard)
    )


def is_running(folder: Path, lines: str) -> bool:
    """Return whether a run goes on in some process: who writes its log holds it, and after a kill nobody does."""
    try:
        with (folder / lines).open("rb") as file:
            return _is_held(file.fileno())
    except FileNotFoundError:
        return False


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _newest(lines: list[bytes], kind: type[N]) -> dict[str, N]:
    # by incident, in the order of their last notices; the last line may be torn
    newest: dict[str, N] = {}
    decoder = msgspec.json.Decoder(kind)
    for line in lines:
        try:
            notice = decoder.decode(line)
        except msgspec.DecodeError:  # torn, or of another type
            continue
        newest.pop(notice.incident, None)
        newest[notice.incident] = notice
    return newest


def _unheard(path: Path, newest: dict[str, N]) -> set[str]:
    # Incidents of whose last notice a channel does not have what it has of the incident before.
    told: dict[str, set[str]] = {}
    ended: dict[str, set[str]] = {}
    decoder = msgspec.json.Decoder(_Sent)
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            said = decoder.decode(line)
        except msgspec.DecodeError:
            continue
        if said.what == "sent" and said.incident in newest:
            told.setdefault(said.incident, set()).add(said.channel)
            if said.notice == newest[said.incident].notice_id:
                ended.setdefault(said.incident, set()).add(said.channel)
    return {incident for incident, channels in told.items() if channels - ended.get(incident, set())}
