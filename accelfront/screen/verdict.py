"""What to use of a study, in words, and the command that writes its script."""

from __future__ import annotations

from dataclasses import dataclass

from accelfront.screen.commands import Commands
from accelfront.screen.terminal import console
from storage.records.study import Study
from storage.records.trial import Trial


@dataclass(frozen=True)
class Verdict:
    """What to use of a study.

    Attributes:
        words: The sentences.
        trial: The trial to use; None if there is none to be sure of.
        command: What writes its script; None if no task singles it out.
    """

    words: str
    trial: Trial | None = None
    command: str | None = None


def verdict(study: Study, commands: Commands) -> Verdict:
    """Say what to use of a study: what `generate` takes inside its loss budget.

    Args:
        study: The study.
        commands: Of the storage that it is in.
    """
    words, answer = study.conclusion_in_words, study.answer
    if answer is None:
        reach = f"{len(study.trials)} of {study.space.distinct} points are measured."
        return Verdict(f"{words} {reach}")
    return Verdict(words, answer, commands.of(study, answer))


def show(found: Verdict) -> None:
    """Print a verdict, its command on one line to be copied."""
    console().print(f"\n{found.words}", markup=False, highlight=False)
    if found.command is not None:
        print(found.command)
