"""Notes on a choice: how sure it is, how it was judged and timed."""

from __future__ import annotations

from collections.abc import Collection

from generator.choice import Choice
from objectives.timing.device import is_cpu
from storage.records.budgets import MEMORY, title
from storage.records.conclusions.words import loss_share, loss_words, share_text, speedup_words
from storage.records.study import Study
from storage.records.trial import Trial


def inside_text(choice: Choice) -> str:
    """How sure its trial is to be inside the budgets."""
    return f"inside {choice.budgets.in_words()} with a chance of {share_text(choice.chance_inside)}"


def latency_text(choice: Choice, draws: str) -> str:
    """Seconds per image, and how they were timed compared with how an artefact draws."""
    study = choice.study
    text = f"{choice.trial.judged.latency_s:.3g} s per image {batches_text(study)}"
    return text if study.protocol.batch_size == 1 else f"{text}, and {draws}"


def batches_text(study: Study) -> str:
    """How many pictures a study draws at a time."""
    size = study.protocol.batch_size
    return "drawn one at a time" if size == 1 else f"in batches of {size}"


def unmeasured_text(study: Study, names: Collection[str]) -> str:
    """Name the limited figures that no point of a study has."""
    lacks = " and ".join(map(title, names))
    in_vain = MEMORY in names and is_cpu(study.device)
    why = ", as memory is measured on GPUs alone" if in_vain else ""
    return f"no point has its {lacks} measured{why}"


def judgement_notes(trial: Trial) -> list[str]:
    """What a trial was judged by, if not by the listed figures; and what to doubt."""
    notes = []
    if trial.confirmed is not None:
        confirmed, lost = trial.confirmed, loss_words(trial.lost(trial.confirmed))
        notes.append(
            f"trial {trial.number} is judged by the loss of both measurements, "
            f"{loss_share(trial.judged_loss)}, and by the speedup on {confirmed.samples} unseen "
            f"prompts: {speedup_words(confirmed)}, with a loss of {lost} there; "
            f"the search measured {trial.speedup:.2f}x and {loss_share(trial.loss)}"
        )
    if disturbed := trial.judged.disturbances:
        notes.append(f"something disturbed its latencies ({', '.join(disturbed)})")
    return notes
