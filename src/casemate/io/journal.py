"""The journal: every input and every step's events in order; the run itself, from which all else can be made again.

SQLite in WAL mode: a killed process leaves whole rows, and a reader needs neither the writer's leave nor a
writable folder. A thread of its own writes, so that the alarm path hands over bytes and never waits for the disk.
"""

import contextlib
import json
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from casemate.errors import JournalError
from casemate.io.profile import StrPath
from casemate.model.messages import Aside, Events, Input, Scan, Tick
from casemate.model.records import FATE, IMPACT, LABEL, PLOT, TRACK, TRACK_CLASS

SCHEMA: Final = 2
"""Version of the tables, in `user_version`; raised when an old journal cannot be read as a new one."""
APPLICATION_ID: Final = 0x43534D54
"""Marks the file as a Casemate journal ("CSMT") in SQLite's `application_id`."""
CAPACITY: Final = 4096
"""Rows that may wait for the disk: four minutes of eight sectors a second with their events."""
BATCH: Final = 256
"""Rows in one statement at most: a statement is a commit, and gives Python's lock away once, not once a row."""
REST_S: Final = 0.02
"""Time between two commits [s]: what a kill can lose, beside what the disk is behind."""

_NAMED: Final[dict[str, np.dtype[Any]]] = {
    "PLOT": PLOT,
    "TRACK": TRACK,
    "TRACK_CLASS": TRACK_CLASS,
    "IMPACT": IMPACT,
    "FATE": FATE,
    "LABEL": LABEL,
}
_NAME_OF: Final = {dtype: name for name, dtype in _NAMED.items()}


Row = tuple[int, str, int, bytes]
"""Number in the journal, kind of message, event time [ns], payload."""


def _describe(dtype: np.dtype[Any]) -> str:
    """Write a dtype as text: the name of a record, or its fields where it is none of ours."""
    return _NAME_OF.get(dtype) or json.dumps(np.lib.format.dtype_to_descr(dtype))


def _undescribe(text: str) -> np.dtype[Any]:
    if text in _NAMED:
        return _NAMED[text]
    return np.lib.format.descr_to_dtype(_tuples(json.loads(text)))


def _tuples(descr: Any) -> Any:  # noqa: ANN401 numpy's own nested description
    """Turn JSON's lists back into the tuples that numpy wants around fields and shapes."""
    return descr if isinstance(descr, str) else [_field(field) for field in descr]


def _field(field: list[Any]) -> tuple[Any, ...]:
    name, inner, *shape = field
    return (name, _tuples(inner), *(tuple(each) for each in shape))


def _from_array(given: object) -> tuple[str, bytes]:
    rows = cast("NDArray[Any]", given)
    if not isinstance(given, np.ndarray) or rows.ndim != 1 or rows.dtype.hasobject:
        raise NotImplementedError(f"a journal holds one-dimensional arrays of plain values, not {type(rows)}")
    return _describe(rows.dtype), rows.tobytes()


def _to_array(kind: type, pair: Any) -> NDArray[Any]:  # noqa: ANN401 msgspec's hook
    if kind is not np.ndarray:
        raise NotImplementedError(f"no such type in a journal: {kind}")
    text, content = pair
    return np.frombuffer(content, _undescribe(text))  # over immutable bytes: read-only, as it was


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_from_array, order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Scan | Tick | Aside | Events, dec_hook=_to_array)


def encode(message: Input | Events) -> bytes:
    """Encode a message as MessagePack; the same message gives the same bytes."""
    return _ENCODER.encode(message)


def decode(payload: bytes) -> Input | Events:
    """Decode what `encode` made; arrays come back read-only.

    Raises
    ------
    ValueError
        The bytes are no message (msgspec's errors are ValueErrors too).
    """
    return _DECODER.decode(payload)


def _records() -> str:
    """Write down the fields of every named record, so that a later Casemate knows whether it can read them."""
    return json.dumps({name: np.lib.format.dtype_to_descr(dtype) for name, dtype in _NAMED.items()}, sort_keys=True)


class JournalWriter:
    """Writes a new journal from a thread of its own.

    Parameters
    ----------
    path : str or path
        Where to create it; must not exist, since a journal is the run itself.
    meta : mapping of str to str
        Facts about the run (settings, seed, versions), kept beside the rows.
    max_wait_s : float, optional
        How long `put` may wait when the disk falls `CAPACITY` rows behind. None waits, which paces a run that
        is faster than its disk; a live station says 0 and gets the error instead.
    """

    def __init__(self, path: StrPath, meta: Mapping[str, str], max_wait_s: float | None = None) -> None:
        self._path, self._max_wait_s = str(path), max_wait_s
        self._seq = 0
        self._waiting: list[Row] = []
        self._notes: dict[str, str] = {}
        self._changed = threading.Condition()
        self._failure: tuple[int, str] | None = None
        self._is_closed = False
        if Path(path).exists():
            raise JournalError(self._path, 0, "exists already; a journal is never written over")
        try:
            self._db = self._create(meta)
        except sqlite3.Error as error:
            raise JournalError(self._path, 0, f"cannot be created: {error}") from error
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def put(self, message: Input | Events) -> int:
        """Hand over a message and return its row's number; returns before it is on disk.

        Raises
        ------
        JournalError
            An earlier row could not be written, or the queue stayed full for `max_wait_s`.
        """
        payload = encode(message)
        t_ns = message.t_end_ns if isinstance(message, Scan) else message.t_ns
        with self._changed:
            if not self._changed.wait_for(self._has_room, self._max_wait_s):
                raise JournalError(self._path, self._seq + 1, "the disk does not keep up; the row is lost")
            self._raise_failure()
            if self._is_closed:
                raise JournalError(self._path, self._seq + 1, "is closed already; the row is lost")
            self._seq += 1
            self._waiting.append((self._seq, type(message).__name__, t_ns, payload))
            self._changed.notify_all()
            return self._seq

    def note(self, key: str, value: str) -> None:
        """Keep one more fact about the run beside the rows, written when the journal is closed."""
        self._notes[key] = value

    def close(self) -> None:
        """Write what waits and leave a single file; may be called twice.

        Raises
        ------
        JournalError
            A row could not be written.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        self._raise_failure()

    def _has_room(self) -> bool:
        return self._failure is not None or len(self._waiting) < CAPACITY

    def _create(self, meta: Mapping[str, str]) -> sqlite3.Connection:
        # handed to the thread once, used by nobody else after
        db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("BEGIN")
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, kind TEXT, t_ns INTEGER, payload BLOB)")
        facts = {**meta, "records": _records()}
        db.executemany("INSERT INTO meta VALUES (?, ?)", sorted(facts.items()))
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")  # from here on; the tables themselves cannot be torn any more
        db.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing, a power cut the last moments
        return db

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise JournalError(self._path, *self._failure)

    def _write(self) -> None:
        is_open = True
        while is_open:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                rows, self._waiting = self._waiting, []
                is_open = not self._is_closed
                self._changed.notify_all()
            for i in range(0, len(rows), BATCH):
                self._commit(rows[i : i + BATCH])
            # Asleep it is not woken by every row: a hand-over of Python's lock a row would cost the pipeline more
            # than the writing does.
            time.sleep(REST_S if is_open else 0.0)
        self._commit_notes()
        with contextlib.suppress(sqlite3.Error):  # somebody may be reading: then the WAL stays beside it
            self._db.execute("PRAGMA journal_mode = DELETE")  # one file, readable where nothing can be written
        self._db.close()

    def _commit(self, rows: list[Row]) -> None:
        # after a failure the rows are still taken, so that nobody waits for a disk that is gone
        if self._failure is not None:
            return
        try:
            values = ", ".join(["(?, ?, ?, ?)"] * len(rows))
            self._db.execute(f"INSERT INTO rows VALUES {values}", [value for row in rows for value in row])  # noqa: S608
        except sqlite3.Error as error:
            self._failure = (rows[0][0], f"cannot be written: {error}")

    def _commit_notes(self) -> None:
        try:
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", sorted(self._notes.items()))
        except sqlite3.Error as error:
            self._failure = self._failure or (self._seq, f"notes cannot be written: {error}")


def read_meta(path: StrPath) -> dict[str, str]:
    """Read the facts that were kept beside the rows."""
    with _opened(path) as db:
        return {key: value for key, value in db.execute("SELECT key, value FROM meta") if key != "records"}


def read_span(path: StrPath) -> tuple[int, int]:
    """Return the first and last event time [ns] in a journal, zeros where it has no row."""
    with _opened(path) as db:
        first, last = db.execute("SELECT min(t_ns), max(t_ns) FROM rows").fetchone()
    return first or 0, last or 0


def read_inputs(path: StrPath, until: int | None = None) -> Iterator[Input]:
    """Read every input in order, up to the last whole row of a journal that was torn or is still being written.

    Parameters
    ----------
    path : str or path
        The journal.
    until : int, optional
        Row to stop before.

    Raises
    ------
    JournalError
        The file is no journal, is damaged, or holds records of another version.
    """
    for seq, payload in read_rows(path, "kind <> 'Events'"):
        if until is not None and seq >= until:
            break
        try:
            message = decode(payload)
        except ValueError as error:
            raise JournalError(str(path), seq, f"does not decode: {error}") from error
        assert not isinstance(message, Events)  # its kind says so
        yield message


def read_events(path: StrPath) -> Iterator[bytes]:
    """Read the encoded `Events` of every step in order: two runs are the same when these are."""
    for _, payload in read_rows(path, "kind = 'Events'"):
        yield payload


def read_rows(path: StrPath, which: str) -> Iterator[tuple[int, bytes]]:
    """Read rows in order, each with its number: those for which an SQL expression of the caller's own words holds."""
    seq = 0
    with _opened(path) as db:
        try:
            query = f"SELECT seq, payload FROM rows WHERE {which} ORDER BY seq"  # noqa: S608 no words of a user
            for seq, payload in db.execute(query):
                yield seq, payload
        except sqlite3.Error as error:
            raise JournalError(str(path), seq + 1, f"is damaged: {error}") from error


@contextlib.contextmanager
def _opened(path: StrPath) -> Generator[sqlite3.Connection]:
    """Open a journal for reading only, from a copy where SQLite cannot share it in place."""
    file = Path(path)
    if not file.is_file():
        raise JournalError(str(path), 0, "there is no such journal")
    with contextlib.ExitStack() as stack:
        try:
            db = _connect(file)
        except sqlite3.OperationalError:  # a WAL without its index in a folder that cannot be written
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casemate-journal-")))
            for part in (file, file.with_name(file.name + "-wal")):
                if part.exists():
                    shutil.copyfile(part, folder / part.name)
            db = _connect_copy(folder / file.name, str(path))
        except sqlite3.DatabaseError as error:
            raise JournalError(str(path), 0, f"is not a journal: {error}") from None
        stack.callback(db.close)
        _check(db, str(path))
        yield db


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the file and its WAL
    except sqlite3.Error:
        db.close()
        raise
    return db


def _connect_copy(file: Path, named: str) -> sqlite3.Connection:
    try:
        return _connect(file)
    except sqlite3.Error as error:
        raise JournalError(named, 0, f"cannot be read: {error}") from error


def _check(db: sqlite3.Connection, path: str) -> None:
    """Refuse files of others and of versions whose rows would be read wrongly."""
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if mark != APPLICATION_ID:
        raise JournalError(path, 0, "is not a Casemate journal")
    if version != SCHEMA:
        raise JournalError(path, 0, f"has tables of version {version}, this Casemate reads {SCHEMA}")
    try:
        written = db.execute("SELECT value FROM meta WHERE key = 'records'").fetchone()
    except sqlite3.Error as error:
        raise JournalError(path, 0, f"is damaged: {error}") from error
    if written is None or written[0] != _records():
        raise JournalError(path, 0, "holds records with other fields; read it with the version that wrote it")
