"""The laws of the house that an import linter cannot state: who may know what, and how large a room may grow."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys

import pytest

import casemate

PACKAGE = pathlib.Path(casemate.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def room_of(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def outside(*rooms: str) -> list[pathlib.Path]:
    return [path for path in SOURCES if room_of(path) not in rooms]


def imported(tree: ast.Module) -> set[str]:
    """Return the top-level names of all imported packages, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def docstrings(tree: ast.Module) -> set[int]:
    """Return the ids of the constant nodes that are docstrings."""
    found: set[int] = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                found.add(id(statement.value))
    return found


def words_of(tree: ast.Module) -> set[str]:
    """Return every identifier and every string that is not a docstring: what the code does, not what it explains."""
    prose = docstrings(tree)
    words: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word) | ast.alias(name=word):
                words.add(word)
            case ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.AsyncFunctionDef(name=word):
                words.add(word)
            case ast.keyword(arg=str(word)):
                words.add(word)
            case ast.ImportFrom(module=str(word)):
                words.add(word)
            case ast.Constant(value=str(word)) if id(node) not in prose:
                words.add(word)
            case _:
                pass
    return words


def test_import_contracts_hold(root):
    command = pathlib.Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-logo"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", outside("kernels"), ids=name_of)
def test_only_kernels_see_numba(path):
    assert "numba" not in imported(tree_of(path))


@pytest.mark.parametrize("path", outside("sim", "study", "kernels"), ids=name_of)
def test_chance_enters_only_in_the_simulated_wing(path):
    tree = tree_of(path)
    drawn = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in {"random", "default_rng"}
    ]
    assert not drawn
    assert "random" not in imported(tree)


@pytest.mark.parametrize("path", outside("sim", "study", "rehearsal", "cli"), ids=name_of)
def test_the_live_wing_does_not_speak_of_simulation(path):
    """No `if simulated`: identifiers and strings may not name it; docstrings may, to explain the boundary.

    The one word allowed is the stamp that a run's data carries from where it entered: it is shown, as it must be.
    """
    words = words_of(tree_of(path)) - {"SIMULATION"}
    assert not [word for word in words if "simulat" in word.lower()]


@pytest.mark.parametrize("path", outside("sim", "study", "rehearsal", "cli", "kernels"), ids=name_of)
def test_nothing_outside_the_simulated_wing_knows_a_gun(path):
    assert not [
        word for word in words_of(tree_of(path)) if re.search(r"(^|_)(gun|guns|ammunition|effector)(_|$)", word)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_rooms_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_stay_short(path):
    tree = tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            n_lines = (node.end_lineno or 0) - first.lineno + 1
            assert n_lines <= MAX_FUNCTION_LINES, f"{node.name} has {n_lines} lines"


def test_the_version_stands_in_one_place(root):
    pattern = re.compile(rf"""["']{re.escape(casemate.__version__)}["']""")
    holders = [path for path in (*SOURCES, root / "pyproject.toml") if pattern.search(path.read_text(encoding="utf-8"))]
    assert holders == [PACKAGE / "__init__.py"]
    assert importlib.metadata.version("casemate") == casemate.__version__


def test_the_product_names_no_machine(root):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git work tree")
    for name in listed.stdout.rstrip("\0").split("\0"):
        path = root / name
        if name.startswith("tests/") or not path.is_file():
            continue
        text = path.read_bytes()
        assert b"../shared" not in text, name
        assert not re.search(rb"(^|[\s\"'(=])/(work|home|root)/\w", text), name


def test_starting_the_command_line_does_not_import_numba(root):
    probe = "import sys, casemate.cli; sys.exit('numba' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], cwd=root, check=False).returncode == 0
