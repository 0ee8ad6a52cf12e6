from __future__ import annotations

from collections.abc import Mapping

import pytest

from accel_space.errors import RefusedError
from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store
from storage.reading.prototype import Entry
from storage.records.points import by_whole_names
from studies.plan import make_plan
from studies.search.imported_points import imported_points, point_in_space, sort_entries
from tests.studies.conftest import MakeRequest
from tests.studies.search.test_samplers import make_stack

SCHEDULE = {"gate_step": 6, "sp_interval": 2, "fi_interval": 1, "warm_up": 1}

OUTSIDE: dict[str, int | float] = {"cache_interval": 9, "cache_branch_id": 0}


def entry(
    params: Mapping[str, int | float],
    *methods: str,
    pipeline: str = "tiny-shapes",
    scheduler: str = "DDIM",
    steps: int = 20,
) -> Entry:
    return Entry(f"the key of {params}", pipeline, scheduler, steps, methods, dict(params))


def test_entries_of_one_combination_come_together_whatever_their_spelling() -> None:
    both = {**SCHEDULE, "sp_interval": 1, "warm_up": 0, "cache_interval": 3, "cache_branch_id": 0}
    batches, problems = sort_entries(
        [
            entry(both, "tgate", "deepcache"),
            entry({"ratio": 0.5, "max_downsample": 1}, "tome"),
            entry(
                {**both, "cache_interval": 2}, "deepcache", "tgate", scheduler="DDIMScheduler",
                pipeline="Tiny-Shapes",
            ),
        ]
    )  # fmt: skip
    assert problems == []
    assert [(batch.combination.methods, len(batch.points)) for batch in batches] == [
        (("deepcache", "tgate"), 2),
        (("tome",), 1),
    ]


def test_entries_that_do_the_same_are_one_point() -> None:
    # No more than three of four tokens can be merged.
    entries = [entry({"ratio": ratio, "max_downsample": 1}, "tome") for ratio in (0.75, 0.8, 0.9)]
    [batch], problems = sort_entries(entries)
    assert problems == []
    assert batch.points == [{"tome.ratio": 0.75, "tome.max_downsample": 1}]
    assert batch.entries == 3


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (entry({"ratio": 0.5}, "tome"), "ratio, max_downsample; these were given: ratio"),
        (entry({"ratio": -1, "max_downsample": 1}, "tome"), "ratio must be a number from 0 on"),
        (entry(SCHEDULE, "turbo"), "unknown method 'turbo'"),
        (entry(SCHEDULE, "tgate", pipeline="SD9"), "unknown pipeline 'SD9'"),
        (entry(SCHEDULE, "tgate", scheduler="Magic"), "unknown scheduler 'Magic'"),
        (entry(SCHEDULE, "tgate", steps=3), "6 steps or more"),
        (
            entry({"cache_interval": 9, "cache_branch_id": 0}, "deepcache"),
            "outside the study's space",
        ),
    ],
)
def test_a_misfit_is_told_with_its_key_and_the_others_stay(bad: Entry, expected: str) -> None:
    good = entry({"ratio": 0.5, "max_downsample": 1}, "tome")
    [batch], [problem] = sort_entries([bad, good])
    assert batch.points == [by_whole_names(good.params)]
    assert problem.startswith(bad.key)
    assert expected in problem


def test_points_of_a_model_that_is_not_here_are_checked_too() -> None:
    fitting = entry({"cache_interval": 3, "cache_branch_id": 1}, "deepcache", pipeline="SDXL")
    misfit = entry({"ratio": 0.5, "max_downsample": 1}, "tome", pipeline="PixArt-Sigma")
    [batch], [problem] = sort_entries([fitting, misfit])
    assert batch.points == [by_whole_names(fitting.params)]
    assert "PixArtSigmaPipeline" in problem


def test_a_point_outside_the_space_is_refused_with_the_space() -> None:
    stack = make_stack("deepcache")
    with pytest.raises(RefusedError, match="cache_interval 2, 3, 4, 5"):
        point_in_space(stack, OUTSIDE)


def test_a_study_gets_the_imported_points_of_its_combination_that_fit(
    make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request())
    fitting: dict[str, int | float] = {"cache_interval": 5, "cache_branch_id": 3}
    # As of a protocol, or a release, with other choices.
    keep_imported_points(store.engine, plan.combination, [OUTSIDE])
    keep_imported_points(store.engine, plan.combination, [{"ratio": 0.5}, fitting])
    keep_imported_points(
        store.engine, plan.combination.model_copy(update={"steps": 7}), [plan.stack.default]
    )
    assert imported_points(plan, store) == [by_whole_names(fitting)]
