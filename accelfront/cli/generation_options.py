"""Options that say how pictures are drawn, which several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Guidance = Annotated[
    float | None,
    typer.Option(help="The guidance scale (guidance_scale). Default: the pipeline's."),
]

Size = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Width and height of the pictures in pixels, such as 1216x832. Default: the size that "
        "the model was made for.",
    ),
]

Dtype = Annotated[
    str | None,
    typer.Option(
        help="The type of the weights: fp16, bf16 or fp32. Default: the pipeline's on a GPU, and "
        "fp32 on a CPU."
    ),
]

NegativePrompt = Annotated[
    str | None, typer.Option(help="What all pictures are guided away from. Default: nothing.")
]

LoraFile = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE[:SCALE]",
        help="A LoRA in a .safetensors file, which is fused into the weights. Repeat it for more. "
        "Default: none.",
    ),
]

SchedulerOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="An argument of the scheduler, such as use_karras_sigmas=true. Repeat it for more. "
        "Default: the pipeline's.",
    ),
]
