"""Numba kernels: arrays in, status codes out, one face each. Nobody else sees numba.

Numba keys its disk cache by one file, so editing a kernel would leave a stale copy inside its cached callers
(numba PR 8396). Hence the cache folder is named by a hash of all kernel sources.
"""

import hashlib
import os
import pathlib

import numba

_FOLDER = pathlib.Path(__file__).parent


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_FOLDER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> pathlib.Path:
    """Return the folder that holds the compiled kernels of exactly these sources."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return pathlib.Path(given)
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "casemate" / f"kernels-{_source_hash()}"


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_folder())
