"""Fixtures for every kind of test."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """Return the project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """Return the folder of reference data beside the project, or skip the test when it is not there."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder `shared` with reference data is not beside the project")
    return folder


@pytest.fixture(scope="session")
def sapient_py(tmp_path_factory):
    """Install sapient-py beside, not into, this environment: it brings the same module names as sapient-proto."""
    folder = tmp_path_factory.mktemp("peer")
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--target", str(folder)]
    done = subprocess.run([*command, "sapient-py==0.1.0"], capture_output=True, text=True, check=False)
    if not (folder / "sapient_py").is_dir():
        pytest.skip(f"sapient-py could not be had: {done.stderr[-200:]}")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Return the folder of a finished run of four rounds, for tests of what is exported of it."""
    from casemate import rehearsal

    folder = tmp_path_factory.mktemp("run") / "four-rounds"
    rehearsal.run("flat-and-close", 3, folder, with_intercept=False)
    return folder
