from __future__ import annotations

from collections.abc import Sequence

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from accel_space.method import Choices, Context
from accel_space.profile import Profile, SchedulerProfile
from accel_space.stack import Stack
from objectives.pipelines.families.unet import UNET
from storage.records.budgets import Budgets
from storage.records.points import point_key
from storage.records.trial import Point
from studies.request import SAMPLERS
from studies.search.samplers import Proposer, make_distributions
from studies.search.samplers import make_proposer as make_any_proposer

GRIDS = ((16, 16), (8, 8), (4, 4), (2, 2))


def _timesteps(steps: int) -> tuple[float, ...]:
    return tuple(map(float, range(steps)))


def make_stack(*methods: str, steps: int = 20) -> Stack:
    return Stack(
        Context(
            profile=Profile(
                "StableDiffusionPipeline", UNET, GRIDS[0], GRIDS, (2, 2, 2, 2), has_mid_block=True
            ),
            scheduler=SchedulerProfile("DDIMScheduler", 1, _timesteps(steps), _timesteps),
            steps=steps,
            guidance_scale=5.0,
            methods=frozenset(methods),
        )
    )


def make_study() -> optuna.Study:
    return optuna.create_study(directions=["maximize", "minimize"])


def make_proposer(
    name: str, stack: Stack, trials: int, seed: int, first: Sequence[Point] = ()
) -> Proposer:
    return make_any_proposer(name, stack, trials, seed, budgets=Budgets(0.02), first=first)


def test_auto_begins_with_the_default_and_covers_the_space_early() -> None:
    stack = make_stack("deepcache")
    proposer = make_proposer("auto", stack, trials=5, seed=0)
    study = make_study()
    first: list[Point] = []
    for _ in range(5):
        proposal = proposer.propose(study, [point_key(point) for point in first])
        assert proposal is not None
        first.append(proposal.point)
        study.tell(proposal.trial, (1.0, 0.0))
    assert first[0] == stack.default
    assert {point["deepcache.cache_interval"] for point in first} >= {2, 3, 5}
    assert {point["deepcache.cache_branch_id"] for point in first} >= {0, 3}


def test_evenly_spaced_choices_are_ordered_for_optuna() -> None:
    made = make_distributions(
        {
            "even": Choices((2, 3, 4), 2),
            "odd": Choices((1, 2, 4, 8), 1),
            "real": Choices((0.1, 0.2, 0.3), 0.1),
            "one": Choices((1,), 1),
        }
    )
    assert made["even"] == IntDistribution(2, 4)
    assert made["odd"] == CategoricalDistribution((1, 2, 4, 8))
    assert isinstance(made["real"], FloatDistribution)
    assert made["one"].single()


def test_grid_walks_the_prototypes_order() -> None:
    stack = make_stack("deepcache")
    walk = make_proposer("grid", stack, trials=3, seed=0)
    study = make_study()
    taken: set[str] = set()
    order = []
    while (proposal := walk.propose(study, taken)) is not None:
        order.append(
            (
                proposal.point["deepcache.cache_interval"],
                proposal.point["deepcache.cache_branch_id"],
            )
        )
        taken.add(point_key(proposal.point))
    assert order == [(interval, branch) for interval in range(2, 6) for branch in range(4)]


def test_auto_wants_every_point_in_full_if_the_trials_reach_for_all() -> None:
    stack = make_stack("deepcache")
    assert make_proposer("auto", stack, trials=16, seed=0).thorough
    assert not make_proposer("auto", stack, trials=15, seed=0).thorough


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "grid"])
def test_a_search_reaches_every_point_of_a_space(name: str) -> None:
    stack = make_stack("deepcache")
    search = make_proposer(name, stack, trials=15, seed=0)
    study = make_study()
    taken: dict[str, tuple[float, float]] = {}
    for _ in range(200):
        proposal = search.propose(study, taken)
        if proposal is None:
            break
        interval = proposal.point["deepcache.cache_interval"]
        values = taken.setdefault(
            point_key(proposal.point),
            (interval - proposal.point["deepcache.cache_branch_id"] / 9, interval),
        )
        study.tell(proposal.trial, values)
    assert len(taken) == 16


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("trials", [5, 16])
def test_every_sampler_proposes_the_first_points_first_and_once(name: str, trials: int) -> None:
    stack = make_stack("deepcache")
    first = [stack.points[index] for index in (13, 2, 13, 7)]
    proposer = make_proposer(name, stack, trials=trials, seed=0, first=first)
    study = make_study()
    order: list[str] = []
    for _ in range(4):
        proposal = proposer.propose(study, order)
        assert proposal is not None
        order.append(point_key(proposal.point))
        study.tell(proposal.trial, (float(len(order)), 0.0))
    assert order[:3] == [point_key(stack.points[index]) for index in (13, 2, 7)]


def test_a_walk_with_first_points_leaves_nothing_out() -> None:
    stack = make_stack("deepcache")
    walk = make_proposer("grid", stack, trials=16, seed=0, first=stack.points[5:7])
    study = make_study()
    taken: list[str] = []
    while (proposal := walk.propose(study, taken)) is not None:
        taken.append(point_key(proposal.point))
    assert sorted(taken) == sorted(map(point_key, stack.points))


def test_workers_that_choose_at_once_walk_on_together_without_meeting() -> None:
    stack = make_stack("deepcache")
    walks = [make_proposer("grid", stack, trials=16, seed=0) for _ in range(5)]
    alone, together = make_study(), make_study()
    wanted: list[str] = []
    while (proposal := walks[0].propose(alone, wanted)) is not None:
        wanted.append(point_key(proposal.point))
        alone.tell(proposal.trial, (1.0, 0.0))
    taken: list[str] = []
    for _ in range(3):
        # All have read what is taken before the first of them claims its point.
        proposals = [walk.propose(together, tuple(taken)) for walk in walks]
        taken += [point_key(proposal.point) for proposal in proposals if proposal]
    assert taken == wanted[:15]


def test_a_walk_leaves_the_next_point_to_a_worker_that_is_choosing_it() -> None:
    walk = make_proposer("grid", make_stack("deepcache"), trials=16, seed=0)
    study = make_study()
    study.ask()
    proposal = walk.propose(study, ())
    assert proposal is not None
    assert point_key(proposal.point) == "cache_interval=2 cache_branch_id=1"


def test_a_walk_takes_the_last_point_from_a_worker_that_died_choosing_it() -> None:
    stack = make_stack("deepcache")
    walk = make_proposer("grid", stack, trials=16, seed=0)
    study = make_study()
    *measured, last = map(point_key, stack.points)
    for _ in range(2):
        proposal = walk.propose(study, measured)
        assert proposal is not None
        assert point_key(proposal.point) == last


def test_what_a_search_proposes_is_canonical() -> None:
    stack = make_stack("tgate")
    search = make_proposer("random", stack, trials=5, seed=3)
    study = make_study()
    for _ in range(20):
        proposal = search.propose(study, ())
        assert proposal is not None
        assert stack.canonical(proposal.trial.params) == proposal.point
        assert proposal.point in stack.points


def test_one_seed_gives_one_sequence() -> None:
    def sequence() -> list[str]:
        search = make_proposer("random", make_stack("tome"), trials=5, seed=7)
        study = make_study()
        proposals = [search.propose(study, ()) for _ in range(5)]
        return [point_key(proposal.point) for proposal in proposals if proposal]

    assert sequence() == sequence()
