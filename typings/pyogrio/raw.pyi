from collections.abc import Iterator
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any, TypedDict

from numpy import object_
from numpy.typing import NDArray

class Column:  # the little of pyarrow's
    def to_numpy(self, *, zero_copy_only: bool) -> NDArray[object_]: ...

class Batch:
    def column(self, i: str) -> Column: ...
    def drop_columns(self, columns: list[str]) -> Batch: ...
    def to_pylist(self) -> list[dict[str, Any]]: ...

class Meta(TypedDict):
    crs: str | None
    geometry_name: str

def open_arrow(
    path_or_buffer: str | PathLike[str], *, layer: str, batch_size: int, use_pyarrow: bool
) -> AbstractContextManager[tuple[Meta, Iterator[Batch]]]: ...
