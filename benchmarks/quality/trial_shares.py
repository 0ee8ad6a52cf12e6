"""How much of a trial goes into scoring, and how much into neither drawing nor scoring.

    python -m benchmarks.quality.trial_shares --device cuda --time-limit 40

runs a study of DeepCache with every metric that needs no weights, and adds up the wall time that
its stored trials kept. With tiny-shapes both shares are greatest, as its pictures are drawn
fastest. The study is kept in `--out`, and the same command resumes it; `--storage` reads the
studies of a storage instead, and runs none. Writes `trial-shares-<study>-<device>.json` and `.md`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accelfront.cli.process import prepare_process
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.result_files import keep_results, results_parser
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.request import StudyRequest
from studies.run.progress import Progress
from studies.run.runner import run_study

DRAWING = ("generate", "baseline")
SCORING = ("score",)

MOST_SCORING = 0.15
MOST_OVERHEAD = 0.05
"""The promise for an H200."""


def main() -> None:
    """Run a study, or read those of a storage, and print the shares of each."""
    options = _options()
    storage = options.storage or run(options)
    for study in read_studies(open_store(storage)):
        if study.trials:
            print(keep(study, options.out))


def run(options: argparse.Namespace) -> str:
    """Run the study, and keep its shares after each trial; the URL of its storage."""
    prepare_process()
    plan = asked_plan(
        StudyRequest(
            pipeline=options.pipeline,
            model=options.model,
            scorer=options.scorer,
            scheduler="DDIM",
            steps=options.steps,
            methods=("deepcache",),
            trials=options.trials,
            metrics=tuple(options.metrics),
            device=options.device,
            timeout_s=options.time_limit,
            screening=False,
            confirm=False,
        )
    )
    url = f"sqlite:///{options.out / 'trial-shares.db'}"
    store = open_store(url, create=True)
    done = 0

    def watch(progress: Progress) -> None:
        nonlocal done
        if progress.done > done:
            done = progress.done
            [study] = read_studies(store, plan.study_name)
            keep(study, options.out)

    run_study(plan, store, watch)
    return url


def keep(study: Study, out: Path) -> str:
    """Write what a study's trials spent their time on, and return it as a page."""
    device, protocol = study.environment.device, study.protocol
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": device,
        "versions": dict(study.environment.versions),
        "study": study.name,
        "dtype": protocol.dtype,
        "prompts": protocol.num_samples,
        "batch": protocol.batch_size,
        "pictures": f"{protocol.width}x{protocol.height}",
        "metrics": list(protocol.metrics),
        **shares(study),
    }
    page = as_markdown(results)
    keep_results(f"trial shares {study.name} {device}", results, page, out)
    return page


def shares(study: Study) -> dict[str, Any]:
    """The shares of the wall time of a study's points, as the search measured them first."""
    seconds = Counter[str]()
    for trial in study.trials:
        # A point that was timed again was scored in the search.
        seconds.update((trial.first_timing or trial.measurement).seconds)
    total = seconds.total()
    share = {phase: spent / total for phase, spent in seconds.items()}
    scoring = sum(share.get(phase, 0.0) for phase in SCORING)
    drawing = sum(share.get(phase, 0.0) for phase in DRAWING)
    return {
        "trials": len(study.trials),
        "trial_s": total / len(study.trials),
        "share": share,
        "scoring": scoring,
        "overhead": 1 - scoring - drawing,
    }


def as_markdown(results: dict[str, Any]) -> str:
    """The shares, next to the promise."""
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items() if each)
    phases = ", ".join(f"{phase} {share:.1%}" for phase, share in results["share"].items())
    lines = [
        f"# Where the time of a trial goes: {results['study']}",
        "",
        f"{results['device']}, {results['date']}; {versions}. {results['dtype']}, "
        f"{results['prompts']} prompts in batches of {results['batch']}, pictures of "
        f"{results['pictures']}; metrics {', '.join(results['metrics'])}. "
        "Made by `python -m benchmarks.quality.trial_shares`.",
        "",
        f"{results['trials']} trials, {results['trial_s']:.2f} s each ({phases}).",
        "",
        "| part of a trial that is not drawing | share | promised on an H200 |",
        "|---|---|---|",
        f"| scoring | {results['scoring']:.1%} | at most {MOST_SCORING:.0%} |",
        f"| all else | {results['overhead']:.1%} | at most {MOST_OVERHEAD:.0%} |",
    ]
    return "\n".join(lines) + "\n"


def _options() -> argparse.Namespace:
    parser = results_parser(__doc__)
    parser.add_argument("--storage", help="read the studies of this storage, and run none")
    parser.add_argument("--pipeline", default="tiny-shapes")
    parser.add_argument("--model", help="a folder in diffusers layout")
    parser.add_argument("--scorer", help="the scorer of such a model")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument(
        "--metrics",
        nargs="*",
        default=["attributes"],
        help="beside those of every study; none for prompts outside the tiny-shapes world",
    )
    parser.add_argument(
        "--time-limit", type=float, default=40.0, help="start no trial after so many seconds"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
