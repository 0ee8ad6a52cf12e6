"""How often the answer of a search is wrong, and how fast it is, by the rule that chooses it.

    python -m benchmarks.search.answers

searches recorded grids as `accelfront study` does, screening included. Each search has a truth of
its own: a population of prompts drawn anew from the recorded ones (`Replay.redrawn`). It sees a
sample of 32, and a second look sees 32 others. An answer is wrong if it truly loses more than the
budget. Only grids with many points over the budget are searched: elsewhere any rule is right.

Writes `answers.json` and `.md` into `--out`.
"""

from __future__ import annotations

import platform
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from benchmarks.search.answers.rules import RULES, Looks
from benchmarks.search.efficiency_page import Measure
from benchmarks.search.replay import PROMPTS, Replay
from benchmarks.search.searching import Searching, prepare_search
from benchmarks.search.ways import auto
from benchmarks.shared.grid_table import TABLES
from benchmarks.shared.result_files import keep_results, results_parser

GRIDS = (
    "tiny-shapes--DDIM--20--deepcache+tgate+tome",
    "tiny-shapes--DDIM--20--deepcache+tgate",
    "tiny-shapes--DDIM--20--deepcache+tome",
    "tiny-shapes--DPM-Solver++--20--deepcache+tgate",
)

SEEDS = {0.02: 40, 0.01: 16, 0.005: 16}
"""Searches of a grid by loss budget; all take about five minutes on two cores."""

TRIALS = (24, 8)


class Job(NamedTuple):
    """One search."""

    grid: str
    loss_budget: float
    seed: int


def main() -> None:
    """Search, choose by every rule, and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--seeds", type=int, help="searches of a grid and budget, at most")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    jobs = [
        Job(grid, budget, options.first_seed + seed)
        for budget, most in SEEDS.items()
        for grid in GRIDS
        for seed in range(min(most, options.seeds or most))
    ]
    with ProcessPoolExecutor(options.processes, initializer=prepare_search) as pool:
        console = Console(stderr=True)
        searches = list(track(pool.map(run, jobs), "searching", len(jobs), console=console))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "prompts": PROMPTS,
        "first_seed": options.first_seed,
        "cpu_s": round(sum(search.pop("cpu_s") for search in searches)),
        "searches": searches,
    }
    keep_results("answers", results, text := page(results), options.out)
    print(text)


def run(job: Job) -> dict[str, Any]:
    """Search one truth, and choose after 24 and after 8 trials by every rule."""
    start = time.process_time()
    replay = _replay(job.grid, job.loss_budget).redrawn(job.seed)
    found = Searching(replay, auto(replay, job.seed), screened=True).run(max(TRIALS))
    return {
        "scene": f"{job.grid}, {job.loss_budget:.1%}",
        "loss_budget": job.loss_budget,
        "seed": job.seed,
        "bound": round(replay.bound, 4),
        "answers": {
            str(trials): {
                rule: _answer(replay, rule, found.trials[:trials], found.pictures) for rule in RULES
            }
            for trials in TRIALS
        },
        "cpu_s": time.process_time() - start,
    }


def _answer(replay: Replay, rule: str, trials: list[Any], pictures: list[int]) -> dict[str, Any]:
    """The result of one rule; the search's pictures include those of the plain pipeline."""
    looks = Looks(replay)
    outcome = replay.outcome(RULES[rule](trials, looks))
    searched = pictures[len(trials) - 1] + PROMPTS
    return {
        "verdict": outcome.verdict,
        "speed": round(outcome.speed, 4),
        "utility": round(outcome.utility, 4),
        "looks": looks.taken,
        "more_pictures": round(looks.pictures / searched, 4),
    }


def page(results: dict[str, Any]) -> str:
    """The results for people."""
    lines = [
        "# How often an answer is wrong",
        "",
        f"{results['date']}, {results['machine']}; `python -m benchmarks.search.answers`, "
        f"{results['cpu_s']:,} CPU seconds. Every search has a truth of its own and sees "
        f"{results['prompts']} prompts of it; a second look sees {results['prompts']} others.",
        "",
        "- **wrong**: the answer truly loses more than the budget, as a share of all searches.",
        "- **speed**: the true speedup of the answers that are not wrong, over that of the fastest "
        "point that is truly inside; no answer counts as the pipeline alone.",
        "- **utility**: the same over all searches; a wrong answer is worth nothing.",
        "- **answers**: the share of searches that have one.",
        "- **more pictures**: generated for second looks, over those of the search.",
    ]
    for budget in dict.fromkeys(search["loss_budget"] for search in results["searches"]):
        searches = [each for each in results["searches"] if each["loss_budget"] == budget]
        for trials in map(str, TRIALS):
            lines += ["", f"## A budget of {budget:.1%}, {trials} trials: {len(searches)} searches"]
            lines += ["", *_table(searches, trials)]
    lines += ["", "## By grid: wrong answers and speed, 24 trials of `accelfront study`", ""]
    lines += ["| grid, budget | wrong | speed |", "| --- | --- | --- |"]
    last = list(RULES)[-1]
    for scene in dict.fromkeys(search["scene"] for search in results["searches"]):
        answers = [
            {"scene": scene, **search["answers"]["24"][last]}
            for search in results["searches"]
            if search["scene"] == scene
        ]
        lines.append(f"| {scene} | {_wrong(answers)} | {_speed(answers)} |")
    return "\n".join([*lines, ""])


def _table(searches: list[dict[str, Any]], trials: str) -> list[str]:
    rows = [
        "| rule | wrong | speed | utility | answers | more pictures | looks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rule in RULES:
        told = [{"scene": each["scene"], **each["answers"][trials][rule]} for each in searches]
        utility = Measure(told, lambda each: each["utility"])
        given = Measure(told, lambda each: each["verdict"] != "none")
        more = Measure(told, lambda each: each["more_pictures"])
        looks = Measure(told, lambda each: each["looks"])
        rows.append(
            f"| {rule} | {_wrong(told)} | {_speed(told)} | {utility.mean:.3f} | {given.mean:.0%} "
            f"| {more.mean:.1%} | {looks.mean:.1f} |"
        )
    return rows


def _wrong(told: list[dict[str, Any]]) -> str:
    wrong = Measure(told, lambda each: each["verdict"] == "wrong")
    return f"{wrong.mean:.1%} ± {wrong.error:.1%}"


def _speed(told: list[dict[str, Any]]) -> str:
    speed = Measure(told, lambda each: None if each["verdict"] == "wrong" else each["speed"])
    return f"{speed.mean:.3f}"


@cache
def _replay(grid: str, loss_budget: float) -> Replay:
    return Replay(TABLES / f"{grid}.npz", loss_budget)


if __name__ == "__main__":
    main()
