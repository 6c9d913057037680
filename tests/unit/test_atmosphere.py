import math

import pytest

from casemate.errors import DomainError
from casemate.physics.atmosphere import ussa76


@pytest.mark.parametrize("height", [-6000.0, 87000.0, math.nan])
def test_heights_outside_the_standard_are_refused(height):
    with pytest.raises(DomainError):
        ussa76(height)
