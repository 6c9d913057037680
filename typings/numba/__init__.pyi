# The little of numba that Casemate uses, typed so that a kernel keeps its signature.
from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

__version__: str

class _Config:
    CACHE_DIR: str
    DISABLE_JIT: bool
    NUMBA_NUM_THREADS: int

config: _Config

def njit(
    *,
    cache: bool = ...,
    error_model: str = ...,
    fastmath: bool | set[str] = ...,
    parallel: bool = ...,
    nogil: bool = ...,
    inline: str = ...,
) -> Callable[[_F], _F]: ...
def prange(*args: int) -> range: ...
def set_num_threads(n: int) -> None: ...
