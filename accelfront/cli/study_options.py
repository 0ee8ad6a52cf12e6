"""Options of a study that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Trials = Annotated[
    int, typer.Option(help="Number of distinct points to measure, over all runs of the study.")
]

NumSamples = Annotated[
    int | None,
    typer.Option(help="Number of prompts, one picture each. Default: the pipeline's."),
]

BatchSize = Annotated[
    int | None,
    typer.Option(help="Number of pictures generated together. Default: the pipeline's."),
]

Seed = Annotated[
    int, typer.Option(help="Seed of the noise, of the draw of prompts and of the sampler.")
]

Prompts = Annotated[
    Path | None,
    typer.Option(
        help="A .txt, .tsv, .csv or .jsonl file; --seed draws the prompts from it. "
        "Default: the pipeline's."
    ),
]

ModelFolder = Annotated[
    str | None,
    typer.Option(
        help="A folder in diffusers layout, or an address on the Hugging Face Hub. "
        "Default: the pipeline's."
    ),
]

Revision = Annotated[str | None, typer.Option(help="The branch, tag or commit of an address.")]

Scorer = Annotated[
    str | None,
    typer.Option(
        help="The open_clip model that scores: ARCHITECTURE:TAG, ARCHITECTURE:FILE, a folder, "
        "or tiny-shapes. Default: the pipeline's."
    ),
]

Timeout = Annotated[float | None, typer.Option(help="Start no trial after this many seconds.")]

TrialTimeout = Annotated[
    float | None,
    typer.Option(help="Fail a trial that takes longer than this many seconds."),
]

ReqSpeedup = Annotated[
    float | None,
    typer.Option(
        help="End at the first point that is this many times faster inside the loss budget."
    ),
]

ReqTime = Annotated[
    float | None,
    typer.Option(
        help="End at the first point inside the loss budget that needs at most this many "
        "seconds per picture, in batches of --batch-size."
    ),
]

ReqScoreLoss = Annotated[
    float | None,
    typer.Option(
        help="The greatest CLIP loss allowed, such as 0.02 for 2%; as --budget clip_loss=2%."
    ),
]

AllowVersionDrift = Annotated[
    bool,
    typer.Option(
        "--allow-version-drift",
        help="Resume even if library versions have changed since the study began.",
    ),
]
