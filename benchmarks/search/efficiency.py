"""How many evaluations each sampler needs, replayed on recorded grids; no GPU, no pictures.

    python -m benchmarks.search.efficiency

searches every table of `benchmarks/tables` (record_grid.py makes them) with each sampler and seed,
through the same proposers that `accelfront study` uses, and answers each proposal from the table:
the loss as recorded, the speedup with the noise that the recorded repeats show (where a table holds
scores only, the speedup that step_times.py fits to `benchmarks/tables/times`). It counts the
evaluations until the points found hold 90, 95 and 99% of the hypervolume of all points inside the
loss budget, until the fastest point inside the budget is within 1% of the true bound, and until a
requirement is met that asks for 90% of the bound's gain. A sampler that pays for repeats pays for a
point that it proposes again, as in Optuna's own loop; `screened` gives hopeless points up early;
`foreseen` knows at its first check which point will not add to the front, what no screening does.

A grid is one truth among many that 64 prompts might have told, and a sampler can be lucky with it:
`--redraw` draws them anew for each seed. What a sampler expects is better chosen on that.

Writes `search-efficiency.json` and `.md`, or `search-efficiency-redrawn`, into `--out`.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from rich.console import Console
from rich.progress import track
from threadpoolctl import threadpool_limits

from benchmarks.search.efficiency_page import as_markdown
from benchmarks.search.replay import GOALS, SHARES, GivingUp, Replay
from benchmarks.search.step_times import TIMES, describe_times
from benchmarks.shared.grid_table import TABLES, load_table
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder
from studies.request import DEFAULT_LOSS_BUDGET

GIVING_UP: tuple[tuple[str, GivingUp], ...] = (
    ("auto", "screened"),
    ("auto", "foreseen"),
    ("tpe", "screened"),
)

SEEDS = {
    "gp": 3,
    "gp, pays for repeats": 1,
    "grid": 1,
    "auto, foreseen": 5,
    "tpe, screened": 5,
}
"""Of ways that get fewer, so that all takes less than ten minutes: Optuna's Gaussian processes take
half a second a proposal, and a grid has no chance in it."""


class Way(NamedTuple):
    """A way to search."""

    sampler: str
    pays: bool = False
    giving_up: GivingUp | None = None

    def __str__(self) -> str:
        """For people."""
        notes = ("pays for repeats" if self.pays else None, self.giving_up)
        return ", ".join(filter(None, (self.sampler, *notes)))


WAYS = (
    Way("auto"),
    *(Way(name, giving_up=how) for name, how in GIVING_UP),
    *(Way(name, pays) for name in ("tpe", "gp", "nsga2", "random") for pays in (False, True)),
    Way("grid"),
)


class Job(NamedTuple):
    """One search."""

    table: Path
    way: Way
    seed: int
    loss_budget: float
    redraw: bool


def main() -> None:
    """Search all tables in all ways and keep what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--only", default="*", help="a glob of table names")
    parser.add_argument("--samplers", help="only these, such as auto,tpe")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--loss-budget", type=float, default=DEFAULT_LOSS_BUDGET)
    parser.add_argument(
        "--redraw", action="store_true", help="draw the prompts anew with each seed"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    tables = sorted(options.tables.glob(f"{options.only}.npz"))
    if not tables:
        parser.exit(
            2, f"{options.tables} holds no table {options.only}; record_grid.py makes them\n"
        )
    for table in map(load_table, tables):
        whole = table.about["distinct"]
        if len(table.points) < whole:
            parser.exit(
                2,
                f"{table.name} holds {len(table.points)} of {whole} points, and a search may ask "
                "for any; record the others with record_grid.py\n",
            )
    known = list(dict.fromkeys(way.sampler for way in WAYS))
    unknown = [name for name in (options.samplers or known[0]).split(",") if name not in known]
    if unknown:
        parser.exit(2, f"there is no sampler {unknown[0]}; those to compare: {', '.join(known)}\n")
    with ProcessPoolExecutor(options.processes, initializer=_prepare) as pool:
        searches = list(jobs(tables, options))
        found = pool.map(run, searches)
        rows = list(track(found, "searching", len(searches), console=Console(stderr=True)))
        about = list(pool.map(describe, tables, [options.loss_budget] * len(tables)))
        times = list(pool.map(describe_times, sorted(TIMES.glob(f"{options.only}.npz"))))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "optuna": version("optuna"),
        "loss_budget": options.loss_budget,
        "redrawn": options.redraw,
        "tables": about,
        "times": times,
        "searches": summary(rows),
    }
    text = as_markdown(results)
    name = "search-efficiency-redrawn" if options.redraw else "search-efficiency"
    keep_results(name, results, text, options.out)
    print(text)


def jobs(tables: Sequence[Path], options: argparse.Namespace) -> Iterator[Job]:
    """Every search to be run; those of one table in a row. An empty front is not searched for."""
    wanted = options.samplers.split(",") if options.samplers else [way.sampler for way in WAYS]
    for table in tables:
        replay = _replay(table, options.loss_budget)
        if not replay.volume:
            continue
        for way in WAYS:
            if way.sampler in wanted:
                most = SEEDS.get(str(way), options.seeds)
                for seed in range(min(options.seeds, most)):
                    yield Job(table, way, seed, options.loss_budget, options.redraw)


def run(job: Job) -> dict[str, Any]:
    """Search one table once."""
    replay = _replay(job.table, job.loss_budget)
    if job.redraw:
        replay = replay.redrawn(job.seed)
    found = replay.search(job.way.sampler, job.seed, job.way.pays, job.way.giving_up)
    return {"table": replay.name, "way": str(job.way), **found.reached}


def describe(path: Path, loss_budget: float) -> dict[str, Any]:
    """What a table holds, and how well a few of its points tell the time of all."""
    replay = _replay(path, loss_budget)
    about = replay.table.about
    return {
        "table": replay.name,
        "points": len(replay.rows),
        "device": about["environment"]["device"],
        "versions": about["environment"]["versions"],
        "recorded": about["date"],
        "prompts": len(replay.table.baseline_scores),
        "bound": round(replay.bound, 4),
        "fewest": replay.volume and {goal: replay.fewest(least) for goal, least in SHARES.items()},
        "noise": round(replay.noise, 5),
        "fitted": replay.times
        and {
            "points": len(replay.times.table.points),
            "device": replay.times.table.about["environment"]["device"],
            "error": round(replay.times.error, 4),
        },
    }


@cache
def _replay(path: Path, loss_budget: float) -> Replay:
    return Replay(path, loss_budget)


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quartiles of evaluations and seconds to each goal, by table and way."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["table"], row["way"]), []).append(row)
    return [
        {
            "table": table,
            "way": way,
            "seeds": len(group),
            "evaluations": {goal: _quartiles([row[goal] for row in group], 0) for goal in GOALS},
            "seconds": {goal: _quartiles([row[goal] for row in group], 1) for goal in GOALS},
        }
        for (table, way), group in groups.items()
    ]


def _quartiles(reached: Sequence[tuple[int, float] | None], which: int) -> list[float | None]:
    """(25%, median, 75%); None where that many searches did not get there."""
    values = [np.inf if each is None else each[which] for each in reached]
    quartiles = np.quantile(values, (0.25, 0.5, 0.75), method="higher")
    return [None if np.isinf(each) else round(float(each), 3) for each in quartiles]


def _prepare() -> None:
    import torch

    # A search is small, and the processes share the cores.
    torch.set_num_threads(1)
    threadpool_limits(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
