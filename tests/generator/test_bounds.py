from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.bounds import WeakBaseline, bounds_json, difficulty, weak_baselines
from objectives.errors import InputError
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.judgement import surest
from storage.records.requirement import Requirement, meets
from tests.made_records import changed
from tests.made_studies import add_point, add_study


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/a.db", create=True)


def test_the_bound_is_the_fastest_point_inside_the_budget(store: Store) -> None:
    study = add_study(store, "deepcache")
    for interval, speedup, loss in ((2, 1.5, 0.0), (3, 2.0, 0.02), (4, 3.0, 0.021)):
        spread = (speedup, speedup - 0.1, speedup + 0.1)
        add_point(study, {"cache_interval": interval}, spread, (loss, loss - 0.01, loss + 0.01))
    [record] = read_studies(store)
    written = json.loads(json.dumps(bounds_json(record)))
    assert written["bound"] == {
        "trial": 1,
        "params": {"cache_interval": 3},
        "speedup": 2.0,
        "speedup_ci": [1.9, 2.1],
        "latency_s": 0.5,
        "baseline_latency_s": 1.0,
        "clip_loss": 0.02,
        "clip_loss_ci": [0.01, 0.03],
        "image_similarity": 0.95,
        "judged_speedup": 2.0,
        "judged_speedup_ci": [1.9, 2.1],
        "judged_latency_s": 0.5,
        "judged_clip_loss": 0.02,
        "judged_clip_loss_ci": [0.01, 0.03],
        "chance_inside": 0.5,
    }
    assert written["answer"]["trial"] == 0 and written["bolder"] == written["bound"]
    assert written["least_lossy"] is None
    assert (written["study"], written["trials"], written["loss_budget"]) == (record.name, 3, 0.02)


def test_a_study_with_no_point_inside_has_its_least_loss_named(store: Store) -> None:
    study = add_study(store, "deepcache")
    add_point(study, {"cache_interval": 3}, (2.0, 1.9, 2.1), (0.1, 0.0, 0.2))
    add_point(study, {"cache_interval": 2}, (1.5, 1.4, 1.6), (0.03, 0.0, 0.2))
    [record] = read_studies(store)
    written = bounds_json(record)
    assert written["answer"] is written["bolder"] is written["bound"] is None
    assert written["least_lossy"]["trial"] == 1


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(0.79, "easy"), (0.8, "normal"), (1.0, "normal"), (1.2, "normal"), (1.21, "hard")],
)
def test_difficulty_is_a_share_of_what_is_sure(wanted: float, expected: str) -> None:
    assert difficulty(wanted) == expected


def test_the_shares_of_the_difficulty_can_be_chosen() -> None:
    assert difficulty(0.75, easy=0.5) == "normal"
    assert difficulty(0.75, easy=0.5, hard=0.7) == "hard"


@pytest.mark.parametrize(("easy", "hard"), [(1.2, 0.8), (0, 1.2), (-1, 1.2), (float("nan"), 1)])
def test_shares_that_contradict_each_other_are_refused(easy: float, hard: float) -> None:
    with pytest.raises(InputError, match="--easy and --hard"):
        difficulty(0.75, easy, hard)


def test_the_surest_point_meets_all_that_any_point_meets_by_interval(store: Store) -> None:
    study = add_study(store, "deepcache")
    add_point(study, {"cache_interval": 2}, (2.0, 1.9, 2.1), (0.0, -0.01, 0.01))
    add_point(study, {"cache_interval": 3}, (2.2, 1.8, 2.6), (0.0, -0.01, 0.02))
    # Inside the budget, but perhaps by luck.
    add_point(study, {"cache_interval": 4}, (3.0, 2.9, 3.1), (0.01, 0.0, 0.03))
    [record] = read_studies(store)
    trial = surest(record.trials, record.budgets)
    assert trial is not None
    low = trial.measurement.speedup_ci[0]
    assert low == 1.9
    assert meets(trial, Requirement(speedup=low), record.budgets)
    beyond = Requirement(speedup=low + 0.01)
    assert not any(meets(each, beyond, record.budgets) for each in record.trials)


def test_no_point_is_sure_if_none_keeps_the_budget_with_its_whole_interval(store: Store) -> None:
    study = add_study(store, "deepcache")
    add_point(study, {"cache_interval": 3}, (2.0, 1.9, 2.1), (0.01, 0.0, 0.03))
    [record] = read_studies(store)
    assert surest(record.trials, record.budgets) is None


def add_measured(store: Store, scheduler: str, score: float, pipeline: str = "tiny-shapes") -> None:
    study = add_study(store, "deepcache", pipeline=pipeline, scheduler=scheduler)
    add_point(
        study, {"cache_interval": 2}, (1.5, 1.4, 1.6), (0.0, -0.01, 0.01), baseline_clip_score=score
    )


def test_baselines_that_lack_more_than_the_loss_budget_are_weak_the_worst_first(
    store: Store,
) -> None:
    for scheduler, score in (("DDIM", 0.8), ("UniPC", 0.6), ("DPM-Solver++", 0.7)):
        add_measured(store, scheduler, score)
    add_measured(store, "DDPM", 0.785)  # inside the budget of 2%
    unipc, dpm = weak_baselines(read_studies(store))
    assert unipc == WeakBaseline("tiny-shapes", "UniPC", 20, unipc.shortfall, ("DDIM", 20))
    assert dpm.scheduler == "DPM-Solver++"
    assert [unipc.shortfall, dpm.shortfall] == pytest.approx([0.25, 0.125])


def test_baselines_of_other_pipelines_and_protocols_do_not_compare(store: Store) -> None:
    add_measured(store, "DDIM", 0.8)
    add_measured(store, "UniPC", 0.6, pipeline="tiny-shapes-v")
    add_study(store, "tome", scheduler="UniPC")  # without points
    ours, theirs, _ = read_studies(store)
    other = changed(
        ours,
        protocol=ours.protocol.model_copy(update={"num_samples": 64}),
        combination=theirs.combination,
    )
    assert weak_baselines([ours, theirs, other]) == []


def test_scores_below_0_have_no_shares(store: Store) -> None:
    add_measured(store, "DDIM", -0.1)
    add_measured(store, "UniPC", -0.2)
    assert weak_baselines(read_studies(store)) == []
