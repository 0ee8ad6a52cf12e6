"""What `auto` finds if hardly any point keeps the budget; no GPU, no pictures.

    python -m benchmarks.search.tight_budgets

searches the grid of DDIM, 20 steps, DeepCache and ToMe under budgets that few of its points keep:
1%, 0.5%, and 2% with all losses doubled. Every search has its own truth and learns the losses
of 32 prompts of it (`Replay.redrawn`). The truth judges its results: the fastest point inside
among those that it measured, as a share of the fastest one of all. Truths without a point inside
that is faster than the baseline are left out.

Writes `search-tight-budgets.json` and `.md` into `--out`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from benchmarks.search.replay import Replay
from benchmarks.search.searching import Searching, prepare_search
from benchmarks.search.ways import auto
from benchmarks.shared.grid_table import TABLES
from benchmarks.shared.result_files import keep_results, results_parser
from storage.records.front import best_inside

TABLE = TABLES / "tiny-shapes--DDIM--20--deepcache+tome.npz"

TRIALS = (8, 16, 24)


class Tight(NamedTuple):
    """A budget, and the factor by which all recorded losses are multiplied."""

    loss_budget: float
    factor: float = 1.0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.loss_budget:.1%}" + (", losses doubled" if self.factor == 2 else "")


TIGHT = (Tight(0.01), Tight(0.005), Tight(0.02, 2.0))


def main() -> None:
    """Search under each budget and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="truths a budget")
    options = parser.parse_args()
    prepare_search()
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "table": TABLE.stem,
        "truths": options.seeds,
        "budgets": [summary(tight, options.seeds) for tight in TIGHT],
    }
    page = as_markdown(results)
    keep_results("search-tight-budgets", results, page, options.out)
    print(page)


def summary(tight: Tight, seeds: int) -> dict[str, Any]:
    """The results of one search per truth under one budget."""
    replay = multiplied(Replay(TABLE, tight.loss_budget), tight.factor)
    truths = [replay.redrawn(seed) for seed in range(seeds)]
    found = [search(truth, seed) for seed, truth in enumerate(truths) if truth.volume]
    bounds = np.array([each["bounds"] for each in found])
    volumes = np.array([each["volumes"] for each in found])
    return {
        "budget": tight.name,
        "truths": len(found),
        "bound": float(np.median([truth.bound for truth in truths if truth.volume])),
        "nothing": int((bounds[:, -1] == 0).sum()),
        "bound_found": {n: float(np.median(bounds[:, i])) for i, n in enumerate(TRIALS)},
        "hypervolume": {n: float(volumes[:, i].mean()) for i, n in enumerate(TRIALS)},
    }


def multiplied(replay: Replay, factor: float) -> Replay:
    """The same grid with greater losses."""
    table = replay.table
    baseline = table.baseline_scores
    other = copy(replay)
    other.table = replace(table, scores=baseline - factor * (baseline - table.scores))
    return other


def search(truth: Replay, seed: int) -> dict[str, list[float]]:
    """Shares of the bound and of the hypervolume that a search holds after each of `TRIALS`."""
    found = Searching(truth, auto(truth, seed)).run(max(TRIALS))
    return {
        "bounds": [bound_found(truth, found.rows[:count]) for count in TRIALS],
        "volumes": [found.shares[count - 1] for count in TRIALS],
    }


def bound_found(truth: Replay, rows: list[int]) -> float:
    """The share of the bound that some points truly reach; 0 if none of them is inside."""
    best = best_inside([truth.truth[row] for row in rows], truth.budgets.most_loss)
    return 0.0 if best is None else best.speedup / truth.bound


def as_markdown(results: dict[str, Any]) -> str:
    """The results as a page."""
    counts = "/".join(map(str, TRIALS))
    lines = [
        "# A search under tight budgets",
        "",
        f"{results['date']}, {results['table']}, {results['truths']} redrawn truths a budget, "
        "32 prompts; `python -m benchmarks.search.tight_budgets`. Truths without a faster point "
        f"inside are left out. Found after {counts} points: the fastest truly inside as a share of "
        "the bound, in the median, and the share of the hypervolume, in the mean.",
        "",
        "| budget | truths | bound | bound found | hypervolume | truths with nothing found |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["budgets"]:
        bounds, volumes = (
            ", ".join(f"{value:.2f}" for value in row[name].values())
            for name in ("bound_found", "hypervolume")
        )
        lines.append(
            f"| {row['budget']} | {row['truths']} | {row['bound']:.2f}x | {bounds} | {volumes} | "
            f"{row['nothing']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
