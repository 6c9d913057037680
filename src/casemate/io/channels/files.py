"""Files that others read while we write: whole or not at all, and, where asked for, on the disk at return."""

import os
import tempfile
from pathlib import Path

from casemate.errors import ChannelError


def make_folder(channel: str, folder: Path) -> None:
    """Make a folder and see that files can be written into it.

    Raises
    ------
    ChannelError
        They cannot; more attempts may do better (a disk that is not mounted yet).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ChannelError(channel, f"{folder}: cannot be written: {error.strerror or error}") from None


def write_whole(channel: str, path: Path, content: bytes, *, is_durable: bool) -> None:
    """Put `content` in the place of the file at `path`; a reader sees the old one or the new one, never a part.

    Parameters
    ----------
    channel : str
        Who writes, for the error.
    path : Path
    content : bytes
    is_durable : bool
        Wait for the disk. A feed that is made anew from durable files does not need to.

    Raises
    ------
    ChannelError
        It could not be written; the old file stands.
    """
    part = path.with_name(f".{path.name}.part")  # one writer per folder: its courier
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ChannelError(channel, f"{path}: cannot be written: {error.strerror or error}") from None
