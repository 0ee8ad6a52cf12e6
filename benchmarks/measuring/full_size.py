"""What the methods gain at real size: SD1.5, SD2.1, SDXL and PixArt-alpha with random weights.

    python -m benchmarks.measuring.full_size --pipeline SD1.5 --seconds 600

builds the pipeline at its true architecture as a folder in diffusers layout and runs the studies
that `accelfront study --model FOLDER` runs, one of each stack, at its default point. A latency does
not depend on the weights; the CLIP values mean nothing, and the scorer is made so that none is
negative. Writes `full-size-<pipeline>-<device>.json` and `.md` into `--out` after each study, and
skips studies that are there already, so the same command resumes where it was cut off; another
`--out` measures all again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accel_space.stack import Stack
from accelfront.cli.process import prepare_process
from benchmarks.measuring.random_models import build_model, build_scorer
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.result_files import keep_results, results_parser, results_path
from objectives.errors import InputError
from objectives.objective import MIN_PAIRS
from objectives.statistics import Estimate, speedup
from objectives.timing.device import device_name, find_device
from storage.database.opening import Store, open_store
from storage.records.measurement import Measurement
from studies.plan import Plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.runner import run_study

UNET_STACKS = (
    ("deepcache",),
    ("tgate",),
    ("tome",),
    ("deepcache", "tgate"),
    ("deepcache", "tome"),
    ("tgate", "tome"),
    ("deepcache", "tgate", "tome"),
    ("pab",),
    ("cfg_cutoff",),
)
STACKS = {
    "SD1.5": UNET_STACKS,
    "SD2.1": UNET_STACKS,
    "SDXL": UNET_STACKS,
    "PixArt-alpha": (("tgate",), ("pab",), ("cfg_cutoff",)),
}

SETTINGS = [(8, 20), (1, 20), (8, 50), (1, 50)]
"""Batch size and steps, in the order in which they are measured."""

AA_TRIALS = 2

WORK = ("generate", "baseline", "score")


def main() -> None:
    """Build the model, measure what time allows, and keep the results after each study."""
    parser = results_parser(__doc__)
    parser.add_argument("--pipeline", choices=STACKS, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=3600, help="start no study after these")
    parser.add_argument(
        "--settings", nargs="+", type=setting, default=SETTINGS, help="batch size x steps, as 8x20"
    )
    parser.add_argument("--models", type=Path, default=Path("full-size-models"))
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    prepare_process()
    try:
        device = find_device(options.device)
    except InputError as error:
        parser.error(str(error))
    folder = options.models / options.pipeline
    if not (folder / "model_index.json").exists():
        build_model(options.pipeline, folder, device)
    scorer = options.models / "scorer"
    if not scorer.exists():
        build_scorer(scorer)
    results = kept_results(options.pipeline, device_name(device), options.out)
    with tempfile.TemporaryDirectory() as scratch:
        # Separate by steps, as a study begins where one with other steps in its storage ended.
        stores = {
            steps: open_store(f"sqlite:///{scratch}/{steps}.db", create=True)
            for _, steps in options.settings
        }
        loader = PipelineLoader()
        for batch_size, steps in options.settings:
            request = StudyRequest(
                pipeline=options.pipeline,
                scheduler="DDIM",
                steps=steps,
                methods=STACKS[options.pipeline][0],
                trials=1,
                num_samples=max(2, batch_size),
                batch_size=batch_size,
                model=str(folder),
                scorer=str(scorer),
                device=options.device,
                confirm=False,
            )
            key = [batch_size, steps]
            found = next((each for each in results["settings"] if each["key"] == key), None)
            found = found or {"key": key, "stacks": {}, "dates": []}
            for environment in measure(request, found, stores[steps], loader, deadline):
                today = datetime.now(UTC).date().isoformat()
                found["dates"] = sorted({*found["dates"], today})
                if found not in results["settings"]:
                    results["settings"].append(found)
                results["environment"] = environment
                keep(results, options.out)
    if results["settings"]:
        print(as_markdown(results))


def setting(words: str) -> tuple[int, int]:
    """Batch size and steps, from text such as 8x20; argparse reports a ValueError."""
    batch_size, steps = map(int, words.split("x"))
    if batch_size < 1 or steps < 1:
        raise ValueError(words)
    return batch_size, steps


def kept_results(pipeline: str, device: str, out: Path) -> dict[str, Any]:
    """What was measured before."""
    path = results_path(f"full-size {pipeline} {device}", out)
    if not path.exists():
        return {"pipeline": pipeline, "settings": []}
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def measure(
    request: StudyRequest,
    found: dict[str, Any],
    store: Store,
    loader: PipelineLoader,
    deadline: float,
) -> Iterator[dict[str, Any]]:
    """Add the A/A check and each stack at one batch size and step count, where they are missing.

    Yields:
        The environment, after each study.
    """
    plan = asked_plan(request)
    environment = plan.environment.as_json()
    left = [each for each in STACKS[request.pipeline] if "+".join(each) not in found["stacks"]]
    if "aa_check" not in found and time.monotonic() < deadline:
        found["aa_check"] = [each.model_dump() for each in aa_check(plan, store, loader)]
        yield environment
    for methods in left:
        if time.monotonic() >= deadline:
            break
        name = "+".join(methods)
        trial = run_study(
            asked_plan(replace(request, methods=methods)), store, loader=loader
        ).study.trials[0]
        found["stacks"][name] = {"params": trial.params, **trial.measurement.as_json()}
        print(f"{request.pipeline} {found['key']} {name}: {trial.speedup:.3f}x", flush=True)
        yield environment


def aa_check(plan: Plan, store: Store, loader: PipelineLoader) -> list[Measurement]:
    """Measure a stack of no methods against the baseline: its speedup is 1."""
    nothing = replace(plan, stack=Stack(replace(plan.stack.context, methods=frozenset())))
    instrument = loader.load(nothing, store, print)
    return [instrument.objective.measure({}, instrument.baseline) for _ in range(AA_TRIALS)]


def keep(results: dict[str, Any], out: Path) -> None:
    """Write the results so far."""
    name = f"full-size {results['pipeline']} {results['environment']['device']}"
    keep_results(name, results, as_markdown(results), out)


def as_markdown(results: dict[str, Any]) -> str:
    """The results as tables for people."""
    environment = results["environment"]
    versions = ", ".join(f"{name} {each}" for name, each in environment["versions"].items() if each)
    lines = [
        f"# {results['pipeline']} at full size on {environment['device']}",
        "",
        f"{versions}. Random weights, DDIM, fp16: speedups mean what they say, "
        "CLIP values mean nothing and are not shown. Default point of each stack, at least "
        f"{MIN_PAIRS} pairs a trial, intervals of the pairs alone. Made by `python "
        f"-m benchmarks.measuring.full_size --pipeline {results['pipeline']}`.",
        "",
    ]
    for setting in results["settings"]:
        lines += _setting_lines(setting, STACKS[results["pipeline"]])
    return "\n".join(lines)


def within(trial: dict[str, Any]) -> Estimate:
    """The speedup with the interval of its pairs alone; the one reported is for other runs too."""
    return speedup(trial["baseline_latencies_s"], trial["latencies_s"])


def _setting_lines(setting: dict[str, Any], stacks: Sequence[Sequence[str]]) -> list[str]:
    batch_size, steps = setting["key"]
    lines = [
        f"## Batches of {batch_size}, {steps} steps",
        "",
        f"{', '.join(setting['dates'])}.",
        "",
    ]
    if "aa_check" in setting:
        trials = setting["aa_check"]
        speedups = ", ".join(f"{each['speedup']:.4f}" for each in trials)
        contain = sum(each.low <= 1 <= each.high for each in map(within, trials))
        latency = min(each["baseline_latency_s"] for each in trials)
        lines += [
            f"A/A check: {speedups}; {contain} of {len(trials)} intervals contain 1. The baseline "
            f"takes {latency:.4f} s a picture and {trials[0]['peak_memory_mib'] or 0:,.0f} MiB.",
            "",
        ]
    if setting["stacks"]:
        lines += ["| stack | point | speedup | peak MiB | overhead |", "|---|---|---|---|---|"]
    for name, trial in setting["stacks"].items():
        point = " ".join(f"{key}={value:g}" for key, value in trial["params"].items())
        pairs = within(trial)
        seconds = trial["seconds"]
        overhead = 1 - sum(seconds[phase] for phase in WORK) / sum(seconds.values())
        lines.append(
            f"| {name} | {point} | {pairs.value:.3f}x ({pairs.low:.3f} to {pairs.high:.3f}) "
            f"| {trial['peak_memory_mib'] or 0:,.0f} | {overhead:.1%} |"
        )
    lacking = [name for name in map("+".join, stacks) if name not in setting["stacks"]]
    if lacking:
        lines += ["", f"Not measured: {', '.join(lacking)}."]
    return [*lines, ""]


if __name__ == "__main__":
    main()
