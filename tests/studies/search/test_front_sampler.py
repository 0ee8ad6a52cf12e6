"""The sampler behind `auto`, on a space whose truth is a formula."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from accel_space.stack import Stack
from storage.records.budgets import Budgets
from storage.records.front import hypervolume
from storage.records.points import by_stored_names, by_whole_names, point_key
from storage.records.trial import Point
from storage.study_store.attributes import MEASUREMENT, POINT
from studies.search.features import loss_features, time_features
from studies.search.front_model import QUANTILES, Belief, Surrogate, expected_fall, expected_gain
from studies.search.front_sampler import LUCK, FrontSampler, spread_out
from studies.search.samplers import make_distributions, make_proposer
from tests.made_records import made_measurement
from tests.studies.search.test_samplers import make_stack, make_study

BUDGET = 0.02


def skips_of(stack: Stack) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """What is left out at every call, by name; rows are points."""
    schedules = [stack.schedule(point) for point in stack.points]
    nothing = (0.0,) * stack.context.calls
    names = dict.fromkeys(name for each in schedules for name in each.skips)
    return {name: np.array([each.skips.get(name, nothing) for each in schedules]) for name in names}


class Truth:
    """Speedup and loss of every point of a stack, by formulas that the sampler does not know."""

    def __init__(self, stack: Stack) -> None:
        skipped = skips_of(stack)
        left, loss = np.ones(()), np.zeros(())
        for weight, shares in zip((0.8, 0.4, 0.1), skipped.values(), strict=False):
            left = left * (1 - weight * shares)
            loss = loss + weight * shares.mean(axis=1) ** 2 / 8
        self.speedup = 1 / (0.05 + 0.95 * left.mean(axis=1))
        self.loss = loss - 0.002
        self.row = {point_key(point): row for row, point in enumerate(stack.points)}

    def of(self, key: str) -> Measured:
        return Measured(self.speedup[self.row[key]], self.loss[self.row[key]])

    @property
    def volume(self) -> float:
        return hypervolume([self.of(key) for key in self.row], BUDGET)


class Measured:
    def __init__(self, speedup: float, clip_loss: float) -> None:
        self.speedup, self.loss = float(speedup), float(clip_loss)


def search(name: str, stack: Stack, truth: Truth, evaluations: int, seed: int = 0) -> float:
    """The share of the hypervolume that so many distinct points find."""
    study = make_study()
    proposer = make_proposer(name, stack, 1, seed, budgets=Budgets(BUDGET))
    found: dict[str, Measured] = {}
    while len(found) < evaluations:
        proposal = proposer.propose(study, found.keys())
        assert proposal is not None
        key = point_key(proposal.point)
        found[key] = truth.of(key)
        proposal.trial.set_user_attr(POINT, proposal.point)
        proposal.trial.set_user_attr(MEASUREMENT, made_measurement().as_json())
        study.tell(proposal.trial, [found[key].speedup, found[key].loss])
    return hypervolume(list(found.values()), BUDGET) / truth.volume


@pytest.mark.parametrize("methods", [("deepcache", "tgate"), ("tgate",)], ids="+".join)
def test_a_tenth_of_a_space_holds_nearly_the_whole_front(methods: tuple[str, ...]) -> None:
    stack = make_stack(*methods)
    truth = Truth(stack)
    assert search("auto", stack, truth, 24) > 0.97
    at_random = np.median([search("random", stack, truth, 24, seed) for seed in range(5)])
    assert at_random < 0.9


def test_points_that_others_measure_now_are_left_to_them() -> None:
    stack = make_stack("deepcache", "tgate")
    truth = Truth(stack)
    study = make_study()
    sampler = FrontSampler(stack, Budgets(BUDGET), seed=0)
    study.sampler = sampler
    distributions = make_distributions(stack.space)
    keys = []
    for _ in range(12):
        trial = study.ask(distributions)
        keys.append(point_key(stack.canonical(by_whole_names(trial.params))))
        sampler.taken = keys
        trial.set_user_attr(POINT, stack.canonical(by_whole_names(trial.params)))
        trial.set_user_attr(MEASUREMENT, made_measurement().as_json())
        study.tell(trial, [truth.of(keys[-1]).speedup, truth.of(keys[-1]).loss])
    running = [study.ask(distributions) for _ in range(6)]
    keys += [point_key(stack.canonical(by_whole_names(trial.params))) for trial in running]
    assert len(set(keys)) == 18


def test_a_worker_that_finds_others_choosing_leaves_them_the_best_points() -> None:
    stack = make_stack("deepcache")
    alone, second = make_study(), make_study()
    second.ask()
    distributions = make_distributions(stack.space)
    points = []
    for study in (alone, second):
        study.sampler = FrontSampler(stack, Budgets(BUDGET), seed=0)
        points.append(stack.canonical(by_whole_names(study.ask(distributions).params)))
    assert points[0] == stack.default
    assert points[1] != stack.default


def made_study(stack: Stack) -> tuple[optuna.Study, FrontSampler]:
    study = make_study()
    study.sampler = sampler = FrontSampler(stack, Budgets(BUDGET), seed=0)
    return study, sampler


def proposed(study: optuna.Study, stack: Stack) -> str:
    return point_key(
        stack.canonical(by_whole_names(study.ask(make_distributions(stack.space)).params))
    )


def tell(
    study: optuna.Study,
    point: Point,
    speedup: float,
    loss: float,
    in_full: bool,
    foreign: bool = False,
) -> None:
    """Add the trial of a point, measured in full or given up early, or by others altogether."""
    measurement = made_measurement(speedup, loss).as_json()
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE if in_full else TrialState.PRUNED,
            values=[speedup, loss] if in_full else None,
            params=by_stored_names(point),
            distributions=make_distributions(make_stack("deepcache").space),
            user_attrs={} if foreign else {POINT: point, MEASUREMENT: measurement},
        )
    )


def test_what_others_tell_of_a_point_that_ours_took_teaches_nothing() -> None:
    stack = make_stack("deepcache")
    own = stack.points[::4]
    proposals = []
    for are_there in (False, True):
        study, sampler = made_study(stack)
        sampler.taken = [point_key(point) for point in own]
        for number, point in enumerate(own):
            if are_there:
                tell(study, point, 99.0, -0.9, in_full=True, foreign=True)
            tell(study, point, 1 + number / 4, number / 100, in_full=True)
        proposals.append(proposed(study, stack))
    assert proposals[0] == proposals[1]


@pytest.mark.parametrize("count", [0, 1, 3, 15], ids="{} measured in full".format)
def test_a_point_that_was_given_up_is_proposed_once_it_is_free(count: int) -> None:
    stack = make_stack("deepcache")
    study, sampler = made_study(stack)
    for number, point in enumerate(stack.points):
        tell(study, point, 2.0, 0.1, in_full=number < count)
    *taken, free = map(point_key, stack.points)
    sampler.taken = taken
    assert proposed(study, stack) == free


def test_the_last_free_point_is_proposed_though_a_dead_worker_chose_it() -> None:
    stack = make_stack("deepcache")
    study, sampler = made_study(stack)
    *sampler.taken, free = map(point_key, stack.points)
    assert proposed(study, stack) == free
    assert proposed(study, stack) == free


@pytest.mark.parametrize("first", [(9.0, 0.0), (1.1, 0.3)], ids=["too-good", "too-bad"])
def test_a_point_in_full_counts_as_it_is_and_not_as_when_it_was_given_up(
    first: tuple[float, float],
) -> None:
    stack = make_stack("deepcache")
    truth = Truth(stack)
    found = []
    for given_up in ([], [stack.points[5]]):
        study, sampler = made_study(stack)
        for point in given_up:
            tell(study, point, *first, in_full=False)
        for point in stack.points[4:8]:
            seen = truth.of(point_key(point))
            tell(study, point, seen.speedup, seen.loss, in_full=True)
        sampler.taken = [point_key(point) for point in stack.points[4:8]]
        found.append([proposed(study, stack) for _ in range(4)])
    assert found[0] == found[1]


def test_features_tell_the_points_of_a_stack_apart() -> None:
    stack = make_stack("deepcache", "tgate", "tome")
    for features in (time_features(stack), loss_features(stack)):
        assert features.min() == 0
        assert features.max() == 1
        assert np.all(features.max(axis=0) > features.min(axis=0))
    assert len(np.unique(loss_features(stack).round(6), axis=0)) == len(stack.points)


def test_a_few_points_tell_the_time_of_all() -> None:
    stack = make_stack("deepcache", "tgate")
    truth = Truth(stack)
    features = time_features(stack)
    known = list(spread_out(features, 0, 12))
    belief = Surrogate(features, smoothness=2.5).predict(known, 1 / truth.speedup[known])
    error = np.abs(belief.at(0) * truth.speedup - 1)
    assert np.median(error) < 0.02
    assert np.quantile(error, 0.95) < 0.05


def test_hopeless_losses_do_not_blur_small_ones() -> None:
    features = np.linspace(0, 1, 21)[:, None]
    losses = 0.001 * np.exp(7 * features[:, 0])
    known = [0, 4, 8, 12, 16, 20]
    plain, bent = (
        np.abs(Surrogate(features, 1.5, bend).predict(known, losses[known]).at(0) - losses)[:11]
        for bend in (None, 0.04)
    )
    assert bent.max() < plain.max() / 2


def test_a_few_points_do_not_make_the_model_sure_of_values_without_rhyme() -> None:
    def share_foreseen(seed: int) -> float:
        random = np.random.default_rng(seed)
        features, values = random.random((60, 20)), random.normal(size=60)
        belief = Surrogate(features, smoothness=1.5).predict(range(8), values[:8])
        return float(np.mean((np.abs(belief.mean - values) <= 2 * belief.deviation)[8:]))

    # 0.68 under the prior, 0.46 where the likelihood alone chooses among 20 features.
    assert np.mean([share_foreseen(seed) for seed in range(30)]) > 0.6


fronts = st.lists(st.tuples(st.floats(0.5, 4), st.floats(-0.02, 0.05)), max_size=6)


@settings(max_examples=100, derandomize=True)
@given(fronts, st.floats(0.5, 5), st.floats(-0.03, 0.05))
def test_the_gain_of_a_sure_point_is_the_hypervolume_that_it_adds(
    front: list[tuple[float, float]], speedup: float, loss: float
) -> None:
    before = [Measured(*point) for point in front]
    added = hypervolume([*before, Measured(speedup, loss)], BUDGET) - hypervolume(before, BUDGET)
    sure = Belief(np.array([loss]), np.zeros(1))
    assert expected_gain(np.array([speedup]), sure, front, BUDGET)[0] == pytest.approx(
        added, abs=1e-9
    )


def test_of_two_points_that_promise_the_same_the_uncertain_one_gains_more() -> None:
    belief = Belief(np.array([0.02, 0.02]), np.array([0.0, 0.01]))
    sure, unsure = expected_gain(np.array([2.0, 2.0]), belief, [], BUDGET)
    assert sure == 0
    assert unsure > 0


def test_no_gain_is_expected_of_a_slower_point_however_good_its_pictures() -> None:
    belief = Belief(np.array([-0.05, -0.05]), np.array([0.0, 0.01]))
    assert expected_gain(np.array([1.8, 1.9]), belief, [(2.0, -0.001)], BUDGET).tolist() == [0, 0]
    assert (expected_gain(np.array([1.8, 1.9]), belief, [(2.0, -0.01)], -0.005) > 0).all()


def test_where_nothing_likely_is_left_more_luck_decides() -> None:
    belief = Belief(np.array([0.05, 0.05]), np.array([0.0, 0.009]))
    likely, lucky = (
        expected_gain(np.array([2.0, 2.0]), belief, [], BUDGET, standings)
        for standings in (QUANTILES, LUCK)
    )
    assert likely.tolist() == [0, 0]
    assert lucky[0] == 0 < lucky[1]


@pytest.mark.parametrize("bend", [None, 0.04])
def test_half_of_what_is_believed_lies_below_the_middle(bend: float | None) -> None:
    belief = Belief(np.array([0.5, -0.5]), np.array([1.0, 0.0]), bend)
    middle = belief.at(0)
    assert belief.chance_below(middle[0])[0] == pytest.approx(0.5)
    assert belief.chance_below(belief.at(1)[0])[0] == pytest.approx(0.841, abs=0.001)
    assert belief.chance_below(middle[1] - 0.01)[1] == 0
    assert belief.chance_below(middle[1] + 0.01)[1] == 1


def test_the_less_a_point_may_lose_the_further_it_is_expected_to_fall() -> None:
    means = np.array([0.01, 0.03, 0.05])
    assert expected_fall(Belief(means, np.zeros(3)), 0.03) == pytest.approx([0.02, 0, 0])
    assert (np.diff([*expected_fall(Belief(means, np.full(3, 0.01)), 0.03), 0]) < 0).all()
