"""Options that say what is measured of pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from accelfront.cli import completing

Metrics = Annotated[
    str,
    typer.Option(
        autocompletion=completing.metrics,
        help="Further metrics to measure, joined by commas: attributes, lpips. "
        "`accelfront doctor` lists all, and what they need. A finished study measures its best "
        "points again for one that it lacks.",
    ),
]

Loss = Annotated[
    str,
    typer.Option(
        metavar="METRIC",
        autocompletion=completing.losses,
        help="The metric whose loss the study weighs against the speedup; it is measured on "
        "all pictures.",
    ),
]

SearchedLoss = Annotated[
    str,
    typer.Option(
        metavar="METRIC",
        autocompletion=completing.losses,
        help="With --search-missing: the metric whose loss is searched by, as for `study`.",
    ),
]

WeightsFile = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="NAME=FILE",
        help="The file that a metric's model is loaded from, such as lpips=alexnet.pth. Repeat it "
        "for more. Default: what the model's library fetched before.",
    ),
]

SearchedMetrics = Annotated[
    str,
    typer.Option(
        autocompletion=completing.metrics,
        help="With --search-missing: further metrics to measure, as for `study`.",
    ),
]

SearchedWeights = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="NAME=FILE",
        help="With --search-missing: the file of a metric's model, as for `study`.",
    ),
]
