from numpy import float64
from numpy.typing import NDArray

def transform(
    src_crs: str, dst_crs: str, xs: NDArray[float64], ys: NDArray[float64]
) -> tuple[list[float], list[float]]: ...
