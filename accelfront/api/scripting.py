"""Scripts of points chosen in Python."""

from __future__ import annotations

from pathlib import Path

from generator.artefacts.artefact import ARTEFACTS
from generator.choice import Choice
from storage.records.study import Study
from storage.records.trial import Trial


def script_of(study: Study, trial: Trial, model: str | None) -> tuple[str, str]:
    """Write a script.

    Args:
        study: The trial's study.
        trial: The trial.
        model: The folder or address to load from; None means where the study had its model.

    Returns:
        Its file's usual name, and its text.

    Raises:
        InputError: If no place is known that holds the model, or the trial accelerates nothing.
    """
    if model is not None and Path(model).is_dir():
        # Scripts run from anywhere.
        model = str(Path(model).resolve())
    script = ARTEFACTS["script"]
    return script.name(study, trial), script.render(Choice(study, trial, study.budgets), model, ())
