"""The layout: what a room may import, who writes to Optuna, and how large files are."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial

from accelfront.rooms import HOUSE

ROOMS = ("accel_space", "accelfront", "generator", "objectives", "storage", "studies")

BELOW = {
    "storage": set[str](),
    "accel_space": {"storage"},
    "objectives": {"accel_space", "storage"},
    "generator": {"objectives", "accel_space", "storage"},
    "studies": {"objectives", "accel_space", "storage"},
    "accelfront": {"studies", "generator", "objectives", "accel_space", "storage"},
}
"""What each room may import besides itself."""

BESIDE = {
    "storage.records": set[str](),
    "storage.database": {"storage.records"},
    "storage.reading": {"storage.database", "storage.records", "storage.study_store"},
    "storage.study_store": {"storage.database", "storage.records", "storage.reading"},
    "objectives.model_files": set[str](),
    "objectives.timing": set[str](),
    "objectives.pipelines": {"objectives.embedded", "objectives.model_files"},
    "objectives.quality": {"objectives.embedded", "objectives.model_files"},
    "generator.tasks": set[str](),
    "generator.artefacts": {"generator.tasks"},
    "studies.planning": set[str](),
    "studies.search": {"studies.planning"},
    "studies.run": {"studies.planning", "studies.search"},
    "studies.engines": {"studies.run"},
    "accelfront.screen": set[str](),
    "accelfront.report": {"accelfront.screen"},
    "accelfront.api": {"accelfront.screen", "accelfront.report"},
    "accelfront.serving": set[str](),
    "accelfront.eyes": {"accelfront.screen", "accelfront.report", "accelfront.serving"},
    "accelfront.dashboard": {"accelfront.eyes", "accelfront.screen", "accelfront.serving"},
    "accelfront.cli": {
        "accelfront.screen",
        "accelfront.report",
        "accelfront.dashboard",
        "accelfront.eyes",
        "accelfront.serving",
    },
}
"""What a room within a room may import of the rooms beside it."""

STUDY_STORE = Path("storage/study_store")

PRIVATE = {
    name
    for kind in (optuna.Study, optuna.Trial, FrozenTrial, BaseStorage, RDBStorage)
    for name in (*dir(kind), "_study_id", "_trial_id", "_storage")
    if name.startswith("_") and not name.startswith("__")
}
"""Private names of Optuna's objects."""

WRITES = {
    *("add_trial", "add_trials", "copy_study", "create_new_study", "create_new_trial"),
    *("create_study", "delete_study", "enqueue_trial", "optimize", "record_heartbeat"),
    *("save_note", "set_constraint", "set_metric_names", "set_study_system_attr"),
    *("set_study_user_attr", "set_system_attr", "set_trial_intermediate_value"),
    *("set_trial_param", "set_trial_state_values", "set_trial_system_attr"),
    *("set_trial_user_attr", "set_user_attr", "upload_artifact"),
}
"""What writes, whatever it is called on."""

WRITES_OF_A_STUDY = {"ask", "tell"}
"""The same of what is named a study."""

HEAVY = {"torch", "diffusers", "transformers", "open_clip"}

MOST_LINES = 300

MOST_FILES = 14


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse((HOUSE / file).read_text())


def files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (HOUSE / folder).rglob("*.py"))
    return sorted(path.relative_to(HOUSE) for path in found if "golden" not in path.parts)


MODULES = {
    ".".join(file.with_suffix("").parts).removesuffix(".__init__"): file for file in files(*ROOMS)
}


def imported(file: Path) -> set[str]:
    """Our modules that a file imports, for types and within functions too."""
    names = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package may be a module of it.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & MODULES.keys()


def foreign_names(file: Path) -> Iterator[str]:
    """Private names of Optuna in a file."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                name = f"{module}.{alias.name}".lstrip(".")
                if name.startswith("optuna.") and "._" in name:
                    yield name
        elif isinstance(node, ast.Attribute) and node.attr in PRIVATE:
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not is_own:
                yield ast.unparse(node)


def writes(file: Path) -> Iterator[str]:
    """Calls in a file that write to Optuna."""
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        owner, _, name = called.rpartition(".")
        if name in WRITES or (name in WRITES_OF_A_STUDY and owner.endswith("study")):
            yield called


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_what_is_below_it(room: str) -> None:
    seen = {name.partition(".")[0] for file in files(room) for name in imported(file)}
    assert seen - {room} <= BELOW[room]


@pytest.mark.parametrize("room", BESIDE)
def test_a_room_within_a_room_imports_what_is_below_it(room: str) -> None:
    names = (name for file in files(room.replace(".", "/")) for name in imported(file))
    seen = {".".join(name.split(".")[:2]) for name in names}
    top = room.partition(".")[0]
    rooms = {str(f.parent).replace("/", ".") for f in files(top) if len(f.parent.parts) == 2}
    assert (seen & rooms) - {room} <= BESIDE[room]


def test_storage_knows_no_heavy_library() -> None:
    nodes = (node for file in files("storage") for node in ast.walk(tree(file)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    nodes = (node for file in files("storage") for node in ast.walk(tree(file)))
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in names} & HEAVY


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {name: imported(file) - {name} for name, file in MODULES.items()}
    # A package is imported with each of its modules, and holds nothing.
    packages = {name for name, file in MODULES.items() if file.name == "__init__.py"}
    try:
        TopologicalSorter({name: found - packages for name, found in graph.items()}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_only_the_study_store_names_what_is_private_to_optuna() -> None:
    found = {
        str(file): names
        for file in files(*ROOMS, "benchmarks")
        if STUDY_STORE not in file.parents and (names := list(foreign_names(file)))
    }
    assert not found


def test_only_the_study_store_writes_to_optuna() -> None:
    found = {
        str(file): calls
        for file in files(*ROOMS)
        if STUDY_STORE not in file.parents and (calls := list(writes(file)))
    }
    assert not found


def test_the_study_store_is_seen_to_write() -> None:
    calls = {call.rpartition(".")[2] for file in files(str(STUDY_STORE)) for call in writes(file)}
    assert {"ask", "tell", "create_study", "set_trial_user_attr", "save_note"} <= calls
    names = {name for file in files(str(STUDY_STORE)) for name in foreign_names(file)}
    assert {"optuna.storages._heartbeat.BaseHeartbeat", "trial._trial_id"} <= names


def test_files_are_short() -> None:
    long = {
        str(file): lines
        for file in files(*ROOMS, "benchmarks", "tests", "docs")
        if "embedded" not in file.parts
        and (lines := len((HOUSE / file).read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_folders_hold_few_files() -> None:
    counts = Counter(str(file.parent) for file in files(*ROOMS, "benchmarks", "tests"))
    assert not {folder: count for folder, count in counts.items() if count > MOST_FILES}
