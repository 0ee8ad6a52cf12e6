"""step_cache against its rivals: the least work at equal loss, on prompts that chose nothing.

    python -m benchmarks.embedded.equal_loss --devices cuda:0 cuda:1 --processes 26

draws points of each method on each embedded pipeline, and the plain pipeline, with the same
prompts and seeds. Half of the prompts choose a method's point for a loss budget, and the other half
measure its loss, so that no method wins by the luck of many points. Work is counted in
floating-point operations of the denoiser. Writes `equal-loss.json` and `.md` into `--out` after
each piece, and resumes where it was cut off.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from accel_space.calibration.learning import learned_from
from accel_space.errors import RefusedError
from benchmarks.embedded.damage import losses
from benchmarks.embedded.drawing import Drawing
from benchmarks.embedded.equal_loss_page import as_markdown
from benchmarks.embedded.equal_loss_points import points_of
from benchmarks.embedded.pieces import Drawn, InPieces
from benchmarks.embedded.work import Work
from benchmarks.shared.device_pool import add_pool_options
from benchmarks.shared.result_files import results_parser
from objectives.errors import InputError
from objectives.quality import METRICS
from objectives.quality.scorer import Scorer
from objectives.timing.device import device_name, find_device
from storage.records.combination import Combination
from studies.plan import Plan, make_plan
from studies.request import StudyRequest

OF_UNETS = ("step_cache", "deepcache", "fewer_steps")
OF_TRANSFORMERS = (
    *("step_cache", "taylorseer", "first_block_cache", "mag_cache", "pab", "fewer_steps"),
)

CASES = (
    ("tiny-shapes", "DPM-Solver++", 25, OF_UNETS),
    ("tiny-shapes", "DDIM", 50, OF_UNETS),
    ("tiny-shapes-xl", "DPM-Solver++", 25, OF_UNETS),
    ("tiny-shapes-v", "DPM-Solver++", 25, OF_UNETS),
    ("tiny-shapes-dit", "DPM-Solver++", 28, OF_TRANSFORMERS),
    ("tiny-shapes-sd3", "FlowMatchEuler", 28, OF_TRANSFORMERS),
    ("tiny-shapes-flux", "FlowMatchEuler", 28, OF_TRANSFORMERS),
)
"""Pipelines, schedulers, steps and methods."""

PROMPTS = 256
"""All combinations that were never trained on."""

AT_ONCE = 16
"""Points in a piece."""

MEASURED = {name: METRICS[name] for name in ("clip_loss", "attributes")}


class Piece(NamedTuple):
    """Some points of one method in one combination.

    Attributes:
        combination: The combination, with the method.
        most: How many points the method has at most.
        part: Which of its parts this is, from 0.
        parts: How many there are.
    """

    combination: Combination
    most: int
    part: int
    parts: int

    @property
    def name(self) -> str:
        """Its name in the results."""
        return f"{self.combination.name}--{self.part}"


def main() -> None:
    """Draw what the time allows, and keep it after each piece."""
    options = read_options()
    deadline = time.monotonic() + options.seconds
    try:
        device, *_ = map(find_device, options.devices)
    except InputError as error:
        raise SystemExit(f"equal_loss: {error}") from None
    drawn = InPieces("equal-loss", "pieces", attrgetter("name"), as_markdown)
    about = {"device": device_name(device), "prompts": options.prompts, "points": options.points}
    pieces = pieces_of(options.pipelines, options.models, options.points)
    draw = partial(draw_piece, prompts=options.prompts, models=options.models, deadline=deadline)
    drawn.draw_lacking(drawn.begun(options.out, about), pieces, draw, options)


def read_options() -> Any:
    """What the command line asks for."""
    parser = results_parser(__doc__)
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="one half of them chooses")
    parser.add_argument("--points", type=int, default=128,
                        help="most of step_cache; others have half")  # fmt: skip
    parser.add_argument("--pipelines", nargs="+", default=[name for name, *_ in CASES])
    parser.add_argument("--models", type=Path,
                        help="folder of models by pipeline, before the catalogue's")  # fmt: skip
    add_pool_options(parser)
    return parser.parse_args()


def pieces_of(pipelines: Sequence[str], models: Path | None, most: int) -> list[Piece]:
    """The points of all methods where they work; methods that do not are reported."""
    pieces = []
    for pipeline, scheduler, steps, methods in CASES:
        for method in methods if pipeline in pipelines else ():
            combination = Combination(
                pipeline=pipeline, scheduler=scheduler, steps=steps, methods=(method,)
            )
            try:
                stack = plan_of(combination, "cpu", 2, models).stack
            except (InputError, RefusedError) as error:
                print(f"{combination.name}: {str(error).partition(';')[0]}", flush=True)
                continue
            count = most if method == "step_cache" else most // 2
            parts = -(-len(points_of(stack, count)) // AT_ONCE)
            pieces += [Piece(combination, count, part, parts) for part in range(parts)]
    return pieces


def plan_of(combination: Combination, device: str, prompts: int, models: Path | None) -> Plan:
    """A plan that draws all prompts in one batch."""
    folder = None if models is None else models / combination.pipeline
    return make_plan(
        StudyRequest(
            pipeline=combination.pipeline,
            scheduler=combination.scheduler,
            steps=combination.steps,
            methods=combination.methods,
            trials=1,
            num_samples=prompts,
            batch_size=prompts,
            model=str(folder) if folder is not None and folder.is_dir() else None,
            device=device,
            confirm=False,
        )
    )


def draw_piece(
    piece: Piece, device: str, prompts: int, models: Path | None, deadline: float
) -> Drawn:
    """Draw the points of a piece and the plain pipeline, each with the same seeds."""
    if time.monotonic() > deadline:
        return {}, []
    plan = plan_of(piece.combination, device, prompts, models)
    drawing = Drawing(plan)
    learned = learned_from(plan.stack, drawing.pipe, lambda: drawing.draw(drawing.pipe))
    plan = plan.knowing(learned)
    work = Work(plan.stack)
    with work.counted(drawing.pipe) as generate:
        whole = drawing.draw(generate)
    plain = work.flops
    halves = {"choosing": slice(0, prompts // 2), "judging": slice(prompts // 2, prompts)}
    points = []
    for params in points_of(plan.stack, piece.most)[piece.part :: piece.parts]:
        with work.counted(drawing.pipe, params) as generate:
            pictures = drawing.draw(generate)
        points.append(
            {
                "params": params,
                "work": work.flops / plain,
                **{
                    name: lost(drawing.scorer, plan.prompts, pictures, whole, half)
                    for name, half in halves.items()
                },
            }
        )
    return plan.environment.versions, points


def lost(
    scorer: Scorer, prompts: Sequence[str], pictures: Tensor, whole: Tensor, half: slice
) -> dict[str, list[float]]:
    """The loss of one half of the pictures, by metric, with its interval."""
    found = losses(scorer, prompts[half], pictures[half], whole[half], MEASURED)
    return {name: [loss.value, loss.low, loss.high] for name, loss in found}


if __name__ == "__main__":
    main()
