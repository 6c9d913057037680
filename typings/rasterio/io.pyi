# The little of rasterio.io that Casemate uses, typed.
from types import TracebackType
from typing import Self, overload

from numpy import float64, uint8
from numpy.ma import MaskedArray
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
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
    bounds: tuple[float, float, float, float]
    colorinterp: tuple[ColorInterp, ...]
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
    def colormap(self, bidx: int) -> dict[int, tuple[int, int, int, int]]: ...
    @overload
    def read(self) -> NDArray[uint8]: ...
    @overload
    def read(
        self, indexes: int, *, window: Window = ..., masked: bool = ..., out_dtype: str = ...
    ) -> MaskedArray[tuple[int, int], float64]: ...

class DatasetWriter:
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def write(self, arr: NDArray[uint8]) -> None: ...

class MemoryFile:
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def open(self, *, driver: str, dtype: str, count: int, height: int, width: int) -> DatasetWriter: ...
    def read(self) -> bytes: ...
