"""What the models learn from where shares do not tell everything."""

from __future__ import annotations

import numpy as np
import pytest

from accel_space.methods import METHODS
from accel_space.stack import Stack
from storage.records.budgets import Budgets
from storage.records.points import point_key
from storage.study_store.attributes import MEASUREMENT, POINT
from studies.search.features import loss_features, time_features
from studies.search.samplers import make_proposer
from tests.accel_space.toys import TOYS
from tests.made_records import made_measurement
from tests.studies.search.test_samplers import make_stack, make_study


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    for toy in TOYS:
        monkeypatch.setitem(METHODS, toy.name, toy)


def _distinct(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> int:
    return len(np.unique(rows.round(6), axis=0))


@pytest.mark.parametrize(
    "methods",
    [("decides",), ("taylorseer",), ("tome", "decides"), ("taylorseer", "tome")],
    ids="+".join,
)
def test_features_tell_points_apart_that_shares_do_not(methods: tuple[str, ...]) -> None:
    stack = make_stack(*methods)

    assert _distinct(loss_features(stack)) == len(stack.points)
    assert _distinct(time_features(stack)) > 1


def test_what_changes_the_time_alone_is_no_feature_of_a_loss() -> None:
    stack = make_stack("captures")

    assert _distinct(time_features(stack)) == 3
    assert _distinct(loss_features(stack)) == 1


def _fastest(stack: Stack, evaluations: int) -> float:
    """The greatest speedup that so many points find, where only a few features matter."""
    study = make_study()
    proposer = make_proposer("auto", stack, 1, 0, Budgets(0.02))
    best, seen = 0.0, set[str]()
    while len(seen) < evaluations:
        proposal = proposer.propose(study, seen)
        assert proposal is not None
        point = proposal.point
        seen.add(point_key(point))
        speedup = 1 + point.get("decides.level", 0) + 0.1 * point.get("captures.mode", 0)
        loss = 0.04 * point.get("decides.level", 0)
        proposal.trial.set_user_attr(POINT, point)
        proposal.trial.set_user_attr(MEASUREMENT, made_measurement(speedup, loss).as_json())
        study.tell(proposal.trial, [speedup, loss])
        best = max(best, speedup)
    return best


@pytest.mark.parametrize(
    ("methods", "evaluations", "speedup"),
    [(("decides",), 5, 1.4), (("captures",), 3, 1.2), (("decides", "captures"), 8, 1.6)],
    ids=["dynamic", "lossless", "both"],
)
def test_auto_searches_stacks_that_skip_nothing_known(
    methods: tuple[str, ...], evaluations: int, speedup: float
) -> None:
    assert _fastest(make_stack(*methods), evaluations) == pytest.approx(speedup)
