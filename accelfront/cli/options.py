"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from accelfront.defaults import DEFAULT_STORAGE as DEFAULT_STORAGE
from accelfront.defaults import DEFAULT_TRIALS as DEFAULT_TRIALS
from accelfront.defaults import STORAGE_VARIABLE


def named_storage(name: str) -> str | None:
    """The storage that a printed command names; None if it is the default."""
    return None if name == DEFAULT_STORAGE else name


def named_file(name: str) -> str | None:
    """A storage as a command for others names it: a file that is not the default.

    A server's name and user are left to $ACCELFRONT_STORAGE.
    """
    return named_storage(name) if name.startswith("sqlite") else None


def names_in(text: str) -> tuple[str, ...]:
    """Names that commas join."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


Storage = Annotated[
    str,
    typer.Option(
        envvar=STORAGE_VARIABLE,
        show_envvar=True,
        # A URL may hold a password.
        show_default=False,
        help=f"Where studies are kept: sqlite:///file.db or postgresql+psycopg://user@host/database."
        f" Default: {DEFAULT_STORAGE}",
    ),
]

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Budget = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="The greatest loss allowed in a metric (clip_loss, image_similarity, psnr, ssim, or "
        "another that the study measures), such as ssim=10%, or the greatest peak memory, such "
        "as memory=20GiB. Repeat it for more. NAME=none removes one. Default: each study's.",
    ),
]

NoScreening = Annotated[
    bool,
    typer.Option(
        "--no-screening", help="Measure every point on all prompts, also those that look bad early."
    ),
]

RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Measure points again that failed before, for example with black pictures. Default: "
        "they stay failed for the same library versions.",
    ),
]

NoConfirm = Annotated[
    bool,
    typer.Option("--no-confirm", help="Do not measure the best points again on unseen prompts."),
]
