"""Studies that search by the loss of another metric than CLIP's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from accelfront.cli.running.search import StudySearch
from generator.choice import Scope, budgets_for
from generator.tasks.task import Task, read_task
from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from storage.database.opening import Store
from storage.reading.studies import has_study
from storage.records.study import Study
from storage.study_store.constraints import BudgetedStudy
from studies.commands import going_on, study_command
from studies.plan import make_plan
from studies.run.opening import open_study_store
from studies.run.runner import run_study
from studies.sweep import make_requests
from studies.sweep_file import read_sweep
from tests.command_line import run
from tests.studies.conftest import MakeRequest


@pytest.fixture
def measured(make_request: MakeRequest, store: Store) -> Study:
    request = make_request(
        trials=3, num_samples=4, batch_size=1, steps=4, sampler="grid", loss="ssim",
        loss_budget=0.4, conditions={"attributes": 0.5}, confirm=True,
    )  # fmt: skip
    return run_study(make_plan(request), store).study


def test_a_study_goes_by_its_own_loss_everywhere(
    measured: Study, make_request: MakeRequest, store: Store
) -> None:
    assert measured.budgets.limits() == {"ssim": 0.4, "attributes": 0.5}
    assert "the budgets (SSIM loss 40%, attributes loss 50%)" in measured.conclusion_in_words
    plan = make_plan(going_on(measured))
    assert plan.study_name == measured.name
    kept = open_study_store(plan, store).study
    assert kept.metric_names == ["speedup", "ssim"]
    for trial in measured.trials:
        ssim = trial.measurement.metrics["ssim"]
        # With batches of one and three pairs, a picture more than the pairs have.
        assert trial.loss == pytest.approx(ssim.loss, rel=1e-5)
        assert ssim.samples == 4
        assert kept.trials[trial.number].values[1] == pytest.approx(ssim.loss, rel=1e-5)
        told = BudgetedStudy(kept, measured.budgets).trials[trial.number].constraints
        attributes = trial.measurement.metrics["attributes"].loss
        expected = {"ssim": ssim.loss - 0.4, "attributes": attributes - 0.5}
        assert told == pytest.approx(expected, abs=1e-5)
    for point in measured.as_json()["front"]:
        assert point["loss"] == pytest.approx(point["metrics"]["ssim"]["loss"], rel=1e-5)
        assert point["loss_ci"][0] <= point["loss"] <= point["loss_ci"][1]
        assert point["clip_loss"] != point["loss"]
    losses = [trial.judged_loss for trial in measured.front]
    assert losses == sorted(losses, reverse=True)
    assert "--loss ssim" in study_command(going_on(measured))
    task = Task(**dict(measured.combination), loss_budget=None, budgets=(("ssim", 0.3),))
    assert budgets_for(measured, task).limits() == {"ssim": 0.3, "attributes": 0.5}


def test_a_loss_without_a_usual_budget_asks_for_one_before_anything_loads(
    make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request(loss="attributes", loss_budget=None))
    with pytest.raises(InputError, match=r"^--loss attributes has no usual budget; say how"):
        run_study(plan, store)
    assert not has_study(store, plan.study_name)
    with pytest.raises(InputError, match="--loss: there is no metric 'sim'"):
        make_plan(make_request(loss="sim"))
    with pytest.raises(InputError, match=r"--loss attributes cannot be used here: .*name another"):
        make_plan(make_request(loss="attributes", prompts=find_pipeline("SDXL").prompts))


def test_a_sweep_file_names_its_loss(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    text = (
        "pipelines: tiny-shapes\nschedulers: DDIM\nsteps: 4\nmethods: deepcache\n"
        "protocol:\n  loss: ssim\nloss_budget: 0.03\nbudgets:\n  ssim: {}\n"
    )
    sweep.write_text(text.format("10%"))
    [request] = make_requests(read_sweep(sweep), tmp_path)
    assert (request.loss, request.loss_budget) == ("ssim", 0.1)
    assert request.conditions == {"clip_loss": 0.03}
    sweep.write_text(text.format("none"))
    with pytest.raises(InputError, match=r"line 8: budgets: --budget ssim=none"):
        read_sweep(sweep)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("clip_loss", "--req-score-loss 0.02 --budget ssim=10% --budget memory=1GiB"),
        ("ssim", "--loss ssim --budget ssim=10% --budget memory=1GiB --budget clip_loss=2%"),
    ],
)
def test_a_missing_study_is_searched_under_the_budgets_of_a_task(
    store: Store, loss: str, told: str
) -> None:
    search = StudySearch(
        store=store, scope=Scope.__new__(Scope), device="cuda", model=None, loss=loss, trials=4,
        num_samples=None, scorer=None, metrics=(), weights={},
    )  # fmt: skip
    task = read_task(
        "tiny-shapes, 20 steps, DeepCache, loss at most 2%, SSIM at least 0.9, memory at most 1 GiB"
    )
    command = search.command(task)
    assert all(words in command for words in told.split(" --")[1:])


def test_a_run_under_budgets_of_its_own_leaves_those_of_the_study(
    make_request: MakeRequest, store: Store
) -> None:
    plan = make_plan(make_request(conditions={"ssim": 0.3}, loss_budget=0.02))
    assert open_study_store(plan, store).budgets.limits() == {"clip_loss": 0.02, "ssim": 0.3}
    own = replace(plan.request, conditions={"ssim": 0.1}, loss_budget=0.05, budget_use="run")
    opened = open_study_store(replace(plan, request=own), store)
    assert opened.budgets.limits() == {"clip_loss": 0.02, "ssim": 0.3}


def test_a_budget_on_the_command_line_that_lifts_the_loss_is_bad_usage() -> None:
    answer = run("study", "--loss", "ssim", "--budget", "ssim=none")
    assert answer.returncode == 2
    assert len(answer.stderr.strip().splitlines()) == 1
