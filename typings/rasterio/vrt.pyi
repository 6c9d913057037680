from rasterio.enums import Resampling
from rasterio.io import DatasetReader

class WarpedVRT(DatasetReader):
    def __init__(
        self, src: DatasetReader, *, crs: str, resampling: Resampling, nodata: float, dtype: str, tolerance: float
    ) -> None: ...
