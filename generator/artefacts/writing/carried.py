"""The source that an artefact carries: our definitions, with everything of ours that they use."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from accel_space import __name__ as accel_space
from generator import __name__ as generator

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

OURS = (f"{accel_space}.", f"{generator}.")
"""Name prefixes of the modules whose source is carried."""


@dataclass
class Carried:
    """The parts that an artefact carries; each name means one thing.

    Attributes:
        constants: Assignments, by name.
        functions: Definitions of functions and classes, by name. The imports at a function's top
            are in `imports` instead.
        imports: Imported names, by module; a module without names is imported itself.
    """

    constants: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)


def carry(definitions: Iterable[tuple[str, str]]) -> Carried:
    """Collect the source of functions and classes, and of everything of ours that they use.

    Args:
        definitions: A module of `OURS` and a top-level name, each. Modules are read and not
            imported, as they may need libraries that are not installed here.
    """
    carried = Carried()
    for module, name in definitions:
        _carry_name(carried, module, name)
    return carried


def _carry_name(carried: Carried, module: str, name: str) -> None:
    """Carry what a name means in a module, and what that uses; a builtin needs nothing."""
    node = _bindings(module).get(name)
    if isinstance(node, Definition):
        if _is_new(carried.functions, name, _text(module, name)):
            for each in _imports(node):
                _carry_import(carried, each, [alias.name for alias in each.names])
            _carry_named(carried, module, name)
    elif isinstance(node, ast.Assign):
        if _is_new(carried.constants, name, _text(module, name)):
            _carry_named(carried, module, name)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        _carry_import(carried, node, [name])


@cache
def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


@cache
def _bindings(module: str) -> dict[str, ast.stmt]:
    """The top-level statement of a module that defines a name."""
    bindings: dict[str, ast.stmt] = {}
    for node in ast.parse(_source(module)).body:
        if isinstance(node, Definition):
            bindings[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bindings |= {alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign):
            bindings |= {ast.unparse(target): node for target in node.targets}
    return bindings


@cache
def _text(module: str, name: str) -> str:
    """The source of a definition or an assignment."""
    source, node = _source(module), _bindings(module)[name]
    if isinstance(node, Definition):
        return _without(source, node, _imports(node))
    return str(ast.get_source_segment(source, node))


@cache
def _named(module: str, name: str) -> tuple[str, ...]:
    """The names that a definition or an assignment uses."""
    node = _bindings(module)[name]
    used = node.value if isinstance(node, ast.Assign) else node
    return tuple(dict.fromkeys(each.id for each in ast.walk(used) if isinstance(each, ast.Name)))


def _imports(definition: Definition) -> list[ast.Import | ast.ImportFrom]:
    return [each for each in definition.body if isinstance(each, ast.Import | ast.ImportFrom)]


def _carry_named(carried: Carried, module: str, name: str) -> None:
    for each in _named(module, name):
        _carry_name(carried, module, each)


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
    """Keep a piece; return whether it is new."""
    is_new = name not in pieces
    if pieces.setdefault(name, text) != text:
        raise ValueError(f"two parts of one artefact name different things {name}")
    return is_new


def _without(
    source: str, definition: Definition, imports: list[ast.Import | ast.ImportFrom]
) -> str:
    """The source of a definition with its decorators, without some of its statements.

    The blank line after these goes too.
    """
    lines = source.split("\n")
    gone = {
        line
        for each in imports
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }
    gone |= {line + 1 for line in gone if line + 1 not in gone and not lines[line].strip()}
    first = min([definition.lineno, *(each.lineno for each in definition.decorator_list)])
    own = range(first, (definition.end_lineno or definition.lineno) + 1)
    return "\n".join(lines[line - 1] for line in own if line not in gone)
