"""How much of the true front screening drops, and what it saves; no GPU, no pictures.

    python -m benchmarks.search.screening

Every recorded grid gets its own truths, and all its points (300 of them if there are more)
are measured on 32 prompts of it. The points of the true front inside a budget of 2%, and forty
others, are then checked after 16 prompts, with all others as rivals: the worst case, as rivals get
luckier the more there are. The result is the share that is dropped, by how much rivals are doubted
(`DOUBT` of studies/run/stopping.py). Then `auto` searches with screening and without, until 95% of
the true hypervolume is found: the result is the share of generating time that screening saves.

Writes `search-screening.json` and `.md` into `--out`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.search.replay import Replay
from benchmarks.search.scenes import scenes
from benchmarks.search.searching import BATCH, Searching, prepare_search
from benchmarks.search.ways import auto
from benchmarks.shared.made_measurement import made_measurement
from benchmarks.shared.result_files import keep_results, results_parser
from objectives.statistics import Estimate, relative_loss
from storage.records.front import is_dominated, pareto_front
from storage.records.trial import Trial
from studies.request import DEFAULT_LOSS_BUDGET
from studies.run.stopping import DOUBT, FIRST_CHECK, confidence, is_hopeless

DOUBTS = (0.0, 0.3, DOUBT)

MOST_RIVALS = 300

OTHERS = 40

MOST = 40
"""Points of a search."""

ENOUGH = 0.95
"""Share of the true hypervolume."""


def main() -> None:
    """Check and search every grid, and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="truths a grid")
    parser.add_argument("--only", default="*", help="a glob of table names")
    options = parser.parse_args()
    prepare_search()
    grids = []
    for scene in scenes(glob=options.only):
        if scene.loss_budget == DEFAULT_LOSS_BUDGET:
            recorded = Replay(scene.table, scene.loss_budget)
            truths = [recorded.redrawn(seed) for seed in range(options.seeds)]
            grids.append({"grid": scene.table.stem, **judged([t for t in truths if t.volume])})
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "seeds": options.seeds,
        "doubts": DOUBTS,
        "grids": grids,
    }
    page = as_markdown(results)
    keep_results("search-screening", results, page, options.out)
    print(page)


def judged(truths: list[Replay]) -> dict[str, Any]:
    """What screening drops and saves on some truths of a grid."""
    drops = [dropped(truth, doubt) for truth in truths for doubt in DOUBTS]
    seconds = np.array([seconds_until_enough(truth, seed) for seed, truth in enumerate(truths)])
    both = seconds[np.isfinite(seconds).all(axis=1)]
    return {
        "dropped": [
            {
                which: [sum(each[which][i] for each in drops[start :: len(DOUBTS)]) for i in (0, 1)]
                for which in ("front", "others")
            }
            for start in range(len(DOUBTS))
        ],
        "searches": len(both),
        "saved": float(1 - both[:, 0].sum() / both[:, 1].sum()) if len(both) else None,
    }


def dropped(truth: Replay, doubt: float) -> dict[str, tuple[int, int]]:
    """How many points a check drops if all others are rivals, and of how many.

    Args:
        truth: A result of `Replay.redrawn`.
        doubt: How far towards the far ends of its intervals a rival is taken, as a share.
    """
    random = np.random.default_rng(0)
    front, some = true_front(truth), random.permutation(len(truth.truth))[:MOST_RIVALS]
    rivals = {row: measured(truth, row, doubt) for row in {*some.tolist(), *front}}
    others = [row for row in some.tolist() if row not in front][:OTHERS]

    def count(rows: Collection[int]) -> tuple[int, int]:
        drops = [is_dropped(truth, row, [rivals[r] for r in rivals if r != row]) for row in rows]
        return sum(drops), len(drops)

    return {"front": count(front), "others": count(others)}


def true_front(truth: Replay) -> list[int]:
    """The rows truly on the front inside the budget; a gain counts as no loss."""
    budget = truth.budgets.most_loss
    points = truth.truth
    inside = [row for row, p in enumerate(points) if p.loss <= budget and p.speedup > 1]
    known = {points[row]: row for row in inside}
    front = [known[point] for point in pareto_front([points[row] for row in inside])]
    return [
        row
        for row in front
        if not is_dominated(
            points[row].speedup,
            points[row].loss,
            [points[other] for other in front if other != row],
            budget,
        )
    ]


def measured(truth: Replay, row: int, doubt: float) -> Trial:
    """A fully measured point, with intervals narrowed to what the rule doubts."""
    measurement = truth.measurement(row, truth.sample)
    known = (
        _narrowed(Estimate(measurement.speedup, *measurement.speedup_ci), doubt / DOUBT),
        _narrowed(Estimate(measurement.clip_loss, *measurement.clip_loss_ci), doubt / DOUBT),
    )
    return Trial(
        number=row,
        params={},
        speedup=measurement.speedup,
        loss=measurement.clip_loss,
        measurement=made_measurement(*known, len(truth.sample), truth.baseline_s),
    )


def _narrowed(estimate: Estimate, share: float) -> Estimate:
    value = estimate.value
    low, high = (value + share * (end - value) for end in (estimate.low, estimate.high))
    return Estimate(value, low, high)


def is_dropped(truth: Replay, row: int, rivals: list[Trial]) -> bool:
    """Whether the first check gives a point up."""
    batches = len(truth.sample) // BATCH
    few = truth.sample[: FIRST_CHECK * BATCH]
    loss = relative_loss(*truth.scores(row, few), confidence(batches))
    return is_hopeless(truth.timing(row), loss, rivals, truth.budgets.most_loss)


def seconds_until_enough(truth: Replay, seed: int) -> tuple[float, float]:
    """Seconds of generating, screened and not; infinite if a search does not get there."""

    def seconds(screened: bool) -> float:
        found = Searching(truth, auto(truth, seed), screened).run(1, MOST, ENOUGH)
        count = found.until(ENOUGH)
        return float("inf") if count is None else found.seconds[count - 1]

    return seconds(screened=True), seconds(screened=False)


def as_markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    lines = [
        "# What screening drops, and what it saves",
        "",
        f"{results['date']}, {results['seeds']} redrawn truths of each recorded grid, 32 prompts, "
        "a budget of 2%; `python -m benchmarks.search.screening`. Points of the true front that a "
        "first check drops where all others are rivals, and of other points, by how far rivals are "
        "doubted; and the seconds of generating that screening saves `auto` until it holds "
        f"{ENOUGH:.0%} of the true hypervolume (searches that got there).",
        "",
        "| grid | "
        + " | ".join(f"doubt {doubt:g}: front, others" for doubt in results["doubts"])
        + " | saved |",
        "|---" * (len(results["doubts"]) + 2) + "|",
    ]
    for grid in results["grids"]:
        cells = [
            f"{front[0]} of {front[1]}, {others[0] / max(1, others[1]):.0%}"
            for front, others in ((each["front"], each["others"]) for each in grid["dropped"])
        ]
        saved = "-" if grid["saved"] is None else f"{grid['saved']:.0%} ({grid['searches']})"
        lines.append(f"| {grid['grid']} | {' | '.join(cells)} | {saved} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
