"""What scripts promise, read without running them, and what cannot be held against a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from generator.artefacts.promise import Verdict, asked_latency, read_promise
from generator.artefacts.serving.service import render_service
from generator.artefacts.source import Source
from generator.artefacts.verify import verify
from generator.choice import Choice
from objectives.errors import InputError
from storage.database.opening import open_store
from storage.database.schema import scripts
from storage.database.scripts import ScriptRecord, keep_script
from tests.generator.artefacts.made_emitters import POINT
from tests.generator.artefacts.verified_place import Place, make_place
from tests.generator.made_trials import made_study, rendered
from tests.tiny_pipelines import save_tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("verify"))


def test_the_least_seconds_a_picture_that_any_task_asked_for_count(place: Place) -> None:
    store = open_store(place.url)
    promise = read_promise(place.scripts[0])
    asked = [asked_latency(store.engine, promise)]
    for task in ("under 3600 s per image", "at least 1.1x", "at most 0.02 ms per image", "no task"):
        text = f"SD1.5, DDIM, 8 steps, DeepCache, {task}"
        keep_script(store.engine, ScriptRecord(text, promise.study, promise.trial, "", ""))
        asked.append(asked_latency(store.engine, promise))
    with store.engine.begin() as connection:
        connection.execute(scripts.delete())
    store.engine.dispose()
    assert asked == [None, 3600, 3600, 2e-5, 2e-5]


def test_a_database_without_scripts_asked_for_nothing(place: Place, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/empty.db")
    assert asked_latency(engine, read_promise(place.scripts[0])) is None
    engine.dispose()


def _verify(place: Place, script: Path, **options: Any) -> Verdict:
    asked = {"model": None, "prompts": place.prompts, "device": "cpu", **options}
    return verify(read_promise(script), {place.study.name: place.study}, **asked)


def test_other_prompts_than_the_studys_are_refused(place: Place) -> None:
    with pytest.raises(InputError, match="give --prompts FILE"):
        _verify(place, place.scripts[0], prompts=None)


def test_another_model_than_the_studys_is_refused(place: Place, tmp_path: Path) -> None:
    other = save_tiny("SD1.5", tmp_path / "other", layers_per_block=1, seed=1)

    with pytest.raises(InputError, match="with --model"):
        _verify(place, place.scripts[0], model=str(other))


@pytest.mark.parametrize("change", [("TRIAL = 0", "TRIAL = 7"), ('STUDY = "', 'STUDY = "x')])
def test_a_script_of_another_storage_is_refused(
    place: Place, tmp_path: Path, change: tuple[str, str]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(place.scripts[0].read_text().replace(*change))

    with pytest.raises(InputError, match="give the --storage"):
        _verify(place, script)


@pytest.mark.parametrize(
    "text", [b"print('hello')", b"def (", b"\0", b"\xff", b"STUDY = TRIAL = 1"]
)
def test_a_file_that_is_no_script_of_ours_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "script.py"
    path.write_bytes(text)

    with pytest.raises(InputError, match=r"script\.py"):
        read_promise(path)


def test_a_service_is_told_apart_from_what_another_program_wrote(tmp_path: Path) -> None:
    study, trial = made_study("SD1.5", ["deepcache"], POINT)
    path = tmp_path / "service.py"
    path.write_text(render_service(Choice(study, trial, study.budgets), Source("a/model")))
    with pytest.raises(InputError, match="is a service, of several trials"):
        read_promise(path)


def test_a_promise_is_read_without_running_the_script(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(place.scripts[0].read_text() + "\nraise SystemExit\n")

    promise = read_promise(script)

    assert (promise.study, promise.trial) == (place.study.name, 0)
    assert promise.model == str(place.model)


def test_a_script_that_captures_is_not_run_on_a_cpu(tmp_path: Path) -> None:
    study, trial = made_study("SD1.5", ["cuda_graph", "deepcache"], POINT)
    script = tmp_path / "script.py"
    script.write_text(rendered(study, trial))

    with pytest.raises(InputError, match="need a GPU for cuda_graph, and the device is cpu"):
        verify(read_promise(script), {study.name: study}, None, None, "cpu")
