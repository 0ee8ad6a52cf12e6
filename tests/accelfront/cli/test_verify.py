"""`accelfront verify`: one script that keeps its promise, one that does not, one that dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from generator.artefacts.module import render_module
from generator.artefacts.source import Source
from objectives.timing.interference import TASKS
from storage.database.opening import open_store
from storage.database.schema import scripts
from storage.database.scripts import ScriptRecord, keep_script
from tests.command_line import run
from tests.generator.artefacts.forked_runs import runs_forked
from tests.generator.artefacts.verified_place import ANY_SPEED, Place, make_place

ASKED_OF_NOTHING = "at most 0.02 ms per image"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("verify"))


@pytest.fixture(scope="module")
def answer(place: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Exit code, what people are told, and verdicts by script: each that runs takes seconds.

    `trial1` has lost a step and runs on a busy machine, `altered` is a module of another point,
    `dying` dies, and the others but `module` are at fault.
    A task asked for an hour a picture of trial 0, and of trial 1 for what nothing reaches.
    """
    good, boastful = place.scripts
    source = boastful.read_text()
    assert source.count("STEPS = 8") == 1
    boastful.write_text(source.replace("STEPS = 8", "STEPS = 7"))
    folder = tmp_path_factory.mktemp("scripts")
    changes = {
        "dying": ("    pipe.to(device)\n", "    pipe.go(device)\n"),
        "lost": ("TRIAL = 0", "TRIAL = 7"),
        "strange": (good.read_text(), "print('hello')"),
    }
    for name, change in changes.items():
        (folder / f"{name}.py").write_text(good.read_text().replace(*change))
    missing, lost, dying, strange = (
        folder / f"{name}.py" for name in ("missing", "lost", "dying", "strange")
    )
    module, altered = folder / "module.py", folder / "altered.py"
    text = render_module(place.study, place.study.trials[0], Source(str(place.model)))
    given = "        cache_interval=2,\n"
    assert text.count(given) == 1
    module.write_text(text)
    altered.write_text(text.replace(given, given.replace("2", "3")))
    store = open_store(place.url)
    for trial, asked in enumerate(("under 3600 s per image", ASKED_OF_NOTHING)):
        task = f"SD1.5, DDIM, 8 steps, DeepCache, {asked}"
        keep_script(store.engine, ScriptRecord(task, place.study.name, trial, "", ""))
    options = ["--storage", place.url, "--prompts", str(place.prompts), "--device", "cpu", "--json"]
    idle = run("verify", *map(str, (missing, lost, good, strange)), *options)
    with runs_forked():
        others = run("verify", *map(str, (dying, module, altered)), *options)
        with rivals():
            busy = run("verify", str(boastful), *options)
    with store.engine.begin() as connection:
        connection.execute(scripts.delete())
    store.engine.dispose()
    answers = (idle, others, busy)
    verdicts = [verdict for each in answers for verdict in json.loads(each.stdout)]
    return {
        "codes": [each.returncode for each in answers],
        "told": "".join(each.stderr for each in answers),
        "order": [Path(verdict["script"]).stem for verdict in verdicts],
        **{Path(verdict["script"]).stem: verdict for verdict in verdicts},
    }


@contextmanager
def rivals() -> Iterator[None]:
    """One for each core."""
    endless = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as running:
        for _ in os.sched_getaffinity(0):
            running.callback(running.enter_context(subprocess.Popen(endless)).kill)
        yield


def test_a_broken_promise_is_exit_code_3(answer: dict[str, Any]) -> None:
    assert answer["codes"] == [3, 3, 3]


def test_a_script_as_it_was_written_keeps_its_promise(answer: dict[str, Any]) -> None:
    good = answer["trial0"]
    assert good["kept"], good["broken"]
    assert good["pictures_equal"]
    low, high = good["speedup_ci"]
    assert 0 < low <= good["speedup"] <= high
    assert (good["trial"], good["trial_speedup_ci"]) == (0, list(ANY_SPEED))


def test_a_module_is_held_like_a_script(answer: dict[str, Any]) -> None:
    module, altered = answer["module"], answer["altered"]
    assert module["kept"] and module["pictures_equal"], module["broken"]
    assert (module["trial"], module["trial_speedup_ci"]) == (0, list(ANY_SPEED))
    [reason] = altered["broken"]
    assert "its pictures are not the trial's pictures" in reason


def test_other_pictures_and_a_lower_speed_are_told_with_how_much(answer: dict[str, Any]) -> None:
    boastful = answer["trial1"]
    assert not boastful["kept"]
    assert not boastful["pictures_equal"]
    pictures, speed, _ = boastful["broken"]
    assert f"PSNR {boastful['psnr_db']:.1f} dB" in pictures
    assert "% less than the trial's 1000.00 to 1001.00" in speed
    assert pictures in answer["told"] and speed in answer["told"]


@pytest.mark.skipif(not TASKS.is_dir(), reason="waiting for a CPU is told on Linux alone")
def test_a_speed_that_was_missed_on_a_busy_machine_is_told_so(answer: dict[str, Any]) -> None:
    boastful = answer["trial1"]
    assert "busy" in boastful["disturbed"]
    _, *slow = boastful["broken"]
    for reason in slow:
        assert "disturbed (busy), so try again on an idle machine" in reason


def test_a_script_that_dies_is_told_with_its_last_words(answer: dict[str, Any]) -> None:
    dying = answer["dying"]
    assert not dying["kept"]
    [reason] = dying["broken"]
    assert "does not run" in reason and "'go'" in reason
    assert dying["speedup"] is None


def test_the_seconds_a_picture_that_a_task_asked_for_are_held_too(answer: dict[str, Any]) -> None:
    boastful = answer["trial1"]
    _, _, reason = boastful["broken"]
    assert "s per picture" in reason and "in batches of 2" in reason
    assert "more than the 2e-05 s that a task asked for" in reason
    low, high = boastful["latency_ci_s"]
    assert 2e-5 < low <= boastful["latency_s"] <= high
    assert boastful["asked_latency_s"] == 2e-5


def test_seconds_a_picture_that_are_kept_are_no_fault(answer: dict[str, Any]) -> None:
    good = answer["trial0"]
    assert good["asked_latency_s"] == 3600
    assert good["broken"] == []


def test_a_file_at_fault_gets_its_verdict_and_stops_no_other(answer: dict[str, Any]) -> None:
    assert answer["order"] == [
        *("missing", "lost", "trial0", "strange", "dying", "module", "altered", "trial1")
    ]
    faults = (
        ("missing", None, "cannot read the script"),
        ("lost", 7, "give the --storage"),
        ("strange", None, "did not write it"),
    )
    for name, trial, reason in faults:
        verdict = answer[name]
        [told] = verdict["broken"]
        assert reason in told and verdict["trial_speedup"] is None
        assert (verdict["kept"], verdict["trial"]) == (False, trial)
        assert f"{verdict['script']}: {told}" in answer["told"]


def test_verdicts_on_files_at_fault_are_a_table_too(place: Place, tmp_path: Path) -> None:
    script = tmp_path / f"{'a-long-name-' * 9}.py"
    script.write_text("print('hello')")
    done = run("verify", str(script), "--storage", place.url)

    assert done.returncode == 3
    *table, named = done.stdout.splitlines()
    assert max(map(len, table)) <= 80
    assert named == f"1: {script}", "on one line, to be copied"
    assert "did not write it" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_scripts_alone_are_one_error_and_no_table(place: Place) -> None:
    done = run("verify", "missing.py", "--storage", place.url)

    assert (done.returncode, done.stdout) == (2, "")
    told = "there is no file missing.py; name scripts that `generate` wrote"
    assert done.stderr == f"accelfront: {told}\n"


@pytest.mark.parametrize("options", [("--device", "tpu"), ("--prompts", "missing.txt")])
def test_what_is_wrong_for_all_scripts_is_exit_code_2(
    place: Place, options: tuple[str, str]
) -> None:
    done = run("verify", *map(str, place.scripts), "--storage", place.url, *options)

    assert done.returncode == 2
    assert options[1] in done.stderr and "running" not in done.stderr
    assert "Traceback" not in done.stderr
