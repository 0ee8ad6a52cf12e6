"""Do speedups come out the same on another day? Measures the fronts of studies again.

`accelfront study --storage sqlite:///repeat.db ...` on one machine, then on another one of the same
kind, or in another process, `python benchmarks/repeat.py sqlite:///repeat.db`. It writes
`benchmarks/results/repeat-<device>.json` and `.md`, and nothing into the studies. With JSON files
of full_size.py in place of a storage, in the order in which they were measured, it compares what
any two of them have both measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from itertools import combinations
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from accel_space.method import Params
from accelfront.process import prepare_process
from generator.verify import RUN_TO_RUN
from objectives.protocol import Protocol
from result_files import keep_results, out_folder
from storage.errors import StorageError
from storage.records import StudyRecord, read_studies
from storage.store import Store, open_store
from studies.bench import Workbench
from studies.plan import StudyRequest, make_plan

RESULTS = Path(__file__).parent / "results"

TARGET = 0.9
"""So many speedups must lie inside the intervals of the first time, else those are too narrow."""


def main() -> None:
    """Measure, and keep the results after each study, so that a cut run loses little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="+", help="a storage, or files of full_size.py")
    parser.add_argument("--only", default="*", help="studies whose name matches this glob")
    parser.add_argument("--prompts", type=Path, help="as the studies were given it")
    parser.add_argument("--model", help="as the studies were given it")
    parser.add_argument("--scorer", help="as the studies were given it")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    if len(options.what) > 1:
        missing = [each for each in options.what if not Path(each).is_file()]
        if missing:
            parser.error(f"there is no {missing[0]}; full_size.py makes it")
        runs = [json.loads(Path(each).read_text("utf-8")) for each in options.what]
        pipelines = {run["pipeline"] for run in runs}
        if len(pipelines) > 1:
            parser.error(f"these files are of {', '.join(sorted(pipelines))}; compare one pipeline")
        points = [
            point
            for (number, first), (again, second) in combinations(enumerate(runs, start=1), 2)
            for point in full_size_points(first, second, f"runs {number} and {again}")
        ]
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
    workbench = Workbench()
    given = {name: getattr(options, name) for name in ("prompts", "model", "scorer", "device")}
    points = []
    for study in studies:
        if not fnmatch(study.name, options.only):
            continue
        points += measure_front(study, store, workbench, given)
        if points:
            keep(points, {"device": study.device, "versions": study.versions}, options.out)
    if not points:
        print("no study is this machine's")


def full_size_points(
    first: dict[str, Any], second: dict[str, Any], runs: str
) -> Iterator[dict[str, Any]]:
    """The default points that two runs of full_size.py have both measured.

    Args:
        first: The results of the run that came first.
        second: Those of the other.
        runs: What to call the two.
    """
    before = {tuple(each["key"]): each["stacks"] for each in first["settings"]}
    for setting in second["settings"]:
        batch_size, steps = setting["key"]
        for stack, again in setting["stacks"].items():
            trial = before.get((batch_size, steps), {}).get(stack)
            if trial:
                name = (
                    f"{second['pipeline']}, batches of {batch_size}, {steps} steps, {stack}, {runs}"
                )
                yield compared(name, 0, trial["params"], trial, again)


def measure_front(
    study: StudyRecord, store: Store, workbench: Workbench, given: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Measure a study's front as its trials were measured; nothing if it is not this machine's."""
    protocol = Protocol.model_validate(study.protocol)
    plan = make_plan(
        StudyRequest(
            **study.combination | {"methods": tuple(study.combination["methods"])},
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
    bench = workbench.open(plan, store, lambda words: print(words, file=sys.stderr))
    for trial in study.front:
        again = bench.objective.measure(trial.params, bench.baseline)
        yield compared(
            study.name, trial.number, trial.params, trial.measurement, again.model_dump()
        )


def compared(
    study: str, trial: int, params: Params, first: Mapping[str, Any], again: dict[str, Any]
) -> dict[str, Any]:
    """A point's first measurement beside its second."""
    low, high = first["speedup_ci"]
    speedup = again["speedup"]
    return {
        "study": study,
        "trial": trial,
        "params": params,
        "speedup": first["speedup"],
        "speedup_ci": [low, high],
        "disturbed": first.get("disturbed", []),
        "again": speedup,
        "again_ci": again["speedup_ci"],
        "again_disturbed": again.get("disturbed", []),
        "ratio": speedup / first["speedup"],
        "inside": low <= speedup <= high,
        "overlap": again["speedup_ci"][0] <= high and low <= again["speedup_ci"][1],
        "beyond": max(0.0, log(low / speedup), log(speedup / high)),
    }


def summed_up(points: Sequence[dict[str, Any]], where: dict[str, Any]) -> dict[str, Any]:
    """Shares and spreads over all points."""
    ratios = [point["ratio"] for point in points]
    low, median, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "device": where["device"],
        "versions": where["versions"],
        "inside": float(np.mean([point["inside"] for point in points])),
        "overlap": float(np.mean([point["overlap"] for point in points])),
        "ratio": {"low": float(low), "median": float(median), "high": float(high)},
        "beyond": float(np.quantile([point["beyond"] for point in points], TARGET)),
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
        f"{results['date']}; {versions}. Made by `python benchmarks/repeat.py`.",
        "",
        f"{len(points)} points of {len({point['study'] for point in points})} studies. "
        f"{results['inside']:.0%} of the second speedups lie inside the first interval (target "
        f"{TARGET:.0%}: {kept}); {results['overlap']:.0%} of the intervals meet. The second is "
        f"{ratio['median']:.3f} of the first (median; 90% from {ratio['low']:.3f} to "
        f"{ratio['high']:.3f}). 90% lie at most {results['beyond']:.1%} beyond the first interval; "
        f"`verify` allows {RUN_TO_RUN:.0%} (`RUN_TO_RUN`).",
        "",
        "| study | trial | first | second | inside | disturbed |",
        "|---|---|---|---|---|---|",
    ]
    for point in points:
        marks = ", ".join([*point["disturbed"], *(f"then {x}" for x in point["again_disturbed"])])
        lines.append(
            f"| {point['study']} | {point['trial']} | {_span(point, 'speedup')} "
            f"| {_span(point, 'again')} | {'yes' if point['inside'] else 'no'} | {marks} |"
        )
    return "\n".join(lines) + "\n"


def _span(point: dict[str, Any], name: str) -> str:
    low, high = point[f"{name}_ci"]
    return f"{point[name]:.2f}x ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
