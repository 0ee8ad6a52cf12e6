"""The picture grids of a trial: the effect of acceleration on a few pictures, at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import torch

MAX_PICTURES = 4
"""More pictures would be too small to judge side by side."""

SIDE_PX = 256
"""The longer side of a picture in the grid."""

MAX_BYTES = 150_000
"""Limit of a grid's size: databases of thousands of trials are common, and each trial has one."""

GAP_PX = 4

WHITE = (255, 255, 255)


class PictureGrid:
    """Collects pairs of pictures, and draws the baseline's above the accelerated ones."""

    def __init__(self) -> None:
        """Start empty."""
        self._columns: dict[int, tuple[Image.Image, Image.Image]] = {}

    @property
    def places(self) -> list[int]:
        """The pictures' indices in the protocol, from left to right."""
        return list(self._columns)

    def add(self, indices: range, baseline: torch.Tensor, accelerated: torch.Tensor) -> None:
        """Take the pictures of a pair of batches, until there are `MAX_PICTURES`.

        They are copied, so that none stays on the device.

        Args:
            indices: The pictures' indices in the protocol; known ones are skipped.
            baseline: Shape (batch, 3, height, width), values 0 to 1.
            accelerated: Same shape; the same prompts and seeds.
        """
        for place, index in enumerate(indices):
            if len(self._columns) == MAX_PICTURES:
                return
            if index not in self._columns:
                self._columns[index] = (_picture(baseline[place]), _picture(accelerated[place]))

    def add_worst(
        self,
        indices: range,
        baseline: torch.Tensor,
        accelerated: torch.Tensor,
        losses: Mapping[int, float],
    ) -> None:
        """Take those pictures of a pair of batches that lost more than the present ones.

        Args:
            indices: As in `add`.
            baseline: The baseline's pictures.
            accelerated: The accelerated ones.
            losses: The loss of each picture by index; of these and of all taken before.
        """
        worst = sorted({*indices, *self._columns}, key=lambda index: -losses[index])[:MAX_PICTURES]
        taken = {
            index: (_picture(baseline[place]), _picture(accelerated[place]))
            for place, index in enumerate(indices)
            if index in worst and index not in self._columns
        }
        self._columns = {index: (self._columns | taken)[index] for index in worst}

    def webp(self) -> bytes | None:
        """The grid as a WebP file of at most `MAX_BYTES`; None if no pair was added."""
        if not self._columns:
            return None
        side = SIDE_PX
        while True:
            file = BytesIO()
            _draw(list(self._columns.values()), side).save(file, "WEBP", quality=85)
            if file.tell() <= MAX_BYTES:
                return file.getvalue()
            # Only noise gets here: pictures take a third of the bound.
            side = side * 3 // 4


def _picture(image: torch.Tensor) -> Image.Image:
    pixels = image.detach().float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    return Image.fromarray(pixels.cpu().numpy())


def _draw(columns: list[tuple[Image.Image, Image.Image]], side: int) -> Image.Image:
    first = columns[0][0]
    scale = side / max(first.size)
    width, height = (max(1, round(length * scale)) for length in first.size)
    # Small pictures are shown pixel by pixel; smoothed they would look better than they are.
    resample = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    step_x, step_y = width + GAP_PX, height + GAP_PX
    grid = Image.new("RGB", (len(columns) * step_x - GAP_PX, 2 * step_y - GAP_PX), WHITE)
    for x, pair in enumerate(columns):
        for y, picture in enumerate(pair):
            grid.paste(picture.resize((width, height), resample), (x * step_x, y * step_y))
    return grid
