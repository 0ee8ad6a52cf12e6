"""The true front: what captured and compiled execution adds to caches, found by whole studies.

    python -m benchmarks.measuring.true_front --pipeline SD1.5 --batch-size 1 --trials 24

runs what `accelfront study` runs, one study for each stack, on a model of true architecture with
random weights; embedded pipelines are taken as they are. Each study measures its default point
first. Weights that are random say nothing of loss, so the loss budget is switched off and a
stack's best point is its fastest. Model, baseline and studies stay in `--models`: the same command
goes on where it was cut off. `--again FILE` measures the points of another machine's file first,
for two_hosts.py. Writes `true-front-<pipeline>-batch<N>-<scheduler>-<steps>-<device>.json` and
`.md` into `--out` after each study.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from accel_space.applying import find_methods
from accel_space.errors import RefusedError
from accelfront.cli.process import prepare_process
from accelfront.screen.view import StudyView
from benchmarks.measuring.random_models import build_model, build_scorer
from benchmarks.measuring.true_front_page import as_markdown, read_results
from benchmarks.shared.result_files import keep_results, results_parser, results_path
from objectives.errors import InputError, MeasurementError
from objectives.pipelines.catalogue import PIPELINES
from objectives.timing.device import device_name, find_device
from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from storage.records.trial import Point
from studies.errors import StudyFailedError
from studies.plan import Plan, make_plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader
from studies.run.runner import run_study

if TYPE_CHECKING:
    import torch

NO_BUDGET = 0.99
"""The greatest loss that a study can allow, to a hundredth: it rules nothing out."""


FAULTS = (RefusedError, InputError, StudyFailedError, MeasurementError)
"""Why a stack may have no points; the others are studied all the same."""


class Asked(NamedTuple):
    """A stack to study: its methods, and how many points; None takes `--trials`."""

    methods: tuple[str, ...]
    trials: int | None = None

    @classmethod
    def read(cls, words: str) -> Asked:
        """Read such as `deepcache,cuda_graph:12`; argparse tells of what cannot be used."""
        names, colon, trials = words.partition(":")
        try:
            methods = tuple(method.name for method in find_methods(names.split(",")))
        except RefusedError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if colon and (not trials.isdecimal() or int(trials) < 1):
            raise argparse.ArgumentTypeError(f"{words}: after the colon stands a number of trials")
        return cls(methods, int(trials) if colon else None)

    @property
    def name(self) -> str:
        """How tables call it."""
        return "+".join(self.methods)


SHORT = 4
"""Trials of a stack that others are only compared with."""

UNET_STACKS = (
    "cuda_graph",
    "compile,cuda_graph",
    "deepcache,compile,cuda_graph",
    "deepcache,cfg_cutoff,compile,cuda_graph",
    f"deepcache:{SHORT}",
    f"deepcache,cfg_cutoff:{SHORT}",
    f"fewer_steps:{SHORT}",
)
TRANSFORMER_STACKS = (
    "cuda_graph",
    "compile,cuda_graph",
    "taylorseer,compile,cuda_graph",
    "pab,compile,cuda_graph",
    f"taylorseer:{SHORT}",
    f"pab:{SHORT}",
    f"fewer_steps:{SHORT}",
)


def main() -> None:
    """Study what the time allows, and keep the results after each study."""
    options = read_options()
    deadline = time.monotonic() + options.seconds
    prepare_process()
    try:
        device = find_device(options.device)
        again = {} if options.again is None else points_of(options.again)
    except InputError as error:
        raise SystemExit(f"true_front: {error}") from None
    request = StudyRequest(
        pipeline=options.pipeline,
        scheduler=options.scheduler,
        steps=options.steps,
        methods=("fewer_steps",),
        trials=options.trials,
        # A captured point is to be held against the baseline on prompts it was not captured with.
        num_samples=options.num_samples or 2 * options.batch_size,
        batch_size=options.batch_size,
        device=options.device,
        seed=options.seed,
        loss_budget=NO_BUDGET,
        screening=False,
        confirm=False,
        retry_failed=True,
        allow_version_drift=True,
    )
    options.models.mkdir(parents=True, exist_ok=True)
    if not isinstance(PIPELINES[options.pipeline].model, Path):
        folder, scorer = options.models / options.pipeline, options.models / "scorer"
        if not (folder / "model_index.json").exists():
            build_model(options.pipeline, folder, device)
        if not scorer.exists():
            build_scorer(scorer)
        request = replace(request, model=str(folder), scorer=str(scorer))
    results = kept_results(request, device_name(device), options.out)
    # Apart by steps and scheduler, as a study begins where another one of its storage ended.
    name = f"{options.pipeline}-{options.scheduler}-{options.steps}.db"
    store = open_store(f"sqlite:///{options.models / name}", create=True)
    loader = PipelineLoader()
    for asked in options.stacks:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            print(f"{asked.name}: no time is left")
            continue
        wanted = replace(
            request,
            methods=asked.methods,
            trials=asked.trials or options.trials,
            timeout_s=left_s,
        )
        before = results["stacks"].get(asked.name, {})
        try:
            plan, found = study_stack(wanted, store, loader, again.get(asked.name, []))
        except FAULTS as error:
            # What failed may have left the pipe in pieces.
            loader.forget()
            print(f"{asked.name}: {error}", flush=True)
            if "trials" not in before:
                results["stacks"][asked.name] = {"reason": str(error)}
            keep_results(results["name"], results, as_markdown(results), options.out)
            continue
        results["stacks"][asked.name] = found
        keep_results(results["name"], results, as_markdown(results), options.out)
        if not plan.stack.context.lossy_methods:
            found["pixels"] = before.get("pixels") or pixel_differences(plan, store, loader)
            keep_results(results["name"], results, as_markdown(results), options.out)
    print(as_markdown(results))


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = results_parser(__doc__)
    parser.add_argument("--pipeline", choices=PIPELINES, required=True)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--scheduler", default="DPM-Solver++")
    parser.add_argument("--trials", type=int, default=24, help="of a stack that names no number")
    parser.add_argument("--num-samples", type=int, help="prompts; default: two batches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stacks", nargs="+", type=Asked.read, help="such as deepcache,cuda_graph:12"
    )
    parser.add_argument("--again", type=Path, help="a true-front file; measure its points first")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=540, help="start no trial after these")
    parser.add_argument("--models", type=Path, default=Path("runs/full-size-models"))
    options = parser.parse_args()
    if options.stacks is None:
        is_unet = PIPELINES[options.pipeline].family.values.denoiser == "unet"
        options.stacks = map(Asked.read, UNET_STACKS if is_unet else TRANSFORMER_STACKS)
    return options


def kept_results(request: StudyRequest, device: str, out: Path) -> dict[str, Any]:
    """What was measured before of these settings; without any stack if nothing was."""
    name = (
        f"true front {request.pipeline} batch{request.batch_size} {request.scheduler} "
        f"{request.steps} {device}"
    )
    path = results_path(name, out)
    if path.exists():
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return results
    settings = ("pipeline", "scheduler", "steps", "batch_size")
    described = {setting: getattr(request, setting) for setting in settings}
    return {"name": name, "device": device, **described, "stacks": {}}


def points_of(path: Path) -> dict[str, list[Point]]:
    """The points of a true-front file by stack.

    Raises:
        InputError: If the file is none.
    """
    stacks = read_results(path)["stacks"]
    return {
        name: [trial["params"] for trial in stack.get("trials", [])]
        for name, stack in stacks.items()
    }


def study_stack(
    request: StudyRequest, store: Store, loader: PipelineLoader, first: Sequence[Point]
) -> tuple[Plan, dict[str, Any]]:
    """Study one stack as the command does, and read the study back.

    Args:
        request: The study.
        store: Where it is kept.
        loader: What is loaded already.
        first: Points to be measured before others, after the default one.

    Returns:
        Its plan and its points.

    Raises:
        RefusedError, InputError, StudyFailedError, MeasurementError: If there are none.
    """
    plan = make_plan(request)
    points = [plan.stack.default, *first]
    keep_imported_points(store.engine, plan.combination, points)
    with StudyView(plan.study_name) as view:
        run_study(plan, store, view, loader)
    [study] = read_studies(store, plan.study_name)
    return plan, {"default": plan.stack.default, **described_study(study)}


def pixel_differences(plan: Plan, store: Store, loader: PipelineLoader) -> list[float]:
    """The largest difference of a pixel in each pair of batches at the default point.

    A PSNR has a ceiling, which pictures may reach that are not equal bit for bit.
    """
    largest: list[float] = []

    def compare(batch: range, plain: torch.Tensor, accelerated: torch.Tensor, _: object) -> None:
        largest.append(float((plain.float() - accelerated.float()).abs().max()))

    instrument = loader.load(plan, store, print)
    instrument.objective.measure(plan.stack.default, instrument.baseline, show=compare)
    return largest


def described_study(study: Study) -> dict[str, Any]:
    """What is kept of a study."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "study": study.name,
        "versions": study.versions,
        "distinct": study.space.distinct,
        "trials": [
            {"trial": trial.number, "params": trial.params, **trial.measurement.as_json()}
            for trial in study.trials
        ],
        "failed": [failure._asdict() for failure in study.failed],
    }


if __name__ == "__main__":
    main()
