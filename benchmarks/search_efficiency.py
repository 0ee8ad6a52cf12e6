"""How many evaluations each sampler needs, replayed on recorded grids; no GPU, no pictures.

    python benchmarks/search_efficiency.py

searches every table of `benchmarks/tables` (record_grid.py makes them) with each sampler and seed,
through the same proposers that `accelfront study` uses, and answers each proposal from the table:
the loss as recorded, the speedup with the noise that the recorded repeats show. It counts the
evaluations until the points found hold 90, 95 and 99% of the hypervolume of all points inside the
loss budget, until the fastest point inside the budget is within 1% of the true bound, and until a
requirement is met that asks for 90% of the bound. `repeats allowed` samplers pay for a point that
they propose again, as they do in Optuna's own loop.

Writes `benchmarks/results/search-efficiency.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
from grid_table import TABLES, GridTable, load_table

from accel_space.method import Context
from accel_space.stack import Stack, point_key
from objectives.catalogue import find_pipeline
from storage.front import hypervolume
from studies.plan import DEFAULT_LOSS_BUDGET, StudyRequest, make_stack
from studies.samplers import make_proposer

RESULTS = Path(__file__).parent / "results"

SAMPLERS = ("auto", "gp", "tpe", "nsga2", "random", "grid")
SLOW = {"gp": 5}
"""Optuna's Gaussian processes take half a second a proposal: fewer seeds keep this to minutes."""

OPTUNAS = ("gp", "tpe", "nsga2", "random")

DEFAULT_NOISE = 0.01
"""Of log speedup, where a table holds no repeats."""

GOALS = ("90%", "95%", "99%", "bound", "requirement")

MOST = 200
"""Evaluations after which a search is given up."""


class Point(NamedTuple):
    """What a front is made of."""

    speedup: float
    clip_loss: float


class RecordedStack(Stack):
    """A stack whose space is what a table holds of it."""

    def __init__(self, context: Context, recorded: frozenset[str]) -> None:
        super().__init__(context)
        self._recorded = recorded

    @cached_property
    def _points(self) -> dict[Any, dict[str, Any]]:
        points = super()._points
        return {key: each for key, each in points.items() if point_key(each) in self._recorded}

    @property
    def default(self) -> dict[str, Any]:
        """The stack's own default if that is recorded, else any point."""
        default = super().default
        return default if point_key(default) in self._recorded else self.points[0]


class Replay:
    """One table, ready to be searched."""

    def __init__(self, path: Path, loss_budget: float) -> None:
        """Read a table and find out what there is to be found in it."""
        table = load_table(path)
        self.name = table.name
        self.table = table
        self.loss_budget = loss_budget
        rows = [
            point_key({n: _number(v) for n, v in zip(table.names, row, strict=True)})
            for row in table.points
        ]
        self.stack = RecordedStack(_context(table), frozenset(rows))
        keys = {key: row for row, key in enumerate(rows)}
        self.rows = {point_key(each): keys[point_key(each)] for each in self.stack.points}
        self.truth = [
            Point(float(s), float(loss))
            for s, loss in zip(table.speedup, table.clip_loss, strict=True)
        ]
        self.volume = hypervolume(self.truth, loss_budget)
        self.bound = max((p.speedup for p in self.truth if p.clip_loss <= loss_budget), default=1.0)
        self.noise = _noise(table)

    def search(self, sampler: str, repeats: bool, seed: int) -> dict[str, int | None]:
        """Search once; evaluations until each goal, None if it was not reached."""
        random = np.random.default_rng(seed)
        study = optuna.create_study(directions=["maximize", "minimize"])
        proposer = make_proposer(sampler, self.stack, 1, seed, self.loss_budget)
        seen: dict[str, Point] = {}
        found: list[Point] = []
        reached: dict[str, int | None] = dict.fromkeys(GOALS)
        evaluations = 0
        for _ in range(20 * MOST):
            proposal = proposer.propose(study, seen.keys())
            if proposal is None or evaluations >= min(MOST, 3 * len(self.rows)):
                break
            key = point_key(proposal.point)
            if key not in self.rows:
                study.tell(proposal.trial, state=optuna.trial.TrialState.PRUNED)
                continue
            if key not in seen:
                true = self.truth[self.rows[key]]
                noisy = true.speedup * float(np.exp(random.normal(0, self.noise)))
                seen[key] = Point(noisy, true.clip_loss)
                found.append(true)
                evaluations += 1
            else:
                evaluations += repeats
            study.tell(proposal.trial, list(seen[key]))
            self._note(found, evaluations, reached)
            if None not in reached.values():
                break
        return reached

    def _note(self, found: Sequence[Point], count: int, reached: dict[str, int | None]) -> None:
        """Write down the goals that the last point reached."""
        share = hypervolume(found, self.loss_budget) / self.volume if self.volume else 1.0
        best = max((p.speedup for p in found if p.clip_loss <= self.loss_budget), default=0.0)
        now = {
            "90%": share >= 0.9,
            "95%": share >= 0.95,
            "99%": share >= 0.99,
            "bound": best >= 0.99 * self.bound,
            "requirement": best >= 1 + 0.9 * (self.bound - 1),
        }
        for goal, done in now.items():
            if done and reached[goal] is None:
                reached[goal] = count


def _context(table: GridTable) -> Context:
    combination = table.about["combination"]
    request = StudyRequest(**{**combination, "methods": tuple(combination["methods"])}, trials=1)
    entry = find_pipeline(combination["pipeline"])
    return make_stack(request, entry, entry.architecture).context


def _number(value: float) -> int | float:
    """A parameter as it was before a table made a float of it."""
    return int(value) if float(value).is_integer() else round(float(value), 6)


def _noise(table: GridTable) -> float:
    """Standard deviation of log speedup from one measurement to the next."""
    repeats = table.latency_s.shape[1]
    if repeats < 2:
        return DEFAULT_NOISE
    spread = np.log(table.latency_s).std(axis=1, ddof=1)
    return float(np.sqrt((spread**2).mean() / repeats))


def run(job: tuple[Path, str, bool, int, float]) -> dict[str, Any]:
    """Search one table once, in a process of its own."""
    path, sampler, repeats, seed, loss_budget = job
    start = time.process_time()
    replay = _replay(path, loss_budget)
    reached = replay.search(sampler, repeats, seed)
    return {
        "table": replay.name,
        "points": len(replay.rows),
        "sampler": sampler,
        "repeats": repeats,
        "seed": seed,
        "seconds": round(time.process_time() - start, 2),
        **reached,
    }


@cache
def _replay(path: Path, loss_budget: float) -> Replay:
    return Replay(path, loss_budget)


def jobs(options: argparse.Namespace) -> Iterator[tuple[Path, str, bool, int, float]]:
    """Every search to be run; those of one table in a row."""
    for path in sorted(options.tables.glob(f"{options.only}.npz")):
        for sampler in options.samplers.split(","):
            seeds = 1 if sampler == "grid" else min(options.seeds, SLOW.get(sampler, options.seeds))
            for repeats in (False, True) if sampler in OPTUNAS else (False,):
                for seed in range(seeds):
                    yield path, sampler, repeats, seed, options.loss_budget


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Median evaluations with quartiles by table and sampler; a goal not reached counts as most."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = (row["table"], row["points"], row["sampler"], row["repeats"])
        groups.setdefault(key, []).append(row)
    return [
        {
            **dict(zip(("table", "points", "sampler", "repeats"), key, strict=True)),
            "seeds": len(group),
            "seconds": round(float(np.mean([row["seconds"] for row in group])), 2),
            **{goal: _quartiles([row[goal] for row in group]) for goal in GOALS},
        }
        for key, group in groups.items()
    ]


def _quartiles(counts: Sequence[int | None]) -> list[float | None]:
    """(25%, median, 75%) of evaluations; None where that many searches did not get there."""
    known = [np.inf if count is None else count for count in counts]
    quartiles = np.quantile(known, (0.25, 0.5, 0.75), method="higher")
    return [None if np.isinf(each) else float(each) for each in quartiles]


def as_markdown(results: dict[str, Any]) -> str:
    """The table that people read: medians, quartiles in brackets."""
    lines = [
        "# Evaluations until a search has found the front",
        "",
        f"{results['date']}, {results['machine']}, optuna {results['optuna']}; "
        f"`python benchmarks/search_efficiency.py`. Loss budget {results['loss_budget']:.0%}. "
        "Median evaluations (quartiles); `-`: not within "
        f"{MOST}. Made from the tables of `benchmarks/tables`.",
    ]
    table = None
    for row in results["summary"]:
        if row["table"] != table:
            table = row["table"]
            lines += [
                "",
                f"## {table}: {row['points']:,} points",
                "",
                f"| sampler | seeds | {' | '.join(GOALS)} |",
                "|---|---|" + "---|" * len(GOALS),
            ]
        name = row["sampler"] + (", pays for repeats" if row["repeats"] else "")
        cells = " | ".join(_cell(row[goal]) for goal in GOALS)
        lines.append(f"| {name} | {row['seeds']} | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(quartiles: Sequence[float | None]) -> str:
    low, median, high = ("-" if each is None else f"{each:.0f}" for each in quartiles)
    return f"{median} ({low} to {high})"


def main() -> None:
    """Search all tables with all samplers and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--only", default="*", help="a glob of table names")
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--loss-budget", type=float, default=DEFAULT_LOSS_BUDGET)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes, initializer=_quiet) as pool:
        rows = list(pool.map(run, jobs(options)))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "optuna": version("optuna"),
        "loss_budget": options.loss_budget,
        "summary": summary(rows),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "search-efficiency.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    text = as_markdown(results)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def _quiet() -> None:
    import torch

    # A search is small; the processes share the cores.
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
