"""Every kernel has its flags, its types, its sentence and, where it is public, its naive twin."""

import ast
import pathlib
import re

import pytest

import casemate

FOLDER = pathlib.Path(casemate.__file__).parent / "kernels"
TWINS = pathlib.Path(__file__).resolve().parent.parent / "twins"
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")


def flags_of(function: ast.FunctionDef) -> ast.Call | None:
    """Return the njit decorator call, None where the function has none."""
    for decorator in function.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Name) and call.id == "njit":
            assert isinstance(decorator, ast.Call), f"{function.name}: njit without its flags"
            return decorator
    return None


def kernels() -> list[tuple[pathlib.Path, ast.FunctionDef, ast.Call]]:
    return [
        (path, node, call)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (call := flags_of(node))
    ]


KERNELS = kernels()
IDS = [f"{path.stem}.{function.name}" for path, function, _ in KERNELS]


def test_kernels_were_found():
    assert KERNELS


@pytest.mark.parametrize(("path", "function", "call"), KERNELS, ids=IDS)
def test_flags(path, function, call):
    flags = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert flags.pop("cache", None) is True
    assert flags.pop("error_model", None) == "numpy"
    if flags:  # any other flag gives its reason on the decorator's line
        lines = path.read_text(encoding="utf-8").splitlines()[call.lineno - 1 : call.end_lineno]
        assert any("#" in line for line in lines), f"{sorted(flags)} without a reason"


@pytest.mark.parametrize(("path", "function", "call"), KERNELS, ids=IDS)
def test_arguments_and_result_are_typed(path, function, call):
    assert function.returns is not None
    assert all(argument.annotation for argument in function.args.args)


@pytest.mark.parametrize(("path", "function", "call"), KERNELS, ids=IDS)
def test_no_chance_and_no_strings(path, function, call):
    body = function.body[1:] if ast.get_docstring(function) else function.body
    for statement in body:
        for node in ast.walk(statement):
            assert not (isinstance(node, ast.Attribute) and node.attr == "random")
            assert not isinstance(node, ast.Raise | ast.Global | ast.JoinedStr)


PUBLIC = [(path, function) for path, function, _ in KERNELS if not function.name.startswith("_")]


@pytest.mark.parametrize(("path", "function"), PUBLIC, ids=[f"{path.stem}.{f.name}" for path, f in PUBLIC])
def test_public_kernels_have_a_sentence_and_a_twin(path, function):
    """A kernel that runs others over many rows may be compared with a loop over their twins, in the test itself."""
    assert ast.get_docstring(function)
    twin, test = TWINS / f"naive_{path.stem}.py", TWINS / f"test_{path.stem}.py"
    assert twin.is_file(), f"{twin.name} is missing"
    text = test.read_text(encoding="utf-8")
    assert twin.stem in text, f"{test.name} does not use {twin.name}"
    assert re.search(rf"\b{function.name}\(", text), f"{function.name} is not compared with its twin in {test.name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_public_function_of_a_kernel_module_is_a_kernel(path):
    """Private plain functions may fill a table when the module is imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert flags_of(node), f"{path.stem}.{node.name} is plain Python: it belongs in the face"
