"""What a metric costs, at the smallest size."""

from __future__ import annotations

import torch

from benchmarks.quality.metric_times import as_markdown, can_be_made, cost
from objectives.quality import METRICS

CPU = torch.device("cpu")


def test_metrics_are_timed_with_untrained_models_and_without_files() -> None:
    costs = [cost(METRICS[name], CPU, side=32, batch=2) for name in ("ssim", "lpips")]
    assert all(each.seconds > 0 for each in costs)
    assert costs[0].model_mib == 0 < costs[1].model_mib
    assert not can_be_made(METRICS["image_reward"])
    results = {
        "date": "2026-11-29",
        "device": "here",
        "versions": {"torch": "0"},
        "side": 32,
        "batch": 2,
        "clock": "of the process",
    }
    page = as_markdown(results, costs)
    assert page.count("\n| `lpips` | ") == page.count("\n| `ssim` | ") == 1
