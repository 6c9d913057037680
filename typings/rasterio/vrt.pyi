from typing import overload

from rasterio.enums import Resampling
from rasterio.io import Affine, DatasetReader

class WarpedVRT(DatasetReader):
    @overload
    def __init__(
        self, src: DatasetReader, *, crs: str, resampling: Resampling, nodata: float, dtype: str, tolerance: float
    ) -> None: ...
    @overload
    def __init__(
        self,
        src: DatasetReader,
        *,
        crs: str,
        resampling: Resampling,
        add_alpha: bool,
        transform: Affine = ...,
        width: int = ...,
        height: int = ...,
    ) -> None: ...
