"""How true and how cheap a measurement is: A/A check, one whole study, and where its time goes.

`python benchmarks/measurement.py [--device auto] [--repeats 10]` writes
`benchmarks/results/measurement-<device>.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accel_space.stack import Stack
from accelfront.process import prepare_process
from storage.records import StudyRecord
from storage.store import open_store
from studies.bench import open_bench
from studies.plan import Plan, StudyRequest, make_plan
from studies.runner import run_study

RESULTS = Path(__file__).parent / "results"

WORK = ("generate", "baseline", "score")
"""What a trial is for; all else that it spends time on is overhead."""


def main() -> None:
    """Measure, print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=10, help="trials of the A/A check")
    parser.add_argument("--num-samples", type=int, default=64, help="prompts of the protocol")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    prepare_process()
    request = StudyRequest(
        pipeline="tiny-shapes",
        scheduler="DDIM",
        steps=20,
        methods=("deepcache",),
        trials=16,
        device=options.device,
        batch_size=8,
        num_samples=options.num_samples,
    )
    plan = make_plan(request)
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/bench.db"
        results = {
            "date": datetime.now(UTC).date().isoformat(),
            "environment": plan.environment.model_dump(),
            "protocol": plan.protocol.model_dump(),
            "aa_check": aa_check(plan, storage, options.repeats),
            "study": whole_study(plan, storage),
        }
    text = as_markdown(results)
    slug = re.sub(r"[^a-z0-9]+", "-", plan.environment.device.lower()).strip("-")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"measurement-{slug}.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / f"measurement-{slug}.md").write_text(text)
    print(text)


def aa_check(plan: Plan, storage: str, repeats: int) -> dict[str, Any]:
    """Measure a stack of no methods against the baseline: its speedup is 1, its loss 0."""
    nothing = replace(plan, stack=Stack(replace(plan.stack.context, methods=frozenset())))
    bench = open_bench(nothing, open_store(storage, create=True), print)
    trials = [bench.objective.measure({}, bench.baseline) for _ in range(repeats)]
    speedups = [trial.speedup for trial in trials]
    return {
        "repeats": repeats,
        "speedups": speedups,
        "speedup_ci": [trial.speedup_ci for trial in trials],
        "median_speedup": statistics.median(speedups),
        "intervals_with_1": sum(low <= 1 <= high for low, high in (t.speedup_ci for t in trials)),
        "greatest_loss": max(abs(trial.clip_loss) for trial in trials),
        "baseline_s_per_picture": [trial.baseline_latency_s for trial in trials],
    }


def whole_study(plan: Plan, storage: str) -> dict[str, Any]:
    """Measure all points of the plan and add up where the trials' time went."""
    study = run_study(plan, open_store(storage, create=True)).study
    seconds: dict[str, float] = {}
    for trial in study.trials:
        for phase, spent in trial.measurement["seconds"].items():
            seconds[phase] = seconds.get(phase, 0.0) + spent
    total = sum(seconds.values())
    return {
        **study.as_json(),
        "trial_s": total / len(study.trials),
        "share": {phase: spent / total for phase, spent in seconds.items()},
        "overhead_share": 1 - sum(seconds[phase] for phase in WORK) / total,
        "points": points(study),
    }


def points(study: StudyRecord) -> list[dict[str, Any]]:
    """All measured points, fastest first."""
    ordered = sorted(study.trials, key=lambda trial: -trial.speedup)
    return [trial.as_json() | {"psnr_db": trial.measurement["psnr_db"]} for trial in ordered]


def as_markdown(results: dict[str, Any]) -> str:
    """The results as tables for people."""
    environment, check, study = (results[name] for name in ("environment", "aa_check", "study"))
    protocol = results["protocol"]
    versions = ", ".join(f"{k} {v}" for k, v in environment["versions"].items() if v)
    lines = [
        f"# Measurement quality on {environment['device']}",
        "",
        f"{results['date']}; {versions}. tiny-shapes, DDIM, 20 steps, {protocol['dtype']}, batches "
        f"of {protocol['batch_size']}, {protocol['num_samples']} prompts. Made by "
        "`python benchmarks/measurement.py`.",
        "",
        "## A/A check: a stack of nothing against the baseline",
        "",
        f"{check['repeats']} trials: median speedup {check['median_speedup']:.4f} (from "
        f"{min(check['speedups']):.4f} to {max(check['speedups']):.4f}); "
        f"{check['intervals_with_1']} of {check['repeats']} 95% intervals contain 1; "
        f"greatest CLIP loss {check['greatest_loss']:.2%}.",
        "",
        "## One study: all points of DeepCache",
        "",
        f"{study['trial_s']:.2f} s a trial; beside generating and scoring "
        f"{study['overhead_share']:.1%}. Shares: "
        + ", ".join(f"{phase} {share:.1%}" for phase, share in study["share"].items())
        + ".",
        "",
        "| point | speedup | CLIP loss | similar | PSNR | on the front |",
        "|---|---|---|---|---|---|",
    ]
    on_front = {point["trial"] for point in study["front"]}
    for point in study["points"]:
        name = " ".join(f"{key}={value}" for key, value in point["params"].items())
        lines.append(
            f"| {name} | {point['speedup']:.2f}x ({_span(point['speedup_ci'], '.2f')}) "
            f"| {point['clip_loss']:.1%} ({_span(point['clip_loss_ci'], '.1%')}) "
            f"| {point['image_similarity']:.3f} | {point['psnr_db']:.1f} dB "
            f"| {'yes' if point['trial'] in on_front else ''} |"
        )
    return "\n".join(lines) + "\n"


def _span(ends: Sequence[float], form: str) -> str:
    return " to ".join(f"{end:{form}}" for end in ends)


if __name__ == "__main__":
    main()
