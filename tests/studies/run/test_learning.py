"""Studies whose methods learn of the plain pipe before they begin."""

from __future__ import annotations

from functools import partial

import optuna
import pytest
from sqlalchemy import delete, select

from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store
from storage.database.schema import baselines
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.study_store import attributes as keys
from storage.study_store.upkeep.removal import remove_study
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.learning import with_learned
from studies.run.measuring import PipelineLoader
from studies.run.opening import open_study_store
from studies.run.progress import Progress
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest

STEPS = 4


@pytest.fixture
def make_mag_request(make_request: MakeRequest) -> MakeRequest:
    methods = ("mag_cache",)
    return partial(make_request, pipeline="tiny-shapes-dit", methods=methods, steps=STEPS, trials=1)


def _run(request: StudyRequest, store: Store, loader: PipelineLoader) -> list[str]:
    """Run a study, and tell what it said it was doing."""
    said: list[Progress] = []
    run_study(make_plan(request), store, said.append, loader)
    return list(dict.fromkeys(each.stage for each in said))


def test_a_study_calibrates_once_and_goes_on_with_what_it_learned(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    stages = _run(make_mag_request(), store, loader)
    [study] = read_studies(store)
    first, *others = study.learned["mag_cache"]
    assert "calibrating mag_cache on the baseline" in stages
    assert (first, len(others)) == (1.0, STEPS - 1)
    assert study.space.choices["mag_cache.threshold"] != [0.03, 0.06, 0.09, 0.12, 0.18, 0.24, 0.36]
    assert study.trials[0].measurement.lossy_methods == ("mag_cache",)

    # The study itself holds it, wherever else it was.
    with store.engine.begin() as connection:
        connection.execute(delete(baselines))
    stages = _run(make_mag_request(trials=2), store, loader)
    [again] = read_studies(store)
    assert "calibrating mag_cache on the baseline" not in stages
    assert (again.learned, again.space) == (study.learned, study.space)
    assert len(again.trials) == 2


def test_studies_of_one_baseline_know_the_same_and_the_last_one_takes_it_along(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    _run(make_mag_request(), store, loader)
    stages = _run(make_mag_request(methods=("mag_cache", "cfg_cutoff")), store, loader)
    one, other = read_studies(store)
    assert "calibrating mag_cache on the baseline" not in stages
    assert one.learned == other.learned and one.learned["mag_cache"]

    with store.engine.connect() as connection:
        kept = len(connection.execute(select(baselines.c.key)).all())
        remove_study(store, one.name)
        assert len(connection.execute(select(baselines.c.key)).all()) == kept == 2
        remove_study(store, other.name)
        assert not connection.execute(select(baselines.c.key)).all()


def test_a_study_of_an_earlier_release_goes_on_as_it_began(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    """It learned nothing, and has the thresholds that people set."""
    request = make_mag_request(methods=("first_block_cache",))
    plan = make_plan(request)
    open_study_store(plan, store).leave()

    stages = _run(request, store, loader)

    [study] = read_studies(store)
    assert not any("calibrating" in stage for stage in stages)
    assert study.learned == {} and len(study.trials) == 1
    assert study.space.choices["first_block_cache.threshold"][:2] == [0.02, 0.05]


def test_a_study_that_cannot_be_read_is_refused_before_anything_is_calibrated(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    request = make_mag_request()
    plan = make_plan(request)
    open_study_store(plan, store).leave()
    # As a later release might have it.
    study = optuna.load_study(study_name=plan.study_name, storage=store.optuna)
    study.set_user_attr(keys.LEARNED, {"mag_cache": {"ratios": [1.0, 1.1]}})

    said: list[Progress] = []
    with pytest.raises(StorageError, match=r"not as accelfront keeps one: learned\.mag_cache"):
        run_study(plan, store, said.append, loader)

    assert not any("calibrating" in each.stage for each in said)
    with store.engine.connect() as connection:
        assert not connection.execute(select(baselines.c.key)).all()


def test_workers_that_begin_together_take_what_the_first_has_kept(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    plan = make_plan(make_mag_request(methods=("first_block_cache",)))
    said: list[str] = []
    first, second = (with_learned(plan, store, loader, said.append) for _ in range(2))
    assert first.stack.space == second.stack.space != plan.stack.space
    assert said.count("calibrating first_block_cache on the baseline") == 1


def test_an_imported_threshold_is_taken_to_the_nearest_that_was_learned(
    make_mag_request: MakeRequest, store: Store, loader: PipelineLoader
) -> None:
    plan = make_plan(make_mag_request())
    point = {"threshold": 0.36, "max_skip_steps": 5, "retention_ratio": 0.1}
    whole = {f"mag_cache.{name}": value for name, value in point.items()}
    keep_imported_points(store.engine, plan.combination, [whole])
    _run(make_mag_request(), store, loader)
    [study] = read_studies(store)
    choices = study.space.choices["mag_cache.threshold"]
    nearest = min(choices, key=lambda value: abs(value - 0.36))
    taught = plan.knowing(study.learned).stack
    assert study.trials[0].params == taught.canonical({**whole, "mag_cache.threshold": nearest})
