# The little of rasterio that Casemate uses, typed.
from os import PathLike

from rasterio.io import DatasetReader

def open(fp: str | PathLike[str]) -> DatasetReader: ...  # noqa: A001
