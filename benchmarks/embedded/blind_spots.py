"""Where a CLIP budget lets damage through: a sweep's points drawn again, with every metric.

    python -m benchmarks.embedded.blind_spots --devices cuda:0 cuda:1 --processes 26

takes the points of a kept sweep (`sweep-offline-prototype.db.gz`), draws each again on more prompts
than its study saw, against the plain pipeline, and takes every metric that needs no weights:
among them `attributes`, which knows what a picture of these worlds should show. Speedups stay those
of the sweep: processes that share a device cannot time each other. Writes `blind-spots.json` and
`.md` into `--out` after each study, and resumes where it was cut off.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from benchmarks.embedded.blind_spots_page import as_markdown
from benchmarks.embedded.damage import losses
from benchmarks.embedded.drawing import Drawing
from benchmarks.embedded.pieces import Drawn, InPieces
from benchmarks.shared.device_pool import add_pool_options
from benchmarks.shared.result_files import RESULTS, results_parser
from objectives.errors import InputError
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
        device, *_ = map(find_device, options.devices)
        studies = studies_of(options.sweep)
    except InputError as error:
        raise SystemExit(f"blind_spots: {error}") from None
    drawn = InPieces("blind-spots", "studies", attrgetter("combination.name"), as_markdown)
    about = {"device": device_name(device), "prompts": options.prompts}
    draw = partial(draw_study, prompts=options.prompts, deadline=deadline)
    drawn.draw_lacking(drawn.begun(options.out, about), studies, draw, options)


def read_options() -> Any:
    """What the command line asks for."""
    parser = results_parser(__doc__)
    parser.add_argument("--sweep", type=Path, default=SWEEP, help="a kept sweep's database")
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    add_pool_options(parser)
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


def draw_study(study: Study, device: str, prompts: int, deadline: float) -> Drawn:
    """Draw all points of a study and the plain pipeline, each with the same seeds."""
    if time.monotonic() > deadline:
        return {}, []
    plan = make_plan(request_of(study, device, prompts)).knowing(study.learned)
    drawing = Drawing(plan)
    whole = drawing.draw(drawing.pipe)
    answer = study.answer
    points = []
    for trial in study.trials:
        with plan.stack.applied(drawing.pipe, trial.params) as generate:
            pictures = drawing.draw(generate)
        points.append(
            {
                "params": trial.params,
                "speedup": trial.judged_speedup,
                "clip_loss_then": trial.judged_loss,
                "is_answer": answer is not None and trial.number == answer.number,
                "losses": {
                    name: [loss.value, loss.low, loss.high]
                    for name, loss in losses(drawing.scorer, plan.prompts, pictures, whole)
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
