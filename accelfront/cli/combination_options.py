"""Options that name a combination and how its points are chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from accel_space.methods import METHODS
from accelfront.cli import completing

Pipeline = Annotated[
    str, typer.Option(help="A pipeline of the catalogue.", autocompletion=completing.pipelines)
]

Scheduler = Annotated[
    str | None,
    typer.Option(
        help="DDIM, DPM-Solver++, UniPC, FlowMatchEuler, FlowMatchHeun, or a scheduler class of "
        "diffusers. Default: the pipeline's.",
        autocompletion=completing.schedulers,
    ),
]

Steps = Annotated[
    int | None,
    typer.Option(help="Denoising steps (num_inference_steps). Default: the pipeline's."),
]

Methods = Annotated[
    str,
    typer.Option(
        help=f"Methods to stack, joined by commas: {', '.join(METHODS)}.",
        autocompletion=completing.methods,
    ),
]

Sampler = Annotated[
    str,
    typer.Option(
        help="How points are chosen: auto, grid, gp, tpe, nsga2 or random.",
        autocompletion=completing.samplers,
    ),
]
