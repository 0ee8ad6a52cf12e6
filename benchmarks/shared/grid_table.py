"""Recorded grids: every point of a space with its pictures' scores and its latencies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.records.combination import Combination
from storage.records.points import point_key

TABLES = Path(__file__).parents[1] / "tables"

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class GridTable:
    """The measurements of the points of one combination.

    Attributes:
        about: Combination, protocol, environment, date, distinct points of the whole space, and
            other facts on how it was recorded.
        names: The parameters.
        points: Shape (points, parameters).
        scores: CLIP score of each picture, shape (points, prompts).
        baseline_scores: The unaccelerated pipeline's, shape (prompts,).
        similarity: CLIP cosine to the baseline's picture, shape (points, prompts).
        latency_s: Seconds per picture, shape (points, repeats); no repeats in a table of scores.
        baseline_latency_s: The baseline's measured nearest in time, shape (points,).
    """

    about: dict[str, Any]
    names: list[str]
    points: Array
    scores: Array
    baseline_scores: Array
    similarity: Array
    latency_s: Array
    baseline_latency_s: Array

    @cached_property
    def speedup(self) -> Array:
        """Baseline latency / latency, the median of the repeats; shape (points,)."""
        speedup: Array = self.baseline_latency_s / np.median(self.latency_s, axis=1)
        return speedup

    @cached_property
    def clip_loss(self) -> Array:
        """Relative loss of the mean CLIP score over all prompts; shape (points,)."""
        loss: Array = 1 - self.scores.mean(axis=1) / self.baseline_scores.mean()
        return loss

    @cached_property
    def keys(self) -> list[str]:
        """The points' keys."""
        # A table keeps floats in single precision.
        rows = [[round(float(value), 6) for value in point] for point in self.points]
        return [point_key(dict(zip(self.names, row, strict=True))) for row in rows]

    @property
    def is_timed(self) -> bool:
        """Whether it holds latencies."""
        return bool(self.latency_s.shape[1])

    @property
    def name(self) -> str:
        """The name of its file."""
        return Combination.model_validate(self.about["combination"]).name


def save_table(table: GridTable, folder: Path = TABLES) -> Path:
    """Write a table; scores and similarities keep four decimals, latencies four digits.

    Returns:
        The file, `<name>.npz`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.name}.npz"
    scratch = path.with_suffix(".new.npz")
    np.savez_compressed(
        scratch,
        about=np.array(json.dumps({**table.about, "names": table.names})),
        points=table.points,
        scores=_fixed(table.scores),
        baseline_scores=_fixed(table.baseline_scores),
        similarity=_fixed(table.similarity),
        latency_s=table.latency_s,
        baseline_latency_s=table.baseline_latency_s,
    )
    scratch.replace(path)
    return path


def load_table(path: Path) -> GridTable:
    """Read a file that `save_table` wrote."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        return GridTable(
            about=about,
            names=about.pop("names"),
            points=file["points"],
            scores=_floating(file["scores"]),
            baseline_scores=_floating(file["baseline_scores"]),
            similarity=_floating(file["similarity"]),
            latency_s=file["latency_s"],
            baseline_latency_s=file["baseline_latency_s"],
        )


def _fixed(cosines: Array) -> NDArray[np.int16]:
    return np.rint(cosines * 10_000).astype(np.int16)


def _floating(fixed: NDArray[np.int16]) -> Array:
    return fixed.astype(np.float32) / 10_000
