"""`accelfront verify`: one script that keeps its promise, one that does not, one that dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState, create_trial
from sqlalchemy import create_engine

from generator.artefacts.promise import Verdict, asked_latency, read_promise
from generator.artefacts.script import render_script
from generator.artefacts.source import Source
from generator.artefacts.verify import verify
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.pipelines.model import find_model
from objectives.protocol import prompts_fingerprint
from objectives.timing.device import device_name
from objectives.timing.interference import TASKS
from storage.database.opening import open_store
from storage.database.schema import scripts
from storage.database.scripts import ScriptRecord, keep_script
from storage.reading.studies import read_studies
from storage.records.study import StudyRecord
from storage.study_store import attributes as keys
from tests.command_line import run
from tests.generator.made_trials import made_study
from tests.tiny_pipelines import PICTURE_SIZE, PROMPTS, save_tiny

METHODS = ("deepcache", "tgate", "tome")

POINT = {
    "cache_interval": 2,
    "cache_branch_id": 0,
    "gate_step": 5,
    "sp_interval": 1,
    "fi_interval": 1,
    "warm_up": 0,
    "ratio": 0.5,
    "max_downsample": 1,
}

ANY_SPEED, NO_SPEED = (0.01, 1000.0), (1000.0, 1001.0)


@dataclass(frozen=True)
class Place:
    """A database, the scripts of its trials, and what they were measured with."""

    url: str
    prompts: Path
    model: Path
    study: StudyRecord
    scripts: list[Path]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A study of two trials: one promises any speed, the other a speed that nothing reaches."""
    folder = tmp_path_factory.mktemp("verify")
    model = save_tiny("SD1.5", folder / "tiny", layers_per_block=1)
    prompts = folder / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    study, _ = made_study(
        "SD1.5",
        METHODS,
        POINT,
        steps=8,
        model=find_model(find_pipeline("SD1.5"), str(model), None).name,
        prompts=f"prompts.txt@{prompts_fingerprint(PROMPTS)}",
        num_samples=2,
        batch_size=2,
        height=PICTURE_SIZE,
        width=PICTURE_SIZE,
        guidance_scale=5.0,
        dtype="float32",
    )
    study = replace(study, device=device_name(torch.device("cpu")))
    url = f"sqlite:///{folder / 'a.db'}"
    study = _store(study, url)
    written = []
    for trial in study.trials:
        written.append(folder / f"trial{trial.number}.py")
        written[-1].write_text(render_script(study, trial, Source(str(model), variant="fp16")))
    return Place(url, prompts, model, study, written)


def _store(study: StudyRecord, url: str) -> StudyRecord:
    """Write a study as a run leaves it, with two trials, and read it back."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    store = open_store(url, create=True)
    stored = optuna.create_study(
        study_name=study.name, storage=store.optuna, directions=["maximize", "minimize"]
    )
    attributes: dict[str, Any] = {
        keys.COMBINATION: study.combination,
        keys.PROTOCOL: study.protocol,
        keys.ENVIRONMENT: {"device": study.device, "versions": study.versions},
        keys.SPACE: study.space,
        keys.LOSS_BUDGET: study.loss_budget,
    }
    for key, value in attributes.items():
        stored.set_user_attr(key, value)
    [trial] = study.trials
    for number, interval in enumerate((ANY_SPEED, NO_SPEED)):
        # Equal points would count as one.
        point = {**trial.params, "cache_interval": trial.params["cache_interval"] + number}
        measurement = {**trial.measurement, "speedup_ci": interval}
        stored.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                values=[interval[0], trial.clip_loss],
                user_attrs={keys.POINT: point, keys.MEASUREMENT: measurement},
            )
        )
    [read] = read_studies(store)
    store.engine.dispose()
    return read


@pytest.fixture(scope="module")
def answer(place: Place) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit code, what people are told, and the JSON; the second script has lost a step."""
    good, boastful = place.scripts
    source = boastful.read_text()
    assert source.count("STEPS = 8") == 1
    boastful.write_text(source.replace("STEPS = 8", "STEPS = 7"))
    dying = good.with_name("dying.py")
    dying.write_text(good.read_text().replace("    pipe.to(device)\n", "    pipe.go(device)\n"))
    scripts = [str(script) for script in (good, boastful, dying)]
    options = ["--storage", place.url, "--prompts", str(place.prompts), "--device", "cpu"]
    done = run("verify", *scripts, *options, "--json")
    return done.returncode, done.stderr, json.loads(done.stdout)


def test_a_broken_promise_is_exit_code_3(answer: tuple[int, str, list[dict[str, Any]]]) -> None:
    assert answer[0] == 3


def test_a_script_as_it_was_written_keeps_its_promise(
    answer: tuple[int, str, list[dict[str, Any]]],
) -> None:
    good = answer[2][0]
    assert good["kept"], good["broken"]
    assert good["pictures_equal"]
    low, high = good["speedup_ci"]
    assert 0 < low <= good["speedup"] <= high
    assert (good["trial"], good["trial_speedup_ci"]) == (0, list(ANY_SPEED))


def test_other_pictures_and_a_lower_speed_are_told_with_how_much(
    answer: tuple[int, str, list[dict[str, Any]]],
) -> None:
    _, told, [_, boastful, _] = answer
    assert not boastful["kept"]
    assert not boastful["pictures_equal"]
    pictures, speed = boastful["broken"]
    assert f"PSNR {boastful['psnr_db']:.1f} dB" in pictures
    assert "% less than the trial's 1000.00 to 1001.00" in speed
    assert pictures in told and speed in told


@pytest.mark.skipif(not TASKS.is_dir(), reason="waiting for a CPU is told on Linux alone")
def test_a_speed_that_was_missed_on_a_busy_machine_is_told_so(place: Place) -> None:
    endless = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as rivals:
        for _ in os.sched_getaffinity(0):
            rivals.callback(subprocess.Popen(endless).kill)
        verdict = _verify(place, place.scripts[1])
    assert "busy" in verdict.disturbed
    assert any("disturbed (busy), so try again on an idle machine" in why for why in verdict.broken)


def test_a_script_that_dies_is_told_with_its_last_words(
    answer: tuple[int, str, list[dict[str, Any]]],
) -> None:
    dying = answer[2][2]
    assert not dying["kept"]
    [reason] = dying["broken"]
    assert "does not run" in reason and "'go'" in reason
    assert dying["speedup"] is None


def test_the_seconds_a_picture_that_a_task_asked_for_are_held_too(place: Place) -> None:
    store = open_store(place.url)
    promise = read_promise(place.scripts[0])
    asked = [asked_latency(store.engine, promise)]
    tasks = ("under 3600 s per image", "at least 1.1x", "at most 0.02 ms per image", "no task")
    for task in tasks:
        text = f"SD1.5, DDIM, 8 steps, DeepCache, {task}"
        keep_script(store.engine, ScriptRecord(text, promise.study, promise.trial, "", ""))
        asked.append(asked_latency(store.engine, promise))
    assert asked == [None, 3600, 3600, 2e-5, 2e-5]
    command = ["verify", str(place.scripts[0]), "--prompts", str(place.prompts), "--device", "cpu"]
    done = run(*command, "--storage", place.url, "--json")
    with store.engine.begin() as connection:
        connection.execute(scripts.delete())
    store.engine.dispose()

    assert done.returncode == 3
    [verdict] = json.loads(done.stdout)
    [reason] = verdict["broken"]
    assert "s a picture" in reason and "in batches of 2" in reason
    assert "more than the 2e-05 s that a task asked for" in reason
    low, high = verdict["latency_ci_s"]
    assert 2e-5 < low <= verdict["latency_s"] <= high
    assert verdict["asked_latency_s"] == 2e-5


def test_seconds_a_picture_that_are_kept_are_no_fault(place: Place) -> None:
    verdict = _verify(place, place.scripts[0], asked_s=3600.0)
    assert verdict.asked_s == 3600
    assert not verdict.broken


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

    with pytest.raises(InputError, match="give --model"):
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


def test_a_promise_is_read_without_running_the_script(place: Place, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(place.scripts[0].read_text() + "\nraise SystemExit\n")

    promise = read_promise(script)

    assert (promise.study, promise.trial) == (place.study.name, 0)
    assert promise.model == str(place.model)


def test_a_file_at_fault_gets_its_verdict_and_stops_no_other(place: Place, tmp_path: Path) -> None:
    good, missing, strange = place.scripts[0], tmp_path / "none.py", tmp_path / "strange.py"
    strange.write_text("print('hello')")
    lost = tmp_path / "lost.py"
    lost.write_text(good.read_text().replace("TRIAL = 0", "TRIAL = 7"))
    scripts = [str(script) for script in (missing, lost, good, strange)]
    options = ["--storage", place.url, "--prompts", str(place.prompts), "--device", "cpu"]

    done = run("verify", *scripts, *options, "--json")

    assert done.returncode == 3, done.stderr
    verdicts = json.loads(done.stdout)
    assert [verdict["script"] for verdict in verdicts] == scripts
    assert [verdict["kept"] for verdict in verdicts] == [False, False, True, False]
    assert [verdict["trial"] for verdict in verdicts] == [None, 7, 0, None]
    reasons = ["cannot read the script", "give the --storage", None, "did not write it"]
    for script, verdict, reason in zip(scripts, verdicts, reasons, strict=True):
        if reason is not None:
            [told] = verdict["broken"]
            assert reason in told and verdict["trial_speedup"] is None
            assert f"{script}: {told}" in done.stderr


def test_verdicts_on_files_at_fault_are_a_table_too(place: Place, tmp_path: Path) -> None:
    done = run("verify", str(tmp_path / "none.py"), "--storage", place.url)

    assert done.returncode == 3
    assert "none.py" in done.stdout and "cannot read the script" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--device", "tpu"), ("--prompts", "missing.txt")])
def test_what_is_wrong_for_all_scripts_is_exit_code_2(
    place: Place, options: tuple[str, str]
) -> None:
    done = run("verify", *map(str, place.scripts), "--storage", place.url, *options)

    assert done.returncode == 2
    assert options[1] in done.stderr and "running" not in done.stderr
    assert "Traceback" not in done.stderr
