"""How the wheel is built: one package, accelfront, with the rooms beside it moved into it.

Their names (`storage`, `studies`, ...) are plain words, which the environment that the wheel is
installed into may use for something else. An editable installation uses them where they are.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info

HOUSE = "accelfront"
INSIDE = f"{HOUSE}._rooms"


class BuildOnePackage(build_py):
    """Builds `accelfront` with the other packages as `accelfront._rooms`."""

    def run(self) -> None:
        """See `build_py`."""
        if self.editable_mode:
            super().run()
            return
        lib = Path(self.build_lib)
        # A module that was removed since an earlier build would still be there.
        shutil.rmtree(lib, ignore_errors=True)
        super().run()
        rooms = {path.name for path in lib.iterdir()} - {HOUSE}
        inside = lib.joinpath(*INSIDE.split("."))
        inside.mkdir()
        (inside / "__init__.py").write_text('"""The other packages of accelfront."""\n')
        for room in rooms:
            (lib / room).rename(inside / room)
        for file in (lib / HOUSE).rglob("*.py"):
            text = moved(file.read_text(encoding="utf-8"), rooms, file)
            file.write_text(text, encoding="utf-8")


class NameOnePackage(egg_info):
    """Writes the metadata, which name the top level as the wheel has it."""

    def run(self) -> None:
        """See `egg_info`."""
        super().run()
        Path(self.egg_info, "top_level.txt").write_text(f"{HOUSE}\n")


def moved(source: str, rooms: set[str], file: Path) -> str:
    """Let a module import rooms from where they are in the wheel.

    Raises:
        SystemExit: If an import binds the name of a room itself.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] in rooms for alias in node.names):
                raise SystemExit(f"{file}:{node.lineno}: write it as `from ... import ...`")
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            if str(node.module).partition(".")[0] in rooms:
                line, at = lines[node.lineno - 1], node.col_offset + len("from ")
                lines[node.lineno - 1] = f"{line[:at]}{INSIDE}.{line[at:]}"
    return "".join(lines)


setup(cmdclass={"build_py": BuildOnePackage, "egg_info": NameOnePackage})
