"""Every sampler under budgets beside that of the loss, on a space whose truth is a formula."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from accel_space.stack import Stack
from storage.records.budgets import UNKNOWN, Budgets
from storage.records.measurement import Measurement
from storage.records.points import point_key
from storage.records.trial import Point
from storage.study_store.attributes import DUPLICATE_OF, MEASUREMENT, POINT
from storage.study_store.constraints import BudgetedStudy
from studies.request import SAMPLERS
from studies.search.samplers import make_proposer
from tests.made_records import changed
from tests.made_studies import measurement_of
from tests.studies.search.test_front_sampler import Truth
from tests.studies.search.test_samplers import make_stack, make_study
from tests.tiers.covering import taking_turns

BUDGETS = Budgets(0.02, {"memory_mib": 1000.0, "ssim": 0.1})


def measured_at(truth: Truth, point: Point) -> Measurement:
    """A measurement; points whose gate closes early, which are fast, take too much memory."""
    key = point_key(point)
    speedup, loss = truth.of(key).speedup, truth.of(key).loss
    measured = measurement_of((speedup, speedup, speedup), (loss, loss, loss))
    ssim = {"value": 0.95, "loss": 0.05, "loss_ci": [0.04, 0.06], "samples": 4}
    memory = 1000.0 + 100 * (16 - point["tgate.gate_step"])
    return changed(measured, peak_memory_mib=memory, metrics={"ssim": ssim})


def search(name: str, stack: Stack, budgets: Budgets, evaluations: int) -> list[bool]:
    """Of each point that a search measures, in order, whether it takes too much memory."""
    truth, study = Truth(stack), make_study()
    proposer = make_proposer(name, stack, 1, 0, budgets=budgets)
    taken: dict[str, bool] = {}
    for _ in range(20 * evaluations):
        if len(taken) == evaluations:
            break
        proposal = proposer.propose(study, taken)
        assert proposal is not None
        key = point_key(proposal.point)
        measured = measured_at(truth, proposal.point)
        # As a study that had no budget when it began was told.
        proposal.trial.set_constraint("clip_loss", measured.clip_loss - budgets.most_loss)
        proposal.trial.set_user_attr(POINT, proposal.point)
        proposal.trial.set_user_attr(MEASUREMENT, measured.as_json())
        if len(taken) >= 3:
            for condition in ("memory_mib", "ssim"):
                proposal.trial.set_constraint(condition, BUDGETS.excess(measured)[condition])
        study.tell(proposal.trial, [measured.speedup, measured.clip_loss])
        assert measured.peak_memory_mib is not None
        taken[key] = measured.peak_memory_mib > 1000
    return list(taken.values())


@pytest.mark.parametrize("sampler", taking_turns(SAMPLERS, of=3))
def test_every_sampler_goes_on_where_budgets_were_added_to_a_study(sampler: str) -> None:
    assert len(search(sampler, make_stack("tgate"), BUDGETS, 14)) == 14


def test_the_front_sampler_leaves_points_that_will_break_a_budget() -> None:
    stack = make_stack("deepcache", "tgate")
    budgeted = search("auto", stack, BUDGETS, 20)[8:]
    blind = search("auto", stack, Budgets(0.02), 20)[8:]
    assert sum(budgeted) <= 2
    assert sum(blind) >= 5, "they are the fast ones"


def add(study: optuna.Study, values: list[float] | None, **attributes: Any) -> None:
    state = TrialState.PRUNED if values is None else TrialState.COMPLETE
    study.add_trial(create_trial(state=state, values=values, user_attrs=attributes))


def test_constraints_are_those_of_the_budgets_of_today() -> None:
    study = make_study()
    measured = measurement_of((2.0, 1.9, 2.1), (0.03, 0.0, 0.04)).as_json()
    measured["peak_memory_mib"] = 900.0
    add(study, [2.0, 0.03], **{POINT: {"ratio": 0.5}, MEASUREMENT: measured})
    add(study, [2.0, 0.03], **{POINT: {"ratio": 0.5}, DUPLICATE_OF: 0})
    add(study, [9.0, 0.5], **{MEASUREMENT: "of somebody else"})
    add(study, None, **{POINT: {"ratio": 0.9}, MEASUREMENT: measured | {"stopped_early": True}})
    found = [trial.constraints for trial in BudgetedStudy(study, BUDGETS).get_trials()]
    ours = {"clip_loss": 0.01, "memory_mib": -100.0, "ssim": UNKNOWN}
    foreign = {"clip_loss": 0.48, "memory_mib": UNKNOWN, "ssim": UNKNOWN}
    for constraints, expected in zip(found, (ours, ours, foreign, ours), strict=True):
        assert list(constraints) == list(expected), "in one order"
        assert constraints == pytest.approx(expected)
    assert not study.trials[0].constraints, "nothing is changed in the study"
