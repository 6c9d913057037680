"""The notebooks of the documentation run, and hold the pictures of a run."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted(path for path in (ROOT / "docs").rglob("*.ipynb") if "_build" not in path.parts)


def outputs(path: pathlib.Path) -> list[list[dict]]:
    """Return what each cell of code left."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def kinds(cell: list[dict]) -> set[str]:
    """Return the kinds of output of a cell: its data types, or the name of its stream."""
    return {kind for output in cell for kind in (output.get("data") or [output.get("name", output["output_type"])])}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_what_it_holds(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    command = [pathlib.Path(sys.executable).with_name("jupyter"), "execute", "--inplace", "--timeout=600", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    fresh, kept = outputs(copy), outputs(path)
    assert [kinds(cell) for cell in fresh] == [kinds(cell) for cell in kept], "run scripts/notebooks"
    assert any("image/png" in kinds(cell) for cell in kept)
