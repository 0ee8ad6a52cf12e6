"""The pictures that are kept of two points, as pairs of the same prompts.

A trial keeps a grid (objectives/quality/picture_grid.py): the baseline's pictures in the upper row,
its own in the lower one. Which prompts they are follows from the protocol alone, so that the
columns of two trials are the same prompts where their protocols draw the same.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from accelfront.eyes.sides import Couple, Side
from accelfront.report.pictures import read_pictures
from objectives.quality.picture_grid import GAP_PX
from storage.database.opening import Store
from storage.records.protocol import Protocol
from storage.study_store.artifacts import FOLDER_VARIABLE, artifact_folder

DRAWN = ("prompts", "num_samples", "batch_size", "seed", "width", "height")
"""What two protocols must share for their trials to have kept pictures of the same prompts."""

NONE = (
    f"no pictures of {{}} are in {{}}: name the folder of the machine that measured in "
    f"${FOLDER_VARIABLE}, or measure anew where its disk has room"
)

UNLIKE = (
    "the two kept pictures of other prompts ({} differ): measure both with the same --prompts, "
    "--num-samples, --batch-size, --seed and --size"
)

MOST_PIXELS = 4_000_000
"""Of a grid: one of four pairs has half a million, but a file may claim any."""

UPPER, LOWER = 0, 1


@dataclass(frozen=True)
class Sheet:
    """A trial's grid.

    Attributes:
        content: The WebP file.
        columns: How many prompts it shows.
        row: Which of its rows is meant.
    """

    content: bytes
    columns: int
    row: int

    @property
    def src(self) -> str:
        """An address that holds it."""
        return address(self.content)

    def picture(self, column: int) -> bytes:
        """One of its pictures as a WebP file of its own."""
        with Image.open(BytesIO(self.content)) as grid:
            height = (grid.height - GAP_PX) / 2
            width = (grid.width + GAP_PX) / self.columns - GAP_PX
            left, top = column * (width + GAP_PX), self.row * (height + GAP_PX)
            # Less its rim: packed, the white gap beside it colours that.
            right, bottom = round(left + width) - 1, round(top + height) - 1
            file = BytesIO()
            grid.crop((round(left) + 1, round(top) + 1, right, bottom)).save(
                file, "WEBP", lossless=True
            )
        return file.getvalue()


@dataclass(frozen=True)
class Kept:
    """What is kept of both sides.

    Attributes:
        sheets: One of each side; empty if they cannot be put side by side.
        aspect: The width of a picture over its height.
        why_not: Why there are none, with what to do, in a line; empty if there are some.
    """

    sheets: tuple[Sheet, ...]
    aspect: float
    why_not: str = ""

    @property
    def pairs(self) -> int:
        """How many prompts both sides show."""
        return min((sheet.columns for sheet in self.sheets), default=0)


def read_kept(store: Store, couple: Couple) -> Kept:
    """Read the pictures of both sides.

    Args:
        store: Where their studies are.
        couple: What is compared.
    """
    protocols = [side.study.protocol for side in couple.sides]
    aspect = protocols[0].width / protocols[0].height
    owners = [(side, _owner(side, couple)) for side in couple.sides]
    found = read_pictures(store, {key for _, key in owners})
    sheets = [
        _sheet(found[key], side.study.protocol, UPPER if side.trial is None else LOWER)
        for side, key in owners
        if key in found
    ]
    without = [side.name for side, key in owners if key not in found and side.trial is not None]
    if without or None in sheets:
        named = " and ".join(without) or couple.second.name
        return Kept((), aspect, NONE.format(named, artifact_folder(store)))
    if other := [name for name in DRAWN if len({getattr(each, name) for each in protocols}) > 1]:
        return Kept((), aspect, UNLIKE.format(", ".join(other)))
    return Kept(tuple(sheet for sheet in sheets if sheet is not None), aspect)


def address(picture: bytes) -> str:
    """An address that holds a picture."""
    return f"data:image/webp;base64,{base64.b64encode(picture).decode()}"


def _owner(side: Side, couple: Couple) -> tuple[str, int]:
    """The trial whose grid shows a side: a baseline is in that of the point beside it."""
    trial = side.trial or couple.second.trial
    assert trial is not None  # The second is never a baseline.
    return side.study.name, trial.number


def _sheet(content: bytes, protocol: Protocol, row: int) -> Sheet | None:
    """A grid by its measures; None if it is no grid of ours."""
    try:
        with Image.open(BytesIO(content)) as grid:
            width, height = grid.size
    except (UnidentifiedImageError, OSError):
        return None
    side = (height - GAP_PX) / 2 * protocol.width / protocol.height
    columns = round((width + GAP_PX) / (side + GAP_PX)) if side > 0 else 0
    return Sheet(content, columns, row) if columns and width * height <= MOST_PIXELS else None
