"""The pictures that are kept of two points, as pairs of the same prompts.

A trial keeps a grid (objectives/quality/picture_grid.py): the baseline's pictures in the upper row,
its own in the lower one. The protocol alone decides which prompts they are, so that the columns of
two trials are the same prompts if their protocols draw the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from accelfront.eyes.sides import Couple, Side
from accelfront.report.pictures import address, columns_of, read_pictures
from accelfront.report.prompts import Note, picture_notes, prompt_text, study_prompts
from objectives.quality.picture_grid import GAP_PX
from storage.database.opening import Store
from storage.records.conclusions.words import loss_share
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

UPPER, LOWER = 0, 1


@dataclass(frozen=True)
class Sheet:
    """A trial's grid.

    Attributes:
        content: The WebP file.
        columns: How many prompts it shows.
        row: The row to show; None means both.
    """

    content: bytes
    columns: int
    row: int | None

    @property
    def shown(self) -> dict[str, Any]:
        """The values that templates/pairs.html.jinja of the report needs."""
        return {"src": address(self.content), "columns": self.columns, "row": self.row}

    def picture(self, column: int) -> bytes:
        """One picture of its row as a WebP file of its own."""
        with Image.open(BytesIO(self.content)) as grid:
            height = (grid.height - GAP_PX) / 2
            width = (grid.width + GAP_PX) / self.columns - GAP_PX
            left, top = column * (width + GAP_PX), (self.row or UPPER) * (height + GAP_PX)
            # Without its rim: compressed, the white gap next to it colours that.
            right, bottom = round(left + width) - 1, round(top + height) - 1
            picture = grid.crop((round(left) + 1, round(top) + 1, right, bottom))
            file = BytesIO()
            picture.save(file, "WEBP", lossless=True)
        return file.getvalue()


@dataclass(frozen=True)
class Worst:
    """The pictures on which a point lost most, next to its baseline's.

    Attributes:
        name: The point's name.
        sheet: Its grid of these prompts.
        notes: Texts below the pairs.
    """

    name: str
    sheet: Sheet
    notes: list[Note]


@dataclass(frozen=True)
class Kept:
    """The pictures that are kept of both sides.

    Attributes:
        aspect: The width of a picture over its height.
        sheets: One for each side; empty if they cannot be put side by side.
        notes: Texts below the pairs: the prompt, and the losses of both.
        worst: The worst pictures of the points that kept them.
        why_not: Why there are no sheets and what to do, in one line; empty if there are some.
    """

    aspect: float
    sheets: tuple[Sheet, ...] = ()
    notes: tuple[Note, ...] = ()
    worst: tuple[Worst, ...] = ()
    why_not: str = ""

    @property
    def pairs(self) -> int:
        """How many prompts both sides show."""
        return min((sheet.columns for sheet in self.sheets), default=0)


def read_kept(store: Store, couple: Couple) -> Kept:
    """Read the pictures of both sides.

    Args:
        store: Holds their studies.
        couple: The two to compare.
    """
    protocols = [side.study.protocol for side in couple.sides]
    aspect = protocols[0].width / protocols[0].height
    prompts = study_prompts(couple.second.study)
    worst = tuple(_worst(store, couple, prompts))
    owners = [(side, _owner(side, couple)) for side in couple.sides]
    found = read_pictures(store, {key for _, key in owners})
    sheets = [
        _sheet(found.get(key, b""), side, UPPER if side.trial is None else LOWER)
        for side, key in owners
    ]
    there = [sheet for sheet in sheets if sheet is not None]
    if len(there) < len(sheets):
        lacking = [side.name for side, sheet in zip(couple.sides, sheets, strict=True) if not sheet]
        # A baseline is seen in the grid of its point.
        named = " and ".join(lacking) if couple.first.trial else couple.second.name
        why_not = NONE.format(named, artifact_folder(store))
        return Kept(aspect, worst=worst, why_not=why_not)
    if other := [name for name in DRAWN if len({getattr(each, name) for each in protocols}) > 1]:
        return Kept(aspect, worst=worst, why_not=UNLIKE.format(", ".join(other)))
    return Kept(aspect, tuple(there), _notes(couple, prompts), worst)


def _owner(side: Side, couple: Couple) -> tuple[str, int]:
    """The trial whose grid shows a side: for a baseline the other side's."""
    trial = side.trial or couple.second.trial
    assert trial is not None  # The second is never a baseline.
    return side.study.name, trial.number


def _sheet(content: bytes, side: Side, row: int | None) -> Sheet | None:
    """A grid by its dimensions; None if it is no grid of ours."""
    columns = columns_of(content, side.study.protocol)
    return Sheet(content, columns, row) if columns else None


def _notes(couple: Couple, prompts: Sequence[str]) -> tuple[Note, ...]:
    """The prompt of each pair, and each point's loss there; empty for earlier studies."""
    shared = [side.trial.measurement.shared for side in couple.sides if side.trial]
    return tuple(
        (
            prompt_text(column[0].prompt, prompts),
            "loss " + ", ".join(loss_share(each.loss) for each in column),
        )
        for column in zip(*shared, strict=False)
    )


def _worst(store: Store, couple: Couple, prompts: Sequence[str]) -> list[Worst]:
    found = []
    for side in couple.sides:
        if side.trial is None or not side.trial.measurement.pictured:
            continue
        key = side.study.name, side.trial.number
        sheet = _sheet(read_pictures(store, [key], worst=True).get(key, b""), side, None)
        if sheet is not None:
            own = (
                prompts
                if side.study.name == couple.second.study.name
                else study_prompts(side.study)
            )
            found.append(Worst(side.name, sheet, picture_notes(side.trial, own)))
    return found
