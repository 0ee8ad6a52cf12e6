from __future__ import annotations

from dataclasses import replace

from benchmarks.storage.stub_loader import StubLoader
from storage.database.baselines import keep_learned
from storage.database.opening import Store
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.opening import learned_key
from studies.run.progress import RunResult
from studies.run.runner import run_study
from studies.search.first_points import first_points
from studies.search.warm_start import MOST, warm_points
from tests.studies.conftest import MakeRequest

PARTS = ("deepcache", "tome")


def run(request: StudyRequest, store: Store) -> RunResult:
    """Run a study whose figures are made up."""
    return run_study(make_plan(request), store, loader=StubLoader(lambda: None))


def test_a_stack_begins_with_what_its_parts_found(make_request: MakeRequest, store: Store) -> None:
    stack = make_plan(make_request(methods=PARTS, trials=1))
    assert warm_points(stack, store) == []
    fronts = []
    for method in PARTS:
        outcome = run(make_request(methods=(method,), trials=3), store)
        fronts.append([trial.params for trial in outcome.study.front])
        if method == PARTS[0]:
            assert warm_points(stack, store) == [], "one part is not enough"
    points = warm_points(stack, store)
    assert 0 < len(points) <= MOST
    joined = [{**one, **other} for one in fronts[0] for other in fronts[1]]
    for point in points:
        assert point in stack.stack.points
        assert point in [stack.stack.canonical(each) for each in joined]
    first = run(stack.request, store).study.trials[0]
    assert first.params == points[0]


def test_a_threshold_that_a_part_learned_is_joined_as_the_nearest_of_the_stack(
    make_request: MakeRequest, store: Store
) -> None:
    """And not as its default one, 0.05."""
    request = make_request(pipeline="tiny-shapes-dit", trials=2)
    part = replace(request, methods=("first_block_cache",))
    keep_learned(store.engine, learned_key(make_plan(part), "first_block_cache"), [0.301, 0.402])
    run(part, store)
    run(replace(request, methods=("cfg_cutoff",)), store)
    stack = make_plan(replace(request, methods=("first_block_cache", "cfg_cutoff")))
    points = warm_points(stack.knowing({"first_block_cache": (0.05, 0.302, 0.403)}), store)
    assert points
    assert {point["first_block_cache.threshold"] for point in points} <= {0.302, 0.403}


def test_parts_under_another_protocol_do_not_count(make_request: MakeRequest, store: Store) -> None:
    for method in PARTS:
        run(make_request(methods=(method,), trials=1), store)
    assert warm_points(make_plan(make_request(methods=PARTS)), store)
    assert warm_points(make_plan(make_request(methods=PARTS, seed=1)), store) == []
    assert warm_points(make_plan(make_request(methods=PARTS, steps=7)), store) == []


def test_a_lone_method_has_no_parts(make_request: MakeRequest, store: Store) -> None:
    run(make_request(trials=1), store)
    assert warm_points(make_plan(make_request()), store) == []


def test_a_study_begins_with_what_its_nearest_neighbour_found(
    make_request: MakeRequest, store: Store
) -> None:
    near = run(make_request(methods=("deepcache",), steps=7, trials=4), store).study
    run(make_request(methods=("deepcache",), steps=12, trials=2), store)
    plan = make_plan(make_request(methods=("deepcache",), steps=6, trials=1))
    points = warm_points(plan, store)
    found = [plan.stack.canonical(trial.params) for trial in near.front]
    assert points
    assert all(point in found for point in points)
    assert run(plan.request, store).study.trials[0].params == points[0]
    assert warm_points(make_plan(make_request(methods=("deepcache",), seed=1)), store) == []


def test_a_lossless_method_needs_no_study_for_the_others_to_tell_where_to_begin(
    make_request: MakeRequest, store: Store
) -> None:
    alone = run(make_request(methods=("deepcache",), trials=3), store).study
    plan = make_plan(make_request(methods=("deepcache", "compile")))
    points = warm_points(plan, store)
    assert points
    assert all(point["compile.parts"] == 1 for point in points)
    own = [{n: v for n, v in point.items() if n != "compile.parts"} for point in points]
    assert all(params in [trial.params for trial in alone.front] for params in own)
    assert first_points(plan, store) == [plan.stack.lossless_default, *points]
