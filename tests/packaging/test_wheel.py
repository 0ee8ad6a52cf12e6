"""The wheel, built and installed beside packages that have our rooms' names."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from accelfront.rooms import HOUSE, ROOMS
from tests.command_line import run
from tests.tiers.covering import taking_turns

GOLDEN = HOUSE / "tests" / "golden" / "databases" / "second-release.sql"

TASK = "tiny-shapes, DDIM, 8 steps, DeepCache + T-GATE, at least 1.1x, loss at most 0.05"

BUILT_FROM = ("accelfront", *ROOMS, "setup.py", "pyproject.toml", "README.md", "LICENSE")

SHARED = ("torch", "torchvision", "accelerate", "diffusers", "transformers", "numpy")
"""What other programs in an environment need in versions of their own."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        copy = shutil.copytree if (HOUSE / name).is_dir() else shutil.copy
        copy(HOUSE / name, folder / "source" / name)
    _pip("wheel", "--no-build-isolation", "--wheel-dir", folder, folder / "source", cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with somebody else's packages of our rooms' names."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    _pip("--python", folder / "bin" / "python", "install", wheel, cwd=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for room in ROOMS:
        (site / f"{room}.py").write_text("OWNER = 'somebody'\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with files of our rooms' names, and a database."""
    for room in ROOMS:
        (tmp_path / f"{room}.py").write_text("OWNER = 'me'\n")
    with closing(sqlite3.connect(tmp_path / "accelfront.db")) as database:
        database.executescript(GOLDEN.read_text())
    return tmp_path


def _plain() -> dict[str, str]:
    """The variables of this process without those that lead to this repository."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _pip(*arguments: str | Path, cwd: Path) -> None:
    command = [sys.executable, "-m", "pip", "-qq", *arguments, "--no-index", "--no-deps"]
    subprocess.run(command, check=True, cwd=cwd, env=_plain())


def _run(environment: Path, folder: Path, *command: str | Path) -> str:
    program, *arguments = command
    done = subprocess.run(
        [environment / "bin" / program, *arguments],
        cwd=folder,
        env=_plain(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_one_package_with_all_that_the_rooms_hold(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        top_level = archive.read("accelfront-0.1.0.dist-info/top_level.txt").decode()
    assert {name.partition("/")[0] for name in names} == {
        "accelfront",
        "accelfront-0.1.0.dist-info",
    }
    assert top_level == "accelfront\n"
    built = {name.removeprefix("accelfront/_rooms/") for name in names}
    kinds = ("*.py", "*.json", "*.yaml", "*.txt", "*.jinja", "*.css", "*.js", "*.safetensors")
    ours = {
        str(path.relative_to(HOUSE))
        for room in ("accelfront", *ROOMS)
        for kind in kinds
        for path in (HOUSE / room).rglob(kind)
    }
    assert len(ours) > 250
    assert not ours - built


def test_nothing_in_the_wheel_imports_a_room_by_its_plain_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sources = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert "accelfront._rooms.storage.records.trial" in names
    assert not {name.partition(".")[0] for name in names} & set(ROOMS)


def test_requirements_leave_an_environment_the_versions_of_its_other_programs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_bytes(archive.read("accelfront-0.1.0.dist-info/METADATA"))
    needed = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    plain = {each.name: each.specifier for each in needed if each.marker is None}
    assert set(SHARED) <= set(plain)
    for name in SHARED:
        assert {each.operator for each in plain[name]} <= {">="}, name
    assert {"ray", "service", "docs", "dev"} <= set(metadata.get_all("Provides-Extra", []))


def test_commands_and_imports_are_undisturbed_by_files_of_the_rooms_names(
    environment: Path, folder: Path
) -> None:
    said = _run(environment, folder, "accelfront", "studies", "--json")
    assert said == _run(environment, folder, "python", "-m", "accelfront", "studies", "--json")
    assert said == run("studies", "--json", cwd=folder).stdout
    _run(environment, folder, "python", "-c", "import storage, accelfront.cli.app, studies")
    count = "import storage, accelfront; print(len(accelfront.open()))"
    assert _run(environment, folder, "python", "-c", count) == f"{len(json.loads(said))}\n"


@pytest.mark.parametrize("first", ["storage, studies", "accelfront.cli.app"])
def test_somebody_elses_packages_are_theirs_whoever_is_imported_first(
    environment: Path, tmp_path: Path, first: str
) -> None:
    code = f"import {first}, accelfront.cli.app, storage, studies; print(storage.OWNER)"
    assert _run(environment, tmp_path, "python", "-c", code) == "somebody\n"


def test_a_process_that_imported_nothing_of_ours_reads_a_pickle(
    environment: Path, tmp_path: Path
) -> None:
    make = (
        "import pickle, pathlib; from accelfront._rooms.storage.records.combination import *;"
        "one = Combination(pipeline='SDXL', scheduler='DDIM', steps=20, methods=('tgate',));"
        "pathlib.Path('one').write_bytes(pickle.dumps(one))"
    )
    _run(environment, tmp_path, "python", "-c", make)
    read = "import pickle, pathlib; print(pickle.loads(pathlib.Path('one').read_bytes()).pipeline)"
    assert _run(environment, tmp_path, "python", "-c", read) == "SDXL\n"


@pytest.mark.parametrize("kind", taking_turns(["script", "module", "service"], of=3))
def test_what_is_generated_is_what_the_repository_generates(
    environment: Path, folder: Path, kind: str
) -> None:
    generate = ("generate", TASK, "--device", "a CPU (1 threads)", "--as", kind)
    _run(environment, folder, "accelfront", *generate, "--out", "theirs")
    assert run(*generate, "--out", "ours", cwd=folder).returncode == 0
    (theirs,), (ours,) = ((folder / name).glob("*.py") for name in ("theirs", "ours"))
    assert _code(theirs) == _code(ours)


def _code(script: Path) -> str:
    """A script without where the weights of tiny-shapes lie."""
    return re.sub(r"[^'\s]*/objectives/", "objectives/", ast.unparse(ast.parse(script.read_text())))


def test_the_extras_of_development_hold_what_the_others_hold() -> None:
    extras = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    names = {extra: {Requirement(each).name for each in needed} for extra, needed in extras.items()}
    assert names["service"] | names["docs"] | names["ray"] <= names["dev"]
