from __future__ import annotations

from storage.store import Store
from studies.bench import Workbench
from studies.plan import make_plan
from tests.studies.conftest import MakeRequest


def test_plans_of_one_pipeline_share_what_is_loaded_and_the_baseline(
    make_request: MakeRequest, store: Store
) -> None:
    told: list[str] = []
    workbench = Workbench()
    for changes in ({}, {"methods": ("tome",)}, {"scheduler": "UniPC"}):
        workbench.open(make_plan(make_request(**changes)), store, told.append)
    assert told == ["loading tiny-shapes", "generating the baseline", "generating the baseline"]


def test_another_pipeline_takes_the_place_of_the_last(
    make_request: MakeRequest, store: Store
) -> None:
    told: list[str] = []
    workbench = Workbench()
    for pipeline in ("tiny-shapes", "tiny-shapes-v", "tiny-shapes"):
        workbench.open(make_plan(make_request(pipeline=pipeline)), store, told.append)
    loads = [words for words in told if words.startswith("loading")]
    assert loads == ["loading tiny-shapes", "loading tiny-shapes-v", "loading tiny-shapes"]
    assert told.count("generating the baseline") == 2


def test_a_shared_pipe_draws_with_the_scheduler_of_the_plan_at_hand(
    make_request: MakeRequest, store: Store
) -> None:
    workbench = Workbench()
    plans = [make_plan(make_request(scheduler=name)) for name in ("DDIM", "UniPC", "DDIM")]
    embeddings = []
    for plan in plans:
        bench = workbench.open(plan, store, lambda words: None)
        embeddings.append(bench.objective.measure_baseline().embeddings)
    assert (embeddings[0] == embeddings[2]).all()
    assert (embeddings[0] != embeddings[1]).any()
