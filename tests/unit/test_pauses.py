"""Python's own pauses, while people wait for an alarm."""

import gc
import sys

import pytest

from casemate.runner.pauses import TURN_S, short_pauses


def test_turns_are_short_and_what_is_loaded_is_left_alone_until_it_ends():
    before_s, n_before = sys.getswitchinterval(), gc.get_freeze_count()
    with short_pauses():
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        assert gc.get_freeze_count() > n_before + 1000
        assert gc.isenabled()
    assert sys.getswitchinterval() == before_s
    assert gc.get_freeze_count() == 0
