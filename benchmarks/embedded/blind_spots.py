"""Where a CLIP budget lets damage through: a sweep's points drawn again, with every metric.

    python -m benchmarks.embedded.blind_spots --device cuda --processes 12

takes the points of a kept sweep (`sweep-offline-prototype.db.gz`), draws each again on 256 prompts,
eight times what its study saw, and takes every metric that needs no weights, and `attributes`,
which knows what a picture of these worlds should show. Speedups stay those of the sweep: processes
that share a device cannot time each other. Writes `blind-spots.json` and `.md` into `--out` after
each setting of the samplers, and goes on where it was cut off.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.embedded.blind_spots_page import as_markdown
from benchmarks.shared.result_files import RESULTS, keep_results, results_parser, results_path
from objectives.errors import InputError, MeasurementError
from objectives.timing.device import device_name, find_device
from storage.database.opening import open_store
from storage.reading.studies import read_studies
from storage.records.measurement import Measurement
from storage.records.study import Study
from studies.plan import make_plan
from studies.request import StudyRequest
from studies.run.measuring import PipelineLoader

SWEEP = RESULTS / "sweep-offline-prototype.db.gz"

METRICS = ("ms_ssim", "attributes")
"""Beside the usual ones."""

PROMPTS = 256
BATCH = 128


def main() -> None:
    """Draw what the time allows, and keep it after each sampler's setting."""
    options = read_options()
    deadline = time.monotonic() + options.seconds
    try:
        device = find_device(options.device)
        groups = groups_of(studies_of(options.sweep))
    except InputError as error:
        raise SystemExit(f"blind_spots: {error}") from None
    results = kept_results(options.out, options.prompts, device_name(device))
    waiting = [group for name, group in groups.items() if name not in results["settings"]]
    # A process that was forked has no use of CUDA.
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        begun = [
            pool.submit(draw_group, group, options.device, options.prompts, deadline)
            for group in waiting
        ]
        for done in as_completed(begun):
            name, versions, points = done.result()
            if not points:
                continue
            results["settings"][name] = points
            results["versions"] = versions
            keep_results("blind-spots", results, as_markdown(results), options.out)
            print(f"{name}: {len(points)} points", flush=True)
    print(f"{len(results['settings'])} of {len(groups)} settings")


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


def groups_of(studies: Sequence[Study]) -> dict[str, list[Study]]:
    """Studies that share their baseline, by its name; those of many steps first, as they last."""
    groups: dict[str, list[Study]] = defaultdict(list)
    for study in sorted(studies, key=lambda each: -each.combination.steps):
        combination = study.combination
        name = f"{combination.pipeline} {combination.scheduler} {combination.steps}"
        groups[name].append(study)
    return dict(groups)


def kept_results(out: Path, prompts: int, device: str) -> dict[str, Any]:
    """What was drawn before; nothing if that was of other prompts or on another device."""
    path = results_path("blind-spots", out)
    if path.exists():
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (results["prompts"], results["device"]) == (prompts, device):
            return results
    today = datetime.now(UTC).date().isoformat()
    return {"date": today, "device": device, "prompts": prompts, "versions": {}, "settings": {}}


def draw_group(
    studies: Sequence[Study], device: str, prompts: int, deadline: float
) -> tuple[str, dict[str, str], list[dict[str, Any]]]:
    """Draw all points of studies that share their baseline.

    Returns:
        The group's name, the libraries' versions, and the points; none if the time was over first.
    """
    [name] = groups_of(studies)
    loader = PipelineLoader()
    points: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/baselines.db", create=True)
        for study in studies:
            if time.monotonic() > deadline:
                return name, {}, []
            plan = make_plan(request_of(study, device, prompts))
            versions |= plan.environment.versions
            instrument = loader.load(plan, store, print)
            answer = study.answer
            for trial in study.trials:
                point = {
                    "methods": "+".join(study.combination.methods),
                    "params": trial.params,
                    "speedup": trial.judged_speedup,
                    "clip_loss_then": trial.judged_loss,
                    "is_answer": answer is not None and trial.number == answer.number,
                }
                try:
                    measured = instrument.objective.measure(trial.params, instrument.baseline)
                except MeasurementError as error:
                    point["failed"] = str(error)
                else:
                    point["losses"] = losses_of(measured)
                points.append(point)
    return name, versions, points


def request_of(study: Study, device: str, prompts: int) -> StudyRequest:
    """The same study on more prompts, with more metrics."""
    combination = study.combination
    return StudyRequest(
        pipeline=combination.pipeline,
        scheduler=combination.scheduler,
        steps=combination.steps,
        methods=combination.methods,
        trials=1,
        num_samples=prompts,
        batch_size=min(BATCH, prompts // 2),
        metrics=METRICS,
        device=device,
        confirm=False,
    )


def losses_of(measured: Measurement) -> dict[str, list[float]]:
    """The loss of each metric, with its interval."""
    found = {"clip_loss": [measured.clip_loss, *measured.clip_loss_ci]}
    for name, result in measured.metrics.items():
        found[name] = [result.loss, *(result.loss_ci or (result.loss, result.loss))]
    return found


if __name__ == "__main__":
    main()
