# The little of scipy.optimize that Casemate uses, typed.
from collections.abc import Mapping
from typing import Any

from numpy import float64
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

class Marginals:
    marginals: NDArray[float64]

class OptimizeResult:
    status: int
    x: NDArray[float64] | None
    ineqlin: Marginals
    eqlin: Marginals
    mip_dual_bound: float | None

class Bounds:
    def __init__(self, lb: float, ub: float) -> None: ...

class LinearConstraint:
    def __init__(self, A: csc_array, lb: NDArray[Any], ub: NDArray[Any]) -> None: ...  # noqa: N803 - scipy's

def linprog(
    c: NDArray[float64],
    *,
    A_ub: csr_array,  # noqa: N803 - scipy's
    b_ub: NDArray[Any],
    A_eq: csr_array,  # noqa: N803 - scipy's
    b_eq: NDArray[float64],
    method: str,
) -> OptimizeResult: ...
def milp(
    c: NDArray[float64],
    *,
    integrality: NDArray[float64],
    bounds: Bounds,
    constraints: LinearConstraint,
    options: Mapping[str, float],
) -> OptimizeResult: ...
