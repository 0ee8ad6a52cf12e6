"""Copied constants, a grid and a search: what each finds inside the loss budget, and its cost.

    python -m benchmarks.search.versus_constants --methods deepcache tgate deepcache,tgate

measures, for each stack of one combination and under one protocol,

- the constants of the libraries' READMEs, as people copy them;
- the grid as accelfront's predecessor walked it, in nested loops until the first point that meets a
  request by the mean figures of its one measurement; each distinct point counts once, although the
  predecessor measured equal ones again, and a point that meets the request is confirmed when found;
- `accelfront study` with its defaults: until its first point that meets the same request, and in
  full.

A study's points are judged as everywhere: by the confirmation if there is one. This also decides
whether the result of each way is inside the loss budget.

The request is 90% of the speedup that the full study found inside the loss budget. Each of the
three has its own database in `--work`; the same command resumes from there. Writes
`benchmarks/results/versus-constants-<pipeline>-<device>.json` and `.md` after each stack.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna

from accel_space.errors import RefusedError
from accelfront.cli.process import prepare_process
from benchmarks.shared.result_files import RESULTS, keep_results, out_folder
from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store, open_store
from storage.reading.studies import find_study
from storage.records.study import Study
from storage.records.trial import Trial
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.progress import Progress
from studies.run.runner import run_study
from studies.search.imported_points import point_in_space

CONSTANTS: dict[str, dict[str, int | float]] = {
    # github.com/horseee/DeepCache
    "deepcache": {"cache_interval": 3, "cache_branch_id": 0},
    # github.com/HaozheLiu-ST/T-GATE
    "tgate": {"gate_step": 10, "sp_interval": 5, "fi_interval": 1, "warm_up": 2},
    # github.com/dbolya/tomesd
    "tome": {"ratio": 0.5, "max_downsample": 1},
}

STACKED: dict[str, int | float] = {"sp_interval": 1, "fi_interval": 1, "warm_up": 0}
"""T-GATE's own constants in combination with DeepCache; the only ones that work with ToMe."""

WISH = 0.9
"""The requested share of the bound that the full study found."""


def main() -> None:
    """Measure each stack in three ways, and keep the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pipeline", default="tiny-shapes")
    parser.add_argument("--scheduler", default="DDIM")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--methods", nargs="+", default=["deepcache", "tgate", "tome", "deepcache,tgate"],
        help="stacks, the methods of each joined by commas",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=20, help="of a study, and of a grid")
    parser.add_argument("--num-samples", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--work", type=Path, default=Path("versus-constants"))
    parser.add_argument("--out", type=out_folder, default=RESULTS)
    options = parser.parse_args()
    prepare_process()
    options.work.mkdir(parents=True, exist_ok=True)
    loader, stacks = PipelineLoader(), []
    for methods in options.methods:
        plan = make_plan(
            StudyRequest(
                pipeline=options.pipeline,
                scheduler=options.scheduler,
                steps=options.steps,
                methods=tuple(methods.split(",")),
                trials=options.trials,
                num_samples=options.num_samples,
                batch_size=options.batch_size,
                device=options.device,
            )
        )
        stacks.append({"methods": methods, **compared(plan, options.work, loader)})
        results = {
            "date": datetime.now(UTC).date().isoformat(),
            "combination": plan.combination.as_json() | {"methods": None},
            "protocol": plan.protocol.as_json(),
            "environment": plan.environment.as_json(),
            "stacks": stacks,
        }
        keep(results, options.out)
    print(as_markdown(results))


def compared(plan: Plan, work: Path, loader: PipelineLoader) -> dict[str, Any]:
    """The ways to a point for one stack, with the result and cost of each."""

    def opened(name: str) -> Store:
        return open_store(f"sqlite:///{work / name}.db", create=True)

    study = run_study(plan, store := opened("accelfront"), _say, loader).study
    best, times = study.bound, seconds(study, store)
    wish = 1.0 if best is None else WISH * best.judged_speedup
    rows = {
        "README constants": constants(plan, opened("constants"), loader),
        "grid, until the request is met": grid(plan, opened("grid"), loader, wish),
        "accelfront, until the request is met": row(study, met(study, wish), times),
        "accelfront, whole study": row(study, best, times, is_whole=True),
    }
    return {"wish": wish, "loss_budget": study.loss_budget, "points": len(plan.stack.points)} | {
        "ways": rows
    }


def constants(plan: Plan, store: Store, loader: PipelineLoader) -> dict[str, Any]:
    """Measure the READMEs' point."""
    names = plan.combination.methods
    params = {key: value for name in names for key, value in CONSTANTS[name].items()}
    if "tgate" in names and len(names) > 1:
        params |= STACKED
    try:
        point = point_in_space(plan.stack, params)
    except RefusedError as error:
        return {"refused": str(error)}
    keep_imported_points(store.engine, plan.combination, [point])
    plan = replace(plan, request=replace(plan.request, trials=1))
    study = run_study(plan, store, _say, loader).study
    return row(study, study.trials[0], seconds(study, store), is_whole=True)


def grid(plan: Plan, store: Store, loader: PipelineLoader, wish: float) -> dict[str, Any]:
    """Walk the grid until a point meets the wish, or its trials are spent."""
    request = replace(plan.request, sampler="grid", screening=False, confirm=False)
    study = find_study(store, plan.study_name)
    done = 0 if study is None else len(study.trials)
    for trials in range(max(done, 1), min(request.trials, len(plan.stack.points)) + 1):
        request = replace(request, trials=trials)
        study = run_study(replace(plan, request=request), store, _say, loader).study
        if first_met(study, wish) is not None:
            break
    # The walk ends at the first point that meets the wish, so that is the fastest one inside.
    confirming = replace(plan, request=replace(request, confirm=True))
    study = run_study(confirming, store, _say, loader).study
    return row(study, first_met(study, wish), seconds(study, store))


def first_met(study: Study, wish: float) -> Trial | None:
    """The first point that met a wish by its first measurement, as a grid has no more."""
    return next(
        (t for t in study.trials if t.speedup >= wish and t.clip_loss <= study.loss_budget), None
    )


def met(study: Study, wish: float) -> Trial | None:
    """The first point that is as fast as wished inside the loss budget, by its mean figures."""
    return next(
        (
            trial
            for trial in study.trials
            if trial.judged_speedup >= wish and trial.judged_loss <= study.loss_budget
        ),
        None,
    )


def seconds(study: Study, store: Store) -> list[float]:
    """Seconds of each trial, by number; those given up early and remeasurements are trials too."""
    trials = optuna.load_study(study_name=study.name, storage=store.optuna).trials
    return [trial.duration.total_seconds() if trial.duration else 0.0 for trial in trials]


def row(
    study: Study, found: Trial | None, times: Sequence[float], is_whole: bool = False
) -> dict[str, Any]:
    """The result of one way, and its cost until then or as a whole."""
    until = len(times) if is_whole or found is None else found.number + 1
    points = [trial for trial in study.trials if trial.number < until]
    return {
        "found": None if found is None else found.as_json(),
        "is_inside": found is not None and found.judged_loss <= study.loss_budget,
        "points": len(points),
        "seconds": sum(times[:until]),
    }


def keep(results: dict[str, Any], out: Path) -> None:
    """Write the results so far."""
    name = (
        f"versus-constants {results['combination']['pipeline']} {results['environment']['device']}"
    )
    keep_results(name, results, as_markdown(results), out)


def as_markdown(results: dict[str, Any]) -> str:
    """The results as tables for people."""
    environment, protocol = results["environment"], results["protocol"]
    combination = results["combination"]
    versions = ", ".join(f"{name} {each}" for name, each in environment["versions"].items() if each)
    lines = [
        f"# README constants, a grid and accelfront: {combination['pipeline']} on "
        f"{environment['device']}",
        "",
        f"{results['date']}; {versions}. {combination['scheduler']}, {combination['steps']} steps, "
        f"{protocol['num_samples']} prompts in batches of {protocol['batch_size']}, "
        f"{protocol['dtype']}. The request is {WISH:.0%} of the speedup that the whole study found "
        "inside the loss budget; seconds are those of the trials, loading left out. Intervals at "
        "95%; again: on prompts that the search did not see. Made by "
        "`python -m benchmarks.search.versus_constants`.",
    ]
    for stack in results["stacks"]:
        lines += [
            "",
            f"## {stack['methods'].replace(',', ' + ')}",
            "",
            f"Request: {stack['wish']:.2f}x at a loss of {stack['loss_budget']:.1%} at most. "
            f"{stack['points']:,} distinct points.",
            "",
            "| way | point | speedup | CLIP loss | inside | points | seconds |",
            "|---|---|---|---|---|---|---|",
            *(f"| {way} | {_cells(found)} |" for way, found in stack["ways"].items()),
        ]
    return "\n".join(lines) + "\n"


def _cells(way: dict[str, Any]) -> str:
    if "refused" in way:
        return f"refused: {way['refused']} | | | no | | "
    cost = f"{way['points']} | {way['seconds']:.0f}"
    found = way["found"]
    if found is None:
        return f"none | - | - | no | {cost}"
    point = " ".join(f"{name}={value:g}" for name, value in found["params"].items())
    (fast_low, fast_high), (loss_low, loss_high) = found["speedup_ci"], found["clip_loss_ci"]
    inside = "yes" if way["is_inside"] else "**no**"
    if again := found.get("confirmed"):
        inside += f"; again {again['speedup']:.2f}x at {again['clip_loss']:.1%}"
    return (
        f"{point} | {found['speedup']:.2f}x ({fast_low:.2f} to {fast_high:.2f}) "
        f"| {found['clip_loss']:z.1%} ({loss_low:z.1%} to {loss_high:z.1%}) | {inside} | {cost}"
    )


def _say(progress: Progress) -> None:
    print(f"{progress.done}/{progress.wanted} {progress.stage}", file=sys.stderr)


if __name__ == "__main__":
    main()
