"""What the sampler's features gain over plain parameters; no GPU, no pictures.

    python -m benchmarks.search.features

searches the recorded grids, every search on its own truth and with the losses of 32 prompts,
with `auto` as it is and with other features of the points in its two models, of loss and of time:

- as it is: parameters for the loss; for the time also the share of each kind of work left out;
- parameters alone, for both;
- parameters and work, for both;
- schedules: the features that earlier editions derived from them (`schedule_features.py`).

Writes `search-features.json` and `.md` into `--out`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from accel_space.stack import Stack
from benchmarks.search.replay import Replay
from benchmarks.search.scenes import scenes
from benchmarks.search.searching import Searching, prepare_search
from benchmarks.shared.result_files import keep_results, results_parser
from benchmarks.shared.schedule_features import describe
from benchmarks.shared.schedule_features import loss_features as of_loss
from benchmarks.shared.schedule_features import work_features as of_work
from storage.records.points import point_key
from studies.search.features import loss_features, time_features
from studies.search.front_model import Surrogate
from studies.search.front_sampler import BEND, STARTERS, FrontSampler, spread_out
from studies.search.samplers import Extension, make_distributions

TRIALS = 24

ROWS = ("schedules", "parameters and work", "parameters alone", "as it is")


def main() -> None:
    """Search with each row's features and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="truths a grid and budget")
    parser.add_argument("--most", type=int, default=40, help="points of a search at most")
    parser.add_argument("--only", default="*", help="a glob of table names")
    options = parser.parse_args()
    prepare_search()
    found: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    for scene in scenes(glob=options.only):
        recorded = Replay(scene.table, scene.loss_budget)
        for seed in range(options.seeds):
            # Every row has the same truth, and the same noise of timings.
            truths = [recorded.redrawn(seed) for _ in ROWS]
            if truths[0].volume:
                for row, truth in zip(ROWS, truths, strict=True):
                    found[row].append(search(truth, row, seed, options.most))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": options.seeds,
        "most": options.most,
        "searches": len(found[ROWS[0]]),
        "rows": {row: summary(each) for row, each in found.items()},
        "less_than_schedules": {row: differences(found[ROWS[0]], found[row]) for row in ROWS[1:]},
    }
    page = as_markdown(results)
    keep_results("search-features", results, page, options.out)
    print(page)


def search(truth: Replay, row: str, seed: int, most: int) -> dict[str, float]:
    """The results of one search, and its cost."""
    sampler = FrontSampler(truth.stack, truth.budgets, seed)
    if row != "as it is":
        describe_otherwise(sampler, truth.stack, row)
    distributions = make_distributions(truth.stack.space)
    proposer = Extension(truth.stack, sampler, (), distributions, thorough=False)
    found = Searching(truth, proposer).run(TRIALS, most)
    outcome = truth.outcome(truth.study(found.trials[:TRIALS]).answer)
    return {
        "16": found.shares[:16][-1],
        "24": found.shares[:TRIALS][-1],
        "99%": found.until(0.99) or most + 1,
        "wrong": float(outcome.verdict == "wrong"),
        "utility": outcome.utility,
        "seconds": float(np.mean(found.proposing_s)),
    }


def describe_otherwise(sampler: FrontSampler, stack: Stack, row: str) -> None:
    """Give a sampler the features of a row, for its first points and both its models."""
    schedules = describe(stack)
    loss, time = {
        "schedules": (of_loss(schedules), of_work(schedules)),
        "parameters and work": (time_features(stack),) * 2,
        "parameters alone": (loss_features(stack),) * 2,
    }[row]
    default = [point_key(point) for point in stack.points].index(point_key(stack.default))
    sampler._loss = Surrogate(loss, smoothness=1.5, bend=BEND)
    sampler._time = Surrogate(time, smoothness=2.5)
    sampler._starters = spread_out(loss, default, STARTERS)


def summary(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over searches, and the median of the evaluations."""
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    return means | {"99%": float(np.median([each["99%"] for each in found]))}


def differences(
    first: Sequence[dict[str, float]], other: Sequence[dict[str, float]]
) -> dict[str, tuple[float, float]]:
    """How much less of the front other features hold, truth by truth: mean and its error."""
    gaps = {
        name: np.array([a[name] - b[name] for a, b in zip(first, other, strict=True)])
        for name in ("16", "24")
    }
    return {
        name: (float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap))))
        for name, gap in gaps.items()
    }


def as_markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    lines = [
        "# What the sampler's features bring",
        "",
        f"{results['date']}, {results['seeds']} redrawn truths of each recorded grid and budget "
        f"({results['searches']} searches a row), 32 prompts; "
        "`python -m benchmarks.search.features`. The share of the true hypervolume after 16 and 24 "
        f"points, points until 99% in the median (at most {results['most']}), wrong answers and "
        "their utility after 24 points, CPU seconds of a proposal. In brackets: how much less "
        "than with those of schedules, truth by truth, with its standard error.",
        "",
        "| features | 16 points | 24 points | until 99% | wrong | utility | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results["rows"].items():
        less = results["less_than_schedules"].get(name)
        shares = [
            f"{row[count]:.3f}" + ("" if less is None else _in_brackets(*less[count]))
            for count in ("16", "24")
        ]
        lines.append(
            f"| {name} | {' | '.join(shares)} | {row['99%']:.0f} | {row['wrong']:.0%} | "
            f"{row['utility']:.3f} | {row['seconds']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _in_brackets(mean: float, error: float) -> str:
    return f" ({mean:.3f} +- {error:.3f})"


if __name__ == "__main__":
    main()
