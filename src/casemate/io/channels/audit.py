"""The audit log: what was armed, sent, retried, refused, acknowledged; each line holds the hash of the one before.

A thread of its own writes, so that no channel waits for the disk. A line leaves the process when it is written (a
killed process loses none of those) and is on the disk within `SYNC_S` (a power cut loses the last second).
"""

import errno
import hashlib
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import msgspec

from casemate.io.profile import StrPath

NAME: Final = "audit.jsonl"
GENESIS: Final = "0" * 64
"""What the first line holds in place of a hash."""
SYNC_S: Final = 1.0
CAPACITY: Final = 100_000
"""Lines that may wait for a disk that does not take them: an hour of 25 a second. What comes after is counted."""


class Head(NamedTuple):
    """How many lines were written, and the hash of the last: what tells a tail that was cut off."""

    n: int
    sha256: str


class AuditLog:
    """Appends lines to a chain; safe to use from several threads, and never raises for the disk's sake.

    Parameters
    ----------
    folder : Path
        Of the run; a log that is there, of a start that was refused, is gone on with.
    """

    def __init__(self, folder: Path) -> None:
        self.trouble = ""  # why lines wait, empty: none does
        self.n_lost = 0  # lines that there was no room for
        self._path = folder / NAME
        self._waiting: deque[dict[str, Any]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._head = Head(0, GENESIS)
        self._size = 0
        if self._path.exists():
            self._go_on()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def head(self) -> Head:
        """How far the log has been written."""
        return self._head

    def note(self, what: str, t_ns: int, **facts: object) -> None:
        """Hand over a line; returns before it is written.

        Parameters
        ----------
        what : str
            One word: "armed", "sent", "retry", ...
        t_ns : int
            Of the station's clock.
        facts
            Anything that JSON can hold.
        """
        with self._changed:
            if len(self._waiting) >= CAPACITY:
                self.n_lost += 1
                return
            self._waiting.append({"t_ns": t_ns, "what": what, **facts})
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, as far as the disk takes it; may be called twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        is_open, is_dirty = True, False
        while is_open:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or (self._waiting and not self.trouble), SYNC_S)
                is_open = not self._is_closed
            try:
                is_dirty = self._write() or is_dirty
                if is_dirty and not self._waiting:
                    self._sync()
                    is_dirty = False
                self.trouble = ""
            except OSError as error:
                self.trouble = f"{NAME}: {error.strerror or error}"

    def _write(self) -> bool:
        # Lines that could not be written stay where they are, and are tried again.
        if not self._waiting:
            return False
        with self._path.open("ab", buffering=0) as file:
            while self._waiting:
                lost = {"n_lost": self.n_lost} if self.n_lost else {}
                facts = {"n": self._head.n + 1, **self._waiting[0], **lost, "prev": self._head.sha256}
                line = msgspec.json.encode(facts)
                if file.write(line + b"\n") != len(line) + 1:
                    os.truncate(self._path, self._size)  # half a line would break the chain
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._size += len(line) + 1
                self._head = Head(self._head.n + 1, hashlib.sha256(line).hexdigest())
                with self._changed:
                    self._waiting.popleft()
        return True

    def _go_on(self) -> None:
        content = self._path.read_bytes()
        if content and not content.endswith(b"\n"):  # broken off: it stays, and stays to be seen
            content += b"\n"
            self._path.write_bytes(content)
        lines = content.splitlines()
        self._size = len(content)
        self._head = Head(len(lines), hashlib.sha256(lines[-1]).hexdigest() if lines else GENESIS)

    def _sync(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Verdict(NamedTuple):
    """What became of the check of an audit log."""

    n_lines: int
    sha256: str  # of the last line
    n_heads: int  # heads kept elsewhere that it was held against
    faults: tuple[str, ...]  # none: whole and unchanged
    what: dict[str, int]  # lines by word

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing and nothing was changed."""
        return not self.faults


def verify(path: StrPath, heads: dict[str, Head]) -> Verdict:
    """Check a chain line by line, and its end against heads that were kept elsewhere.

    Parameters
    ----------
    path : str or path
    heads : dict of str to Head
        By where each was kept.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    faults: list[str] = []
    hashes, what = [GENESIS], dict[str, int]()
    raw = Path(path).read_bytes()
    lines = raw.split(b"\n")
    if lines.pop():
        faults.append(f"line {len(lines) + 1} is broken off")
    expected = 1
    for k, line in enumerate(lines, 1):
        held = _held(line)
        if held is None:
            faults.append(f"line {k} cannot be read")
            expected += 1
        else:
            n, prev, word = held
            what[word] = what.get(word, 0) + 1
            faults += _place_faults(k, n, expected)
            if prev != hashes[-1] and n == expected:
                faults.append(f"line {k - 1} was changed: line {k} holds another hash of it" if k > 1 else _FIRST)
            expected = n + 1
        hashes.append(hashlib.sha256(line).hexdigest())
    for where, head in heads.items():
        faults += _head_faults(where, head, hashes)
    return Verdict(len(lines), hashes[-1], len(heads), tuple(faults), what)


_FIRST: Final = "line 1 was not the first: it holds the hash of another"


def _held(line: bytes) -> tuple[int, str, str] | None:
    try:
        said = msgspec.json.decode(line)
        facts = cast("dict[str, Any]", said)
        return int(facts["n"]), str(facts["prev"]), str(facts["what"])
    except (ValueError, KeyError, TypeError):
        return None


def _place_faults(k: int, n: int, expected: int) -> list[str]:
    if n == expected:
        return []
    if n > expected:
        return [f"{_span(expected, n - 1)} missing before what stands at {k}"]
    return [f"line {n} stands at {k}, out of order"]


def _span(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


def _head_faults(where: str, head: Head, hashes: list[str]) -> list[str]:
    if head.n >= len(hashes):
        gone = _span(len(hashes), head.n)
        return [f"{gone} cut off: {where} counts {head.n}"]
    if hashes[head.n] != head.sha256:
        return [f"line {head.n} is not the one that {where} knows"]
    return []
