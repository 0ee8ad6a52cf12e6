from __future__ import annotations

from pathlib import Path

from storage.database.opening import Store
from studies.plan import make_plan
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest


def test_plans_of_one_pipeline_share_what_is_loaded_and_the_baseline(
    make_small_request: MakeRequest, store: Store
) -> None:
    told: list[str] = []
    loader = PipelineLoader()
    for changes in ({}, {"methods": ("tome",)}, {"scheduler": "UniPC"}):
        loader.load(make_plan(make_small_request(**changes)), store, told.append)
    assert told == ["loading tiny-shapes", "generating the baseline", "generating the baseline"]


def test_another_pipeline_takes_the_place_of_the_last(
    make_small_request: MakeRequest, store: Store
) -> None:
    told: list[str] = []
    loader = PipelineLoader()
    for pipeline in ("tiny-shapes", "tiny-shapes-v", "tiny-shapes"):
        loader.load(make_plan(make_small_request(pipeline=pipeline)), store, told.append)
    loads = [words for words in told if words.startswith("loading")]
    assert loads == ["loading tiny-shapes", "loading tiny-shapes-v", "loading tiny-shapes"]
    assert told.count("generating the baseline") == 2


def test_a_shared_pipe_draws_with_the_scheduler_of_the_plan_at_hand(
    make_small_request: MakeRequest, store: Store
) -> None:
    loader = PipelineLoader()
    plans = [make_plan(make_small_request(scheduler=name)) for name in ("DDIM", "UniPC", "DDIM")]
    embeddings = []
    for plan in plans:
        instrument = loader.load(plan, store, lambda words: None)
        embeddings.append(instrument.objective.measure_baseline().embeddings)
    assert (embeddings[0] == embeddings[2]).all()
    assert (embeddings[0] != embeddings[1]).any()


def test_what_is_told_of_the_prompts_is_told_to_who_watches_afresh_and_on_going_on(
    make_small_request: MakeRequest, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("a red circle\n" * 2 + "a large blue square " * 20)
    for trials in (1, 2):
        told: list[Progress] = []
        run_study(make_plan(make_small_request(prompts=file, trials=trials)), store, told.append)
        measuring = next(each for each in told if each.stage.startswith("measuring"))
        assert measuring.notes == (
            "mine.txt repeats prompts, such as 'a red circle': 1 of 3 left out",
            "prompts longer than the pipeline reads, which draws their beginning only: 1 of 2, "
            "such as 'a large blue square a large blue square ...'",
            "prompts longer than the scorer reads, which scores their beginning only: 1 of 2, "
            "such as 'a large blue square a large blue square ...'",
        )
