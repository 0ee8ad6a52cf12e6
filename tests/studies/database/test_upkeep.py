"""Studies that a person deletes or labels from the command line."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import optuna
import pytest
from sqlalchemy import func, select

from benchmarks.storage.stub_loader import REQUEST, work
from storage.database.baselines import baseline_key, keep_baseline
from storage.database.opening import Store, open_store
from storage.database.schema import baselines, claims, scripts
from storage.database.scripts import ScriptRecord, keep_script
from storage.study_store.artifacts import artifact_folder, keep_picture
from storage.study_store.store import StudyStore
from studies.plan import Plan, make_plan
from studies.run.opening import open_study_store
from tests.command_line import Answer, run

PLAN = make_plan(replace(REQUEST, methods=("deepcache",), steps=6, trials=3, confirm=False))
OTHER = make_plan(replace(REQUEST, methods=("tgate",), steps=6, trials=2, confirm=False))

fork = multiprocessing.get_context("fork")


@contextmanager
def worker_of(url: str, act: Callable[[StudyStore], object]) -> Iterator[BaseProcess]:
    """A worker that has come to the study, has done something, and measures nothing now."""
    waiting = fork.Event()

    def come() -> None:
        act(open_study_store(PLAN, open_store(url)))
        waiting.set()
        signal.pause()

    worker = fork.Process(target=come)
    worker.start()
    try:
        assert waiting.wait(60)
        yield worker
    finally:
        worker.kill()
        worker.join()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ACCELFRONT_ARTIFACTS", str(tmp_path / "pictures"))
    name = {"sqlite": "storage_url", "postgres": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


def nothing() -> None:
    """In place of generating."""


def studies(url: str, *arguments: str) -> Answer:
    return run("studies", "--storage", url, *arguments)


def delete(url: str, study: str = PLAN.study_name) -> Answer:
    return studies(url, "--delete", study, "--yes")


def names(url: str) -> list[str]:
    answer = studies(url, "--json")
    return [each["study"] for each in json.loads(answer.stdout)] if answer.stdout else []


def in_store(url: str, act: Callable[[Store], object]) -> None:
    store = open_store(url)
    act(store)
    store.engine.dispose()


def keep_own_baseline(store: Store, plan: Plan) -> None:
    key = baseline_key(plan.baseline_identity)
    keep_baseline(store.engine, key, [0.3], np.ones((1, 1), np.float32))


def count(url: str) -> dict[str, int]:
    """What our tables and Optuna's hold, and the pictures there are."""
    tables = {
        "baselines": baselines, "claims": claims, "scripts": scripts,
        **{name: optuna.storages._rdb.models.BaseModel.metadata.tables[name]
           for name in ("studies", "trials", "trial_system_attributes")},
    }  # fmt: skip
    found = {}

    def look(store: Store) -> None:
        with store.engine.connect() as connection:
            for name, table in tables.items():
                found[name] = connection.scalar(select(func.count()).select_from(table)) or 0
        folder = artifact_folder(store)
        found["pictures"] = len(list(folder.iterdir())) if folder.is_dir() else 0

    in_store(url, look)
    return found


def add_picture(plan: Plan) -> Callable[[Store], None]:
    def act(store: Store) -> None:
        study = optuna.load_study(study_name=plan.study_name, storage=store.optuna)
        trial = study.ask()
        keep_picture(artifact_folder(store), trial, "grid.webp", b"RIFF")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)

    return act


def test_a_deleted_study_takes_along_what_nothing_else_uses(url: str) -> None:
    for plan in (PLAN, OTHER):
        work(url, plan, nothing)
    before = count(url)
    in_store(url, add_picture(PLAN))
    work(url, replace(PLAN, request=replace(PLAN.request, trials=4)), nothing)
    in_store(
        url,
        lambda store: keep_script(
            store.engine, ScriptRecord("task", PLAN.study_name, 0, "0" * 64, "/a.py")
        ),
    )
    answer = delete(url)
    assert answer.stdout == f"deleted {PLAN.study_name}: 5 trials, 1 picture, 0 baselines\n"
    assert names(url) == [OTHER.study_name]
    after = count(url)
    assert after == {**before, "studies": 1, "trials": 2, "claims": 2, "trial_system_attributes": 2}
    assert work(url, PLAN, nothing).measured == 3


def test_a_baseline_stays_while_another_study_measures_against_it(url: str) -> None:
    assert PLAN.baseline_identity == OTHER.baseline_identity
    for plan in (PLAN, OTHER):
        work(url, plan, nothing)
    in_store(url, lambda store: keep_own_baseline(store, PLAN))
    assert delete(url).stdout.endswith(" 0 baselines\n")
    assert count(url)["baselines"] == 1
    assert delete(url, OTHER.study_name).stdout.endswith(" 1 baseline\n")
    assert count(url)["baselines"] == 0


def test_a_picture_stays_that_a_copy_of_the_study_shows(storage_url: str) -> None:
    work(storage_url, PLAN, nothing)
    in_store(storage_url, add_picture(PLAN))

    def copy(store: Store) -> None:
        names = {"from_study_name": PLAN.study_name, "to_study_name": "a copy"}
        optuna.copy_study(**names, from_storage=store.optuna, to_storage=store.optuna)

    in_store(storage_url, copy)
    assert ", 0 pictures," in delete(storage_url).stdout
    assert count(storage_url)["pictures"] == 1
    assert ", 1 picture," in delete(storage_url, "a copy").stdout


def test_a_study_stays_while_a_worker_measures_a_point_of_it(url: str) -> None:
    answers: list[Answer] = []
    work(url, PLAN, lambda: answers.append(delete(url)))
    assert [answer.returncode for answer in answers] == [2] * 3
    assert "measures trial 0; end it there first" in answers[0].stderr
    assert names(url) == [PLAN.study_name]


def test_a_study_stays_while_a_worker_is_between_points_of_it(url: str) -> None:
    work(url, PLAN, nothing)
    with worker_of(url, lambda study: None) as worker:
        answer = delete(url)
        assert (answer.returncode, names(url)) == (2, [PLAN.study_name])
        assert f"process {worker.pid} of this host is at it" in answer.stderr
    assert delete(url).returncode == 0


def test_a_worker_that_is_done_is_at_the_study_no_more(storage_url: str) -> None:
    work(storage_url, PLAN, nothing)
    with worker_of(storage_url, StudyStore.leave):
        assert delete(storage_url).returncode == 0
    store = open_store(storage_url)
    assert not optuna.get_all_study_names(store.optuna)


def test_nothing_is_deleted_without_a_yes_or_under_a_wrong_name(storage_url: str) -> None:
    work(storage_url, PLAN, nothing)
    answer = studies(storage_url, "--delete", PLAN.study_name)
    assert answer.returncode == 2
    assert answer.stderr.startswith("accelfront: nobody is here to confirm that ")
    assert answer.stderr.endswith("; give --yes\n")
    answer = delete(storage_url, "nonsense")
    assert (answer.returncode, PLAN.study_name in answer.stderr) == (2, True)
    assert names(storage_url) == [PLAN.study_name]


def test_a_study_that_cannot_be_read_can_be_deleted_and_somebody_elses_cannot(
    storage_url: str,
) -> None:
    work(storage_url, PLAN, nothing)
    store = open_store(storage_url)
    study = optuna.load_study(study_name=PLAN.study_name, storage=store.optuna)
    study.set_user_attr("protocol", "nonsense")
    optuna.create_study(study_name="theirs", storage=store.optuna)
    store.engine.dispose()
    assert "is not as accelfront keeps one" in studies(storage_url).stderr
    assert delete(storage_url, "theirs").returncode == 2
    assert delete(storage_url).returncode == 0
    assert optuna.get_all_study_names(open_store(storage_url).optuna) == ["theirs"]


def test_a_label_is_shown_and_names_the_study_from_then_on(url: str) -> None:
    work(url, PLAN, nothing)
    digest = PLAN.digests[0]
    assert studies(url, "--rename", digest, "first try").returncode == 0
    assert "first try" in studies(url).stdout
    assert f"first try ({PLAN.study_name})" in run("front", "first try", "--storage", url).stdout
    assert json.loads(studies(url, "--json").stdout)[0]["label"] == "first try"
    work(url, replace(PLAN, request=replace(PLAN.request, trials=4)), nothing)
    [front] = json.loads(run("front", "first try", "--json", "--storage", url).stdout)
    assert front["trials"] == 4
    assert studies(url, "--rename", "first try", "").returncode == 0
    assert json.loads(studies(url, "--json").stdout)[0]["label"] is None


def test_a_label_that_is_unclear_is_refused(storage_url: str) -> None:
    for plan in (PLAN, OTHER):
        work(storage_url, plan, nothing)
    assert studies(storage_url, "--rename", OTHER.study_name, "taken").returncode == 0
    odd = ("a" * 41, " a", "a\nb", "\x1b[31mred", "a\u202eb")
    for label in (*odd, OTHER.study_name, OTHER.digests[0], "taken"):
        answer = studies(storage_url, "--rename", PLAN.study_name, label)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert len(answer.stderr.splitlines()) == 1


def test_a_digest_that_two_studies_share_names_neither(storage_url: str) -> None:
    for plan in (PLAN, OTHER):
        work(storage_url, plan, nothing)
    assert PLAN.digests == OTHER.digests
    answer = run("front", PLAN.digests[0], "--storage", storage_url)
    assert answer.returncode == 2
    assert PLAN.study_name in answer.stderr and OTHER.study_name in answer.stderr
