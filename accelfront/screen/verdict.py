"""What to use of a study, in words, and the command that writes its script."""

from __future__ import annotations

from dataclasses import dataclass

from accelfront.screen.commands import Commands
from accelfront.screen.terminal import console
from objectives.model_files.fingerprint import is_loaded
from storage.records.conclusions.using import python_lines
from storage.records.conclusions.words import sentence
from storage.records.requirement import NOTHING_ASKED, Requirement, unmet_in_words
from storage.records.study import Study
from storage.records.trial import Trial


@dataclass(frozen=True)
class Verdict:
    """What to use of a study.

    Attributes:
        words: The sentences.
        trial: The trial to use; None if there is none to be sure of.
        command: The command that writes its script; None if no task singles it out.
        python: The lines of Python that do so instead; empty if there is a command or no trial.
    """

    words: str
    trial: Trial | None = None
    command: str | None = None
    python: str = ""


def verdict(study: Study, commands: Commands, requirement: Requirement = NOTHING_ASKED) -> Verdict:
    """Say what to use of a study: the point that `generate` takes inside its loss budget.

    Args:
        study: The study.
        commands: The commands of its storage.
        requirement: The user's requirement on its points.
    """
    unmet = unmet_in_words(study.trials, requirement, study.budgets)
    told = [study.conclusion_in_words, sentence(unmet), f"{study.reach} are measured."]
    words, answer = " ".join(filter(None, told)), study.answer
    if answer is None:
        return Verdict(words)
    command = commands.of(study, answer)
    loaded = is_loaded(study.protocol.model)
    python = "" if command else python_lines(study.name, commands.storage, loaded)
    return Verdict(words, answer, command, python)


def show(found: Verdict) -> None:
    """Print a verdict, with its command on one line for copying."""
    console().print(f"\n{found.words}", markup=False, highlight=False)
    if found.command is not None:
        print(found.command)
    elif found.python:
        print(found.python)
