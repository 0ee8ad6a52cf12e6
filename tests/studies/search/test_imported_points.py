from __future__ import annotations

from collections.abc import Mapping

import pytest

from accel_space.errors import RefusedError
from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store
from storage.reading.prototype import Entry
from storage.records.points import by_short_names, by_whole_names
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


LEARNED = {"mag_cache": (1.0, 1.02, 0.97, 0.9, 0.6, 0.4), "first_block_cache": (0.217, 0.274, 2.5)}
"""As a study of 6 steps would have learned it."""


@pytest.mark.parametrize("method", LEARNED)
def test_points_of_a_study_that_learned_come_back_from_a_file_as_they_were(
    method: str, make_request: MakeRequest, store: Store
) -> None:
    """What is known of no model beforehand neither refuses nor changes them."""
    request = make_request(pipeline="tiny-shapes-dit", steps=6, methods=(method,))
    plan = make_plan(request).knowing({method: LEARNED[method]})
    exported = plan.stack.points
    entries = [
        entry(by_short_names(point), method, pipeline="tiny-shapes-dit", steps=6)
        for point in exported
    ]

    [batch], problems = sort_entries(entries)
    keep_imported_points(store.engine, plan.combination, batch.points)

    assert problems == []
    assert imported_points(plan, store) == exported


@pytest.mark.parametrize(
    "params",
    [
        {"threshold": -1.0, "max_skip_steps": 3, "retention_ratio": 0.2},
        {"threshold": 0.5, "max_skip_steps": 50, "retention_ratio": 0.2},
        {"threshold": 0.5, "max_skip_steps": 3},
    ],
)
def test_what_no_study_could_learn_is_refused_all_the_same(params: dict[str, float]) -> None:
    batches, [problem] = sort_entries([entry(params, "mag_cache", pipeline="tiny-shapes-dit")])
    assert batches == [] and problem


def test_thresholds_near_the_same_one_are_one_point(
    make_request: MakeRequest, store: Store
) -> None:
    request = make_request(pipeline="tiny-shapes-dit", steps=6, methods=("first_block_cache",))
    plan = make_plan(request).knowing({"first_block_cache": (0.2, 0.9)})
    near = [{"first_block_cache.threshold": value} for value in (0.02, 0.05, 0.8)]
    keep_imported_points(store.engine, plan.combination, near)
    assert [point["first_block_cache.threshold"] for point in imported_points(plan, store)] == [
        0.2,
        0.9,
    ]
