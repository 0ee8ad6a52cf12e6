"""Options of `generate`: the request, the choice of a trial, the output and the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Tasks = Annotated[
    list[str] | None,
    typer.Argument(help="A sentence in English or Chinese, or a JSON object.", metavar="TASK"),
]

TaskFile = Annotated[Path | None, typer.Option(help="A .txt, .jsonl or .yaml file of tasks.")]

Kind = Annotated[
    Literal["script", "module", "json", "service"],
    typer.Option(
        "--as",
        help="What to write: a script that draws, a module that accelerates a pipeline that "
        "you loaded, json, the point and its figures, or a service with three qualities.",
    ),
]

Out = Annotated[Path, typer.Option(help="The folder to write into.")]

ByPolicy = Annotated[
    Literal["fastest", "closest", "best-quality"],
    typer.Option(help="Which trial to take if several meet a task."),
]

Easy = Annotated[
    float,
    typer.Option(help="A task is easy if it asks for less than this share of the certain speedup."),
]

Hard = Annotated[
    float,
    typer.Option(help="A task is hard if it asks for more than this share of the certain speedup."),
]

MeasuredOn = Annotated[
    str,
    typer.Option(
        help="The device whose measurements count: auto, cpu, cuda, cuda:N, or the name of "
        "another machine's device, as its studies show it."
    ),
]

LoadedModel = Annotated[
    str | None,
    typer.Option(
        help="The model that is loaded by what is written: a folder in diffusers layout, or an "
        "address on the Hugging Face Hub. Default: the study's."
    ),
]

SearchMissing = Annotated[
    bool, typer.Option("--search-missing", help="Run a study if no trial meets a task.")
]

MostTrials = Annotated[
    int,
    typer.Option(min=1, help="With --search-missing: the most distinct points to measure."),
]

SearchedSamples = Annotated[
    int | None,
    typer.Option(
        min=2, help="With --search-missing: the number of prompts. Default: the pipeline's."
    ),
]

SearchedScorer = Annotated[
    str | None,
    typer.Option(
        help="With --search-missing: the scorer, as for `study`. Default: the pipeline's."
    ),
]
