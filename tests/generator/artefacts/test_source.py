"""What a script loads: the model that its trial was measured with, or nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generator.artefacts.emit import Emitter, TaskResult
from generator.artefacts.promise import read_promise
from generator.artefacts.script import render_script
from generator.artefacts.source import find_source
from generator.choice import Rules, Scope
from generator.tasks.task import Task
from objectives.embedded import PIPELINE_DIR
from objectives.errors import InputError
from objectives.model_files.fingerprint import earlier_fingerprint
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.model import find_model
from storage.database.opening import Store
from storage.records.environment import Environment
from storage.records.study import Origin, Study
from tests.generator.artefacts.made_emitters import NOT_ASKED, put
from tests.generator.made_trials import made_study
from tests.made_records import changed
from tests.tiny_pipelines import save_tiny, tiny_pipeline

SD15 = find_pipeline("SD1.5")

POINT = {"deepcache.cache_interval": 3, "deepcache.cache_branch_id": 0}

FIRST, LATEST = "a" * 40, "b" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_tiny("SD1.5", tmp_path / "my-sd")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with two commits of a model: the latest one has greater weights."""
    repository = tmp_path / "hub" / "models--somebody--tiny"
    for commit in (FIRST, LATEST):
        pipe = tiny_pipeline("SD1.5")
        pipe.unet.conv_out.bias.data.fill_(1.0 if commit == FIRST else 2.0)
        pipe.save_pretrained(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(LATEST)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


A_CPU = Environment(device="a CPU", versions={})


def study_of(
    model: str | None, pipeline: str = "SD1.5", revision: str | None = None, **changes: Any
) -> Study:
    """A study of a trial of 2.5x, as one that was run on a model leaves it."""
    found = find_model(find_pipeline(pipeline), model, revision)
    study, _ = made_study(pipeline, ["deepcache"], POINT, model=found.name)
    return changed(study, origin=found.origin, environment=A_CPU, **changes)


def emit(store: Store, folder: Path, *studies: Study, **changes: Any) -> TaskResult:
    """What becomes of a task that names the pipeline alone."""
    emitter = Emitter(
        store=store,
        studies={study.name: study for study in studies},
        scope=Scope(re.compile("a CPU")),
        rules=Rules(),
        search=NOT_ASKED,
        put=put,
        out=folder,
        **changes,
    )
    pipeline = studies[0].combination.pipeline
    return emitter.emit(
        Task(pipeline=pipeline, methods=("deepcache",), speedup=1.5, loss_budget=0.1)
    )


def test_a_script_of_a_folders_study_loads_that_folder(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    outcome = emit(store, tmp_path, study_of(str(folder)))
    assert outcome.status == "emitted"
    assert outcome.path is not None
    assert read_promise(outcome.path).model == str(folder)


def test_a_folder_is_kept_with_its_whole_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert find_source(study_of("my-sd")).model == str(folder)


def test_a_folder_that_is_gone_is_refused_with_what_to_do(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    study = study_of(str(folder))
    folder.rename(tmp_path / "moved")
    outcome = emit(store, tmp_path, study)
    assert outcome.status == "failed"
    assert str(folder) in outcome.reason
    assert "--model FOLDER" in outcome.reason
    moved = emit(store, tmp_path, study, model=str(tmp_path / "moved"))
    assert moved.path is not None
    assert read_promise(moved.path).model == str(tmp_path / "moved")


def test_a_folder_that_holds_another_model_by_now_is_refused(folder: Path) -> None:
    study = study_of(str(folder))
    pipe = tiny_pipeline("SD1.5")
    pipe.unet.conv_out.bias.data.fill_(1.0)
    pipe.save_pretrained(folder)
    with pytest.raises(InputError, match=r"does not hold it; .*--model FOLDER"):
        find_source(study)
    with pytest.raises(InputError, match=r"does not hold it; .*--model FOLDER"):
        find_source(study, str(folder))


def test_a_folder_of_a_study_of_the_first_release_is_not_guessed(folder: Path) -> None:
    study, _ = made_study(
        "SD1.5", ["deepcache"], POINT, model=f"my-sd@{earlier_fingerprint(folder)}"
    )
    with pytest.raises(InputError, match="does not hold its folder"):
        find_source(study)
    assert find_source(study, str(folder)).model == str(folder)


def test_an_embedded_model_of_the_first_release_is_still_known() -> None:
    name = f"tiny-shapes@{earlier_fingerprint(PIPELINE_DIR)}"
    study, _ = made_study("tiny-shapes", ["deepcache"], POINT, model=name)
    assert find_source(study).model == str(PIPELINE_DIR.resolve())
    other, _ = made_study("tiny-shapes", ["deepcache"], POINT, model="tiny-shapes@00000000")
    with pytest.raises(InputError, match="does not hold its folder"):
        find_source(other)


@pytest.mark.usefixtures("hub_cache")
def test_a_commit_is_resolved_and_kept() -> None:
    for revision, commit in ((None, LATEST), ("main", LATEST), (FIRST, FIRST)):
        source = find_source(study_of("somebody/tiny", revision=revision))
        assert (source.model, source.revision) == ("somebody/tiny", commit)


def test_a_script_loads_the_commit_that_was_measured(hub_cache: Path, tmp_path: Path) -> None:
    study = study_of("somebody/tiny", revision=FIRST)
    script = tmp_path / "script.py"
    script.write_text(render_script(study, study.trials[0], find_source(study)))
    promise = read_promise(script)
    assert (promise.model, promise.revision) == ("somebody/tiny", FIRST)
    code = (
        "import runpy; made = runpy.run_path('script.py')\n"
        "pipe = made['load_pipeline']\n"
        f"other = '{hub_cache}/models--somebody--tiny/snapshots/{LATEST}'\n"
        "for model in (made['MODEL'], other):\n"
        "    print(float(pipe(model, 'cpu').unet.conv_out.bias.mean()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"HF_HUB_CACHE": str(hub_cache), "HF_HUB_OFFLINE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1.0", "2.0"], done.stderr


@pytest.mark.usefixtures("hub_cache")
def test_verify_finds_the_commit_that_a_script_pins() -> None:
    study = study_of("somebody/tiny", revision=FIRST)
    pinned, latest = (find_model(SD15, "somebody/tiny", each) for each in (FIRST, None))
    assert pinned.is_measured(study.protocol.model)
    assert not latest.is_measured(study.protocol.model)


@pytest.mark.parametrize("commit", ["main", "x" * 40, '"; import os', FIRST.upper()])
def test_a_commit_that_is_none_reaches_no_script(commit: str) -> None:
    study, _ = made_study("SD1.5", ["deepcache"], POINT, model="somebody/tiny@0123456789abcdef")
    with pytest.raises(InputError, match="commit"):
        find_source(changed(study, origin=Origin(address="somebody/tiny", commit=commit)))


def test_a_plain_task_prefers_the_catalogues_own_model(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    own, _ = made_study("SD1.5", ["deepcache"], POINT, num_samples=8)
    own = changed(own, name="own", environment=A_CPU)
    foreign = study_of(str(folder), name="foreign")
    outcome = emit(store, tmp_path, foreign, own)
    assert outcome.chosen is not None
    assert outcome.chosen.study.name == "own"
    assert outcome.path is not None
    assert read_promise(outcome.path).model == SD15.model
    assert "catalogue" not in outcome.reason


def test_a_fine_tune_that_serves_a_plain_task_is_told(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    study = study_of(str(folder))
    outcome = emit(store, tmp_path, study)
    assert outcome.status == "emitted"
    assert f"the model is {study.protocol.model}, and not the catalogue's own" in outcome.reason
    assert outcome.as_json()["model"] == study.protocol.model
