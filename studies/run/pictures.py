"""The pictures kept of a trial: of prompts that all trials share, and of those that lost most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from objectives.quality.picture_grid import PictureGrid
from storage.records.measurement import Measurement, Pictured
from storage.study_store.artifacts import PICTURE_NAME, WORST_NAME

if TYPE_CHECKING:
    import torch


class TrialPictures:
    """Two grids: of the protocol's first prompts, and of the prompts that lost most."""

    def __init__(self) -> None:
        """Start empty."""
        self._first, self._worst = PictureGrid(), PictureGrid()
        self._losses: Mapping[int, float] = {}

    def add(
        self,
        indices: range,
        baseline: torch.Tensor,
        accelerated: torch.Tensor,
        losses: Mapping[int, float],
    ) -> None:
        """Add the pictures of a pair, as `objectives.objective.Show` passes them."""
        self._first.add(indices, baseline, accelerated)
        self._worst.add_worst(indices, baseline, accelerated, losses)
        self._losses = losses

    def told(self, measurement: Measurement) -> Measurement:
        """Return the measurement with the prompts that the pictures show."""
        pictured, shared = (
            tuple(Pictured(prompt=at, loss=self._losses[at]) for at in grid.places)
            for grid in (self._worst, self._first)
        )
        return measurement.model_copy(update={"pictured": pictured, "shared": shared})

    def grids(self) -> dict[str, bytes]:
        """Return the WebP files by name; none if no pair was added."""
        drawn = {PICTURE_NAME: self._first.webp(), WORST_NAME: self._worst.webp()}
        return {name: content for name, content in drawn.items() if content is not None}
