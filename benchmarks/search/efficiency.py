"""The value of a search of few points, replayed on recorded grids; no GPU, no pictures.

    python -m benchmarks.search.efficiency

searches each scene (scenes.py: a table of `benchmarks/tables` under a budget) in each way (ways.py)
and with many seeds. Every seed has its own truth: a population drawn anew from the recorded
prompts. A search learns the losses of a sample of 32 of these prompts, and the speedup with its
timing noise (replay.py). All know the budget, and begin with the same three points.

The true results count: how often the answer after 8, 16 and 24 points loses more than the budget,
how fast the right ones are, and which share of the hypervolume of the true front the points hold.
`auto, screened` is what `accelfront study` does: it gives points up early, and is judged once it
has generated as many pictures as the others.

Writes `search-efficiency.json` and `.md` into `--out`.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.search.efficiency_page import as_markdown
from benchmarks.search.replay import PROMPTS, Replay
from benchmarks.search.scenes import Scene, scenes
from benchmarks.search.searching import Found, Searching, prepare_search
from benchmarks.search.step_times import TIMES, describe_times
from benchmarks.search.ways import WAYS
from benchmarks.shared.grid_table import TABLES
from benchmarks.shared.result_files import keep_results, results_parser
from storage.records.study import Study
from storage.records.trial import Trial

LOOKS = (8, 16, 24)
"""Numbers of points after which a search is judged."""

MOST = 48
"""Points after which a patient search is given up."""

ENOUGH = 0.99
"""Share of the hypervolume of the true front."""


LIBRARIES = ("optuna", "botorch")
"""The combination whose samplers are compared."""


class Job(NamedTuple):
    """One search."""

    scene: Scene
    way: str
    seed: int


def main() -> None:
    """Search all scenes in all ways and keep the results."""
    parser = results_parser(__doc__)
    parser.add_argument("--tables", type=Path, default=TABLES)
    parser.add_argument("--only", default="*", help="a glob of table names")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--seeds", type=int, default=10, help="at most, of a scene and way")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--name", default="search-efficiency", help="of the files it writes")
    options = parser.parse_args()
    places = scenes(options.tables, options.only)
    if not places:
        parser.exit(2, f"{options.tables} holds no table {options.only} to be searched\n")
    if not find_spec("botorch") and (left := [way for way in options.ways if WAYS[way].is_extra]):
        print(f"left out, as botorch is not installed: {', '.join(left)}", file=sys.stderr)
        options.ways = [way for way in options.ways if way not in left]
    jobs = [
        Job(scene, way, seed)
        for scene in places
        for way in options.ways
        for seed in range(min(options.seeds, WAYS[way].seeds))
    ]
    with ProcessPoolExecutor(options.processes, initializer=prepare_search) as pool:
        found = pool.map(run, jobs)
        searches = list(track(found, "searching", len(jobs), console=Console(stderr=True)))
        about = list(pool.map(describe, places))
        times = list(pool.map(describe_times, sorted(TIMES.glob(f"{options.only}.npz"))))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in LIBRARIES if find_spec(name)},
        "prompts": PROMPTS,
        "looks": LOOKS,
        "scenes": about,
        "times": times,
        "cpu_s": round(sum(each["cpu_s"] for each in searches)),
        "searches": searches,
    }
    keep_results(options.name, results, text := as_markdown(results), options.out)
    print(text)


def run(job: Job) -> dict[str, Any]:
    """Search one truth once."""
    start = time.process_time()
    way = WAYS[job.way]
    replay = _replay(job.scene).redrawn(job.seed)
    searching = Searching(replay, way.make(replay, job.seed), way.screened)
    found = searching.run(max(LOOKS), MOST if way.patient else None, ENOUGH)
    return {
        "scene": job.scene.name,
        "way": job.way,
        "seed": job.seed,
        "looks": {look: judged(replay, found, look) for look in LOOKS},
        "until": found.until(ENOUGH) if replay.volume else None,
        "proposing_s": round(float(np.mean(found.proposing_s)), 4),
        "cpu_s": round(time.process_time() - start, 2),
    }


def judged(replay: Replay, found: Found, look: int) -> dict[str, Any]:
    """The value of a search's results once this many points have been paid for."""
    number = sum(paid <= look * len(replay.sample) for paid in found.pictures)
    study = replay.study(found.trials[:number])
    outcomes = {rule: replay.outcome(answer(study)) for rule, answer in RULES.items()}
    return {
        "share": round(found.shares[number - 1], 4) if replay.volume else None,
        "points": number,
        **{rule: [each.verdict, round(each.speed, 4)] for rule, each in outcomes.items()},
    }


RULES: dict[str, Callable[[Study], Trial | None]] = {
    "of the study": lambda study: study.answer,
    "by mean": lambda study: study.bound,
}
"""The point that counts as the answer: the fastest that is surely inside, as in accelfront, or the
fastest that is inside by its mean."""


def describe(scene: Scene) -> dict[str, Any]:
    """The contents of a scene, in the median of its truths."""
    truths = [_replay(scene).redrawn(seed) for seed in range(20)]
    inside = [np.mean([p.loss <= scene.loss_budget for p in each.truth]) for each in truths]
    replay = truths[0]
    about = replay.table.about
    return {
        "scene": scene.name,
        "held_out": scene.is_held_out,
        "points": len(replay.rows),
        "inside": round(float(np.median(inside)), 3),
        "bound": [round(float(np.quantile([t.bound for t in truths], q)), 3) for q in (0, 0.5, 1)],
        "fewest": int(np.median([each.fewest(ENOUGH) for each in truths if each.volume] or [0])),
        "device": about["environment"]["device"],
        "recorded": about["date"],
        "timed": len(replay.times.table.points),
        "timed_on": replay.times.table.about["environment"]["device"],
        "time_error": round(replay.times.error, 4),
        "noise": round(replay.noise, 5),
    }


@cache
def _replay(scene: Scene) -> Replay:
    return Replay(scene.table, scene.loss_budget)


if __name__ == "__main__":
    main()
