"""Which picture grids go into a page of bounded size, and how large."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from io import BytesIO
from itertools import accumulate

from PIL import Image, UnidentifiedImageError

from accelfront.report.data import FrontPoint, StudyReport
from accelfront.report.pictures import MOST_PIXELS

Key = tuple[str, int]
"""A study's name and a trial's number."""

Pictures = Mapping[Key, bytes]
"""WebP pictures."""

LEAST_BYTES = 9_000
"""Least bytes of a shrunk grid: with fewer, four pairs of pictures show nothing any more."""

TAG = 200
"""Characters around a picture."""


def fit_pictures(pictures: Pictures, reports: Iterable[StudyReport], room: int) -> dict[Key, bytes]:
    """Choose pictures, and shrink the largest if that makes room for more.

    Args:
        pictures: By study and trial.
        reports: The studies; their answers come first, then the other points inside the budget.
        room: Characters that the pictures may take in the page.

    Returns:
        The chosen ones, some smaller than given; all unchanged if there is room.
    """
    ranked = sorted(
        (_rank(report, point), (report.record.name, point.trial.number))
        for report in reports
        for point in report.front
    )
    keys = [key for _, key in ranked if key in pictures]
    least = accumulate(_characters(min(len(pictures[key]), LEAST_BYTES)) for key in keys)
    chosen = sum(needed <= room for needed in least)
    fitted: dict[Key, bytes] = {}
    # From small to large, so that space left by small ones goes to larger ones.
    for place, key in enumerate(sorted(keys[:chosen], key=lambda key: len(pictures[key]))):
        share = (room // (chosen - place) - TAG) * 3 // 4
        picture: bytes | None = pictures[key]
        if len(pictures[key]) > share:
            picture = _shrunk(pictures[key], share)
        if picture is not None:
            fitted[key] = picture
            room -= _characters(len(picture))
    return fitted


def _rank(report: StudyReport, point: FrontPoint) -> int:
    """The order in which people look at points."""
    best = report.found.best
    if best is not None and point.trial.number == best.number:
        return 0
    return 1 if point.inside else 2


def _characters(size: int) -> int:
    return math.ceil(size / 3) * 4 + TAG


def _shrunk(picture: bytes, most: int) -> bytes | None:
    """The picture with fewer pixels, in at most this many bytes; None if it is unreadable."""
    try:
        with Image.open(BytesIO(picture), formats=["WEBP"]) as image:
            if math.prod(image.size) > MOST_PIXELS:
                return None
            full = image.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    # A picture with half the side takes about a third of the bytes.
    scale = (most / len(picture)) ** 0.7
    while True:
        width, height = (max(1, round(length * scale)) for length in full.size)
        file = BytesIO()
        full.resize((width, height), Image.Resampling.LANCZOS).save(file, "WEBP", quality=80)
        if file.tell() <= most:
            return file.getvalue()
        if width * height == 1:
            return None
        scale *= 0.8
