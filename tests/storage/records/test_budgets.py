from __future__ import annotations

from typing import Any

import pytest

from objectives.quality import METRICS
from storage.records.budgets import UNKNOWN, Budgets, title
from storage.records.judgement import judged_front, sure_answer
from storage.records.measurement import MetricResult
from tests.made_records import changed, made_measurement, made_point

MEASURED = made_measurement(
    clip_loss_ci=[-0.01, 0.03],
    peak_memory_mib=2048.0,
    metrics={
        "ssim": {"value": 0.9, "loss": 0.1, "loss_ci": [0.08, 0.12], "samples": 8},
        "psnr": {"value": 20.0, "loss": 0.1, "loss_ci": None, "samples": 1},
    },
)


def test_constraints_have_one_order_whatever_that_of_the_budgets() -> None:
    one = Budgets(0.02, {"ssim": 0.1, "memory_mib": 1.0})
    other = Budgets(0.02, {"memory_mib": 1.0, "ssim": 0.1})
    assert list(one.excess(MEASURED)) == list(other.excess(MEASURED))
    assert list(one.limits()) == ["clip_loss", "memory_mib", "ssim"]


def test_an_excess_is_what_lies_beyond_each_budget() -> None:
    budgets = Budgets(0.02, {"ssim": 0.15, "memory_mib": 1024.0, "lpips": 0.1})
    excess = budgets.excess(MEASURED)
    assert excess.pop("lpips") == UNKNOWN > 0
    assert excess == pytest.approx({"clip_loss": -0.01, "ssim": -0.05, "memory_mib": 1024.0})


@pytest.mark.parametrize(
    ("conditions", "by_mean", "surely"),
    [
        ({}, True, True),
        ({"ssim": 0.13}, True, True),
        ({"ssim": 0.11}, True, False),
        ({"ssim": 0.09}, False, False),
        ({"memory_mib": 2048.0}, True, True),
        ({"memory_mib": 2047.0}, False, False),
        ({"ssim": 0.13, "memory_mib": 2047.0}, False, False),
        # From one picture there is no interval, so nothing is sure.
        ({"psnr": 0.2}, True, False),
        ({"lpips": 0.9}, False, False),
    ],
)
def test_conditions_are_met_by_the_mean_and_surely_by_the_interval(
    conditions: dict[str, float], by_mean: bool, surely: bool
) -> None:
    budgets = Budgets(0.0, conditions)
    assert budgets.allow(MEASURED) is by_mean
    assert bool(budgets.why_not(MEASURED)) is not surely


def test_a_budget_that_is_broken_is_named_before_one_that_may_be() -> None:
    wide = MetricResult(value=0.9, loss=0.01, loss_ci=(0.0, 0.3), samples=32)
    measured = changed(MEASURED, metrics={"image_similarity_loss": wide})
    budgets = Budgets(0.02, {"image_similarity_loss": 0.1, "memory_mib": 1024})
    assert budgets.why_not(measured) == "its peak memory is 2 GiB, and 1 GiB is allowed"


def test_memory_that_was_not_measured_keeps_no_budget() -> None:
    on_cpu = changed(MEASURED, peak_memory_mib=None)
    budgets = Budgets(0.02, {"memory_mib": 1e6})
    assert not budgets.allow(on_cpu)
    assert "was not measured" in budgets.why_not(on_cpu)
    assert budgets.why_not(changed(MEASURED, peak_memory_mib=2e6)) == (
        "its peak memory is 1953 GiB, and 976.6 GiB is allowed"
    )
    assert Budgets(0.02, {"memory_mib": 20}).why_not(changed(MEASURED, peak_memory_mib=62.5)) == (
        "its peak memory is 62.5 MiB, and 20 MiB is allowed"
    )


@pytest.mark.parametrize("name", ["ssim", "attributes", "memory_mib"])
def test_a_point_whose_confirmation_breaks_a_budget_is_not_used(name: str) -> None:
    def measured(lost: float, memory: float) -> dict[str, Any]:
        loss = {"value": 1 - lost, "loss": lost, "loss_ci": [lost, lost], "samples": 8}
        metrics = {"ssim": loss, "attributes": loss}
        return {"metrics": metrics, "peak_memory_mib": memory, "clip_loss_ci": [0.01, 0.01]}

    budgets = Budgets(0.02, {name: 1000.0 if name == "memory_mib" else 0.05})
    inside = made_point(0, **measured(0.01, 900.0))
    assert sure_answer([inside], budgets) == inside
    again = made_measurement(**measured(0.2, 1100.0))
    broken = inside.model_copy(update={"confirmed": again})
    assert sure_answer([broken], budgets) is None
    assert judged_front([broken], budgets) == []
    assert judged_front([broken], Budgets(0.02)) == [broken]


def test_budgets_are_told_by_the_names_that_people_use() -> None:
    budgets = Budgets(0.02, {"ssim": 0.5, "attributes": 0.03})
    assert budgets.in_words() == "the budgets (CLIP loss 2%, attributes loss 3%, SSIM loss 50%)"
    assert Budgets(0.02).in_words() == "the loss budget of 2%"
    assert Budgets(0.1, loss="ms_ssim").in_words() == "the loss budget of 10% in MS-SSIM"
    assert title("image_similarity") == "image similarity loss"
    # Of two the title is a phrase, too long to head a column.
    short = [each for each in METRICS.values() if "similarity" not in each.title]
    assert [title(each.name) for each in short] == [
        each.title.removesuffix(" loss") + " loss" for each in short
    ]
