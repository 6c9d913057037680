"""Numba kernels: arrays in, status codes out, one face each. Nobody else sees numba.

Numba keys its disk cache by one file, so editing a kernel would leave a stale copy inside its cached callers
(numba PR 8396). Hence the cache folder is named by a hash of all kernel sources.
"""

import hashlib
import os
import pathlib
import tempfile

import numba

_FOLDER = pathlib.Path(__file__).parent


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _is_writable(folder: pathlib.Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def cache_folder() -> pathlib.Path:
    """Return the folder that holds the compiled kernels of exactly these sources.

    It lies in the user's cache; where that cannot be written, in the machine's folder for temporary files.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return pathlib.Path(given)
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path("~", ".cache").expanduser()
    name = f"kernels-{_source_hash()}"
    kept = pathlib.Path(root) / "casemate" / name
    return kept if _is_writable(kept) else pathlib.Path(tempfile.gettempdir()) / f"casemate-{os.getuid()}" / name


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_folder())
