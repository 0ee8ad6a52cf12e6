"""The rules of CONTRIBUTING.md about rooms: which imports which, and how large they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from accelfront.rooms import HOUSE

BELOW = {
    "accelfront": {"studies", "generator", "objectives", "accel_space", "storage"},
    "studies": {"objectives", "accel_space", "storage"},
    "generator": {"objectives", "accel_space", "storage"},
    "objectives": {"accel_space", "storage"},
    "accel_space": {"storage"},
    "storage": set[str](),
}
"""The rooms that each room may import."""

HEAVY = {"torch", "diffusers", "transformers", "open_clip"}

MOST_LINES, MOST_FILES = 300, 14

# What trains the embedded pipelines is kept as it ran, and golden files are emitted.
EXEMPT = (HOUSE / "objectives" / "embedded", HOUSE / "tests" / "golden")


def files(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((HOUSE / room).rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Modules that a file imports anywhere, also inside functions and for types."""
    yield from _imports(ast.parse(file.read_text(encoding="utf-8")))


def imports_at_run_time(file: Path) -> Iterator[str]:
    """The same but for what is imported for types alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    yield from _imports(tree)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = str(node.module)
            # `from storage.records import study` imports the module storage.records.study.
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if module_file(inner) else module


def module_file(module: str) -> Path | None:
    base = HOUSE.joinpath(*module.split("."))
    return next(
        (each for each in (base.with_suffix(".py"), base / "__init__.py") if each.is_file()), None
    )


def test_imports_go_down_only() -> None:
    up = [
        f"{file.relative_to(HOUSE)} imports {module}"
        for room, below in BELOW.items()
        for file in files(room)
        for module in imports(file)
        if (other := module.partition(".")[0]) in BELOW and other not in below | {room}
    ]
    assert not up, "\n".join(up)


def test_storage_knows_no_heavy_library() -> None:
    heavy = [
        f"{file.relative_to(HOUSE)} imports {module}"
        for file in files("storage")
        for module in imports(file)
        if module.partition(".")[0] in HEAVY
    ]
    assert not heavy, "\n".join(heavy)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        file: {
            found
            for module in imports_at_run_time(file)
            if (found := module_file(module)) and found != file
        }
        for file in files(*BELOW)
    }
    # It names the circle that it meets.
    TopologicalSorter(graph).prepare()


def test_files_fit_a_few_screens_and_rooms_a_glance() -> None:
    rooms: dict[Path, int] = {}
    problems = []
    for file in files(*BELOW, "tests", "benchmarks"):
        if any(exempt in file.parents for exempt in EXEMPT):
            continue
        rooms[file.parent] = rooms.get(file.parent, 0) + 1
        lines = file.read_text(encoding="utf-8").count("\n")
        if lines > MOST_LINES:
            problems.append(f"{file.relative_to(HOUSE)} has {lines} lines")
    problems += [
        f"{room.relative_to(HOUSE)} has {count} Python files"
        for room, count in rooms.items()
        if count > MOST_FILES
    ]
    assert not problems, "\n".join(problems)
