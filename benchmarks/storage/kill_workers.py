"""Kill workers at random moments and count what is lost.

    python -m benchmarks.storage.kill_workers

Workers are real processes on real storage. By default a sleep stands for the GPU second; with
`--real` the shipped pipeline generates and scores on the CPU.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.trial import TrialState

from benchmarks.shared.result_files import RESULTS, keep_results
from benchmarks.storage.postgres import new_database, postgres
from benchmarks.storage.stub_loader import REQUEST, StubLoader
from objectives.pairs import PairRunner
from objectives.quality.scorer import Scorer
from storage.database.opening import open_store
from storage.study_store.points import PointTrials
from storage.study_store.rows import TrialRow, read_trials
from studies.plan import Plan, make_plan
from studies.run.measuring import PipelineLoader
from studies.run.runner import run_study
from studies.search.samplers import Extension, Search, Walk

PLACES = ("sampler", "generation", "scoring", "write")
ALL_PLACES = (*PLACES, "opening", "elsewhere")

OPENING, ELSEWHERE = len(PLACES), len(PLACES) + 1

SPARED = 0.8
"""The share of kills that would hit a worker still opening the study, and are not made."""

AIM_S = 5.0
"""How long a kill that is aimed at a place waits for a worker to be there, in seconds."""

_fork = multiprocessing.get_context("fork")


@dataclass
class Report:
    """The results of a run of kills.

    Attributes:
        kills: How many workers were killed.
        fell: Where, by place; `opening` is from a worker's first moment to its first point, and
            `elsewhere` between the places.
        aimed: How many of them were aimed at a place that chance had not hit.
        wanted: Points that the study should have.
        completed: Points it has.
        lost: Trials that were complete before a kill, and differ in the end.
        doubled: Points that were completed more than once.
        failed: Trials of killed workers.
        seconds: How long it took.
    """

    kills: int = 0
    fell: dict[str, int] = field(default_factory=dict)
    aimed: int = 0
    wanted: int = 0
    completed: int = 0
    lost: int = 0
    doubled: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass
class Worker:
    """A process at work on the study, and where it is."""

    process: Any
    place: Any


def kill_workers(
    url: str,
    plan: Plan,
    kills: int,
    seed: int = 0,
    workers: int = 4,
    real: bool = False,
    limit_s: float = 600,
    pause_s: float = 2.0,
) -> Report:
    """Run a study with workers that are killed and replaced, and then to its end.

    Args:
        url: A database without this study.
        plan: The study.
        kills: How many kills; fewer if the study ends before.
        seed: Seed of the moments and the victims.
        workers: How many work at a time.
        real: Generate and score with the shipped pipeline.
        limit_s: Kill nobody after this many seconds.
        pause_s: The longest pause between two kills.
    """
    start = time.perf_counter()
    chance = random.Random(seed)
    report = Report(wanted=plan.request.trials)
    open_store(url, create=True).engine.dispose()
    crew = [_start(url, plan, real) for _ in range(workers)]
    seen: dict[int, Any] = {}
    while (
        report.kills < kills
        and time.perf_counter() - start < limit_s
        and any(worker.process.is_alive() for worker in crew)
    ):
        time.sleep(chance.uniform(0.1, pause_s))
        missing = [place for place in PLACES if place not in report.fell]
        victim = chance.choice(crew)
        if missing and (report.kills % 3 == 2 or kills - report.kills <= 2 * len(PLACES)):
            victim = _await_place(crew, PLACES.index(missing[0])) or victim
            report.aimed += 1
        spared = victim.place.value == OPENING and chance.random() < SPARED
        if spared or not victim.process.is_alive():
            continue
        os.kill(victim.process.pid, signal.SIGKILL)
        victim.process.join()
        place = ALL_PLACES[victim.place.value]
        report.fell[place] = report.fell.get(place, 0) + 1
        report.kills += 1
        seen |= _completed(url, plan)
        crew[crew.index(victim)] = _start(url, plan, real)
    for worker in crew:
        worker.process.join()
    # The last worker may have been the one that was killed.
    last = _start(url, plan, real)
    last.process.join()
    after = _completed(url, plan)
    points = Counter(content[0] for content in after.values())
    report.completed = len(points)
    report.lost = sum(after.get(number) != content for number, content in seen.items())
    report.doubled = sum(count - 1 for count in points.values())
    report.failed = len(_trials(url, plan, TrialState.FAIL))
    report.seconds = time.perf_counter() - start
    return report


def _start(url: str, plan: Plan, real: bool) -> Worker:
    place = _fork.Value("i", OPENING, lock=False)
    process = _fork.Process(target=_work, args=(url, plan, place, real), daemon=True)
    process.start()
    return Worker(process, place)


def _work(url: str, plan: Plan, place: Any, real: bool) -> None:
    """A worker's life; it notes where it is, for the process that kills it."""

    def noted(function: Callable[..., Any], number: int) -> Callable[..., Any]:
        def inside(*args: Any, **kwargs: Any) -> Any:
            before, place.value = place.value, number
            try:
                return function(*args, **kwargs)
            finally:
                place.value = ELSEWHERE if before == OPENING else before

        return inside

    for owner, name, where in (
        (Walk, "propose", "sampler"),
        (Search, "propose", "sampler"),
        (Extension, "propose", "sampler"),
        (PairRunner, "_generate", "generation"),
        (Scorer, "embed_images", "scoring"),
        (PointTrials, "keep", "write"),
    ):
        setattr(owner, name, noted(getattr(owner, name), PLACES.index(where)))
    generate = noted(lambda: time.sleep(0.2), PLACES.index("generation"))
    score = noted(lambda: time.sleep(0.05), PLACES.index("scoring"))
    loader = PipelineLoader() if real else StubLoader(generate, score)
    run_study(plan, open_store(url, create=True), loader=loader)


def _await_place(crew: list[Worker], place: int) -> Worker | None:
    end = time.monotonic() + AIM_S
    while time.monotonic() < end:
        for worker in crew:
            if worker.place.value == place and worker.process.is_alive():
                return worker
        time.sleep(0.0005)
    return None


def _trials(url: str, plan: Plan, state: TrialState) -> list[TrialRow]:
    store = open_store(url)
    try:
        study_id = store.optuna.get_study_id_from_name(plan.study_name)
        rows = read_trials(store.engine, [study_id])[study_id]
        return [row for row in rows if row.state == state.name and row.duplicate_of is None]
    except KeyError:
        return []
    finally:
        store.engine.dispose()


def _completed(url: str, plan: Plan) -> dict[int, Any]:
    """Point and values by number of the trials that are complete, repeats left out."""
    complete = _trials(url, plan, TrialState.COMPLETE)
    return {row.number: (row.point, row.speedup, row.loss) for row in complete}


def main() -> None:
    """Kill, and write `results/kill-workers-<database>[-real].json` and `.md`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--minutes", type=float, default=30, help="kill nobody after these")
    parser.add_argument("--postgres", action="store_true", help="on a new Postgres, not SQLite")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    request = replace(REQUEST, trials=given.trials)
    if given.real:
        import open_clip  # noqa: F401
        from diffusers import StableDiffusionPipeline  # noqa: F401

        # Forked workers find both imported, and are at work sooner.
        request = replace(request, steps=6)
    plan = make_plan(request)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["ACCELFRONT_ARTIFACTS"] = folder
        url = f"sqlite:///{folder}/kills.db"
        if given.postgres:
            url = new_database(stack.enter_context(postgres()), "kills")
        report = kill_workers(
            url, plan, given.kills, given.seed, given.workers, given.real, 60 * given.minutes
        )
    database = url.partition(":")[0].partition("+")[0]
    _write(f"kill-workers-{database}{'-real' if given.real else ''}", given, report)
    if report.lost or report.doubled or report.completed != report.wanted:
        sys.exit(1)


def _write(name: str, given: argparse.Namespace, report: Report) -> None:
    content = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "optuna": optuna.__version__},
        "workers": given.workers,
        "seed": given.seed,
        **asdict(report),
    }
    rows = [f"| {key} | {value} |" for key, value in content.items()]
    text = "\n".join([f"# {name}", "", "| | |", "|---|---|", *rows, ""])
    keep_results(name, content, text, RESULTS)
    print(text)


if __name__ == "__main__":
    main()
