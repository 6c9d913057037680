"""A float says its unit in its name, or the nomenclature page defines it."""

import ast
import importlib
import pathlib
import pkgutil
import re

import numpy as np
import pytest

import casemate

PACKAGE = pathlib.Path(casemate.__file__).parent
UNITS = (
    "s|ns|ms|m|m2|m3|km|mm|mps|mps2|m3ps2|rad|deg|radps|mrad|kg|kgpm3|pa|k|db|dbsm|j|hz|rpm"
    "|degps|dps|g|per_s|per_min|per_hour|per_scan|per_km2|per_m3"
)
HAS_UNIT = re.compile(rf"_({UNITS})$|^per_hour$")
DIMENSIONLESS = re.compile(r"^(p|share|ln|llr|n|i|is|has|cov|mach|cd)(_|$)|_(share|shares)(_|$)")
"""Words of the vocabulary that say 'no unit', or (ln, cov) 'the units of the state'."""
FLOATS = {"float", "Positive", "NotNegative", "Share", "Lat", "Lon", "Height", "Band"}
TEXTBOOK = {"filter.py"}
"""Rooms outside the kernels where textbook letters are allowed, mapped in the docstring."""
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "kernels" not in path.parts and path.name not in TEXTBOOK)


def defined(root: pathlib.Path) -> set[str]:
    """Return the names that the nomenclature page defines: the first cell of each table row, in backticks."""
    page = (root / "docs" / "reference" / "nomenclature.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|\s*((?:`\w+`[,\s]*)+)\|", page, flags=re.MULTILINE)
    return {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}


def is_float(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation is a float, an optional float or a constrained one."""
    match annotation:
        case ast.Name(id=name):
            return name in FLOATS
        case ast.BinOp(left=left, right=right):
            return is_float(left) or is_float(right)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return is_float(first)
        case _:
            return False


def public_floats(tree: ast.Module) -> set[str]:
    """Return the names of float parameters and fields that a caller of this module can see."""
    names: set[str] = set()
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    while scopes:
        scope = scopes.pop()
        for node in scope.body:
            match node:
                case ast.ClassDef(name=name) if not name.startswith("_"):
                    scopes.append(node)
                case ast.FunctionDef(name=name) if not name.startswith("_") or name == "__init__":
                    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                    names |= {argument.arg for argument in arguments if is_float(argument.annotation)}
                case ast.AnnAssign(target=ast.Name(id=name)) if is_float(node.annotation) and not name.startswith("_"):
                    names.add(name)
                case _:
                    pass
    return names


def unitless(names: set[str]) -> set[str]:
    return {name for name in names if not HAS_UNIT.search(name.lower()) and not DIMENSIONLESS.search(name.lower())}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_public_floats_say_their_unit(path, root):
    names = public_floats(ast.parse(path.read_text(encoding="utf-8")))
    assert unitless(names) - defined(root) == set()


def test_fields_of_records_say_their_unit(root):
    names: set[str] = set()
    for module in pkgutil.walk_packages([str(PACKAGE)], "casemate."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, np.dtype) and value.names:
                names |= {field for field in value.names if value[field].base.kind == "f"}
    assert names
    assert unitless(names) - defined(root) == set()
