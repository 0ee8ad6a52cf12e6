"""The compared ways to search, which all know the budget and begin with the same points."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from benchmarks.search.replay import Replay
from benchmarks.search.rivals.annealing import Annealing
from benchmarks.search.rivals.botorch_hvi import NoisyHypervolume
from benchmarks.search.rivals.greedy import Greedy
from benchmarks.search.searching import Searching
from storage.records.trial import Point
from studies.search.front_sampler import STARTERS
from studies.search.samplers import Proposer, Search, make_distributions, make_proposer

Make = Callable[[Replay, int], Proposer]
"""Makes the proposer of a truth's points, from a seed."""

GENERATION = 8
"""Points of a generation of NSGA-II. With Optuna's 50 a search of 24 would be random."""


class Way(NamedTuple):
    """A way to search.

    Attributes:
        make: Makes the proposer.
        seeds: Most truths that it gets: fewer if a proposal takes long.
        screened: Whether hopeless points are given up early, as a study does.
        patient: Whether it goes on until it holds 99% of the front.
        is_extra: Whether it needs the extra `bench`.
    """

    make: Make
    seeds: int
    screened: bool = False
    patient: bool = False
    is_extra: bool = False


def auto(replay: Replay, seed: int) -> Proposer:
    """What `accelfront study` takes by default."""
    return make_proposer("auto", replay.stack, 1, seed, replay.budgets)


def starters(replay: Replay) -> list[Point]:
    """The points with which `auto` begins, whatever their results."""
    return _starters(replay.recorded)


@cache
def _starters(recorded: Replay) -> list[Point]:
    found = Searching(recorded, auto(recorded, 0)).run(min(STARTERS, len(recorded.rows)))
    return [trial.params for trial in found.trials]


def optuna_way(make: Callable[[int], BaseSampler], alike: bool = True) -> Make:
    """A sampler of Optuna as a study runs it, which learns the excess over each budget.

    Args:
        make: Makes it from a seed.
        alike: Begin with the points with which `auto` begins.
    """

    def proposer(replay: Replay, seed: int) -> Proposer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = make(seed)
        first: Sequence[Point] = starters(replay) if alike else ()
        distributions = make_distributions(replay.stack.space)
        return Search(replay.stack, sampler, first, distributions, seed, replay.budgets)

    return proposer


def rival(make: Callable[[Replay, Sequence[Point], int], Proposer]) -> Make:
    """A search by other means that begins with the same points as `auto`."""
    return lambda replay, seed: make(replay, starters(replay), seed)


def _greedy(replay: Replay, first: Sequence[Point], seed: int) -> Proposer:
    return Greedy(replay.stack, replay.budgets, first)


def _annealing(replay: Replay, first: Sequence[Point], seed: int) -> Proposer:
    return Annealing(replay.stack, replay.budgets, first, seed)


def _noisy_hypervolume(replay: Replay, first: Sequence[Point], seed: int) -> Proposer:
    return NoisyHypervolume(replay.stack, replay.budgets, first, seed)


WAYS: dict[str, Way] = {
    "auto, screened": Way(auto, 20, screened=True),
    "auto": Way(auto, 20, patient=True),
    "TPE": Way(
        optuna_way(lambda seed: TPESampler(seed=seed, n_startup_trials=STARTERS)), 20, patient=True
    ),
    "TPE, begun as Optuna does": Way(optuna_way(lambda seed: TPESampler(seed=seed), False), 20),
    "GPSampler": Way(optuna_way(lambda seed: GPSampler(seed=seed, n_startup_trials=STARTERS)), 2),
    "qLogNEHVI": Way(rival(_noisy_hypervolume), 2, is_extra=True),
    "greedy": Way(rival(_greedy), 20),
    "annealing": Way(rival(_annealing), 20),
    "NSGA-II": Way(
        optuna_way(lambda seed: NSGAIISampler(seed=seed, population_size=GENERATION)), 20
    ),
    "random": Way(optuna_way(lambda seed: RandomSampler(seed=seed)), 20, patient=True),
}
"""By name."""
