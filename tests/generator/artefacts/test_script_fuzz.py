"""Whatever a task says, a script is one of those that the measured trials have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.artefacts.emit import Emitter
from generator.artefacts.script import render_script, script_name
from generator.artefacts.source import find_source
from generator.choice import Rules, Scope
from generator.tasks.task import Task, read_task
from objectives.errors import InputError
from storage.database.opening import open_store
from storage.records.study import Study
from tests.generator.artefacts.made_emitters import NOT_ASKED, make_study, make_task, put

SENTENCE = "tiny-shapes with DDIM in 20 steps, deepcache, 1.2x faster, loss below 10%"

ENTRY = {
    "pipeline": "tiny-shapes",
    "scheduler": "DDIM",
    "steps": 20,
    "methods": ["deepcache"],
    "speedup": 1.2,
    "loss_budget": 0.1,
}

hostile = st.text() | st.sampled_from(
    [
        '"""\nimport os\nos.system("id")\n"""',
        "\n\nimport os  # ",
        "'); import os; ('",
        "{{ study }}{% include '/etc/passwd' %}",
        "../../../../tmp/x",
        "; STEPS = 1",
        "\\",
        "\0",
        "\u202e",
    ]
)


@pytest.fixture(scope="module")
def study() -> Study:
    return make_study((2.0, 0.01), (1.5, 0.0))


@pytest.fixture(scope="module")
def emit(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Task], str]]:
    """Emits a task, holds all that was written against what the trials have, tells the status."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    store = open_store(f"sqlite:///{folder / 'a.db'}", create=True)
    scripts = folder / "scripts"
    scripts.mkdir()
    emitter = Emitter(
        store=store,
        studies={study.name: study},
        scope=Scope(re.compile("a CPU")),
        rules=Rules(),
        search=NOT_ASKED,
        put=put,
        out=scripts,
    )
    known = {
        script_name(study, trial): render_script(study, trial, find_source(study))
        for trial in study.trials
    }

    def emit_and_compare(task: Task) -> str:
        status = emitter.emit(task).status
        written = {path.name: path.read_text(encoding="utf-8") for path in scripts.iterdir()}
        assert written.items() <= known.items()
        assert {path.name for path in folder.iterdir()} == {"a.db", "scripts"}
        return status

    yield emit_and_compare
    store.engine.dispose()


def test_unharmed_tasks_are_emitted(emit: Callable[[Task], str]) -> None:
    assert emit(read_task(SENTENCE)) == emit(read_task(json.dumps(ENTRY))) == "emitted"


@given(text=hostile)
def test_the_text_of_a_task_reaches_no_script(emit: Callable[[Task], str], text: str) -> None:
    assert emit(make_task(1.2, text=text)) == "emitted"


@given(text=hostile, place=st.integers(0, len(SENTENCE)))
def test_no_part_of_a_sentence_reaches_a_script(
    emit: Callable[[Task], str], text: str, place: int
) -> None:
    try:
        task = read_task(SENTENCE[:place] + text + SENTENCE[place:])
    except InputError:
        return
    emit(task)


@given(text=hostile, key=st.sampled_from([*ENTRY, "text", "model"]))
def test_no_value_of_an_entry_reaches_a_script(
    emit: Callable[[Task], str], text: str, key: str
) -> None:
    try:
        task = read_task(json.dumps(ENTRY | {key: text}))
    except InputError:
        return
    emit(task)
