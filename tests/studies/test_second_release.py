"""A database as commands of the second release left it: shown, generated from, and gone on with."""

from __future__ import annotations

import hashlib
import json
import platform
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from objectives.timing.device import device_name
from tests.command_line import Answer, run
from tests.generator.artefacts.running.draw_with_scripts import draw

GOLDEN = Path(__file__).parents[1] / "golden" / "databases"
MODEL = Path(__file__).parents[2] / "objectives" / "embedded" / "tiny-shapes"

DEVICE = "a CPU (1 threads)"
"""Where it was measured, by the names of its studies."""

TASK = "tiny-shapes, DDIM, 8 steps, DeepCache + T-GATE, at least 1.1x, loss at most 0.05"

KEPT = ("trials", "trial_values", "trial_params", "trial_user_attributes", "accelfront_claims")
"""Tables in which a study that goes on leaves each row as it is."""

REMEASURED = """
    SELECT study_id, first.value_json, json_extract(measured.value_json, '$.look')
    FROM trials
    JOIN trial_user_attributes AS first USING (trial_id)
    JOIN trial_user_attributes AS measured USING (trial_id)
    WHERE first.key = 'duplicate_of' AND measured.key = 'measurement'
"""


@dataclass(frozen=True)
class Left:
    """One of its studies.

    Attributes:
        name: What the release called it.
        command: What made it, without --trials.
        points: How many points were measured.
        more: How many more the command asks for here.
    """

    name: str
    command: str
    points: int
    more: int


STUDIES = (
    # With a point given up early, a disturbed one timed again, and two confirmed ones.
    Left(
        "tiny-shapes--DDIM--8--deepcache+tgate--840dcb31",
        "--steps 8 --methods deepcache,tgate --num-samples 6 --batch-size 1",
        8,
        1,
    ),
    # All of its points.
    Left(
        "tiny-shapes-dit--DPM-Solver++--5--fewer_steps--e9c4ddb1",
        "--pipeline tiny-shapes-dit --scheduler DPM-Solver++ --steps 5 --methods fewer_steps "
        "--sampler grid --num-samples 4 --batch-size 2",
        3,
        0,
    ),
    # Parameters that are no whole numbers.
    Left(
        "tiny-shapes--UniPC--5--tome--ed61e646",
        "--scheduler UniPC --steps 5 --methods tome --num-samples 4 --batch-size 2",
        3,
        0,
    ),
    # Settings of the scheduler are a part of its name.
    Left(
        "tiny-shapes-dit--PNDMScheduler--6--cfg_cutoff--d4fb0366",
        "--pipeline tiny-shapes-dit --scheduler PNDM --steps 6 --methods cfg_cutoff --no-confirm "
        "--num-samples 2",
        2,
        0,
    ),
)


@dataclass(frozen=True)
class Database:
    """A copy of it.

    Attributes:
        file: Where it is.
    """

    file: Path

    def call(self, *arguments: str) -> Answer:
        """Call a command on it."""
        return run(*arguments, "--storage", f"sqlite:///{self.file}", cwd=self.file.parent)

    def ask(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.call(*arguments).stdout)

    def rows(self, table: str) -> set[tuple[Any, ...]]:
        """All that a table holds."""
        with closing(sqlite3.connect(self.file)) as connection:
            return set(connection.execute(f"SELECT * FROM {table}"))

    def remeasured(self) -> list[tuple[Any, ...]]:
        """Study, point's trial and kind of each remeasurement."""
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(REMEASURED).fetchall()


def digest(protocol: object, device: str, settings: object) -> str:
    """The end of a study's name, as the second release makes it."""
    identity = [protocol, device, *([settings] if settings else [])]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def installed(library: str) -> str:
    """The version that a study of this machine has of a library."""
    known = {"python": platform.python_version(), "driver": "", "torch": str(torch.__version__)}
    return known.get(library) or ("" if library == "driver" else version(library))


def move(connection: sqlite3.Connection) -> dict[str, str]:
    """Make the database one of this machine: device, versions and the studies' names.

    Returns:
        The new names by the old ones.
    """
    device = device_name(torch.device("cpu"))
    names = {}
    for number, name in connection.execute("SELECT * FROM studies").fetchall():
        rows = connection.execute(
            "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", (number,)
        )
        attributes = {key: json.loads(value) for key, value in rows}
        protocol, settings = attributes["protocol"], attributes["scheduler_settings"]
        combination, _, end = name.rpartition("--")
        assert end == digest(protocol, DEVICE, settings)
        names[name] = f"{combination}--{digest(protocol, device, settings)}"
        versions = {
            library: installed(library) for library in attributes["environment"]["versions"]
        }
        connection.execute(
            "UPDATE studies SET study_name = ? WHERE study_id = ?", (names[name], number)
        )
        connection.execute(
            "UPDATE study_user_attributes SET value_json = ? "
            "WHERE study_id = ? AND key = 'environment'",
            (json.dumps({"device": device, "versions": versions}), number),
        )
    return names


@pytest.fixture
def database(tmp_path: Path) -> Database:
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.executescript((GOLDEN / "second-release.sql").read_text())
    return Database(tmp_path / "old.db")


def test_it_is_shown_as_it_was(database: Database) -> None:
    shown = {study["study"]: study for study in database.ask("front", "--json")}
    assert {name: study["trials"] for name, study in shown.items()} == {
        left.name: left.points for left in STUDIES
    }
    [study] = [shown[left.name] for left in STUDIES[:1]]
    front = {point["trial"]: point for point in study["front"]}
    assert {number: round(point["speedup"], 2) for number, point in front.items()} == {
        0: 1.75, 4: 1.56, 5: 1.41, 6: 1.26, 7: 1.2,
    }  # fmt: skip
    assert round(front[7]["confirmed"]["speedup"], 2) == 1.32
    exported = {study["study"]: study for study in database.ask("export", "--format", "json")}
    points = {point["trial"]: point for point in exported[STUDIES[0].name]["points"]}
    # 1.26x before it was timed again.
    assert round(points[1]["speedup"], 2) == 1.03
    assert points[1]["disturbed"] == ["busy", "slow"]
    for command, words in (
        (("studies",), "8/44"),
        (("front",), STUDIES[0].name),
        (("bounds",), "budget"),
        (("report", "--out", "report.html"), "4 studies in report.html"),
    ):
        answer = database.call(*command)
        assert words in answer.stdout + answer.stderr


def test_the_same_script_is_generated_from_it(database: Database, tmp_path: Path) -> None:
    [outcome] = database.ask("generate", TASK, "--device", DEVICE, "--json")
    assert (outcome["study"], outcome["trial"]) == (STUDIES[0].name, 7)
    pictures = []
    for script in (tmp_path / outcome["path"], GOLDEN / "second-release-script.py"):
        draw(str(script), str(MODEL), ["a red square"], 3, str(tmp_path / "pictures.pt"))
        pictures.append(torch.stack(torch.load(tmp_path / "pictures.pt")))
    assert torch.equal(*pictures)


@pytest.mark.parametrize("left", STUDIES, ids=lambda left: left.name.split("--")[3])
def test_the_same_command_goes_on_with_it_and_measures_only_what_is_new(
    database: Database, left: Left
) -> None:
    with closing(sqlite3.connect(database.file)) as connection, connection:
        names = move(connection)
    before = {table: database.rows(table) for table in KEPT}
    [known] = database.ask("export", names[left.name], "--format", "json")
    command = ("study", *left.command.split(), "--device", "cpu", "--json")
    answer = database.call(*command, "--trials", str(left.points + left.more))
    assert f" points measured, {left.more} of them now" in answer.stderr
    assert "not resumed" not in answer.stderr
    assert [study["study"] for study in json.loads(answer.stdout)] == [names[left.name]]
    [now] = database.ask("export", names[left.name], "--format", "json")
    assert now["points"][: left.points] == known["points"]
    params = [tuple(point["params"].items()) for point in now["points"]]
    assert len(params) == len(set(params)) == left.points + left.more
    for table, rows in before.items():
        assert rows <= database.rows(table)
    assert len(database.remeasured()) == len(set(database.remeasured()))
    assert len(database.ask("studies", "--json")) == len(STUDIES)
