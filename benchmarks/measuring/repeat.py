"""Do speedups come out the same on another day? Measures the fronts of studies again.

`accelfront study --storage sqlite:///repeat.db ...` on one machine, then on another one of the same
kind, or in another process, `python -m benchmarks.measuring.repeat sqlite:///repeat.db`. It writes
`benchmarks/results/repeat-<device>.json` and `.md`, and nothing into the studies. With JSON files
of full_size.py in place of a storage, each pipeline's in the order in which they were measured, it
compares what any two of one pipeline have both measured. Intervals are drawn anew from the pairs
that were kept, once as they are and once as accelfront widens them for other runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from accelfront.cli.process import prepare_process
from benchmarks.shared.result_files import keep_results, results_parser
from objectives.errors import InputError
from objectives.statistics import Estimate, across_runs, speedup
from storage.database.opening import Store, open_store
from storage.errors import StorageError
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader

TARGET = 0.9
"""Least share of speedups inside the first intervals; with fewer those are too narrow."""


def main() -> None:
    """Measure, and keep the results after each study, so that a cut run loses little."""
    parser = results_parser(__doc__)
    parser.add_argument("what", nargs="+", help="a storage, or files of full_size.py")
    parser.add_argument("--only", default="*", help="studies whose name matches this glob")
    parser.add_argument("--prompts", type=Path, help="as the studies were given it")
    parser.add_argument("--model", help="as the studies were given it")
    parser.add_argument("--scorer", help="as the studies were given it")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if len(options.what) > 1:
        try:
            runs = [read_run(Path(each)) for each in options.what]
        except InputError as error:
            parser.error(str(error))
        points = list(full_size_points(runs))
        if not points:
            parser.error("no point is in two of these files; run full_size.py at the same settings")
        keep(points, runs[-1]["environment"], options.out)
        return
    prepare_process()
    try:
        store = open_store(options.what[0])
        studies = read_studies(store)
    except StorageError as error:
        parser.error(str(error))
    loader = PipelineLoader()
    given = {name: getattr(options, name) for name in ("prompts", "model", "scorer", "device")}
    points = []
    for study in studies:
        if not fnmatch(study.name, options.only):
            continue
        points += measure_front(study, store, loader, given)
        if points:
            keep(points, {"device": study.device, "versions": study.versions}, options.out)
    if not points:
        print("no study is this machine's")


def read_run(path: Path) -> dict[str, Any]:
    """The results of a run of full_size.py.

    Raises:
        InputError: If the file is not one of its.
    """
    try:
        run = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        run = None
    if not isinstance(run, dict) or not {"pipeline", "settings", "environment"} <= run.keys():
        raise InputError(f"{path} is no file of full_size.py's; it makes full-size-*.json")
    return run


def full_size_points(runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The default points that any two runs of full_size.py on one pipeline have both measured.

    Args:
        runs: Their results; each pipeline's in the order in which they were measured.
    """
    for pipeline in dict.fromkeys(run["pipeline"] for run in runs):
        found = [trials_of(run) for run in runs if run["pipeline"] == pipeline]
        shifts = {
            key: shift for trials in found for key in trials if (shift := shift_of(trials[key]))
        }
        for (number, first), (again, second) in combinations(enumerate(found, start=1), 2):
            for key in second:
                if key in first and first[key]["params"] == second[key]["params"]:
                    batch_size, steps, stack = key
                    name = (
                        f"{pipeline}, batches of {batch_size}, {steps} steps, {stack}, "
                        f"runs {number} and {again}"
                    )
                    yield compared(name, 0, first[key], second[key], shifts.get(key, 0.0))


def trials_of(run: dict[str, Any]) -> dict[tuple[int, int, str], dict[str, Any]]:
    """A run's trials by batch size, steps and stack."""
    return {
        (*setting["key"], stack): trial
        for setting in run["settings"]
        for stack, trial in setting["stacks"].items()
    }


def shift_of(trial: Mapping[str, Any]) -> float:
    """By how much a point changes the host-bound share; 0 if that was not kept."""
    point, baseline = trial.get("gpu_bound"), trial.get("baseline_gpu_bound")
    return 0.0 if point is None or baseline is None else abs(point - baseline)


def measure_front(
    study: Study, store: Store, loader: PipelineLoader, given: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Measure a study's front as its trials were measured; nothing if it is not this machine's."""
    protocol = study.protocol
    plan = make_plan(
        StudyRequest(
            **dict(study.combination),
            trials=1,
            num_samples=protocol.num_samples,
            batch_size=protocol.batch_size,
            seed=protocol.seed,
            confirm=False,
            **given,
        )
    )
    if plan.study_name != study.name:
        print(f"left out: {study.name} has another protocol or device than this", file=sys.stderr)
        return
    plan = plan.knowing(study.learned)
    instrument = loader.load(plan, store, lambda words: print(words, file=sys.stderr))
    for trial in study.front:
        again = instrument.objective.measure(trial.params, instrument.baseline)
        first = trial.measurement
        yield compared(
            study.name, trial.number, first.as_json(), again.as_json(), shift_of(first.as_json())
        )


def compared(
    study: str, trial: int, first: Mapping[str, Any], again: Mapping[str, Any], shift: float
) -> dict[str, Any]:
    """Compare a point's first measurement with its second."""
    within = speedup(first["baseline_latencies_s"], first["latencies_s"])
    across = across_runs(within, shift)
    second = speedup(again["baseline_latencies_s"], again["latencies_s"])
    return {
        "study": study,
        "trial": trial,
        "speedup": within.value,
        "host_bound_shift": shift,
        "pairs_ci": [within.low, within.high],
        "speedup_ci": [across.low, across.high],
        "disturbed": first.get("disturbed", []),
        "again": second.value,
        "again_disturbed": again.get("disturbed", []),
        "inside_pairs": holds(within, second),
        "inside": holds(across, second),
    }


def holds(first: Estimate, second: Estimate) -> bool:
    """Whether the first interval holds the second value."""
    return first.low <= second.value <= first.high


def summed_up(points: Sequence[dict[str, Any]], where: dict[str, Any]) -> dict[str, Any]:
    """Shares and spreads over all points."""
    ratios = [point["again"] / point["speedup"] for point in points]
    low, median, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": where["device"],
        "versions": where["versions"],
        "inside_pairs": float(np.mean([point["inside_pairs"] for point in points])),
        "inside": float(np.mean([point["inside"] for point in points])),
        "ratio": {"low": float(low), "median": float(median), "high": float(high)},
        "points": list(points),
    }


def keep(points: Sequence[dict[str, Any]], where: dict[str, Any], out: Path) -> None:
    """Write the results so far."""
    results = summed_up(points, where)
    keep_results(f"repeat {where['device']}", results, as_markdown(results), out)
    print(as_markdown(results))


def as_markdown(results: dict[str, Any]) -> str:
    """The results as tables for people."""
    points, ratio = results["points"], results["ratio"]
    versions = ", ".join(f"{name} {each}" for name, each in results["versions"].items() if each)
    kept = "kept" if results["inside"] >= TARGET else "not kept"
    lines = [
        f"# Speedups measured again on {results['device']}",
        "",
        f"{results['date']}; {versions}. Made by `python -m benchmarks.measuring.repeat`.",
        "",
        f"{len(points)} points of {len({point['study'] for point in points})} studies. "
        f"{results['inside']:.0%} of the second speedups lie inside the first interval (target "
        f"{TARGET:.0%}: {kept}), and {results['inside_pairs']:.0%} inside that of the pairs alone. "
        f"The second is {ratio['median']:.3f} of the first (median; 90% from {ratio['low']:.3f} to "
        f"{ratio['high']:.3f}). Shift: by how much the host-bound "
        "share differs between baseline and point, 0 where that was not kept.",
        "",
        "| study | trial | first, its pairs | other runs | shift | second | inside | disturbed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for point in points:
        marks = ", ".join([*point["disturbed"], *(f"then {x}" for x in point["again_disturbed"])])
        (low, high), (lower, higher) = point["pairs_ci"], point["speedup_ci"]
        lines.append(
            f"| {point['study']} | {point['trial']} | {point['speedup']:.2f}x ({low:.2f} to "
            f"{high:.2f}) | {lower:.2f} to {higher:.2f} | {point['host_bound_shift']:.2f} "
            f"| {point['again']:.2f}x | {'yes' if point['inside'] else 'no'} | {marks} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
