"""Studies for pages, and what is read of a page."""

from __future__ import annotations

import re
from io import BytesIO

from PIL import Image

from tests.made_reports import made_trial

ATTACK = "<img src=x onerror='document.title=1'>"

WORST = [{"prompt": 5, "loss": 0.31}, {"prompt": 0, "loss": 0.02}]
"""The prompts whose pictures a grid has."""

# Trial 1 is dominated; trial 3 is over the budget.
TRIALS = [
    made_trial(0, 1.2, 0.0),
    made_trial(1, 1.1, 0.01),
    made_trial(2, 1.5, 0.01, baseline_s=1.1),
    made_trial(3, 2.0, 0.05, baseline_s=0.9),
]


def readable(page: str) -> str:
    """The page but for the figures that its charts unpack."""
    return re.sub(r'<script type="application/gzip".*?</script>', "", page, flags=re.DOTALL)


def picture_of(side: int) -> bytes:
    """A grid that hardly packs, as WebP."""
    file = BytesIO()
    noise = Image.effect_noise((2 * side, side), 100).convert("RGB")
    noise.save(file, "WEBP", quality=85)
    return file.getvalue()
