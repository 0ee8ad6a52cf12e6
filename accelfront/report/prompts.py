"""The prompts of studies, if the file that they came from still exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from objectives.errors import InputError
from objectives.pipelines.catalogue import find_pipeline
from objectives.prompts import draw_prompts, prompts_fingerprint, read_prompts
from storage.records.conclusions.words import loss_share
from storage.records.study import Study
from storage.records.trial import Trial

Note = tuple[str, str]
"""The text below a pair of pictures: its prompt, and figures."""


def study_prompts(study: Study) -> Sequence[str]:
    """The prompts of a study; empty if no picture needs them, or their file is gone."""
    protocol = study.protocol
    measured = [trial.measurement for trial in study.trials]
    if not any(each.pictured or each.shared for each in measured):
        return []
    try:
        named = study.files.get("prompts")
        path = find_pipeline(study.combination.pipeline).prompts if named is None else Path(named)
        drawn = draw_prompts(read_prompts(path), protocol.prompts_seed)[: protocol.num_samples]
    except InputError:
        return []
    is_theirs = prompts_fingerprint(drawn) == protocol.prompts.rpartition("@")[2]
    return drawn if is_theirs else []


def picture_notes(trial: Trial, prompts: Sequence[str]) -> list[Note]:
    """The texts below each pair of a trial's grid; empty for trials from before it was kept."""
    return [
        (prompt_text(each.prompt, prompts), f"loss {loss_share(each.loss)}")
        for each in trial.measurement.pictured
    ]


def prompt_text(place: int, prompts: Sequence[str]) -> str:
    """A prompt by its index in the protocol, or its number if the prompts are not known."""
    return prompts[place] if place < len(prompts) else f"prompt {place + 1}"
