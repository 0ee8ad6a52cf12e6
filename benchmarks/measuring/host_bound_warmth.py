"""How `gpu_bound` reads in cold batches, in warm ones, and in a trial.

    python -m benchmarks.measuring.host_bound_warmth --work models  # a fresh study
    python -m benchmarks.measuring.host_bound_warmth --work models  # the same, resumed

Runs the unaccelerated SD1.5 at full size, with random weights, and the default point of two stacks
batch by batch, each batch watched; then a trial of the point as a study measures it. The first
command builds the models and the study in `--work`; the second one finds the baseline already kept,
so that its first batch there is the first that the process draws. Needs CUDA. Each writes its part
of `benchmarks/results/host-bound-warmth-<device>.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from accelfront.cli.process import prepare_process
from benchmarks.measuring.random_models import build_model, build_scorer
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder, results_path
from objectives.pairs import PairRunner
from objectives.timing.host_bound import watch_host
from objectives.trial_recorder import TrialRecorder
from storage.database.opening import open_store
from studies.plan import Plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader

STACKS = (("tgate",), ("deepcache", "tgate"))

BASELINE_BATCHES, POINT_BATCHES = 3, 4

KEPT = (
    "gpu_bound", "baseline_gpu_bound", "speedup", "speedup_ci", "latencies_s",
    "baseline_latencies_s",
)  # fmt: skip


def main() -> None:
    """Watch both stacks, and write what this process read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=out_folder, required=True, help="of models and database")
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    prepare_process()
    database = options.work / "warmth.db"
    process = "resumed" if database.exists() else "fresh"
    plans = [plan_of(methods, options.work) for methods in STACKS]
    readings = {
        "+".join(methods): watched(plan, f"sqlite:///{database}")
        for methods, plan in zip(STACKS, plans, strict=True)
    }
    environment = plans[0].environment.as_json()
    name = f"host-bound-warmth {environment['device']}"
    path = results_path(name, options.out)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"processes": {}}
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "environment": environment,
        "protocol": plans[0].protocol.as_json(),
        "processes": kept["processes"] | {process: readings},
    }
    keep_results(name, results, as_markdown(results), options.out)


def plan_of(methods: tuple[str, ...], work: Path) -> Plan:
    """The plan of a stack, its models built if they are not there."""
    device, model, scorer = torch.device("cuda"), work / "SD1.5", work / "scorer"
    if not model.exists():
        build_model("SD1.5", model, device)
        build_scorer(scorer)
    return asked_plan(
        StudyRequest(
            pipeline="SD1.5",
            scheduler="DDIM",
            steps=20,
            methods=methods,
            trials=1,
            num_samples=16,
            batch_size=8,
            model=str(model),
            scorer=str(scorer),
            device="cuda",
            confirm=False,
        )
    )


def watched(plan: Plan, database: str) -> dict[str, Any]:
    """Batches of the baseline, then of the stack's default point, then a trial of the point."""
    instrument = PipelineLoader().load(plan, open_store(database, create=True), lambda stage: None)
    objective, point = instrument.objective, plan.stack.default
    batch, runner = objective._batches[0], objective._runner
    baseline = [
        reading(runner, lambda: runner.run_baseline(batch, instrument.baseline, TrialRecorder()))
        for _ in range(BASELINE_BATCHES)
    ]
    accelerated = [
        reading(runner, lambda: runner.run_point(batch, point, TrialRecorder()))
        for _ in range(POINT_BATCHES)
    ]
    trial = objective.measure(point, instrument.baseline)
    return {
        "baseline": baseline,
        "point": accelerated,
        "trial": {name: getattr(trial, name) for name in KEPT},
    }


def reading(runner: PairRunner, run: Callable[[], object]) -> dict[str, float | None]:
    """Watch one batch."""
    start = perf_counter()
    with watch_host(runner._denoiser, torch.device("cuda")) as share:
        run()
    return {"gpu_bound": share.gpu_bound, "seconds": round(perf_counter() - start, 3)}


def as_markdown(results: dict[str, Any]) -> str:
    """The readings as a table."""
    environment, protocol = results["environment"], results["protocol"]
    versions = ", ".join(f"{name} {each}" for name, each in environment["versions"].items() if each)
    rows = [
        f"| {process} | {stack} | {_listed(read['baseline'])} | {_listed(read['point'])} "
        f"| {read['trial']['baseline_gpu_bound']:.2f} | {read['trial']['gpu_bound']:.2f} "
        f"| {read['trial']['speedup']:.2f}x |"
        for process, stacks in results["processes"].items()
        for stack, read in stacks.items()
    ]
    return "\n".join(
        [
            f"# gpu_bound batch by batch: SD1.5 on {environment['device']}",
            "",
            f"{results['date']}; {versions}. Full size, random weights, DDIM, 20 steps, batches of "
            f"{protocol['batch_size']}, {protocol['dtype']}; each stack's default point. A stack's "
            "batches and its trial follow one another as the columns do, the stacks as the rows. "
            "The fresh process made the study, and so drew its baseline before; in the resumed "
            "one, which found it kept, the first batch is the first that it drew at all. Made by "
            "`python -m benchmarks.measuring.host_bound_warmth`.",
            "",
            "| process | stack | baseline, batch by batch | point, batch by batch "
            "| trial: baseline | trial: point | trial: speedup |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _listed(batches: list[dict[str, float]]) -> str:
    return ", ".join(f"{batch['gpu_bound']:.2f}" for batch in batches)


if __name__ == "__main__":
    main()
