"""Workers that are killed or interrupted at a study of the shipped pipeline."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.storage.stub_loader import StubLoader
from storage.database.opening import Store, open_store
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.points import by_whole_names, point_key
from storage.study_store.attributes import POINT, REASON
from storage.study_store.claims import list_claims
from tests import command_line
from tests.studies.conftest import MakeRequest
from tests.studies.run.conftest import RunStudy, load


def test_a_worker_killed_while_choosing_holds_nothing_up(
    run: RunStudy, make_small_request: MakeRequest, store: Store
) -> None:
    run(make_small_request(trials=3), store)
    load(store).ask()  # Never told, and without a point.
    outcome = run(make_small_request(), store)
    assert (outcome.reason, len(outcome.study.trials)) == ("points", 4)


def holders(url: str) -> set[int]:
    """Numbers of the processes that measure points, or have measured some."""
    try:
        store = open_store(url)
        claims = list_claims(store.engine, load(store)._study_id)
    except (StorageError, ValueError):
        return set()  # The database is being made.
    store.engine.dispose()
    return {claim.pid for claim in claims}


@pytest.mark.thorough
def test_of_two_processes_one_is_killed_and_one_interrupted_and_a_third_goes_on(
    storage_url: str, run: RunStudy, make_small_request: MakeRequest, tmp_path: Path
) -> None:
    # Thirty points: none is done before the other has begun.
    command = [
        *("study", "--device", "cpu", "--steps", "6", "--methods", "tome", "--trials", "30"),
        *("--num-samples", "2", "--batch-size", "1", "--storage", storage_url, "--no-confirm"),
    ]

    def call(answer: Path) -> None:
        done = command_line.run(*command)
        answer.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))

    # Forked processes find imported what each would import for seconds.
    import open_clip  # noqa: F401
    from diffusers import StableDiffusionPipeline  # noqa: F401

    fork = multiprocessing.get_context("fork")
    killed, interrupted = (
        fork.Process(target=call, args=(tmp_path / name,)) for name in ("killed", "interrupted")
    )
    killed.start()
    interrupted.start()
    while not holders(storage_url) >= {killed.pid, interrupted.pid}:
        assert killed.is_alive() and interrupted.is_alive()
        time.sleep(0.1)
    killed.kill()
    assert interrupted.pid is not None
    os.kill(interrupted.pid, signal.SIGINT)
    for process in (killed, interrupted):
        process.join(240)
    returncode, stdout, stderr = json.loads((tmp_path / "interrupted").read_text())
    assert returncode == 130, stderr
    assert "the same command resumes the study" in stderr
    assert "speedup" in stdout
    before = read_studies(open_store(storage_url))[0]
    assert 1 <= len(before.trials) < 30
    # Only the killed one left something: a trial that another run will fail.
    assert before.states.keys() <= {"complete", "running", "fail"}
    wanted = len(before.trials) + 2
    request = make_small_request(methods=("tome",), steps=6, trials=wanted)
    study = run(request, open_store(storage_url)).study
    assert study.trials[: len(before.trials)] == before.trials
    assert len({point_key(trial.params) for trial in study.trials}) == len(study.trials) == wanted
    assert study.states["complete"] == wanted
    assert study.states.get("fail", 0) <= 1


def test_a_second_ctrl_c_ends_at_once_and_frees_the_point(
    run: RunStudy, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def interrupt_twice() -> None:
        if not measured:
            measured.append("interrupted")
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second Ctrl-C went unheard")

    monkeypatch.setattr("studies.run.runner.PipelineLoader", lambda: StubLoader(interrupt_twice))
    quick = ("--methods", "deepcache", "--steps", "2", "--no-confirm")
    command = ("study", *quick, "--storage", storage_url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer = command_line.run(*command)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    except KeyboardInterrupt:
        pytest.fail("the second Ctrl-C was not told")
    finally:
        signal.signal(signal.SIGINT, before)
    assert answer.returncode == 130
    assert answer.stderr.splitlines()[-1] == "Interrupted; the same command resumes the study."
    [failed] = load(open_store(storage_url)).trials
    assert failed.user_attrs[REASON] == "interrupted"
    assert command_line.run(*command).returncode == 0
    [study] = read_studies(open_store(storage_url))
    assert study.states == {"fail": 1, "complete": 4}
    assert by_whole_names(failed.user_attrs[POINT]) in [trial.params for trial in study.trials]
