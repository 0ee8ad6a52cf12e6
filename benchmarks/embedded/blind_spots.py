"""Where a CLIP budget lets damage through: a sweep's points drawn again, with every metric.

    python -m benchmarks.embedded.blind_spots --device cuda --processes 12

takes the points of a kept sweep (`sweep-offline-prototype.db.gz`), draws each again on more prompts
than its study saw, beside the plain pipeline, and takes every metric that needs no weights:
`attributes` among them, which knows what a picture of these worlds should show. Speedups stay those
of the sweep: processes that share a device cannot time each other. Writes `blind-spots.json` and
`.md` into `--out` after each study, and goes on where it was cut off.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from accel_space.method import Generate
from benchmarks.embedded.blind_spots_page import as_markdown
from benchmarks.embedded.damage import losses
from benchmarks.shared.result_files import RESULTS, keep_results, results_parser, results_path
from objectives.errors import InputError
from objectives.generation import batches_of, generate_pictures
from objectives.pipelines.loading import load_conditioning, load_pipeline
from objectives.pipelines.schedulers import make_scheduler
from objectives.quality.scorer import Scorer
from objectives.timing.device import device_name, find_device
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.study import Study
from studies.plan import make_plan
from studies.request import StudyRequest

SWEEP = RESULTS / "sweep-offline-prototype.db.gz"

PROMPTS = 128
BATCH = 128


def main() -> None:
    """Draw what the time allows, and keep it after each study."""
    options = read_options()
    deadline = time.monotonic() + options.seconds
    try:
        device = find_device(options.device)
        studies = studies_of(options.sweep)
    except InputError as error:
        raise SystemExit(f"blind_spots: {error}") from None
    results = kept_results(options.out, options.prompts, device_name(device))
    waiting = [each for each in studies if each.combination.name not in results["studies"]]
    # In an order of no meaning, so that a run that is cut off has seen a bit of everything.
    random.Random(0).shuffle(waiting)
    # A process that was forked has no use of CUDA.
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        begun = {
            pool.submit(draw_study, study, options.device, options.prompts, deadline): study
            for study in waiting
        }
        for done in as_completed(begun):
            versions, points = done.result()
            if not points:
                continue
            name = begun[done].combination.name
            results["versions"] |= versions
            results["studies"][name] = points
            keep_results("blind-spots", results, as_markdown(results), options.out)
            print(f"{name}: {len(points)} points", flush=True)
    print(f"{len(results['studies'])} of {len(studies)} studies")


def read_options() -> Any:
    """What the command line asks for."""
    parser = results_parser(__doc__)
    parser.add_argument("--sweep", type=Path, default=SWEEP, help="a kept sweep's database")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--processes", type=int, default=1, help="that share the device")
    parser.add_argument("--seconds", type=float, default=540, help="begin no study after these")
    return parser.parse_args()


def studies_of(sweep: Path) -> list[Study]:
    """The studies of a kept sweep.

    Raises:
        InputError: If there is no such file.
    """
    if not sweep.is_file():
        raise InputError(f"there is no {sweep}; benchmarks.pages.sweep_results makes it")
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "sweep.db")
        database.write_bytes(gzip.decompress(sweep.read_bytes()))
        return read_studies(open_store(f"sqlite:///{database}"))


def kept_results(out: Path, prompts: int, device: str) -> dict[str, Any]:
    """What was drawn before; nothing if that was of other prompts or on another device."""
    path = results_path("blind-spots", out)
    if path.exists():
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (results["prompts"], results["device"]) == (prompts, device):
            return results
    today = datetime.now(UTC).date().isoformat()
    return {"date": today, "device": device, "prompts": prompts, "versions": {}, "studies": {}}


def draw_study(
    study: Study, device: str, prompts: int, deadline: float
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Draw all points of a study beside the plain pipeline, each with the same seeds.

    Returns:
        The libraries' versions, and the points; none if the time was over first.
    """
    if time.monotonic() > deadline:
        return {}, []
    plan = make_plan(request_of(study, device, prompts))
    where = (plan.protocol.dtype, plan.device)
    conditioning = load_conditioning(plan.entry, plan.model, plan.prompts, *where)
    pipe = load_pipeline(plan.entry, plan.model, *where)
    pipe.scheduler = make_scheduler(
        plan.combination.scheduler, pipe.scheduler.config, plan.scheduler_settings
    )
    scorer = Scorer(plan.scorer, plan.device)

    def draw(generate: Generate) -> Tensor:
        drawn = [
            generate_pictures(
                generate, conditioning, batch, plan.protocol, study.combination.steps,
                plan.entry.call,
            )
            for batch in batches_of(prompts, plan.protocol.batch_size)
        ]  # fmt: skip
        return torch.cat(drawn).float()

    whole = draw(pipe)
    answer = study.answer
    points = []
    for trial in study.trials:
        with plan.stack.applied(pipe, trial.params) as generate:
            pictures = draw(generate)
        points.append(
            {
                "params": trial.params,
                "speedup": trial.judged_speedup,
                "clip_loss_then": trial.judged_loss,
                "is_answer": answer is not None and trial.number == answer.number,
                "losses": {
                    name: [loss.value, loss.low, loss.high]
                    for name, loss in losses(scorer, plan.prompts, pictures, whole)
                },
            }
        )
    return plan.environment.versions, points


def request_of(study: Study, device: str, prompts: int) -> StudyRequest:
    """The same study on more prompts."""
    combination = study.combination
    return StudyRequest(
        pipeline=combination.pipeline,
        scheduler=combination.scheduler,
        steps=combination.steps,
        methods=combination.methods,
        trials=1,
        num_samples=prompts,
        batch_size=min(BATCH, prompts),
        device=device,
        confirm=False,
    )


if __name__ == "__main__":
    main()
