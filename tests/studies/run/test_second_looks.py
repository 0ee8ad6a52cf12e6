"""Second looks on real storage, with a stub for the GPU second; then one small study for real."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import event

from accel_space.method import Params
from benchmarks.storage.stub_workbench import REQUEST, made_up
from objectives.measurement import Baseline, Measurement
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.budgets import Budgets
from storage.records.front import best_inside
from storage.records.judgement import judged_bound
from storage.records.points import point_key
from storage.records.requirement import Requirement
from storage.records.study import StudyRecord, TrialRecord
from storage.study_store.attributes import MEASUREMENT, POINT
from storage.study_store.claims import list_claims
from studies.plan import Plan, make_plan
from studies.run.bench import Bench, Workbench
from studies.run.confirmation import MOST_BEYOND, to_confirm
from studies.run.interrupt import Interrupt
from studies.run.ledger import Ledger
from studies.run.progress import Progress
from studies.run.runner import run_study
from studies.run.second_looks import SecondLooks, due_looks
from studies.search.samplers import make_proposer
from tests.studies.conftest import MakeRequest

LOSS_ON_UNSEEN = 1e-4
"""How lucky the search was, if nothing else is said: too little for a best point to fall."""

fork = multiprocessing.get_context("fork")


@dataclass
class Lab(Workbench):
    """Makes measurements up, and counts them.

    Attributes:
        disturbed: By place of the trial, what its measurement says of being disturbed.
        loss_on_unseen: How much more a point loses on unseen prompts.
        still: Whether a point that is timed again is disturbed again.
        act: What happens before anything is measured, told what it is.
        counts: How often each was done.
    """

    disturbed: dict[int, list[str]] = field(default_factory=dict)
    loss_on_unseen: float = LOSS_ON_UNSEEN
    still: bool = False
    act: Callable[[str], None] = lambda what: None
    counts: dict[str, int] = field(default_factory=dict)

    def open(self, plan: Plan, store: Store, tell: Callable[[str], None]) -> Bench:
        """See `Workbench.open`."""
        objective: Any = _Objective(self, on_unseen=plan.first > 0)
        return Bench(objective, Baseline([0.3], np.ones((1, 1), np.float32)))

    def forget(self) -> None:
        """See `Workbench.forget`."""

    def count(self, what: str) -> int:
        self.act(what)
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what] - 1


@dataclass
class _Objective:
    lab: Lab
    on_unseen: bool

    def prove(self, baseline: Baseline) -> None:
        """Nothing is ever wrong."""

    def measure(self, point: Params, *ignored: Any, **more: Any) -> Measurement:
        made = made_up(point)
        if not self.on_unseen:
            return made.model_copy(
                update={"disturbed": self.lab.disturbed.get(self.lab.count("searched"), [])}
            )
        self.lab.count("confirmed")
        shift = self.lab.loss_on_unseen
        low, high = made.clip_loss_ci
        return made.model_copy(
            update={
                "clip_loss": made.clip_loss + shift,
                "clip_loss_ci": (low + shift, high + shift),
            }
        )

    def time_again(self, before: Measurement, point: Params, *ignored: Any) -> Measurement:
        self.lab.count("timed again")
        return before.model_copy(
            update={
                "speedup": 1.5,
                "speedup_ci": (1.49, 1.51),
                "disturbed": ["busy"] if self.lab.still else [],
            }
        )


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(replace(REQUEST, trials=8, loss_budget=0.02))


def read(store: Store) -> StudyRecord:
    """As another process reads it."""
    [record] = read_studies(store)
    return record


def load(store: Store) -> optuna.Study:
    [name] = optuna.get_all_study_names(store.optuna)
    return optuna.load_study(study_name=name, storage=store.optuna)


def test_the_best_are_confirmed_once_and_count_as_no_points(plan: Plan, store: Store) -> None:
    lab = Lab()
    first = run_study(plan, store, workbench=lab)
    assert (first.reason, first.measured) == ("trials", 8)
    assert lab.counts == {"searched": 8, "confirmed": 2}
    record = read(store)
    assert record.trials == first.study.trials
    assert record.states == {"complete": 8}
    confirmed = [trial for trial in record.trials if trial.confirmed is not None]
    best = best_inside(record.trials, 0.02)
    assert best is not None and best.confirmed is not None
    assert len(confirmed) == 2
    for trial in confirmed:
        assert trial.confirmed is not None
        assert trial.confirmed["clip_loss"] == pytest.approx(trial.clip_loss + LOSS_ON_UNSEEN, 1e-4)
        assert trial.as_json()["confirmed"]["clip_loss"] == trial.confirmed["clip_loss"]
    assert run_study(plan, store, workbench=lab).measured == 0
    assert lab.counts == {"searched": 8, "confirmed": 2}
    claims = list_claims(store.engine, load(store)._study_id)
    assert len(claims) == 8


def test_a_continued_study_confirms_what_has_become_the_best(plan: Plan, store: Store) -> None:
    lab = Lab()
    run_study(plan, store, workbench=lab)
    more = replace(plan, request=replace(plan.request, trials=16))
    record = run_study(more, store, workbench=lab).study
    assert len(record.trials) == 16
    assert lab.counts["searched"] == 16
    assert to_confirm(record.trials, record.budgets) == []
    assert record.states == {"complete": 16}


def test_a_run_confirms_on_until_its_judged_best_is_confirmed(plan: Plan, store: Store) -> None:
    # Whatever is confirmed breaks the budget, and a lucky point is judged best in its place.
    wide = replace(plan, request=replace(plan.request, trials=16, loss_budget=0.05))
    lab = Lab(loss_on_unseen=0.5)
    record = run_study(wide, store, workbench=lab).study
    planned = to_confirm([replace(trial, confirmed=None) for trial in record.trials], Budgets(0.05))
    assert lab.counts["confirmed"] == len(planned) + MOST_BEYOND, "and no more in one run"
    best = judged_bound(record.trials, Budgets(0.05))
    assert best is not None and best.confirmed is None
    for _ in range(3):
        record = run_study(wide, store, workbench=lab).study
    assert judged_bound(record.trials, Budgets(0.05)) is None
    assert all(trial.confirmed for trial in record.trials if trial.clip_loss <= 0.05)


def test_a_best_that_is_confirmed_ends_the_run(plan: Plan, store: Store) -> None:
    # The first that is confirmed falls, the others keep what they had.
    lab = Lab(loss_on_unseen=0.5)

    def keep_the_others(what: str) -> None:
        lab.loss_on_unseen = 0.5 if lab.counts.get("confirmed", 0) < 4 else 0.0

    lab.act = keep_the_others
    wide = replace(plan, request=replace(plan.request, trials=16))
    record = run_study(wide, store, workbench=lab).study
    assert lab.counts["confirmed"] == 4 + 1
    best = judged_bound(record.trials, Budgets(0.02))
    assert best is not None and best.confirmed is not None


def test_nothing_is_confirmed_if_it_is_not_wanted_or_cannot_be(plan: Plan, store: Store) -> None:
    lab = Lab()
    unasked = make_plan(replace(plan.request, confirm=False))
    outcome = run_study(unasked, store, workbench=lab)
    assert lab.counts == {"searched": 8}
    assert not outcome.lacks_prompts
    # 256 prompts are in the file.
    short = make_plan(replace(plan.request, num_samples=256))
    outcome = run_study(short, store, workbench=lab)
    assert lab.counts == {"searched": 16}
    assert outcome.lacks_prompts


def test_confirming_uses_the_next_prompts_and_seeds(plan: Plan) -> None:
    longer = make_plan(replace(plan.request, num_samples=200, batch_size=8, seed=5))
    unseen = longer.confirmation()
    assert unseen is not None
    assert len(unseen.prompts) == 56
    assert not set(unseen.prompts) & set(longer.prompts)
    assert (unseen.protocol.num_samples, unseen.protocol.seed) == (56, 205)
    assert unseen.baseline_identity != longer.baseline_identity
    assert make_plan(replace(plan.request, num_samples=250, batch_size=8)).confirmation() is None


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
    assert (trial.speedup, trial.measurement["speedup"]) == (1.5, 1.5)
    assert trial.measurement["disturbed"] == []
    assert trial.clip_loss == pytest.approx(made_up(trial.params).clip_loss)
    run_study(plan, store, workbench=lab)
    assert lab.counts["timed again"] == 1


def test_a_trial_that_stays_disturbed_keeps_its_mark(plan: Plan, store: Store) -> None:
    lab = Lab(disturbed={place: ["busy"] for place in range(8)}, still=True)
    run_study(plan, store, workbench=lab)
    assert lab.counts["timed again"] == 1, "once tells that it stays"
    trials = read(store).trials
    assert [trial.measurement["disturbed"] for trial in trials] == [["busy"]] * 8
    assert sum(trial.timed_again for trial in trials) == 1
    assert trials[0].as_json()["disturbed"] == ["busy"]


@pytest.mark.parametrize(("loss", "measured", "met"), [(0.0, 4, True), (0.01, 8, False)])
def test_a_search_goes_on_if_unseen_prompts_take_back_what_met_the_requirement(
    plan: Plan, store: Store, loss: float, measured: int, met: bool
) -> None:
    # Three of the eight points meet it in the search, the fourth first.
    request = replace(plan.request, requirement=Requirement(speedup=1.05))
    lab = Lab(loss_on_unseen=loss)
    outcome = run_study(replace(plan, request=request), store, workbench=lab)
    assert outcome.reason == ("requirement" if met else "trials")
    assert outcome.measured == measured
    assert (outcome.met is not None) is met
    assert lab.counts["confirmed"] == (1 if met else 3 + 1)


def test_a_look_that_fails_is_told_and_left_to_another_run(plan: Plan, store: Store) -> None:
    outcome = run_study(plan, store, workbench=Lab(act=refuse_to_confirm))
    assert outcome.reason == "trials"
    assert [key.partition(":")[0] for key in outcome.failures] == ["confirmed"] * 2
    assert read(store).states == {"complete": 8}
    lab = Lab()
    assert not run_study(plan, store, workbench=lab).failures
    assert lab.counts == {"confirmed": 2}


def test_ctrl_c_in_the_middle_of_the_looks_leaves_the_rest_to_the_next_run(
    plan: Plan, store: Store
) -> None:
    interrupt = Interrupt()

    def stop(what: str) -> None:
        interrupt.requested = what == "confirmed"

    outcome = run_study(plan, store, workbench=Lab(act=stop), interrupt=interrupt)
    assert outcome.reason == "interrupt"
    assert sum(trial.confirmed is not None for trial in read(store).trials) == 1
    lab = Lab()
    assert run_study(plan, store, workbench=lab).reason == "trials"
    assert lab.counts == {"confirmed": 1}


@pytest.mark.parametrize("what", ["confirmed", "timed again"])
def test_a_worker_that_dies_in_the_middle_of_a_look_loses_nothing(
    plan: Plan, storage_url: str, what: str
) -> None:
    def die(now: str) -> None:
        if now == what:
            os._exit(9)

    def work(act: Callable[[str], None]) -> None:
        lab = Lab(disturbed={4: ["busy"]}, act=act)
        run_study(plan, open_store(storage_url, create=True), workbench=lab)

    process = fork.Process(target=work, args=(die,))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    store = open_store(storage_url)
    before = read(store)
    assert len(before.trials) == 8
    lab = Lab()
    outcome = run_study(plan, store, workbench=lab)
    assert outcome.reason == "trials"
    assert lab.counts == {"confirmed": 2} | ({} if what == "confirmed" else {"timed again": 1})
    after = read(store)
    assert after.states == {"complete": 8}
    assert sum(trial.confirmed is not None for trial in after.trials) == 2
    assert after.trials[4].timed_again


def test_workers_share_the_looks(plan: Plan, storage_url: str) -> None:
    wider = replace(plan, request=replace(plan.request, trials=16))

    def work() -> None:
        lab = Lab(act=lambda what: time.sleep(0.05))
        run_study(wider, open_store(storage_url, create=True), workbench=lab)

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
    # Two that propose one point leave a pruned trial too, and nothing is measured there.
    ended = load(store).get_trials(states=(TrialState.PRUNED,))
    looks = [trial.user_attrs for trial in ended if MEASUREMENT in trial.user_attrs]
    points = [point_key(look[POINT]) for look in looks]
    assert len(points) == len(set(points)) > 0, "none was taken twice"


def test_a_look_that_ends_while_a_point_is_claimed_makes_no_room_for_it(
    plan: Plan, store: Store
) -> None:
    done = run_study(plan, store, workbench=Lab(act=refuse_to_confirm)).study
    ledger = Ledger(plan, store)
    looks = SecondLooks(ledger)
    under_way = looks.begin(due_looks(done, None, confirm=True)[0])
    proposer = make_proposer("grid", plan.stack, 9, seed=0, budgets=Budgets(0.02))
    proposal = proposer.propose(ledger.study, ledger.taken())
    assert under_way is not None and proposal is not None
    ended: list[int] = []

    def end_the_look(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        is_claim = statement.startswith("INSERT INTO accelfront_claims")
        if is_claim and not ended:
            ended.append(under_way)
            looks.fail(under_way, "out of memory")

    event.listen(store.engine, "before_cursor_execute", end_the_look)
    assert not ledger.claim(proposal, wanted=8)
    assert ended
    assert ledger.claim(proposal, wanted=9)


def refuse_to_confirm(what: str) -> None:
    if what == "confirmed":
        raise OSError("not now")


def make_trials(*points: tuple[float, float]) -> list[TrialRecord]:
    return [
        TrialRecord(n, {"a": n}, speedup, loss, {"clip_loss_ci": (loss - 0.01, loss + 0.01)})
        for n, (speedup, loss) in enumerate(points)
    ]


def numbers(trials: Sequence[TrialRecord]) -> list[int]:
    return [trial.number for trial in trials]


def test_those_to_be_chosen_are_confirmed_in_the_order_of_choice() -> None:
    front = make_trials(
        (1.2, -0.01), (1.5, 0.0), (2.0, 0.015), (2.2, 0.025), (2.4, 0.028), (3, 0.1)
    )
    behind = [replace(trial, number=10 + trial.number) for trial in make_trials(*[(1.0, 0.2)] * 26)]
    assert numbers(to_confirm(front + behind, Budgets(0.02))) == [2, 1, 0, 3, 4]
    assert numbers(to_confirm(front + behind[:2], Budgets(0.02))) == [2, 1]
    assert numbers(to_confirm(front[:1], Budgets(0.02))) == [0], "one at least"
    assert to_confirm(front[5:], Budgets(0.02)) == [], "it is surely beyond the budget"


def test_a_real_study_ends_with_its_best_on_unseen_prompts(
    make_request: MakeRequest, store: Store
) -> None:
    request = make_request(trials=2, num_samples=4, confirm=True, sampler="grid", loss_budget=0.9)
    said: list[Progress] = []
    outcome = run_study(make_plan(request), store, said.append)
    assert (outcome.reason, outcome.measured) == ("trials", 2)
    # On a busy machine the first one may turn out the slower one, and then the other is confirmed.
    trial = judged_bound(outcome.study.trials, Budgets(0.9))
    assert trial is not None and trial.confirmed is not None
    assert trial.confirmed["samples"] == 4
    assert trial.confirmed["clip_score"] != trial.measurement["clip_score"]
    assert trial.confirmed["speedup_ci"][0] <= trial.confirmed["speedup"]
    assert sum(progress.stage == "generating the baseline" for progress in said) == 2
    assert any(progress.stage.startswith("confirming on unseen prompts") for progress in said)
