"""How sure a choice is, and how it was timed beside how its script draws."""

from __future__ import annotations

from generator.choice import Choice
from storage.records.conclusions.words import share_text
from storage.records.study import Study


def inside_text(choice: Choice) -> str:
    """How sure its trial is to be inside the budgets."""
    return f"inside {choice.budgets.in_words()} with a chance of {share_text(choice.chance_inside)}"


def latency_text(choice: Choice) -> str:
    """Seconds per image, and how that was timed beside how the script draws."""
    study = choice.study
    text = f"{choice.trial.judged.latency_s:.3g} s per image {batches_text(study)}"
    alone = study.protocol.batch_size == 1
    return text if alone else f"{text}, and the script draws one at a time"


def batches_text(study: Study) -> str:
    """How many pictures a study draws at a time."""
    size = study.protocol.batch_size
    return "drawn one at a time" if size == 1 else f"in batches of {size}"
