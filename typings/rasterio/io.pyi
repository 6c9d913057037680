# The little of rasterio.io that Casemate uses, typed.
from types import TracebackType
from typing import Self

from numpy import float64
from numpy.ma import MaskedArray
from rasterio.windows import Window

class CRS:
    is_geographic: bool
    def to_dict(self) -> dict[str, object]: ...
    def to_wkt(self) -> str: ...

class Affine:
    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

class DatasetReader:
    crs: CRS | None
    driver: str
    dtypes: tuple[str, ...]
    height: int
    offsets: tuple[float, ...]
    scales: tuple[float, ...]
    transform: Affine
    units: tuple[str | None, ...]
    width: int
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def read(
        self, indexes: int, *, window: Window = ..., masked: bool = ..., out_dtype: str = ...
    ) -> MaskedArray[tuple[int, int], float64]: ...
