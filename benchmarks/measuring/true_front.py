"""The true front: what captured and compiled execution adds to caches, found by whole studies.

    python -m benchmarks.measuring.true_front --pipeline SD1.5 --batch-size 1 --trials 24

runs what `accelfront study` runs, one study for each stack, on a model of true architecture with
random weights; embedded pipelines are used as they are. Each study measures its default point
first. Random weights tell nothing about loss, so the loss budget is off and a stack's best point is
its fastest; for an embedded pipeline it is the study's answer. The same command resumes
where it was cut off: baseline and studies stay in `--models`, and a stack that names a number of
trials is skipped once `--out` has them; another `--out` measures all again. `--again FILE`
measures the points of another machine's file first, for two_hosts.py. Writes
`true-front-<pipeline>-batch<N>-<scheduler>-<steps>-<device>.json` and `.md` into `--out` after each
study. FLUX.1 and similar models need settings of their own:

    python -m benchmarks.measuring.true_front --pipeline FLUX.1-dev --scheduler FlowMatchEuler \
        --steps 28
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_space.errors import RefusedError
from accelfront.cli.process import prepare_process
from accelfront.screen.view import StudyView
from benchmarks.measuring.random_models import random_model, scorer_in
from benchmarks.measuring.true_front_page import as_markdown, points_of
from benchmarks.measuring.true_front_stacks import (
    Asked,
    default_stacks,
    first_points,
    know_published,
)
from benchmarks.shared.result_files import keep_results, results_parser, results_path
from objectives.errors import InputError, MeasurementError
from objectives.pipelines.catalogue import PIPELINES
from objectives.pipelines.model import Model
from objectives.timing.device import device_name, find_device
from storage.database.imported_points import keep_imported_points
from storage.database.opening import Store, open_store
from storage.reading.studies import read_studies
from storage.records.conclusions.learned_anew import learned_choices
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
"""Errors that leave a stack without points; the others are still studied."""


def main() -> None:
    """Study what time allows, and keep the results after each study."""
    options = read_options()
    deadline = time.monotonic() + options.seconds
    prepare_process()
    try:
        device = find_device(options.device)
        again = {} if options.again is None else points_of(options.again)
    except InputError as error:
        raise SystemExit(f"true_front: {error}") from None
    options.models.mkdir(parents=True, exist_ok=True)
    request, make_model = request_of(options), None
    if not isinstance(PIPELINES[options.pipeline].model, Path):
        request = replace(request, scorer=scorer_in(options.models), loss_budget=NO_BUDGET)
        make_model = partial(random_model, options.pipeline, device)
    # Separate by steps and scheduler, as a study begins where another one in its storage ended.
    name = f"{options.pipeline}-{options.scheduler}-{options.steps}.db"
    store = open_store(f"sqlite:///{options.models / name}", create=True)
    front = Front(request, device_name(device), store, options.out, make_model)
    for asked in options.stacks:
        front.study(asked, again.get(asked.name, []), deadline)
    print(as_markdown(front.results))


class Front:
    """The results of studies of one pipeline, one for each stack.

    Attributes:
        results: The results as they are kept.
        store: Holds the studies.
    """

    def __init__(
        self,
        request: StudyRequest,
        device: str,
        store: Store,
        out: Path,
        make_model: Callable[[], Model] | None = None,
    ) -> None:
        """Begin with earlier results.

        Args:
            request: What all studies have in common.
            device: Its name.
            store: Where studies are kept.
            out: Where results are.
            make_model: Makes the model to measure; None uses that of the request.
        """
        self.results = kept_results(request, device, out)
        self._request = request
        self.store = store
        self._out = out
        self._make_model = make_model
        self._model: Model | None = None
        self._loader = PipelineLoader()

    def study(self, asked: Asked, first: Sequence[Point], deadline: float) -> None:
        """Study a stack if it is missing and there is time; keep its points, or why there are none.

        Args:
            asked: The stack.
            first: Points to measure before others, after the stack's own.
            deadline: Start no trial after this, by the monotonic clock.
        """
        began = time.monotonic()
        before = self.results["stacks"].get(asked.name, {})
        if asked.is_in(before) or began >= deadline:
            why = "is there already" if asked.is_in(before) else "no time is left"
            print(f"{asked.name}: {why}", flush=True)
            return
        request = replace(
            self._request,
            methods=asked.methods,
            trials=asked.trials or self._request.trials,
            timeout_s=deadline - began,
        )
        try:
            if self._model is None and self._make_model is not None:
                self._model = self._make_model()
            plan = make_plan(request, self._model)
            if self._make_model is not None:
                know_published(plan, self.store)
            found = study_stack(plan, self.store, self._loader, first)
        except FAULTS as error:
            print(f"{asked.name}: {error}", flush=True)
            if "trials" not in before:
                self._keep(asked, {"reason": str(error)})
            if isinstance(error, StudyFailedError | MeasurementError):
                # The failure may have left the pipe in pieces.
                self._loader.forget()
                self._model = None
            return
        self._keep(asked, found)
        took_s = time.monotonic() - began
        print(f"{asked.name}: {len(found['trials'])} points in {took_s:.0f} s", flush=True)
        # That takes as long again as one of its points.
        if not plan.stack.context.lossy_methods and time.monotonic() + took_s < deadline:
            pixels = before.get("pixels") or pixel_differences(plan, self.store, self._loader)
            self._keep(asked, {**found, "pixels": pixels})

    def _keep(self, asked: Asked, found: dict[str, Any]) -> None:
        self.results["stacks"][asked.name] = found
        keep_results(self.results["name"], self.results, as_markdown(self.results), self._out)


def request_of(options: argparse.Namespace) -> StudyRequest:
    """What all studies have in common; `study` gives each its stack."""
    return StudyRequest(
        pipeline=options.pipeline,
        scheduler=options.scheduler,
        steps=options.steps,
        methods=("fewer_steps",),
        trials=options.trials,
        # A captured point must be compared with the baseline on prompts it was not captured with.
        num_samples=options.num_samples or 2 * options.batch_size,
        batch_size=options.batch_size,
        device=options.device,
        seed=options.seed,
        screening=False,
        confirm=False,
        retry_failed=True,
        allow_version_drift=True,
    )


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
    options.stacks = options.stacks or default_stacks(options.pipeline)
    return options


def kept_results(request: StudyRequest, device: str, out: Path) -> dict[str, Any]:
    """Earlier results with these settings; without any stack if there are none."""
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


def study_stack(
    plan: Plan, store: Store, loader: PipelineLoader, first: Sequence[Point]
) -> dict[str, Any]:
    """Study one stack as the command does, and read the study back.

    Args:
        plan: The study.
        store: Keeps the study.
        loader: Holds what is loaded already.
        first: Points to measure before others, after the stack's own.

    Returns:
        Its points.

    Raises:
        InputError, StudyFailedError, MeasurementError: If there are none.
    """
    points = [*first_points(plan.stack), *first]
    keep_imported_points(store.engine, plan.combination, points)
    with StudyView(plan.study_name) as view:
        run_study(plan, store, view, loader)
    [study] = read_studies(store, plan.study_name)
    found = {"default": plan.knowing(study.learned).stack.default, **described_study(study)}
    if plan.request.loss_budget == NO_BUDGET:
        return found
    return {**found, "answer": None if study.answer is None else study.answer.number}


def pixel_differences(plan: Plan, store: Store, loader: PipelineLoader) -> list[float]:
    """The largest difference of a pixel in each pair of batches at the default point.

    A PSNR has a ceiling, which pictures may reach without being equal bit for bit.
    """
    largest: list[float] = []

    def compare(batch: range, plain: torch.Tensor, accelerated: torch.Tensor, _: object) -> None:
        largest.append(float((plain.float() - accelerated.float()).abs().max()))

    instrument = loader.load(plan, store, print)
    instrument.objective.measure(plan.stack.default, instrument.baseline, show=compare)
    return largest


def described_study(study: Study) -> dict[str, Any]:
    """The record of a study."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "study": study.name,
        "versions": study.versions,
        "distinct": study.space.distinct,
        "learned_choices": learned_choices(study),
        "trials": [
            {"trial": trial.number, "params": trial.params, **trial.measurement.as_json()}
            for trial in study.trials
        ],
        "failed": [failure._asdict() for failure in study.failed],
    }


if __name__ == "__main__":
    main()
