"""Names that a working folder or another installation shares with our packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accelfront.rooms import HOUSE, ROOMS
from tests.command_line import run_process

FILES = [f"{name}.py" for name in ROOMS]
FOLDERS = [f"{name}/__init__.py" for name in ROOMS]


@pytest.mark.parametrize("files", [FILES, FOLDERS, ["studies/mine.yaml", "storage/notes.txt"]])
def test_a_folder_with_files_of_our_names_is_no_obstacle(tmp_path: Path, files: list[str]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("raise SystemExit('not ours')" if ".py" in file else "")
    answer = run_process("studies", "--storage", "sqlite:///none.db", cwd=tmp_path)
    assert answer.returncode == 2
    assert "there is no database none.db" in answer.stderr


def test_packages_of_our_names_before_ours_on_the_path_are_none(tmp_path: Path) -> None:
    for file in FOLDERS:
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("raise SystemExit('not ours')")
    path = os.pathsep.join([str(tmp_path), str(HOUSE)])
    code = "import sys; sys.argv = ['accelfront', 'studies', '--storage', 'sqlite:///none.db']; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code} from accelfront.cli.app import main; main()"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "no database" in done.stderr) == (2, True), done.stderr


def test_what_was_imported_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "storage.py").write_text("")
    code = "import storage, accelfront"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(HOUSE)])},
        capture_output=True,
        text=True,
    )
    assert f"{tmp_path}/storage.py" in done.stderr.splitlines()[-1]


def test_a_program_is_told_of_its_own_module_that_ours_hides(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "storage.py").write_text("")
    (tmp_path / "program.py").write_text("import accelfront\naccelfront.open\n")
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
        capture_output=True,
        text=True,
    )
    [told] = [line for line in done.stderr.splitlines() if "UserWarning" in line]
    assert "program.py:2: UserWarning: `import storage` means a package of accelfront" in told
    assert f"not {tmp_path}/storage.py" in told


def test_a_command_tells_nothing_of_modules_that_nobody_imports(tmp_path: Path) -> None:
    (tmp_path / "storage.py").write_text("")
    answer = run_process("studies", "--storage", "sqlite:///none.db", cwd=tmp_path)
    assert "Warning" not in answer.stderr
