"""How often intervals hold the truth: of losses from few prompts, of speedups from few pairs.

    python -m benchmarks.measuring.loss_intervals

draws samples from populations whose truth is known. Losses: normal ones, and those of points of
the recorded grids (`benchmarks/tables`), whose 64 prompts stand for all prompts there are. Each
sample of 2 to 64 prompts gets the interval that accelfront uses and others beside it. Speedups:
pairs whose logarithms scatter normally, and as the recorded timings do (`benchmarks/tables/times`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring.interval_candidates import CANDIDATES, Ends, Interval
from benchmarks.shared.grid_table import TABLES, Array, load_table
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder
from objectives.statistics import relative_loss, speedup

PROMPTS = (2, 3, 4, 8, 16, 32, 64)

PAIRS = (2, 3, 4, 5)

POINTS = 8
"""Points of a grid."""

LOSSES = (0.0, 0.06)
"""Only points that lose about what a budget allows: those are judged by their interval."""

USED = "accelfront: farther end of t and Hall"


class Population(NamedTuple):
    """Scores whose loss is known."""

    base: Array
    fast: Array

    @property
    def loss(self) -> float:
        """The truth."""
        return float(1 - self.fast.mean() / self.base.mean())


class Coverage(NamedTuple):
    """How often intervals of one kind err, as shares of the samples; and their median width."""

    below: float
    above: float
    width: float


def main() -> None:
    """Simulate, and keep what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=400, help="of a population and size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    intervals: dict[str, Interval] = {**CANDIDATES, USED: used}
    recorded = list(recorded_populations(random))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "samples": options.samples,
        "seed": options.seed,
        "populations": len(recorded),
        "normal": tried([normal(random)], intervals, 10 * options.samples, random),
        "recorded": tried(recorded, intervals, options.samples, random),
        "speedup": {
            name: {str(pairs): speedup_held(scatter, pairs, random) for pairs in PAIRS}
            for name, scatter in (
                ("normal", random.normal(0, 0.05, 100_000)),
                ("recorded", recorded_scatter()),
            )
        },
    }
    keep_results("loss intervals", results, page(results), options.out)
    print(page(results))


def used(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """What accelfront uses."""
    estimates = [relative_loss(*pair) for pair in zip(base.tolist(), fast.tolist(), strict=True)]
    return np.array([each.low for each in estimates]), np.array([each.high for each in estimates])


def normal(random: np.random.Generator) -> Population:
    """Normal scores of a pipeline that loses 3%."""
    base = random.normal(0.30, 0.04, 100_000)
    return Population(base, base * 0.97 + random.normal(0, 0.01, len(base)))


def recorded_populations(random: np.random.Generator) -> Iterator[Population]:
    """Some points of every recorded grid."""
    for path in sorted(TABLES.glob("*.npz")):
        table = load_table(path)
        loses = (table.clip_loss > LOSSES[0]) & (table.clip_loss < LOSSES[1])
        for row in random.permutation(np.flatnonzero(loses))[:POINTS]:
            yield Population(table.baseline_scores.astype(float), table.scores[row].astype(float))


def recorded_scatter() -> Array:
    """How far recorded timings lie from their point's mean, on the scale of logarithms."""
    scatter = []
    for path in sorted((TABLES / "times").glob("*.npz")):
        logs = np.log(load_table(path).latency_s.astype(float))
        repeats = logs.shape[1]
        apart = logs - logs.mean(axis=1, keepdims=True)
        # A mean of few lies too close to them.
        scatter.append((apart * np.sqrt(repeats / (repeats - 1))).ravel())
    return np.concatenate(scatter)


def tried(
    populations: list[Population],
    intervals: dict[str, Interval],
    samples: int,
    random: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Coverage by interval and number of prompts: the mean over populations, and the worst."""
    kept: dict[str, dict[str, Any]] = {name: {} for name in intervals}
    for prompts in PROMPTS:
        found: dict[str, list[Coverage]] = {name: [] for name in intervals}
        for population in populations:
            picks = random.integers(len(population.base), size=(samples, prompts))
            base, fast = population.base[picks], population.fast[picks]
            for name, interval in intervals.items():
                low, high = interval(base, fast, random)
                misses = (population.loss < low).mean(), (population.loss > high).mean()
                found[name].append(Coverage(*misses, np.median(high - low)))
        for name, coverages in found.items():
            below, above, width = np.array(coverages).T
            kept[name][str(prompts)] = {
                "held": round(float(1 - (below + above).mean()), 4),
                "loses_less": round(float(below.mean()), 4),
                "loses_more": round(float(above.mean()), 4),
                "worst_loses_more": round(float(above.max()), 4),
                "width": round(float(np.median(width)), 4),
            }
    return kept


def speedup_held(scatter: Array, pairs: int, random: np.random.Generator) -> float:
    """How often the interval of a speedup from few pairs holds the true one."""
    held = 0
    samples = 4000
    for _ in range(samples):
        base, fast = np.exp(random.choice(scatter, size=(2, pairs)))
        estimate = speedup(base.tolist(), (fast / 2).tolist())
        held += estimate.low <= 2 <= estimate.high
    return held / samples


def page(results: dict[str, Any]) -> str:
    """The results for people."""
    lines = [
        "# How often intervals at 95% hold the truth",
        "",
        f"{results['date']}; made by `python -m benchmarks.measuring.loss_intervals`. "
        f"Of each population {results['samples']} samples (of the normal one ten times as many).",
        "",
        "## Losses: share of intervals that hold the truth, by number of prompts",
    ]
    for title, key in (
        ("Normal scores, a loss of 3%", "normal"),
        (f"Recorded scores of {results['populations']} points, mean over the points", "recorded"),
    ):
        lines += ["", title, "", *_table(results[key], "held", ".1%")]
    for title, figure, form in (
        ("Share whose truth lies above the interval (2.5% is promised)", "loses_more", ".1%"),
        ("The same of the worst point", "worst_loses_more", ".1%"),
        ("Share whose truth lies below the interval (2.5% is promised)", "loses_less", ".1%"),
        ("Width, median", "width", ".3f"),
    ):
        lines += ["", f"Recorded scores. {title}", "", *_table(results["recorded"], figure, form)]
    lines += ["", "## Speedups: share of intervals that hold the truth, by number of pairs", ""]
    lines += [_row(["scatter", *map(str, PAIRS)]), _row(["---"] * (len(PAIRS) + 1))]
    for name, held in results["speedup"].items():
        lines.append(_row([name, *(f"{held[str(pairs)]:.1%}" for pairs in PAIRS)]))
    return "\n".join([*lines, ""])


def _table(kept: dict[str, dict[str, Any]], figure: str, form: str) -> list[str]:
    return [
        _row(["interval", *map(str, PROMPTS)]),
        _row(["---"] * (len(PROMPTS) + 1)),
        *(
            _row([name, *(format(by[str(prompts)][figure], form) for prompts in PROMPTS)])
            for name, by in kept.items()
        ),
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
