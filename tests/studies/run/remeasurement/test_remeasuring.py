"""Measuring again on real storage, with a stub for the GPU second."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import TrialState
from sqlalchemy import event

from benchmarks.storage.stub_loader import made_up
from storage.database.opening import Store, open_store
from storage.records.budgets import Budgets
from storage.records.points import point_key
from storage.study_store.attributes import MEASUREMENT, POINT
from studies.plan import Plan
from studies.run.interrupt import Interrupt
from studies.run.opening import open_study_store
from studies.run.remeasurement.confirmation import to_confirm
from studies.run.remeasurement.due import due_remeasurements
from studies.run.runner import run_study
from studies.search.samplers import make_proposer
from tests.studies.run.remeasurement.lab import Lab, load, read, refuse_to_confirm

fork = multiprocessing.get_context("fork")


def test_a_disturbed_trial_is_timed_again_and_the_quieter_timing_kept(
    plan: Plan, store: Store
) -> None:
    lab = Lab(disturbed={4: ["busy"]})
    said: list[str] = []
    run_study(plan, store, lambda progress: said.append(progress.last), lab)
    assert lab.counts["timed again"] == 1
    assert any("disturbed (busy)" in words for words in said)
    trial = read(store).trials[4]
    assert trial.timed_again
    assert (trial.speedup, trial.measurement.speedup) == (1.5, 1.5)
    assert trial.measurement.disturbed == ()
    assert trial.clip_loss == pytest.approx(made_up(trial.params).clip_loss, rel=1e-5)
    run_study(plan, store, loader=lab)
    assert lab.counts["timed again"] == 1


def test_a_trial_that_stays_disturbed_keeps_its_mark(plan: Plan, store: Store) -> None:
    lab = Lab(disturbed={place: ["busy"] for place in range(8)}, still=True)
    run_study(plan, store, loader=lab)
    assert lab.counts["timed again"] == 1, "once tells that it stays"
    trials = read(store).trials
    assert [trial.measurement.disturbed for trial in trials] == [("busy",)] * 8
    assert sum(trial.timed_again for trial in trials) == 1
    assert trials[0].as_json()["disturbed"] == ["busy"]


def test_a_remeasurement_that_fails_is_told_and_left_to_another_run(
    plan: Plan, store: Store
) -> None:
    outcome = run_study(plan, store, loader=Lab(act=refuse_to_confirm))
    assert outcome.reason == "trials"
    assert [key.partition(":")[0] for key in outcome.failures] == ["confirmed"]
    assert read(store).states == {"complete": 8}
    lab = Lab()
    assert not run_study(plan, store, loader=lab).failures
    assert lab.counts == {"confirmed": 1}


def test_ctrl_c_in_the_middle_of_them_leaves_the_rest_to_the_next_run(
    open_plan: Plan, store: Store
) -> None:
    interrupt = Interrupt()

    def stop(what: str) -> None:
        interrupt.requested = what == "confirmed"

    outcome = run_study(open_plan, store, loader=Lab(act=stop), interrupt=interrupt)
    assert outcome.reason == "interrupt"
    assert sum(trial.confirmed is not None for trial in read(store).trials) == 1
    lab = Lab()
    assert run_study(open_plan, store, loader=lab).reason == "trials"
    assert lab.counts == {"confirmed": 1}


@pytest.mark.parametrize("what", ["confirmed", "timed again"])
def test_a_worker_that_dies_in_the_middle_of_one_loses_nothing(
    plan: Plan, storage_url: str, what: str
) -> None:
    def die(now: str) -> None:
        if now == what:
            os._exit(9)

    def work(act: Callable[[str], None]) -> None:
        lab = Lab(disturbed={4: ["busy"]}, act=act)
        run_study(plan, open_store(storage_url, create=True), loader=lab)

    process = fork.Process(target=work, args=(die,))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    store = open_store(storage_url)
    before = read(store)
    assert len(before.trials) == 8
    lab = Lab()
    outcome = run_study(plan, store, loader=lab)
    assert outcome.reason == "trials"
    assert lab.counts == {"confirmed": 1} | ({} if what == "confirmed" else {"timed again": 1})
    after = read(store)
    assert after.states == {"complete": 8}
    assert [trial.number for trial in after.trials if trial.confirmed is not None] == [0]
    assert after.trials[4].timed_again


def test_workers_share_the_remeasurements(open_plan: Plan, storage_url: str) -> None:
    def work() -> None:
        lab = Lab(act=lambda what: time.sleep(0.05))
        run_study(open_plan, open_store(storage_url, create=True), loader=lab)

    crew = [fork.Process(target=work) for _ in range(3)]
    for process in crew:
        process.start()
    for process in crew:
        process.join(120)
    assert [process.exitcode for process in crew] == [0] * 3
    store = open_store(storage_url)
    record = read(store)
    assert record.states == {"complete": 16}
    assert to_confirm(record.trials, record.budgets) == []
    assert sum(trial.confirmed is not None for trial in record.trials) == 2
    # Two that propose one point leave a pruned trial too, and nothing is measured there.
    ended = load(store).get_trials(states=(TrialState.PRUNED,))
    points = [point_key(t.user_attrs[POINT]) for t in ended if MEASUREMENT in t.user_attrs]
    assert len(points) == len(set(points)) > 0, "none was taken twice"


def test_one_that_ends_while_a_point_is_claimed_makes_no_room_for_it(
    plan: Plan, store: Store
) -> None:
    done = run_study(plan, store, loader=Lab(act=refuse_to_confirm)).study
    study_store = open_study_store(plan, store)
    ours = study_store.remeasurements
    due = due_remeasurements(done, None, confirm=True)[0]
    under_way = ours.begin(due.key, due.first, due.is_done)
    proposer = make_proposer("grid", plan.stack, 9, seed=0, budgets=Budgets(0.02))
    proposal = proposer.propose(study_store.study, study_store.taken())
    assert under_way is not None and proposal is not None
    ended: list[int] = []

    def end_it(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        is_claim = statement.startswith("INSERT INTO accelfront_claims")
        if is_claim and not ended:
            ended.append(under_way)
            ours.fail(under_way, "out of memory")

    event.listen(store.engine, "before_cursor_execute", end_it)
    points = study_store.points
    assert not points.claim(proposal.trial, proposal.point, wanted=8)
    assert ended
    assert points.claim(proposal.trial, proposal.point, wanted=9)
