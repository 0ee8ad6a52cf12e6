"""Databases as commands of the first release left them: readable for good, and not mixed with."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.storage.stub_loader import REQUEST, StubLoader
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.runner import run_study
from tests.command_line import Answer, run

GOLDEN = Path(__file__).parents[1] / "golden" / "databases"


@dataclass(frozen=True)
class Release:
    """A database of the first release.

    Attributes:
        file: The SQL that makes it.
        request: What its command asked for.
        points: How many points were measured.
        confirmed: Which of them were confirmed.
        task: What is asked of them.
        trial: The fastest of them that meets it; None if none does.
    """

    file: str
    request: StudyRequest
    points: int
    confirmed: tuple[int, ...]
    task: str
    trial: int | None


RELEASES = (
    Release(
        "schema-1.sql",
        replace(REQUEST, trials=3),
        3,
        (),
        "tiny-shapes, DDIM, 50 steps, DeepCache + T-GATE + ToMe, at least 1x, loss at most 50%",
        None,
    ),
    Release(
        "first-release.sql",
        StudyRequest("tiny-shapes", "DDIM", 20, ("deepcache", "tgate"), 8, device="cpu"),
        8,
        (4, 7),
        "tiny-shapes with DDIM, 20 steps, DeepCache and T-GATE, at least 1.7x, loss at most 3%",
        4,
    ),
)


@dataclass(frozen=True)
class Database:
    """A copy of a release's database.

    Attributes:
        release: Which one.
        url: Where it is.
        folder: The folder that it is in.
    """

    release: Release
    url: str
    folder: Path

    def call(self, *arguments: str) -> Answer:
        """Call a command on it."""
        return run(*arguments, "--storage", self.url, cwd=self.folder)

    def read(self) -> list[Study]:
        """Its studies, as another process reads them."""
        store = open_store(self.url)
        records = read_studies(store)
        store.engine.dispose()
        return records


@pytest.fixture(params=RELEASES, ids=lambda release: release.file)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    release: Release = request.param
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.executescript((GOLDEN / release.file).read_text())
    return Database(release, f"sqlite:///{tmp_path}/old.db", tmp_path)


def test_it_is_shown_by_each_command_that_reads(database: Database) -> None:
    release = database.release
    [front] = json.loads(database.call("front", "--json").stdout)
    assert front["trials"] == release.points
    own_front = {point["trial"]: point for point in front["front"]}
    confirmed = [trial.number for trial in database.read()[0].trials if trial.confirmed]
    assert tuple(confirmed) == release.confirmed
    assert {number for number, point in own_front.items() if "confirmed" in point} == {*confirmed}
    for command, words in (
        (("studies",), f"{release.points}/"),
        (("front",), front["study"]),
        (("bounds",), "budget"),
        (("tasks",), " answer "),
        (("export", "--format", "csv"), front["study"]),
        (("report", "--out", "report.html"), "1 study in report.html"),
    ):
        answer = database.call(*command)
        assert answer.returncode in (0, 3) or command == ("tasks",), answer.stderr
        assert words in answer.stdout + answer.stderr
    exported = json.loads(database.call("export", "--format", "json").stdout)
    assert front["study"] in json.dumps(exported)


def test_scripts_are_generated_from_it(database: Database) -> None:
    [study] = database.read()
    words = (database.release.task, "--device", study.device, "--out", "scripts")
    answer = database.call("generate", *words)
    if database.release.trial is None:
        assert answer.returncode == 3
        assert f"not reached yet, {database.release.points} of " in answer.stdout
        return
    assert answer.returncode == 0, answer.stdout + answer.stderr
    [script] = (database.folder / "scripts").iterdir()
    assert script.stem.endswith(f"-trial{database.release.trial}")
    compile(script.read_text(), script.name, "exec")


def test_the_same_command_begins_a_new_study_beside_it_and_says_why(database: Database) -> None:
    [before] = database.read()
    plan = make_plan(replace(database.release.request, confirm=False))
    device = plan.environment.model_copy(update={"device": before.device})
    plan = replace(plan, environment=device)
    store = open_store(database.url, create=True)
    outcome = run_study(plan, store, loader=StubLoader(lambda: None))
    assert outcome.measured == database.release.points
    assert outcome.earlier.startswith(f"{before.name} is not resumed")
    assert "cannot tell models apart" in outcome.earlier
    assert "this release draws them by the seed" in outcome.earlier
    after = {study.name: study for study in database.read()}
    assert after.keys() == {before.name, plan.study_name}
    assert after[before.name] == before
    assert len(after[plan.study_name].trials) == database.release.points
