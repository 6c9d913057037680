# The little of scipy.special that Casemate uses, typed.
from numpy import float64
from numpy.typing import ArrayLike, NDArray

def owens_t(h: ArrayLike, a: ArrayLike) -> NDArray[float64]: ...
