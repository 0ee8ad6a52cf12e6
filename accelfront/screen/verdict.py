"""What to use of a study, in one sentence, and the command that writes its script."""

from __future__ import annotations

from dataclasses import dataclass

from accelfront.screen.commands import Commands
from accelfront.screen.terminal import console
from generator.make_tasks import LEAST_SPEEDUP
from storage.records.requirement import Requirement, meets
from storage.records.study import Study
from storage.records.trial import Trial


@dataclass(frozen=True)
class Verdict:
    """What to use of a study.

    Attributes:
        words: The sentence.
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
    wanted = Requirement(LEAST_SPEEDUP)
    sure = [trial for trial in study.trials if meets(trial, wanted, study.budgets)]
    if not sure:
        return Verdict(_nothing_sure(study))
    best = max(sure, key=lambda trial: (trial.judged_speedup, -trial.judged_loss))
    where = "not confirmed" if best.confirmed is None else "confirmed"
    words = f"Use {_figures(best)}, {where} on unseen prompts."
    if beside := study.rivals.in_words(best):
        words += f" {beside[0].upper()}{beside[1:]}."
    return Verdict(words, best, commands.of(study, best))


def show(found: Verdict) -> None:
    """Print a verdict, its command on one line to be copied."""
    console().print(f"\n{found.words}", markup=False, highlight=False)
    if found.command is not None:
        print(found.command)


def _nothing_sure(study: Study) -> str:
    """Why there is nothing to use yet, and what would help."""
    bound, budget = study.bound, study.budgets.in_words()
    if bound is None:
        done = f"{len(study.trials)} of {study.space.distinct} points are measured"
        return f"Nothing to use yet: no point is inside {budget}; {done}."
    if bound.judged_speedup <= LEAST_SPEEDUP:
        return f"Nothing to use: no point inside {budget} is faster than the pipeline alone."
    if lack := study.budgets.why_not(bound.judged):
        return (
            f"Nothing to be sure of: {_figures(bound)} is inside {budget} by its means, but "
            f"{lack}; a greater --num-samples makes that narrower."
        )
    (slow, _), (_, loss) = bound.judged.speedup_ci, bound.judged.clip_loss_ci
    remedy = "an idle machine" if slow < LEAST_SPEEDUP else "a greater --num-samples"
    return (
        f"No point is certain yet: {_figures(bound)} is inside {budget} by its mean, but may be "
        f"{slow:.2f}x at a loss of {loss:.1%}; {remedy} narrows that interval."
    )


def _figures(trial: Trial) -> str:
    return f"trial {trial.number}: {trial.judged_speedup:.2f}x at a loss of {trial.judged_loss:.1%}"
