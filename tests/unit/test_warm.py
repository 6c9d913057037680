"""Warming up reaches the kernels that a busy sky needs: none is compiled or loaded after it."""

import os
import pathlib
import subprocess
import sys

import pytest

SCENES = pathlib.Path(__file__).parents[1] / "bench" / "warm_scenes.py"


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_no_kernel_is_late(tmp_path):
    # a process of its own: in this one, other tests have loaded them
    done = subprocess.run(
        [sys.executable, SCENES], capture_output=True, text=True, cwd=tmp_path, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "late: 0" in done.stdout
