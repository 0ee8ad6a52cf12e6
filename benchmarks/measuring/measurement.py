"""How true and how cheap a measurement is: A/A check, one whole study, and where its time goes.

    python -m benchmarks.measuring.measurement --device auto --repeats 10

writes `benchmarks/results/measurement-<pipeline>-<device>.json` and `.md`; figures to publish take
50 repeats. With the model and the scorer that full_size.py writes, it measures at real size.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accel_space.stack import Stack
from accelfront.cli.process import prepare_process
from benchmarks.shared.asked_plan import asked_plan
from benchmarks.shared.result_files import keep_results, results_parser, results_path
from objectives.statistics import speedup
from storage.database.opening import open_store
from storage.records.study import Study
from studies.plan import Plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.runner import run_study

WORK = ("generate", "baseline", "score")
"""What a trial is for; all else that it spends time on is overhead."""


def main() -> None:
    """Measure, print the tables and keep them after each part, so that a cut run loses little."""
    parser = results_parser(__doc__)
    parser.add_argument("--pipeline", default="tiny-shapes")
    parser.add_argument("--model", help="a folder in diffusers layout")
    parser.add_argument("--scorer", help="the scorer of such a model")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=10, help="trials of the A/A check")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[8, 1], help="of the A/A checks"
    )
    parser.add_argument("--trials", type=int, default=16, help="points of the study, 0: none")
    parser.add_argument("--resume", action="store_true", help="keep the trials that --out holds")
    options = parser.parse_args()
    prepare_process()
    request = StudyRequest(
        pipeline=options.pipeline,
        model=options.model,
        scorer=options.scorer,
        scheduler="DDIM",
        steps=options.steps,
        methods=("deepcache",),
        trials=max(1, options.trials),
        device=options.device,
        confirm=False,
    )
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/bench.db"
        for batch_size in options.batch_sizes:
            # Eight batches: five pairs and more to score, as a trial of the default protocol has.
            repeated = asked_plan(
                replace(request, batch_size=batch_size, num_samples=8 * batch_size)
            )
            results = results or begun_results(repeated, options.out if options.resume else None)
            before = results["aa_checks"].get(str(batch_size), {})
            for check in aa_check(repeated, storage, options.repeats, before):
                results["aa_checks"][str(batch_size)] = check
                keep(results, options.out)
        if options.trials:
            plan = asked_plan(request)
            results = results or begun_results(plan, options.out if options.resume else None)
            results["study"] = whole_study(plan, storage)
            keep(results, options.out)
    print(as_markdown(results))


def begun_results(plan: Plan, out: Path | None) -> dict[str, Any]:
    """What was measured before.

    Args:
        plan: The plan to measure now; results of another combination or device are ignored.
        out: Folder of the results; None begins without any.
    """
    described = {
        "environment": plan.environment.as_json(),
        "combination": plan.combination.model_dump(include={"pipeline", "steps"}),
    }
    nothing: dict[str, Any] = described | {"dates": [], "aa_checks": {}}
    path = None if out is None else results_path(results_name(described), out)
    if path is None or not path.exists():
        return nothing
    before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return before if described.items() <= before.items() else nothing


def results_name(results: dict[str, Any]) -> str:
    """The subject and the device of the measurement, in words."""
    return f"measurement {results['combination']['pipeline']} {results['environment']['device']}"


def keep(results: dict[str, Any], out: Path) -> None:
    """Write the results so far."""
    results["dates"] = sorted({*results["dates"], datetime.now(UTC).date().isoformat()})
    keep_results(results_name(results), results, as_markdown(results), out)


def aa_check(
    plan: Plan, storage: str, repeats: int, before: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Measure a stack of no methods against the baseline: its speedup is 1, its loss 0.

    Args:
        plan: What to measure.
        storage: Keeps the baselines.
        repeats: Trials in all.
        before: The same check as it was left, or nothing.

    Yields:
        The trials so far, after each one.
    """
    protocol = plan.protocol.as_json()
    trials = before["trials"] if before.get("protocol") == protocol else []
    if len(trials) >= repeats:
        return
    nothing = replace(plan, stack=Stack(replace(plan.stack.context, methods=frozenset())))
    instrument = PipelineLoader().load(nothing, open_store(storage, create=True), print)
    while len(trials) < repeats:
        trials.append(instrument.objective.measure({}, instrument.baseline).model_dump())
        yield {"protocol": protocol, "trials": trials}


def whole_study(plan: Plan, storage: str) -> dict[str, Any]:
    """Measure the points of a plan and add up where the trials' time went."""
    return studied(run_study(plan, open_store(storage, create=True)).study)


def studied(study: Study) -> dict[str, Any]:
    """A study's points, its front and the shares of its wall time."""
    seconds: dict[str, float] = {}
    for trial in study.trials:
        for phase, spent in trial.measurement.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + spent
    total = sum(seconds.values())
    ordered = sorted(study.trials, key=lambda trial: -trial.speedup)
    return {
        **study.as_json(),
        "protocol": study.protocol.as_json(),
        "distinct": study.space.distinct,
        "trial_s": total / len(study.trials),
        "share": {phase: spent / total for phase, spent in seconds.items()},
        "overhead_share": 1 - sum(seconds[phase] for phase in WORK) / total,
        "points": [each.as_json() | {"psnr_db": each.measurement.psnr_db} for each in ordered],
    }


def as_markdown(results: dict[str, Any]) -> str:
    """The results as tables for people."""
    environment = results["environment"]
    versions = ", ".join(f"{name} {each}" for name, each in environment["versions"].items() if each)
    lines = [
        f"# Measurement quality on {environment['device']}",
        "",
        f"{', '.join(results['dates'])}; {versions}. {results['combination']['pipeline']}, DDIM, "
        f"{results['combination']['steps']} steps. Made by "
        "`python -m benchmarks.measuring.measurement`.",
        "",
        *(line for check in results["aa_checks"].values() for line in aa_lines(check)),
        *(study_lines(results["study"]) if "study" in results else []),
    ]
    return "\n".join(lines) + "\n"


def aa_lines(check: dict[str, Any]) -> list[str]:
    """The A/A check; its pairs are those of all trials together."""
    trials = check["trials"]
    speedups = [trial["speedup"] for trial in trials]
    # Not the reported intervals: differences between runs play no part in an A/A check.
    within = [speedup(trial["baseline_latencies_s"], trial["latencies_s"]) for trial in trials]
    contain = sum(each.low <= 1 <= each.high for each in within)
    baseline, accelerated = (
        [latency for trial in trials for latency in trial[name]]
        for name in ("baseline_latencies_s", "latencies_s")
    )
    pooled = speedup(baseline, accelerated)
    disturbed = sum(bool(trial["disturbed"]) for trial in trials)
    return [
        f"## A/A check: a stack of nothing against the baseline, batches of "
        f"{check['protocol']['batch_size']}",
        "",
        f"{_protocol(check)}. {len(trials)} trials: median speedup "
        f"{statistics.median(speedups):.4f} (from {min(speedups):.4f} to {max(speedups):.4f}); "
        f"{contain} of {len(trials)} 95% intervals of the pairs contain 1 "
        f"({contain / len(trials):.0%}); {disturbed} trials were disturbed. "
        f"All {len(baseline)} pairs together: {pooled.value:.4f} ({pooled.low:.4f} to "
        f"{pooled.high:.4f}). Greatest CLIP loss "
        f"{max(abs(trial['clip_loss']) for trial in trials):.2%}; the baseline takes "
        f"{statistics.median(baseline):.4f} s a picture.",
        "",
    ]


def study_lines(study: dict[str, Any]) -> list[str]:
    """All points of the study, and where its time went."""
    on_front = {point["trial"] for point in study["front"]}
    shares = ", ".join(f"{phase} {share:.1%}" for phase, share in study["share"].items())
    lines = [
        f"## One study: {' + '.join(study['methods'])}",
        "",
        f"{_protocol(study)}. {study['trials']} of {study['distinct']} points, "
        f"{study['trial_s']:.2f} s a trial; beside generating and scoring "
        f"{study['overhead_share']:.1%} ({shares}).",
        "",
        "| point | speedup | CLIP loss | similar | PSNR | on the front |",
        "|---|---|---|---|---|---|",
    ]
    for point in study["points"]:
        name = " ".join(f"{key}={value}" for key, value in point["params"].items())
        lines.append(
            f"| {name} | {point['speedup']:.2f}x ({_span(point['speedup_ci'], '.2f')}) "
            f"| {point['clip_loss']:z.1%} ({_span(point['clip_loss_ci'], 'z.1%')}) "
            f"| {point['image_similarity']:.3f} | {point['psnr_db']:.1f} dB "
            f"| {'yes' if point['trial'] in on_front else ''} |"
        )
    return lines


def _protocol(part: dict[str, Any]) -> str:
    protocol = part["protocol"]
    return (
        f"{protocol['dtype']}, {protocol['num_samples']} prompts, batches of "
        f"{protocol['batch_size']}"
    )


def _span(ends: Sequence[float], form: str) -> str:
    return " to ".join(f"{end:{form}}" for end in ends)


if __name__ == "__main__":
    main()
