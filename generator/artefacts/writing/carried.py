"""The source that an artefact carries: definitions of ours, with all that they name of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accel_space import __name__ as accel_space
from generator import __name__ as generator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

OURS = (f"{accel_space}.", f"{generator}.")
"""How the names of modules begin whose source is carried."""


@dataclass
class Carried:
    """What an artefact carries; each name means one thing.

    Attributes:
        constants: Assignments, by name.
        functions: Definitions of functions and classes, by name. What a function imports at its top
            is in `imports` instead.
        imports: Names that all of it imports, by module; a module without names is imported itself.
    """

    constants: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)


def carry(definitions: Iterable[tuple[str, str]]) -> Carried:
    """Collect the source of functions and classes, and of what they name of ours.

    Args:
        definitions: A module of `OURS` and a name at its top, each. Modules are read and not
            imported, as they may need libraries that are not here.
    """
    carried = Carried()
    for module, name in definitions:
        _carry_name(carried, module, name)
    return carried


def _carry_name(carried: Carried, module: str, name: str) -> None:
    """Carry what a module means by a name, and what that names; a builtin needs nothing."""
    source, bindings = _read(module)
    node = bindings.get(name)
    if isinstance(node, Definition):
        imports = [each for each in node.body if isinstance(each, ast.Import | ast.ImportFrom)]
        if _is_new(carried.functions, name, _without(source, node, imports)):
            for each in imports:
                _carry_import(carried, each, [alias.name for alias in each.names])
            _carry_named(carried, module, node)
    elif isinstance(node, ast.Assign):
        if _is_new(carried.constants, name, str(ast.get_source_segment(source, node))):
            _carry_named(carried, module, node.value)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        _carry_import(carried, node, [name])


@cache
def _read(module: str) -> tuple[str, dict[str, ast.stmt]]:
    """A module's source, and the statement at its top that gives a name its meaning."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    bindings: dict[str, ast.stmt] = {}
    for node in ast.parse(source).body:
        if isinstance(node, Definition):
            bindings[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bindings |= {alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign):
            bindings |= {ast.unparse(target): node for target in node.targets}
    return source, bindings


def _carry_named(carried: Carried, module: str, node: ast.AST) -> None:
    for name in dict.fromkeys(each.id for each in ast.walk(node) if isinstance(each, ast.Name)):
        _carry_name(carried, module, name)


def _carry_import(carried: Carried, node: ast.Import | ast.ImportFrom, names: list[str]) -> None:
    if isinstance(node, ast.Import):
        for name in names:
            carried.imports.setdefault(name, ())
    elif str(node.module).startswith(OURS):
        for name in names:
            _carry_name(carried, str(node.module), name)
    else:
        known = carried.imports.get(str(node.module), ())
        carried.imports[str(node.module)] = tuple(dict.fromkeys((*known, *names)))


def _is_new(pieces: dict[str, str], name: str, text: str) -> bool:
    """Keep a piece; tell whether it was not there yet."""
    known = pieces.setdefault(name, text)
    if known is not text and known != text:
        raise ValueError(f"two parts of one artefact name different things {name}")
    return known is text


def _without(source: str, definition: Definition, imports: list[Any]) -> str:
    """The source of a definition, with its decorators, without some of its statements.

    The empty line behind these goes too.
    """
    lines = source.split("\n")
    gone = {line for each in imports for line in range(each.lineno, each.end_lineno + 1)}
    gone |= {line + 1 for line in gone if line + 1 not in gone and not lines[line].strip()}
    first = min([definition.lineno, *(each.lineno for each in definition.decorator_list)])
    own = range(first, (definition.end_lineno or definition.lineno) + 1)
    return "\n".join(lines[line - 1] for line in own if line not in gone)
