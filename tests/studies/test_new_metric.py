"""A new metric is one file: it runs through a study, is shown, and carries a budget."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from generator.artefacts.script import render_script
from generator.artefacts.source import find_source
from objectives.quality import METRICS
from objectives.quality.metric import Drawn, Metric
from storage.database.opening import Store
from storage.reading.studies import find_study
from storage.records.study import Study
from studies.budgets import read_budgets
from studies.plan import Plan, make_plan
from studies.run.runner import run_study
from tests.studies.conftest import MakeRequest


class Darkening(Metric):
    """How far the mean of a picture is from that of the baseline's."""

    name = "darkening"
    title = "darkening"
    more_is_better = False
    needs = frozenset({"pictures", "pairs"})

    def values(self, drawn: Drawn) -> list[float]:
        assert drawn.pictures is not None
        assert drawn.baseline_pictures is not None
        apart = drawn.pictures.mean(dim=(1, 2, 3)) - drawn.baseline_pictures.mean(dim=(1, 2, 3))
        return [abs(float(value)) for value in apart]


class Contrast(Metric):
    """A picture by itself, without another one."""

    name = "contrast"
    title = "contrast"
    more_is_better = True
    needs = frozenset({"pictures"})

    def values(self, drawn: Drawn) -> list[float]:
        assert drawn.pictures is not None
        return [float(value) for value in drawn.pictures.std(dim=(1, 2, 3))]


class Broken(Darkening):
    name = "broken"
    title = "the broken metric"

    def values(self, drawn: Drawn) -> list[float]:
        return [nan for _ in drawn.prompts]


def planned(monkeypatch: pytest.MonkeyPatch, make_request: MakeRequest, *metrics: Metric) -> Plan:
    for metric in metrics:
        monkeypatch.setitem(METRICS, metric.name, metric)
    plan = make_plan(make_request(trials=2, num_samples=4, sampler="grid"))
    names = (*plan.protocol.metrics, *(metric.name for metric in metrics))
    return replace(plan, protocol=plan.protocol.model_copy(update={"metrics": names}))


def test_a_new_metric_is_measured_shown_and_budgeted(
    monkeypatch: pytest.MonkeyPatch, make_request: MakeRequest, store: Store
) -> None:
    usual = planned(monkeypatch, make_request)
    plan = planned(monkeypatch, make_request, Darkening(), Contrast())
    assert plan.study_name == usual.study_name, "a study may gain it later"
    study = run_study(plan, store).study
    [first, *_] = study.as_json()["front"]
    assert list(first["metrics"]) == [
        "image_similarity", "psnr", "ssim", "ms_ssim", "darkening", "contrast",
    ]  # fmt: skip
    darkening = first["metrics"]["darkening"]
    assert darkening["value"] == darkening["loss"] > 0
    assert darkening["loss_ci"][0] <= darkening["loss"] <= darkening["loss_ci"][1]
    # With batches of one, the pictures of all pairs but the first, which warms up.
    assert darkening["samples"] == 3
    assert first["metrics"]["contrast"]["value"] > 0
    assert abs(first["metrics"]["contrast"]["loss"]) < 1

    losses = sorted(t.measurement.metrics["darkening"].loss for t in study.trials)
    between = sum(losses) / 2

    def under(budget: float) -> Study:
        asked = read_budgets([f"darkening={budget}", "clip_loss=50%"])
        loss, conditions = asked.beside("clip_loss")
        run_study(replace(plan, request=replace(
            plan.request, loss_budget=loss, conditions=conditions
        )), store)  # fmt: skip
        found = find_study(store, plan.study_name)
        assert found is not None
        return found

    narrow = under(between)
    [kept] = [t for t in narrow.trials if t.measurement.metrics["darkening"].loss <= between]
    assert narrow.front == [kept] == [narrow.bound]
    assert narrow.as_json()["ruled_out"] == [1 - kept.number]
    script = render_script(narrow, kept, find_source(narrow))
    assert f"{kept.number} of {narrow.name}" in script
    compile(script, "script", "exec")
    assert under(losses[1] * 1.01).ruled_out == []
    assert under(losses[0] / 2).front == []


def test_a_new_metric_is_the_second_objective(
    monkeypatch: pytest.MonkeyPatch, make_request: MakeRequest, store: Store
) -> None:
    monkeypatch.setitem(METRICS, "darkening", Darkening())
    request = make_request(
        trials=2, num_samples=3, steps=4, sampler="grid", loss="darkening", loss_budget=0.4
    )
    study = run_study(make_plan(request), store).study
    assert (study.loss, study.budgets.limits()) == ("darkening", {"darkening": 0.4})
    for trial in study.trials:
        found = trial.measurement.metrics["darkening"]
        assert trial.loss == pytest.approx(found.loss, rel=1e-5)
        assert found.samples == 3, "all pictures are compared"
    for point in study.as_json()["front"]:
        assert point["loss"] == pytest.approx(point["metrics"]["darkening"]["loss"], rel=1e-5)
    best = min(study.trials, key=lambda each: each.loss)
    script = render_script(study, best, find_source(study))
    assert "darkening loss" in script
    compile(script, "script", "exec")


def test_metrics_that_are_asked_for_are_measured_shown_and_budgeted(
    make_request: MakeRequest, store: Store
) -> None:
    loss, conditions = read_budgets(["attributes=0%", "clip_loss=50%"]).beside("clip_loss")
    request = make_request(
        trials=2,
        num_samples=4,
        batch_size=2,
        sampler="grid",
        metrics=("ms_ssim", "attributes"),
        loss_budget=loss,
        conditions=conditions,
    )
    study = run_study(make_plan(request), store).study
    kept = [trial.measurement.metrics for trial in study.trials]
    assert {(each["attributes"].samples, each["ms_ssim"].samples) for each in kept} == {(4, 4)}
    assert all(0 <= each["attributes"].value <= 1 for each in kept)
    assert all(0 < each["ms_ssim"].loss < each["ssim"].loss for each in kept), "coarser is closer"
    losses = [each["attributes"].loss for each in kept]
    assert any(loss > 0 for loss in losses)
    ruled_out = [each.number for each in study.trials if losses[each.number] > 0]
    assert study.as_json()["ruled_out"] == ruled_out


def test_a_value_that_is_none_fails_the_point_by_name(
    monkeypatch: pytest.MonkeyPatch, make_request: MakeRequest, store: Store
) -> None:
    plan = planned(monkeypatch, make_request, Broken())
    with pytest.raises(Exception, match="the broken metric is not finite"):
        run_study(plan, store)
