"""docs/metrics.md: every metric is there, with what it loads and how that is fetched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from objectives.quality import METRICS
from objectives.quality.model_metric import ModelMetric

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """The rows of the table under a heading, by the metrics of their first cells."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("| `")]
    return {name: row for row in found for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}


def test_every_metric_has_a_row_that_says_what_it_needs() -> None:
    found = rows("All metrics")
    assert found.keys() == METRICS.keys()
    for name, row in found.items():
        needs = row.rpartition(" | ")[2].removesuffix(" |")
        by_scorer = "embeddings" in METRICS[name].needs
        assert (needs.startswith("the scorer"), "model" in needs, needs == "nothing") == (
            by_scorer,
            bool(METRICS[name].loads),
            not by_scorer and not METRICS[name].loads,
        )


MODELS = [metric for metric in METRICS.values() if isinstance(metric, ModelMetric)]


@pytest.mark.parametrize("metric", MODELS, ids=lambda metric: metric.name)
def test_a_models_row_says_its_size_and_the_command_that_fetches_it(metric: ModelMetric) -> None:
    row = rows("The models, and how to get them")[metric.name]
    assert f"| `{metric.fetched_by}` |" in row
    [size] = re.findall(r"[\d.]+ [MG]B", metric.loads)
    assert size in row
