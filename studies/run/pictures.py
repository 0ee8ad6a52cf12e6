"""The pictures that are kept of a trial: some that all trials share, and those that lost most."""

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
        """Take the pictures of a pair, as `objectives.objective.Show` has them."""
        self._first.add(indices, baseline, accelerated)
        self._worst.add_worst(indices, baseline, accelerated, losses)
        self._losses = losses

    def told(self, measurement: Measurement) -> Measurement:
        """The measurement with which prompts are pictured."""
        pictured, shared = (
            tuple(Pictured(prompt=at, loss=self._losses[at]) for at in grid.places)
            for grid in (self._worst, self._first)
        )
        return measurement.model_copy(update={"pictured": pictured, "shared": shared})

    def grids(self) -> dict[str, bytes]:
        """The WebP files by their names; none if no pair was taken."""
        drawn = {PICTURE_NAME: self._first.webp(), WORST_NAME: self._worst.webp()}
        return {name: content for name, content in drawn.items() if content is not None}
