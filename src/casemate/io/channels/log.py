"""The channel that needs nothing: what was told, as lines of a file, and the newest heartbeat beside it."""

import fcntl
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec

from casemate.errors import ChannelError
from casemate.io.channels.channel import OnReply
from casemate.model.catalog import Declaration, Name
from casemate.model.notices import AnyHeartbeat, AnyNotice, AnyPicture

FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="log"):
    """A file in the run folder that gets a line for each notice."""

    name: Name
    audience: Literal["live", "drill", "local"] = "local"
    lines: FileName


class LogChannel:
    """Appends each notice as a line of JSON, whose `type` says whether it is live, an exercise or a rehearsal.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Of the run.
    on_reply : callable
        Never called: nobody answers a file.
    """

    def __init__(self, settings: Settings, folder: Path, on_reply: OnReply) -> None:
        _ = on_reply
        self.name = settings.name
        self._path = folder / settings.lines
        self._heartbeat = self._path.with_name(f"{self._path.stem}-heartbeat.json")
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()

    def open(self) -> None:
        """Open the file for appending."""
        try:
            self._file = self._path.open("ab")
            fcntl.flock(
                self._file, fcntl.LOCK_EX | fcntl.LOCK_NB
            )  # tells others that this run goes on; see `unfinished`
        except OSError as error:
            raise ChannelError(self.name, f"{self._path.name}: {error.strerror or error}") from error

    def send(self, notice: AnyNotice) -> None:
        """Append a line; it has left this process when this returns."""
        if self._file is None:
            raise ChannelError(self.name, "is not open")
        try:
            self._file.write(self._encoder.encode(notice) + b"\n")
            self._file.flush()
        except OSError as error:
            raise ChannelError(self.name, f"{self._path.name}: {error.strerror or error}") from error

    def show(self, picture: AnyPicture) -> None:
        """Show nothing: the run folder's tables hold the picture."""

    def beat(self, heartbeat: AnyHeartbeat) -> None:
        """Write the newest heartbeat over the one before."""
        part = self._heartbeat.with_suffix(".part")
        try:
            part.write_bytes(self._encoder.encode(heartbeat) + b"\n")
            part.replace(self._heartbeat)
        except OSError as error:
            raise ChannelError(self.name, f"{self._heartbeat.name}: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
