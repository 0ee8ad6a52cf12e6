"""How often intervals hold the truth: of losses from few prompts, of speedups from few pairs.

    python -m benchmarks.intervals.loss_intervals

draws samples from populations whose truth is known (`populations.py`): normal ones, those
of points of the recorded grids (`benchmarks/tables`), the same mixed with their neighbours, the
same with a heavier tail, and similarities to the baseline's pictures. Each sample of 2 to 64
prompts gets the interval that accelfront uses, and others for comparison (`candidates.py`).
Speedups: pairs whose logarithms scatter normally, and as the recorded timings do
(`benchmarks/tables/times`), alone or like their neighbours, and machines that differ from run to
run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from benchmarks.intervals.candidates import CANDIDATES, Ends, Interval
from benchmarks.intervals.populations import Population, heavier, normal, recorded
from benchmarks.shared.grid_table import TABLES, Array, load_table
from benchmarks.shared.result_files import keep_results, results_parser
from objectives.statistics import across_runs, relative_loss, speedup

PROMPTS = (2, 4, 8, 16, 32, 64)

PAIRS = (2, 3, 4, 5)

USED = "accelfront: t, one more of 6 sd above"

KINDS = {
    "recorded": "Recorded scores",
    "mixed": "Scores of neighbouring points mixed",
    "heavier": "A heavier tail",
    "similarity": "Losses of image_similarity",
}

ABOVE = "Share whose truth lies above the interval (2.5% is promised)"

BELOW = "Share whose truth lies below the interval (2.5% is promised)"


class Coverage(NamedTuple):
    """How often intervals of one kind err, as shares of the samples.

    Attributes:
        below: The truth lies below.
        above: The truth lies above.
        by: How far above it the truth then lies, on average; 0 if it never does.
        up: How far the high end lies above the loss, median.
        width: From end to end, median.
    """

    below: float
    above: float
    by: float
    up: float
    width: float


def main() -> None:
    """Simulate, and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--samples", type=int, default=200, help="of a population and size")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    intervals: dict[str, Interval] = {**CANDIDATES, USED: used}
    points, mixed, similar = (list(each) for each in zip(*recorded(random), strict=True))
    kinds = {
        "recorded": points,
        "mixed": mixed,
        "heavier": [heavier(point, random) for point in points],
        "similarity": similar,
    }
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "samples": options.samples,
        "seed": options.seed,
        "populations": len(points),
        "normal": tried([normal(random)], intervals, 10 * options.samples, random),
        **{
            kind: tried(populations, intervals, options.samples, random)
            for kind, populations in kinds.items()
        },
        "speedup": {
            name: {str(pairs): speedup_held(*case, pairs, random) for pairs in PAIRS}
            for name, case in timings(random).items()
        },
    }
    keep_results("loss intervals", results, page(results), options.out)
    print(page(results))


def used(base: Array, fast: Array, random: np.random.Generator) -> Ends:
    """What accelfront uses."""
    estimates = [relative_loss(*pair) for pair in zip(base.tolist(), fast.tolist(), strict=True)]
    return np.array([each.low for each in estimates]), np.array([each.high for each in estimates])


def recorded_scatter() -> Array:
    """How far recorded timings lie from their point's mean, on the scale of logarithms."""
    scatter = []
    for path in sorted((TABLES / "times").glob("*.npz")):
        logs = np.log(load_table(path).latency_s.astype(float))
        repeats = logs.shape[1]
        apart = logs - logs.mean(axis=1, keepdims=True)
        # A mean of few timings lies too close to them.
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
    grids = np.array([population.grid for population in populations])
    for prompts in PROMPTS:
        found: dict[str, list[Coverage]] = {name: [] for name in intervals}
        for population in populations:
            picks = random.integers(len(population.base), size=(samples, prompts))
            base, fast = population.base[picks], population.fast[picks]
            loss = 1 - fast.mean(axis=1) / base.mean(axis=1)
            for name, interval in intervals.items():
                low, high = interval(base, fast, random)
                found[name].append(_coverage(population.loss, loss, low, high))
        for name, coverages in found.items():
            kept[name][str(prompts)] = _summary(coverages, grids)
    return kept


def _coverage(truth: float, loss: Array, low: Array, high: Array) -> Coverage:
    """How intervals of samples of one population err."""
    above = truth > high
    return Coverage(
        below=float((truth < low).mean()),
        above=float(above.mean()),
        by=float((truth - high)[above].mean()) if above.any() else 0.0,
        up=float(np.median(high - loss)),
        width=float(np.median(high - low)),
    )


def _summary(coverages: list[Coverage], grids: Array) -> dict[str, float]:
    """Summary of the coverages for populations of some grids."""
    below, above, by, up, width = np.array(coverages).T
    worst = int(above.argmax())
    figures = {
        "held": 1 - (below + above).mean(),
        "loses_less": below.mean(),
        "loses_more": above.mean(),
        "worst_grid_loses_more": max(above[grids == grid].mean() for grid in set(grids)),
        "worst_loses_more": above[worst],
        "worst_loses_more_by": by[worst],
        "up": np.median(up),
        "width": np.median(width),
    }
    return {name: round(float(figure), 4) for name, figure in figures.items()}


class Timing(NamedTuple):
    """How pairs err, on the scale of logarithms.

    Attributes:
        scatter: Errors to draw from.
        carried_over: How much of each error is the last one's, as a correlation.
        run_to_run: Standard deviation of what all pairs of a run share; None asks for the
            interval of the pairs alone, otherwise for the one that accelfront reports.
    """

    scatter: Array
    carried_over: float = 0.0
    run_to_run: float | None = None


def timings(random: np.random.Generator) -> dict[str, Timing]:
    """What is tried, by name."""
    drawn, readings = random.normal(0, 1, 100_000), recorded_scatter()
    cases = {
        "normal, 5%": Timing(0.05 * drawn),
        "recorded": Timing(readings - random.permutation(readings)),
        "normal, 5%, neighbours alike by 0.3": Timing(0.05 * drawn, 0.3),
        "normal, 5%, neighbours alike by 0.7": Timing(0.05 * drawn, 0.7),
    }
    for run_to_run in (0.02, 0.04):
        for sd in (0.005, 0.02, 0.05):
            name = f"reported: {run_to_run:.0%} from run to run, pairs {sd:.1%}"
            cases[name] = Timing(sd * drawn, 0.0, run_to_run)
    return cases


def speedup_held(
    scatter: Array,
    carried_over: float,
    run_to_run: float | None,
    pairs: int,
    random: np.random.Generator,
) -> dict[str, float]:
    """How often the interval of a speedup from few pairs holds the true one, and its half-width."""
    held, widths = 0, []
    samples = 4000
    for _ in range(samples):
        errors = random.choice(scatter, size=pairs)
        for number in range(1, pairs):
            fresh = np.sqrt(1 - carried_over**2) * errors[number]
            errors[number] = carried_over * errors[number - 1] + fresh
        run = random.normal(0, run_to_run) if run_to_run else 0.0
        estimate = speedup((2 * np.exp(errors + run)).tolist(), [1.0] * pairs)
        if run_to_run is not None:
            estimate = across_runs(estimate, 0.0)
        held += estimate.low <= 2 <= estimate.high
        widths.append(np.log(estimate.high / estimate.low) / 2)
    return {"held": held / samples, "width": round(float(np.median(widths)), 4)}


def page(results: dict[str, Any]) -> str:
    """The results for people."""
    lines = [
        "# How often intervals at 95% hold the truth",
        "",
        f"{results['date']}; made by `python -m benchmarks.intervals.loss_intervals`. "
        f"Of each population {results['samples']} samples (of the normal one ten times as many); "
        f"{results['populations']} populations, points of all recorded grids that lose up to 6%.",
        "",
        "## Losses: share of intervals that hold the truth, by number of prompts",
        "",
        "Normal scores, a loss of 3%",
        "",
        *_table(results["normal"], "held", ".1%"),
    ]
    tables = [
        *((kind, "Mean over the points", "held", ".1%") for kind in KINDS),
        *((kind, ABOVE, "loses_more", ".1%") for kind in KINDS),
        ("recorded", "The same of the worst grid", "worst_grid_loses_more", ".1%"),
        ("recorded", "The same of the worst point", "worst_loses_more", ".1%"),
        ("recorded", "By how much, at the worst point", "worst_loses_more_by", ".3f"),
        ("recorded", BELOW, "loses_less", ".1%"),
        ("recorded", "From the loss to the high end, median", "up", ".3f"),
        ("recorded", "From end to end, median", "width", ".3f"),
    ]
    for kind, title, figure, form in tables:
        lines += ["", f"{KINDS[kind]}. {title}", "", *_table(results[kind], figure, form)]
    for title, figure in (
        ("share of intervals that hold the truth", "held"),
        ("how far they reach to either side, median", "width"),
    ):
        lines += ["", f"## Speedups: {title}, by number of pairs", ""]
        lines += [_row(["scatter", *map(str, PAIRS)]), _row(["---"] * (len(PAIRS) + 1))]
        for name, by in results["speedup"].items():
            lines.append(_row([name, *(f"{by[str(pairs)][figure]:.1%}" for pairs in PAIRS)]))
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
